//! Golden bytes: a log written today opens for ever. A failing line here means a new version is
//! needed, not a new golden line.

use std::collections::{BTreeMap, BTreeSet};

use super::*;

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn id(term: u64, index: u64) -> LogId {
    LogId::new(CommittedLeaderId::from(term), index)
}

fn members() -> Membership {
    let member = |name: &str| Member { name: name.into(), address: format!("{name}:8946") };
    let nodes = BTreeMap::from([(1, member("a")), (300, member("b"))]);
    Membership::new(vec![BTreeSet::from([1])], nodes).unwrap()
}

fn check_entry(payload: Payload, golden: &str) {
    let written = Entry { log_id: id(3, 500), payload };
    let bytes = entry(&written);
    assert_eq!(hex(&bytes), golden);
    assert_eq!(read_entry(bytes).unwrap(), written);
}

#[test]
fn entries_keep_their_bytes() {
    check_entry(Payload::Blank, "0103f40300");
    check_entry(Payload::Normal(Command(Bytes::from_static(b"fire"))), "0103f403010466697265");
    check_entry(Payload::Normal(Command(Bytes::new())), "0103f4030100");
    check_entry(
        Payload::Membership(members()),
        "0103f4030201010102010161\
         06613a38393436ac02016206623a38393436",
    );
}

#[test]
fn votes_ids_and_markers_keep_their_bytes() {
    let mut cast = Vote::new(7, 300);
    assert_eq!(hex(&vote(&cast)), "0107ac0200");
    cast.committed = true;
    assert_eq!(hex(&vote(&cast)), "0107ac0201");
    assert_eq!(read_vote(&vote(&cast)).unwrap(), cast);

    assert_eq!(hex(&log_id(id(2, 128))), "01028001");
    assert_eq!(read_log_id(&log_id(id(2, 128))).unwrap(), id(2, 128));

    let empty = Marker::default();
    assert_eq!(hex(&marker(&empty)), "0100000000");
    assert_eq!(read_marker(&marker(&empty)).unwrap(), empty);
    let full = Marker {
        applied: Some(id(3, 9)),
        membership: StoredMembership::new(Some(id(1, 0)), members()),
    };
    assert_eq!(
        hex(&marker(&full)),
        "010103090101000101010201016106613a38393436ac02016206623a38393436"
    );
    assert_eq!(read_marker(&marker(&full)).unwrap(), full);
}

#[test]
fn the_content_of_an_entry_is_not_copied() {
    let body = Bytes::from(vec![7; 4096]);
    let bytes = entry(&Entry { log_id: id(1, 1), payload: Payload::Normal(Command(body)) });
    let memory = bytes.as_ptr() as usize..bytes.as_ptr() as usize + bytes.len();
    let Payload::Normal(command) = read_entry(bytes).unwrap().payload else { panic!("not normal") };
    assert_eq!(command.0.len(), 4096);
    assert!(memory.contains(&(command.0.as_ptr() as usize)));
}

#[test]
fn foreign_bytes_are_named_not_guessed() {
    let text = |err: CodecError| err.to_string();
    assert!(text(read_entry(vec![9, 1, 2]).unwrap_err()).contains("log entry has format 9"));
    assert_eq!(text(read_vote(&[]).unwrap_err()), "vote is empty");
    assert_eq!(text(read_log_id(&[1]).unwrap_err()), "failed to decode log id");
    // A voter that no node stands for.
    assert!(text(read_marker(&[1, 0, 0, 1, 1, 5, 0]).unwrap_err()).contains("membership"));
}
