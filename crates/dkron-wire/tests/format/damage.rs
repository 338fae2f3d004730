//! Cut, lengthened, flipped and random bytes are errors or other words, never a panic.

use dkron_core::domain::LogIndex;
use dkron_wire::row::{self, decode, decode_key};
use dkron_wire::{
    Error, FORMAT, Kind, Table, decode_entry, decode_journal, encode_entry, encode_journal,
};
use proptest::collection::vec;
use proptest::prelude::{any, proptest};
use proptest::sample::select;

use super::{generate, sample};

/// Everything that can happen to bytes of which no proper part and no extension is valid.
pub fn spoil(name: &str, bytes: &[u8], read: impl Fn(&[u8]) -> Result<(), Error>) {
    assert_eq!(read(bytes), Ok(()), "{name}");
    for len in 0..bytes.len() {
        assert!(read(&bytes[..len]).is_err(), "{name} cut to {len} bytes");
    }
    let longer = [bytes, &[0]].concat();
    let trailing = matches!(
        read(&longer),
        Err(Error::Trailing { extra: 1, .. } | Error::TrailingMessage { extra: 1, .. })
    );
    assert!(trailing, "{name}");
    let mut spoilt = bytes.to_vec();
    for place in 0..bytes.len() {
        let was = bytes[place];
        for byte in [0, 1, 2, 0x7f, 0x80, 0xff, was.wrapping_add(1), was.wrapping_sub(1), !was] {
            spoilt[place] = byte;
            // Some are another valid word; none may panic.
            let _ = read(&spoilt);
        }
        // The longest length that a body can claim there.
        let claim = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01];
        let _ = read(&[&bytes[..place], &claim[..], &bytes[place..]].concat());
        spoilt[place] = bytes[place];
    }
}

#[test]
fn entries() {
    for (name, entry) in sample::entries() {
        let bytes = encode_entry(entry.at, entry.tenure, entry.request, &entry.command);
        spoil(name, &bytes, |bytes| decode_entry(LogIndex(1), bytes).map(drop));
    }
}

#[test]
fn rows() {
    for (name, row) in sample::rows() {
        let (table, key, value) = row::encode(&row);
        spoil(name, &value, |value| decode(table, &key, value).map(drop));
        for len in (0..key.len()).chain([key.len() + 1]) {
            let mut key = key.clone();
            key.resize(len, 0);
            assert!(matches!(decode_key(table, &key), Err(Error::KeyLength { .. })), "{name}");
        }
    }
}

#[test]
fn journal_records() {
    for (name, record) in sample::journal() {
        let bytes = encode_journal(&record);
        spoil(name, &bytes, |bytes| decode_journal(bytes).map(drop));
    }
}

fn header(kind: Kind) -> Vec<u8> {
    let [high, low] = kind.code().to_be_bytes();
    vec![FORMAT, high, low, kind.version()]
}

proptest! {
    #[test]
    fn random_bodies(kind in select(Kind::ALL), body in vec(any::<u8>(), 0..300)) {
        let journal = [header(kind), body.clone()].concat();
        let _ = decode_journal(&journal);
        let entry = [header(kind), vec![0; 21], body.clone()].concat();
        let _ = decode_entry(LogIndex(1), &entry);
        let _ = decode_entry(LogIndex(1), &body);
    }

    #[test]
    fn random_rows(table in select(&Table::ALL[..]), key in vec(any::<u8>(), 0..20)) {
        let _ = decode(table, &key, &key);
    }

    #[test]
    fn random_values(row in generate::row(), body in vec(any::<u8>(), 0..300)) {
        let (table, key) = row::key(&row.key());
        let _ = decode(table, &key, &[vec![FORMAT, 1], body].concat());
    }

    #[test]
    fn cut_entries(command in generate::command(), cut in any::<proptest::sample::Index>()) {
        let bytes = encode_entry(Default::default(), Default::default(), None, &command);
        let cut = cut.index(bytes.len());
        assert!(decode_entry(LogIndex(1), &bytes[..cut]).is_err());
    }
}
