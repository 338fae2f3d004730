//! Recorded bytes: a stored file of any earlier server must stay readable. A new kind or variant
//! adds lines; a changed line means a changed format. `UPDATE_EXPECT=1` records anew.
//! Bears T-47.

use std::fmt::Write as _;
use std::path::PathBuf;

use dkron_core::domain::LogIndex;
use dkron_wire::{Kind, decode_entry, decode_journal, encode_entry, encode_journal, envelope};
use dkron_wire::{journal, row};

use super::sample;

pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").unwrap();
        text
    })
}

fn unhex(text: &str) -> Vec<u8> {
    let digits = text.as_bytes().chunks(2).map(|pair| std::str::from_utf8(pair).unwrap());
    digits.map(|pair| u8::from_str_radix(pair, 16).unwrap()).collect()
}

/// Compares with the recorded lines, and hands them back.
pub fn recorded(name: &str, lines: &[String]) -> Vec<String> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name);
    if std::env::var_os("UPDATE_EXPECT").is_some() {
        std::fs::write(&path, lines.join("\n") + "\n").unwrap();
    }
    let text = std::fs::read_to_string(&path).unwrap();
    let recorded: Vec<String> = text.lines().map(str::to_owned).collect();
    assert_eq!(recorded.len(), lines.len(), "{name} has another number of lines");
    for (recorded, line) in recorded.iter().zip(lines) {
        assert_eq!(recorded, line, "the format changed: {name}");
    }
    recorded
}

pub fn fields<const N: usize>(line: &str) -> [Vec<u8>; N] {
    let (_, values) = line.rsplit_once(": ").unwrap();
    let values: Vec<Vec<u8>> = values.split(' ').map(unhex).collect();
    values.try_into().unwrap()
}

#[test]
fn entries() {
    let entries = sample::entries();
    let lines: Vec<String> = entries
        .iter()
        .map(|(name, entry)| {
            let kind = envelope::kind_of(&entry.command).name();
            let bytes = encode_entry(entry.at, entry.tenure, entry.request, &entry.command);
            format!("{kind}, {name}: {}", hex(&bytes))
        })
        .collect();
    for ((_, entry), line) in entries.iter().zip(recorded("entries.txt", &lines)) {
        let [bytes] = fields(&line);
        assert_eq!(decode_entry(LogIndex(entry.index.0), &bytes).as_ref(), Ok(entry));
    }
}

#[test]
fn rows() {
    let rows = sample::rows();
    let lines: Vec<String> = rows
        .iter()
        .map(|(name, row)| {
            let (table, key, value) = row::encode(row);
            let kind = row::kind_of(&row.key()).name();
            format!("{kind}, {name}: {:02x} {} {}", table.code(), hex(&key), hex(&value))
        })
        .collect();
    for ((_, row), line) in rows.iter().zip(recorded("rows.txt", &lines)) {
        let [table, key, value] = fields(&line);
        let table = dkron_wire::Table::from_code(table[0]).unwrap();
        assert_eq!(row::decode(table, &key, &value).as_ref(), Ok(row));
    }
}

#[test]
fn journal_records() {
    let records = sample::journal();
    let lines: Vec<String> = records
        .iter()
        .map(|(name, record)| {
            let kind = journal::kind_of(record).name();
            format!("{kind}, {name}: {}", hex(&encode_journal(record)))
        })
        .collect();
    for ((_, record), line) in records.iter().zip(recorded("journal.txt", &lines)) {
        let [bytes] = fields(&line);
        assert_eq!(decode_journal(&bytes).as_ref(), Ok(record));
    }
}

#[test]
fn kinds_and_tables() {
    let mut lines: Vec<String> = Vec::new();
    for kind in Kind::ALL {
        lines.push(format!("{kind} version {}", kind.version()));
    }
    for table in dkron_wire::Table::ALL {
        lines.push(format!("table {} ({})", table.code(), table.name()));
    }
    recorded("numbers.txt", &lines);
}

#[test]
fn every_kind_has_a_sample() {
    let mut seen: Vec<Kind> = Vec::new();
    seen.extend(sample::entries().iter().map(|(_, entry)| envelope::kind_of(&entry.command)));
    seen.extend(sample::rows().iter().map(|(_, row)| row::kind_of(&row.key())));
    seen.extend(sample::journal().iter().map(|(_, record)| journal::kind_of(record)));
    for kind in Kind::ALL.iter().filter(|kind| **kind != Kind::Snapshot) {
        assert!(seen.contains(kind), "{kind} has no sample");
    }
}
