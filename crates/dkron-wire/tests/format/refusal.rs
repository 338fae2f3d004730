//! What a server says about bytes of a newer one.

use std::error::Error as _;

use dkron_core::domain::{HistoryNo, JobNo, LogIndex, Seq};
use dkron_core::ledger::{Command, RowKey};
use dkron_core::worker::{JournalRecord, Terms};
use dkron_wire::row::{self, decode, key};
use dkron_wire::{Table, decode_entry, decode_journal, encode_entry, encode_journal};

use super::sample;

fn entry(change: impl FnOnce(&mut Vec<u8>)) -> String {
    let pause = Command::Pause(true);
    let mut bytes = encode_entry(Default::default(), Default::default(), None, &pause);
    change(&mut bytes);
    decode_entry(LogIndex(9), &bytes).unwrap_err().to_string()
}

#[test]
fn of_entries() {
    assert_eq!(
        entry(|bytes| bytes[1..4].copy_from_slice(&[0, 77, 2])),
        "this server does not know command kind 77 version 2: upgrade it"
    );
    assert_eq!(
        entry(|bytes| bytes[3] = 2),
        "this server does not know command kind 6 (pause) version 2: upgrade it"
    );
    assert_eq!(
        entry(|bytes| bytes[0] = 9),
        "this server does not know command format 9: upgrade it"
    );
    assert_eq!(
        entry(|bytes| bytes[1..3].copy_from_slice(&201u16.to_be_bytes())),
        "this server does not know command kind 201 version 1: upgrade it",
        "a journal record is no command"
    );
    assert_eq!(entry(|bytes| bytes[24] = 2), "mark of the request id is 2, must be 0 or 1");
    assert_eq!(
        entry(|bytes| bytes.truncate(20)),
        "command is cut short: 20 bytes, at least 25 are needed"
    );
    assert_eq!(entry(Vec::clear), "command is cut short: 0 bytes, at least 4 are needed");
    assert_eq!(entry(|bytes| bytes.push(0)), "1 bytes too many after command kind 6 (pause)");
    assert_eq!(entry(|bytes| bytes[25] = 7), "body of command kind 6 (pause) is damaged");
}

#[test]
fn a_damaged_body_keeps_its_cause() {
    let pause = Command::Pause(true);
    let mut bytes = encode_entry(Default::default(), Default::default(), None, &pause);
    bytes[25] = 7;
    let error = decode_entry(LogIndex(9), &bytes).unwrap_err();
    assert!(error.source().unwrap().to_string().contains("bool"));
}

#[test]
fn of_rows() {
    let refuse =
        |table, key: &[u8], value: &[u8]| decode(table, key, value).unwrap_err().to_string();
    let runtime = key(&RowKey::Runtime(JobNo(1))).1;
    assert_eq!(
        refuse(Table::Runtime, &runtime, &[1, 2]),
        "this server does not know row kind 106 (runtime) version 2: upgrade it"
    );
    assert_eq!(
        refuse(Table::Runtime, &runtime, &[2, 1]),
        "this server does not know row format 2: upgrade it"
    );
    assert_eq!(
        refuse(Table::Runtime, &runtime, &[1]),
        "row is cut short: 1 bytes, at least 2 are needed"
    );
}

#[test]
fn a_value_under_the_key_of_another_row_is_refused() {
    let rows = sample::rows();
    let (_, history) = rows.iter().find(|(name, _)| *name == "whole").unwrap();
    let (table, _, value) = row::encode(history);
    let other = key(&RowKey::History(JobNo(999), HistoryNo(1))).1;
    let error = decode(table, &other, &value).unwrap_err();
    assert_eq!(error.to_string(), "value of row kind 112 (history) belongs to another key");
}

#[test]
fn of_journal_records() {
    let record = JournalRecord::Accepted { seq: Seq(1), terms: Terms::default() };
    let mut bytes = encode_journal(&record);
    bytes[2] = 250;
    let error = decode_journal(&bytes).unwrap_err();
    assert_eq!(
        error.to_string(),
        "this server does not know journal record kind 250 version 1: upgrade it"
    );
}
