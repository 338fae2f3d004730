//! The log with changed bytes: what is read is what was written, or an error says what is wrong.

use super::faults::{Fault, Faulty, content};
use super::*;

const ENTRIES: u64 = 400;

fn open(bytes: Vec<u8>) -> Result<Log, Error> {
    let path = Path::new("damaged.redb");
    let disk = Faulty::new(bytes, Fault::Full, u64::MAX);
    let table = Table::over(disk, path, Durability::Fsync, 1 << 20)?;
    Log::over(table, path, &Options { tail_cache_bytes: 0, ..Options::default() })
}

/// A log closed in order, some of it purged.
fn written() -> Vec<u8> {
    let disk = Faulty::new(Vec::new(), Fault::Full, u64::MAX);
    let path = Path::new("whole.redb");
    let table = Table::over(disk.clone(), path, Durability::Fsync, 1 << 20).unwrap();
    let log = Log::over(table, path, &Options::default()).unwrap();
    for index in 0..ENTRIES {
        log.append(vec![(index, content(index))], Box::new(|result| result.unwrap())).unwrap();
        if index % 50 == 0 {
            log.save_vote(index.to_le_bytes().to_vec()).unwrap();
        }
    }
    log.purge_upto(99, b"marker".to_vec()).unwrap();
    log.save_vote(b"last".to_vec()).unwrap();
    drop(log);
    disk.bytes()
}

/// Everything is there, or what is missing was refused by name.
fn is_whole(bytes: Vec<u8>, at: usize) -> bool {
    let told = |error: Error| {
        let text = error.chain();
        assert!(text.contains("damaged") || text.contains("damaged.redb"), "byte {at}: {text}");
        false
    };
    let log = match open(bytes) {
        Ok(log) => log,
        Err(error) => return told(error),
    };
    assert_eq!(log.read_vote().as_deref(), Some(b"last".as_slice()), "byte {at}");
    assert_eq!(log.read_purged(), Some((99, b"marker".to_vec())), "byte {at}");
    assert_eq!(log.last_index(), Some(ENTRIES - 1), "byte {at}");
    match log.read(0..u64::MAX, usize::MAX) {
        Ok(entries) => {
            let expected = (100..ENTRIES).map(|index| (index, content(index)));
            assert!(entries.into_iter().eq(expected), "byte {at}");
            true
        }
        Err(error) => told(error),
    }
}

#[test]
fn a_changed_byte_is_reported_and_nothing_is_cut_in_silence() {
    let whole = written();
    assert!(is_whole(whole.clone(), 0));
    let mut reported = 0;
    // The header's bytes all, of the rest an even sample.
    let places = (0..512).chain((512..whole.len()).step_by(whole.len() / 1_500));
    for at in places {
        let mut bytes = whole.clone();
        bytes[at] ^= 1 << (at % 8);
        reported += usize::from(!is_whole(bytes, at));
    }
    assert!(reported > 100, "{reported}");
}

#[test]
fn a_lost_page_is_reported() {
    let whole = written();
    for page in 1..whole.len() / 4_096 {
        let mut bytes = whole.clone();
        bytes[page * 4_096..(page + 1) * 4_096].fill(0);
        is_whole(bytes, page * 4_096);
    }
}
