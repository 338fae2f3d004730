//! Each message survives the way; the bytes of entries are those of the log.

use openraft::EntryPayload;

use super::*;
use crate::config::{Command, CommittedLeaderId, Entry};

fn id(term: u64, index: u64) -> LogId {
    LogId::new(CommittedLeaderId::from(term), index)
}

#[test]
fn appends_and_their_answers() {
    let entries = [EntryPayload::Blank, EntryPayload::Normal(Command(Bytes::from_static(b"x")))];
    let entries = entries.into_iter().zip(5..);
    let request = AppendEntriesRequest::<Types> {
        vote: Vote::new_committed(4, 2),
        prev_log_id: Some(id(3, 4)),
        entries: entries.map(|(payload, at)| Entry { log_id: id(4, at), payload }).collect(),
        leader_commit: None,
    };
    let read = read_append(&append(&request)).unwrap();
    assert_eq!(read.vote, request.vote);
    assert_eq!(read.prev_log_id, request.prev_log_id);
    assert_eq!(read.entries, request.entries);
    assert_eq!(read.leader_commit, None);

    for answer in [
        AppendEntriesResponse::Success,
        AppendEntriesResponse::PartialSuccess(Some(id(1, 2))),
        AppendEntriesResponse::Conflict,
        AppendEntriesResponse::HigherVote(Vote::new(9, 1)),
    ] {
        assert_eq!(read_appended(&appended(&answer)).unwrap(), answer);
    }
}

#[test]
fn votes_transfers_and_snapshots() {
    let mut request = VoteRequest::<Types>::new(Vote::new(4, 2), Some(id(3, 4)));
    request.leadership_transfer = true;
    assert_eq!(read_vote(&vote(&request)).unwrap(), request);

    let answer = VoteResponse::<Types>::new(Vote::new(4, 2), Some(id(3, 4)), true);
    assert_eq!(read_voted(&voted(&answer)).unwrap(), answer);

    let request = TransferLeaderRequest::<Types>::new(Vote::new_committed(4, 2), 3, None);
    assert_eq!(read_transfer(&transfer(&request)).unwrap(), request);
    assert!(read_accepted(&accepted(true)).unwrap());

    let marker = Bytes::from_static(b"marker");
    let offer = snapshot(Vote::new_committed(4, 2), marker.clone());
    assert_eq!(read_snapshot(&offer).unwrap(), (Vote::new_committed(4, 2), marker));
    assert_eq!(read_installed(&installed(Vote::new(4, 2))).unwrap(), Vote::new(4, 2));
}
