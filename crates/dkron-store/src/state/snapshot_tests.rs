//! A view sent from one state to another.

use std::collections::BTreeMap;
use std::fs;

use super::*;
use crate::power_loss::{self, Fault};

const HISTORY: Keyspace = Keyspace::History;

type All = BTreeMap<(u8, Vec<u8>), Vec<u8>>;

fn open(dir: &Path, durability: Durability) -> State {
    let collect = Duration::from_secs(3_600);
    State::open(&dir.join("state"), Options { durability, collect, ..Options::default() }).unwrap()
}

fn all(state: &State) -> All {
    let mut all = All::new();
    for keyspace in Keyspace::ALL {
        let each = |key: &[u8], value: &[u8]| {
            all.insert((keyspace.code(), key.to_vec()), value.to_vec());
            Ok::<(), Error>(())
        };
        state.for_each(keyspace, each).unwrap();
    }
    all
}

/// Some hundred rows an entry, in several keyspaces, some of them large.
fn ops(index: u64) -> Vec<Op> {
    let mut ops = vec![
        Op::put(Keyspace::Meta, *b"marker", index.to_be_bytes()),
        Op::put(Keyspace::Runtime, (index % 7).to_be_bytes(), index.to_be_bytes()),
        Op::delete(HISTORY, (index / 2).to_be_bytes()),
    ];
    let size = usize::try_from(index * 977 % 90_000).unwrap();
    ops.push(Op::put(HISTORY, index.to_be_bytes(), vec![b'v'; size]));
    let large = vec![b'x'; 300 << 10];
    ops.extend((index == 5).then(|| Op::put(Keyspace::Queued, *b"large", large)));
    ops
}

/// They are stored when this returns.
fn push(state: &State, range: std::ops::RangeInclusive<u64>) {
    range.for_each(|index| state.push(index, ops(index)).unwrap());
    state.flush().unwrap();
}

fn chunks(state: &State) -> Vec<Vec<u8>> {
    state.view().unwrap().map(Result::unwrap).collect()
}

fn receive(state: &State, chunks: &[Vec<u8>]) -> Result<Staged, Error> {
    let mut staging = state.stage()?;
    for chunk in chunks {
        match staging.take(chunk)? {
            Received::More(more) => staging = more,
            Received::Whole(staged) => return Ok(staged),
        }
    }
    Err(Error::Stopped { what: "the test", reason: "no end came".into() })
}

/// Names in the directory of a state that should not stay.
fn leftovers(dir: &Path) -> Vec<String> {
    let names = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().file_name());
    let mut names: Vec<String> = names.map(|name| name.into_string().unwrap()).collect();
    // The mark's temporary file is replaced with the next mark.
    names.retain(|name| name != "state" && !name.starts_with("state.synced"));
    names
}

#[test]
fn a_snapshot_takes_the_place_of_all_rows_and_entries_go_on_behind_it() {
    let dirs = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let sender = open(dirs[0].path(), Durability::None);
    push(&sender, 1..=200);
    let chunks = chunks(&sender);
    assert!(chunks.len() > 20, "{}", chunks.len());
    let largest = chunks.iter().map(Vec::len).max().unwrap();
    assert!((256 << 10..310 << 10).contains(&largest), "{largest}");

    let receiver = open(dirs[1].path(), Durability::Fsync);
    push(&receiver, 1..=3);
    receiver.push(4, vec![Op::put(HISTORY, *b"own", *b"waits")]).unwrap();
    let staged = receive(&receiver, &chunks).unwrap();
    assert_eq!(staged.applied_index(), 200);
    assert_eq!(receiver.applied_index(), Some(3));
    let own = Op::put(Keyspace::Meta, *b"marker", *b"own");
    receiver.install(staged, vec![own]).unwrap();

    let mut expected = all(&sender);
    expected.insert((Keyspace::Meta.code(), b"marker".to_vec()), b"own".to_vec());
    assert!(all(&receiver) == expected);
    assert_eq!(receiver.applied_index(), Some(200));
    assert!(matches!(receiver.push(200, vec![]), Err(Error::Order { .. })));
    for state in [&sender, &receiver] {
        push(state, 201..=210);
    }
    assert!(all(&receiver) == all(&sender));
    drop(receiver);
    assert_eq!(leftovers(dirs[1].path()), [""; 0]);
    let again = open(dirs[1].path(), Durability::Fsync);
    assert_eq!(again.applied_index(), Some(210));
    assert!(all(&again) == all(&sender));
}

#[test]
fn a_view_shows_one_moment_while_entries_go_on() {
    let dir = tempfile::tempdir().unwrap();
    let state = open(dir.path(), Durability::None);
    push(&state, 1..=60);
    let mut view = state.view().unwrap();
    let expected = all(&state);
    assert_eq!(view.applied_index(), Some(60));
    let mut chunks = vec![view.next().unwrap().unwrap()];
    push(&state, 61..=120);
    let marker = view.get(Keyspace::Meta, b"marker").unwrap();
    assert_eq!(marker, Some(60_u64.to_be_bytes().to_vec()));
    chunks.extend(view.map(Result::unwrap));
    let other = tempfile::tempdir().unwrap();
    let receiver = open(other.path(), Durability::None);
    let staged = receive(&receiver, &chunks).unwrap();
    receiver.install(staged, vec![]).unwrap();
    assert!(all(&receiver) == expected);
}

#[test]
fn an_empty_state_can_be_sent() {
    let dirs = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let [sender, receiver] = [0, 1].map(|at: usize| open(dirs[at].path(), Durability::None));
    assert_eq!(sender.view().unwrap().applied_index(), None);
    let staged = receive(&receiver, &chunks(&sender)).unwrap();
    assert_eq!(staged.applied_index(), 0);
}

#[test]
fn chunks_that_are_damaged_missing_or_doubled_are_refused() {
    let dirs = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let sender = open(dirs[0].path(), Durability::None);
    push(&sender, 1..=30);
    let whole = chunks(&sender);
    assert!(whole.len() > 3);
    let receiver = open(dirs[1].path(), Durability::None);
    push(&receiver, 1..=2);
    let before = all(&receiver);
    for at in 0..whole.len() {
        let mut cut = whole.clone();
        cut[at].pop();
        let mut missing = whole.clone();
        missing.remove(at);
        let mut doubled = whole.clone();
        doubled.insert(at, whole[at].clone());
        let mut flipped = whole.clone();
        let middle = flipped[at].len() / 2;
        flipped[at][middle] ^= 4;
        for wrong in [cut, missing, flipped] {
            assert!(receive(&receiver, &wrong).is_err());
        }
        // A second end comes too late to be looked at.
        assert_eq!(receive(&receiver, &doubled).is_err(), at + 1 < whole.len());
    }
    assert!(receive(&receiver, &[b"x".to_vec()]).is_err());
    assert!(all(&receiver) == before);
    assert_eq!(leftovers(dirs[1].path()), [""; 0]);
}

#[test]
fn the_newest_of_two_receipts_counts() {
    let dirs = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let sender = open(dirs[0].path(), Durability::None);
    push(&sender, 1..=10);
    let chunks = chunks(&sender);
    let receiver = open(dirs[1].path(), Durability::None);
    let first = receiver.stage().unwrap();
    let second = receive(&receiver, &chunks).unwrap();
    assert!(first.take(&chunks[0]).is_err());
    receiver.install(second, vec![]).unwrap();
    assert!(all(&receiver) == all(&sender));
}

#[test]
fn a_view_ends_when_other_rows_take_the_place() {
    let dirs = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let [sender, receiver] = [0, 1].map(|at: usize| open(dirs[at].path(), Durability::None));
    push(&sender, 1..=30);
    push(&receiver, 1..=20);
    let mut view = receiver.view().unwrap();
    view.next().unwrap().unwrap();
    let staged = receive(&receiver, &chunks(&sender)).unwrap();
    receiver.install(staged, vec![]).unwrap();
    assert!(view.next().unwrap().is_err());
    assert!(view.next().is_none());
}

/// The disk breaks at each operation of the swap, and the process dies there.
#[test]
fn a_crash_at_any_point_of_the_swap_leaves_the_old_rows_or_the_new() {
    let dir = tempfile::tempdir().unwrap();
    let sender = open(&dir.path().join("sender"), Durability::None);
    push(&sender, 1..=20);
    let (chunks, new) = (chunks(&sender), all(&sender));
    let mut found = BTreeMap::new();
    for at in 0..12 {
        let home = dir.path().join(at.to_string());
        fs::create_dir(&home).unwrap();
        let receiver = open(&home, Durability::Fsync);
        push(&receiver, 1..=3);
        receiver.sync().unwrap();
        let old = all(&receiver);
        let staged = receive(&receiver, &chunks).unwrap();
        power_loss::begin(Some((at, Fault::Broken)));
        let installed = receiver.install(staged, vec![]);
        let ops = power_loss::end();
        drop(receiver);
        let again = open(&home, Durability::Fsync);
        let rows = all(&again);
        assert!(rows == old || rows == new, "at operation {at} of {ops:?}");
        assert!(installed.is_err() || rows == new, "at operation {at}");
        assert_eq!(leftovers(&home), [""; 0]);
        *found.entry(rows == new).or_insert(0) += 1;
        let next = again.applied_index().unwrap() + 1;
        again.push(next, ops_after(next)).unwrap();
        again.sync().unwrap();
    }
    assert!(found[&true] > 2 && found[&false] > 1, "{found:?}");
}

fn ops_after(index: u64) -> Vec<Op> {
    vec![Op::put(HISTORY, *b"after", index.to_be_bytes())]
}
