use std::collections::{BTreeMap, BTreeSet};

use dkron_core::domain::{
    self, Cause, Finish, Group, HistoryNo, JobName, JobNo, NodeName, Nominal, Output, Record, Seq,
    Timestamp, Version,
};
use dkron_core::ledger::{RowKey, RowOp};
use dkron_store::{Durability, blob, state};

use super::*;
use crate::cluster::stage;
use crate::rpc::Router;
use crate::rpc::memory::Hub;
use crate::{outputs, rows};

/// A node's disk and its keeper. Segments are small and have no grace.
struct Place {
    dir: tempfile::TempDir,
    state: Arc<State>,
    blobs: Arc<Blobs>,
    keeper: Keeper,
    teller: Teller,
    index: u64,
}

impl Place {
    fn new() -> Place {
        let dir = tempfile::tempdir().unwrap();
        let options = state::Options { durability: Durability::None, ..state::Options::default() };
        let state = Arc::new(State::open(&dir.path().join("state"), options).unwrap());
        let blobs = open_blobs(&dir);
        let (keeper, teller) = Keeper::new(Store::alone(Arc::clone(&blobs)));
        Place { dir, state, blobs, keeper, teller, index: 0 }
    }

    /// Another life of the node, with what is on the disk.
    fn restart(self) -> Place {
        let Place { dir, state, blobs, keeper, teller, index } = self;
        drop((blobs, keeper, teller));
        let blobs = open_blobs(&dir);
        let (keeper, teller) = Keeper::new(Store::alone(Arc::clone(&blobs)));
        Place { dir, state, blobs, keeper, teller, index }
    }

    fn begin(&mut self) {
        self.keeper.begin(&self.state).unwrap();
    }

    /// As the scheduling thread does it with a batch of entries.
    fn apply(&mut self, ops: &[RowOp]) {
        self.index += 1;
        self.teller.note(ops);
        self.state.push(self.index, ops.iter().map(rows::op).collect()).unwrap();
        self.teller.tell();
    }

    /// Stores an output of some thousand bytes that no other number has.
    fn output(&self, n: u64) -> Output {
        let bytes: Vec<u8> = (0..150_u64).flat_map(|at| Digest::of(&pair(n, at)).0).collect();
        self.blobs.put(&bytes).unwrap();
        outputs::stored(Name::of(&bytes))
    }

    fn segments(&self) -> usize {
        self.blobs.stats().segments
    }

    fn live(&self) -> usize {
        self.blobs.stats().live
    }

    fn watched(&self) -> usize {
        self.keeper.shared.watched.load(Ordering::Relaxed)
    }
}

fn open_blobs(dir: &tempfile::TempDir) -> Arc<Blobs> {
    let options = blob::Options {
        durability: Durability::None,
        segment_bytes: 10_000,
        grace: Duration::ZERO,
    };
    Arc::new(Blobs::open(&dir.path().join("blobs"), options).unwrap())
}

fn pair(n: u64, at: u64) -> [u8; 16] {
    (u128::from(n) << 64 | u128::from(at)).to_le_bytes()
}

fn row(job: u64, no: u64, output: Output) -> Row {
    let finish = Finish { output, ..Finish::default() };
    let record = Record {
        seq: Seq(job * 1_000 + no),
        job_no: JobNo(job),
        job_name: JobName::new("backup"),
        version: Version(1),
        node: NodeName::new("one"),
        group: Group(job * 1_000 + no),
        attempt: 1,
        cause: Cause::Schedule,
        nominal: Nominal(Timestamp::default()),
        fired_at: Timestamp::default(),
        finish,
        cancel: None,
    };
    Row::History { no: HistoryNo(no), record: Arc::new(record) }
}

fn ended(job: u64, no: u64, output: Output) -> RowOp {
    RowOp::PutNew(row(job, no, output))
}

fn gone(job: u64, no: u64) -> RowOp {
    RowOp::Delete(RowKey::History(JobNo(job), HistoryNo(no)))
}

fn small() -> Output {
    Output::Inline(Arc::from(b"hello".as_slice()))
}

#[test]
fn the_file_goes_with_the_last_row_that_refers_to_it() {
    let mut place = Place::new();
    place.begin();
    for no in 0..6 {
        let output = place.output(no);
        place.apply(&[ended(1, no, output)]);
    }
    // The same output once more, of another job.
    let again = place.output(0);
    place.apply(&[ended(2, 0, again)]);
    place.keeper.drain();
    assert_eq!((place.segments(), place.live(), place.watched()), (3, 6, 7));
    place.apply(&[gone(1, 0), gone(1, 1)]);
    place.keeper.drain();
    place.keeper.sweep();
    assert_eq!((place.segments(), place.live()), (3, 5));
    place.apply(&[gone(2, 0)]);
    place.keeper.drain();
    place.keeper.sweep();
    assert_eq!((place.segments(), place.live(), place.watched()), (2, 4, 4));
    assert_eq!(place.teller.behind(), 0);
}

#[test]
fn a_replacement_takes_the_place_of_the_original() {
    let mut place = Place::new();
    place.begin();
    let (first, second) = (place.output(1), place.output(2));
    place.apply(&[ended(1, 1, first.clone())]);
    place.apply(&[RowOp::Put(row(1, 1, second.clone()))]);
    // What processors left as it was is put again.
    place.apply(&[RowOp::Put(row(1, 1, second.clone()))]);
    place.keeper.drain();
    assert_eq!((place.live(), place.watched()), (1, 1));
    let Output::Stored { digest, .. } = second else { panic!("too large to travel") };
    assert_eq!(place.keeper.digests.values().next(), Some(&Digest(digest.0)));
    place.apply(&[RowOp::Put(row(1, 1, small()))]);
    place.keeper.drain();
    assert_eq!((place.live(), place.watched()), (0, 0));
}

#[test]
fn nothing_is_said_where_no_output_is_stored() {
    let mut place = Place::new();
    place.begin();
    place.apply(&[ended(1, 1, small()), RowOp::Put(row(1, 1, small())), gone(1, 1)]);
    assert_eq!(place.teller.behind(), 0);
    // What comes and goes before the keeper looks is told nevertheless.
    let output = place.output(1);
    place.apply(&[ended(1, 2, small()), ended(1, 3, output), gone(1, 3)]);
    assert_eq!((place.teller.behind(), place.watched()), (2, 1));
    place.keeper.drain();
    assert_eq!((place.teller.behind(), place.watched(), place.live()), (0, 0, 0));
    place.apply(&[gone(1, 2)]);
    assert_eq!(place.teller.behind(), 0);
}

#[test]
fn an_output_that_is_not_here_is_not_counted() {
    let mut place = Place::new();
    place.begin();
    let elsewhere = Output::Stored { digest: domain::Digest([7; 32]), len: 9_000 };
    let output = place.output(1);
    place.apply(&[ended(1, 1, elsewhere.clone()), ended(1, 2, output)]);
    place.apply(&[RowOp::Put(row(1, 2, elsewhere)), gone(1, 1), gone(1, 2)]);
    place.keeper.drain();
    assert_eq!((place.live(), place.watched(), place.teller.behind()), (0, 0, 0));
}

/// As when somebody reads it, or another server brings it after the row.
#[test]
fn an_output_that_comes_after_its_row_is_counted_before_anything_goes() {
    let mut place = Place::new();
    place.begin();
    let bytes = vec![5; 9_000];
    let output = outputs::stored(Name::of(&bytes));
    place.apply(&[ended(1, 1, output.clone()), ended(1, 2, output)]);
    place.keeper.drain();
    assert_eq!((place.live(), place.watched()), (0, 2));
    place.blobs.put(&bytes).unwrap();
    // Seals the segment.
    place.output(1);
    place.output(2);
    place.output(3);
    place.keeper.sweep();
    assert_eq!((place.live(), place.watched()), (1, 2));
    place.apply(&[gone(1, 1)]);
    place.keeper.drain();
    place.keeper.sweep();
    assert!(place.blobs.contains(&Digest::of(&bytes)));
    place.apply(&[gone(1, 2)]);
    place.keeper.drain();
    place.keeper.sweep();
    assert_eq!((place.live(), place.watched()), (0, 0));
    assert!(!place.blobs.contains(&Digest::of(&bytes)));
}

/// A row of a snapshot, and one that comes while the keeper runs.
#[tokio::test(start_paused = true)]
async fn missing_outputs_are_fetched_from_another_server() {
    let (hub, away) = (Hub::default(), Place::new());
    hub.serve(2, outputs::register(Router::default(), &Store::alone(Arc::clone(&away.blobs))));
    let Place { dir: _dir, state, blobs, .. } = Place::new();
    let (_members, book) = stage::book(&[1, 2], 2);
    let membership = Arc::new(|| stage::membership(&[1, 2], &[]));
    let circle = outputs::Circle { own: 1, wire: hub.wire(stage::caller(1)), book, membership };
    let (keeper, mut teller) = Keeper::new(Store::new(Arc::clone(&blobs), circle));
    let mut tell = |index, output| {
        let row = [ended(1, index, output)];
        teller.note(&row);
        state.push(index, row.iter().map(rows::op).collect()).unwrap();
        teller.tell();
    };
    state.push(1, vec![rows::op(&ended(1, 1, away.output(1)))]).unwrap();
    let running = tokio::spawn(keeper.run(Arc::clone(&state)));
    tell(2, away.output(2));
    while blobs.stats().live < 2 {
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    running.abort();
}

#[test]
fn nothing_goes_before_all_rows_were_read() {
    let mut place = Place::new();
    place.begin();
    for no in 0..6 {
        let output = place.output(no);
        place.apply(&[ended(1, no, output)]);
    }
    let mut place = place.restart();
    place.keeper.sweep();
    assert_eq!((place.segments(), place.live()), (3, 0));
    // Goes while the rows are not read: the keeper hears of it.
    place.apply(&[gone(1, 0), gone(1, 1)]);
    place.begin();
    place.keeper.sweep();
    assert_eq!((place.segments(), place.live(), place.watched()), (2, 4, 4));
}

/// Rows come, change and go at random; three keepers must agree with what is true: one that was
/// told everything, one that reads the rows with all that in its queue, and one that only reads.
#[test]
fn who_reads_the_rows_counts_as_who_was_told() {
    for seed in 1..=4_u64 {
        let mut told = Place::new();
        told.begin();
        let mut late = Place::new();
        let mut truth: BTreeMap<Key, Option<u64>> = BTreeMap::new();
        let mut dice = seed;
        for _ in 0..600 {
            let roll = roll(&mut dice);
            let (job, no, output) = (roll % 3, roll / 3 % 800, roll / 2_400 % 40);
            let key = (JobNo(job), HistoryNo(no));
            let content = (output < 25).then_some(output);
            for place in [&mut told, &mut late] {
                let output = content.map_or(small(), |n| place.output(n));
                let op = match truth.contains_key(&key) {
                    true if roll % 7 < 4 => gone(job, no),
                    true => RowOp::Put(row(job, no, output)),
                    false => ended(job, no, output),
                };
                place.apply(&[op]);
            }
            match truth.contains_key(&key) && roll % 7 < 4 {
                true => truth.remove(&key),
                false => truth.insert(key, content),
            };
            if roll.is_multiple_of(5) {
                told.keeper.drain();
            }
        }
        told.keeper.drain();
        late.begin();
        let stored = truth.values().flatten().count();
        assert!(stored > 100, "seed {seed}: {stored} rows are too few to mean anything");
        let different: BTreeSet<u64> = truth.values().copied().flatten().collect();
        let expected = (stored, stored, different.len());
        assert_eq!((told.keeper.digests.len(), told.watched(), told.live()), expected);
        assert_eq!((late.keeper.digests.len(), late.watched(), late.live()), expected);
        assert_eq!(told.keeper.digests, late.keeper.digests, "seed {seed}");
        let digests = told.keeper.digests.clone();
        let mut read = told.restart();
        read.begin();
        assert_eq!((read.keeper.digests.len(), read.watched(), read.live()), expected);
        assert_eq!(read.keeper.digests, digests, "seed {seed}");
    }
}

fn roll(dice: &mut u64) -> u64 {
    *dice = dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    *dice >> 33
}

/// More rows than one page.
#[test]
fn all_pages_are_read() {
    let mut place = Place::new();
    let output = place.output(1);
    let many = PAGE as u64 * 2 + 5;
    let ops: Vec<RowOp> = (0..many).map(|no| ended(1, no, output.clone())).collect();
    place.apply(&ops);
    let mut place = place.restart();
    place.begin();
    assert_eq!((place.keeper.digests.len() as u64, place.live()), (many, 1));
}

/// As it happens when a snapshot of another server comes in.
fn replace_rows(place: &mut Place, index: u64, ops: &[RowOp]) {
    let dir = tempfile::tempdir().unwrap();
    let options = state::Options { durability: Durability::None, ..state::Options::default() };
    let sender = State::open(&dir.path().join("state"), options).unwrap();
    sender.push(index, ops.iter().map(rows::op).collect()).unwrap();
    sender.flush().unwrap();
    let mut staging = Some(place.state.stage().unwrap());
    for chunk in sender.view().unwrap() {
        match staging.take().unwrap().take(&chunk.unwrap()).unwrap() {
            state::Received::More(more) => staging = Some(more),
            state::Received::Whole(staged) => place.state.install(staged, vec![]).unwrap(),
        }
    }
    place.index = index;
    place.teller.anew(&place.state);
}

/// One output stays referred to, one is not any more, and one is referred to for the first time.
#[test]
fn after_a_snapshot_its_rows_count_and_no_others() {
    let mut place = Place::new();
    let outputs = [1, 2, 3].map(|n| place.output(n));
    let [a, b, c] = outputs;
    place.apply(&[ended(1, 1, a.clone()), ended(1, 2, b.clone())]);
    place.begin();
    assert_eq!((place.live(), place.watched()), (2, 2));
    replace_rows(&mut place, 90, &[ended(1, 2, b), ended(2, 1, c)]);
    let Ok(Told::Anew(state)) = place.keeper.inbox.try_recv() else { panic!("nothing was told") };
    place.keeper.anew(state);
    assert_eq!((place.live(), place.watched()), (2, 2));
    place.apply(&[gone(1, 2), ended(2, 2, a)]);
    place.keeper.drain();
    assert_eq!((place.live(), place.watched()), (2, 2));
    let keys: BTreeSet<_> = place.keeper.digests.keys().copied().collect();
    assert_eq!(keys, [(JobNo(2), HistoryNo(1)), (JobNo(2), HistoryNo(2))].into());
}

#[test]
fn counting_begins_anew_when_the_rows_are_replaced_meanwhile() {
    let mut place = Place::new();
    let output = place.output(1);
    place.apply(&[ended(1, 1, output.clone())]);
    replace_rows(&mut place, 50, &[]);
    replace_rows(&mut place, 60, &[ended(3, 1, output)]);
    place.keeper.count(Arc::clone(&place.state));
    assert!(place.keeper.is_counted);
    assert_eq!((place.live(), place.watched()), (1, 1));
}
