//! Tests of the reader over a real store.

#![allow(clippy::unwrap_used, reason = "a test says what it expects by failing")]

use std::sync::Arc;

use dkron_core::domain::stats::{Bucket, Span};
use dkron_core::domain::{
    Cause, Finish, Group, HistoryNo, JobNo, Nominal, Record, Seq, State as End, Timestamp, Version,
    limits,
};
use dkron_core::ledger::{Pointer, Recent, Rollup, Row, RowKey, RowOp, Runtime, Series, SeriesNo};
use dkron_store::blob::{self, Blobs};
use dkron_store::state::{self, State};

use super::History;
use super::recent::Going;
use super::stats::Asked;
use crate::outputs::Store as OutputStore;
use crate::rows;
use crate::service::{Error, RecentCursor, RecentPage, RecentQuery, Scope, StatsQuery};

const JOB: JobNo = JobNo(7);

struct Store {
    history: History,
    pushed: u64,
    _dir: tempfile::TempDir,
}

impl Store {
    fn new() -> Store {
        let dir = tempfile::tempdir().unwrap();
        let state = State::open(&dir.path().join("state"), state::Options::default()).unwrap();
        let blobs = Blobs::open(&dir.path().join("blobs"), blob::Options::default()).unwrap();
        let history = History::new(Arc::new(state), OutputStore::alone(Arc::new(blobs)));
        Store { history, pushed: 0, _dir: dir }
    }

    fn put(&mut self, rows: Vec<Row>) {
        self.pushed += 1;
        let ops = rows.into_iter().map(|row| rows::op(&RowOp::Put(row))).collect();
        self.history.state.push(self.pushed, ops).unwrap();
    }

    /// Pointers `first..next`, a second apart from the epoch on; each third leads to a record.
    fn index(&mut self, first: u64, next: u64) {
        let at = |no| Timestamp::from_secs(no as i64);
        let mut rows = Vec::new();
        for no in first..next {
            let (history_no, seq) = (HistoryNo(no), Seq(no));
            rows.push(Row::Pointer(Pointer { no, at: at(no), job_no: JOB, history_no, seq }));
            if no % 3 == 0 {
                rows.push(Row::History { no: history_no, record: record(no) });
            }
        }
        rows.push(Row::Recent(Recent { first, next, at: at(next) }));
        self.put(rows);
    }

    /// As of now, while nothing goes on.
    fn recent(&self, query: RecentQuery) -> (Vec<u64>, Option<RecentCursor>) {
        self.recent_with(&query, &[], None)
    }

    /// The same while those go on.
    fn recent_with(
        &self,
        query: &RecentQuery,
        live: &[u64],
        rest: Option<u64>,
    ) -> (Vec<u64>, Option<RecentCursor>) {
        let recent = match self.history.row(&RowKey::Recent).unwrap() {
            Some(Row::Recent(recent)) => recent,
            _ => Recent::default(),
        };
        let views = live.iter().map(|no| self.history.bare_view(&record(*no))).collect();
        let going = Going { views, rest: rest.map(Seq), recent };
        let RecentPage { executions, cursor } = self.history.recent(query, going).unwrap();
        (executions.iter().map(|item| item.view.id.seq.0).collect(), cursor)
    }
}

fn record(no: u64) -> Arc<Record> {
    Arc::new(Record {
        seq: Seq(no),
        job_no: JOB,
        job_name: "backup".into(),
        version: Version(1),
        node: "n1".into(),
        group: Group(no),
        attempt: 1,
        cause: Cause::Schedule,
        nominal: Nominal::default(),
        fired_at: Timestamp::default(),
        finish: Finish { state: End::Success, ..Finish::default() },
        cancel: None,
    })
}

fn bucket(no: u32, success: u32) -> Bucket {
    Bucket { success, ..Bucket::new(no) }
}

fn all(span: Span) -> StatsQuery {
    StatsQuery { scope: Scope::Cluster, span, from: None, to: None }
}

fn shown(buckets: Vec<Bucket>) -> Vec<(u32, u32)> {
    buckets.into_iter().map(|bucket| (bucket.no, bucket.success)).collect()
}

#[test]
fn an_index_is_read_from_its_newest_end_page_by_page() {
    let mut store = Store::new();
    assert_eq!(store.recent(RecentQuery { limit: 5, ..Default::default() }), (vec![], None));
    store.index(0, 20);
    let (page, cursor) = store.recent(RecentQuery { limit: 4, ..Default::default() });
    assert_eq!(page, [18, 15, 12, 9]);
    let rest = store.recent(RecentQuery { limit: 4, cursor, ..Default::default() });
    assert_eq!(rest, (vec![6, 3, 0], None));
}

#[test]
fn times_are_found_by_bisection() {
    let mut store = Store::new();
    store.index(0, 60);
    let at = |secs| Some(Timestamp::from_secs(secs));
    let asked = |from, to| RecentQuery { from, to, limit: 100, ..Default::default() };
    assert_eq!(store.recent(asked(at(9), at(15))).0, [12, 9]);
    assert_eq!(store.recent(asked(at(55), None)).0, [57]);
    assert_eq!(store.recent(asked(None, at(4))).0, [3, 0]);
    assert!(store.recent(asked(at(1000), None)).0.is_empty());
    assert!(store.recent(asked(at(30), at(20))).0.is_empty());
}

#[test]
fn a_walk_shows_once_what_ends_meanwhile() {
    let mut store = Store::new();
    store.index(0, 10);
    // 12, 15 and 30 go on; two fit on a page.
    let asked = |cursor| RecentQuery { limit: 2, cursor, ..Default::default() };
    let (page, cursor) = store.recent_with(&asked(None), &[30, 15], Some(13));
    assert_eq!(page, [30, 15]);
    assert_eq!(cursor, Some(RecentCursor::Live { below: Seq(13), since: 10 }));
    // 15 and 12 end, 31 begins and ends: the first is shown already, the last is new.
    let ends = [(10, 15), (11, 12), (12, 31)];
    for (no, seq) in ends {
        let at = Timestamp::from_secs(no);
        let (no, history_no) = (no as u64, HistoryNo(seq));
        let pointer = Pointer { no, at, job_no: JOB, history_no, seq: Seq(seq) };
        store.put(vec![
            Row::Pointer(pointer),
            Row::History { no: history_no, record: record(seq) },
            Row::Recent(Recent { first: 0, next: no + 1, at }),
        ]);
    }
    let (page, cursor) = store.recent_with(&asked(cursor), &[], None);
    assert_eq!(page, [12, 9]);
    let (page, cursor) = store.recent(asked(cursor));
    assert_eq!(page, [6, 3]);
    let (page, cursor) = store.recent(asked(cursor));
    assert_eq!((page, cursor), (vec![0], None));
}

#[test]
fn filters_leave_out_what_does_not_fit() {
    let mut store = Store::new();
    store.index(0, 20);
    let all = RecentQuery { limit: 100, ..Default::default() };
    let found = |query| store.recent_with(&query, &[], None).0.len();
    assert_eq!(found(all.clone()), 7);
    assert_eq!(found(RecentQuery { states: vec![End::Failed, End::Success], ..all.clone() }), 7);
    assert_eq!(found(RecentQuery { states: vec![End::Failed], ..all.clone() }), 0);
    assert_eq!(found(RecentQuery { states: vec![End::Running], ..all.clone() }), 0);
    assert_eq!(found(RecentQuery { job: "back".into(), ..all.clone() }), 7);
    assert_eq!(found(RecentQuery { job: "up".into(), ..all.clone() }), 0);
    assert_eq!(found(RecentQuery { node: Some("n2".into()), ..all }), 0);
}

#[test]
fn a_ring_that_went_round_has_its_newest_pointers() {
    let mut store = Store::new();
    let size = limits::TIME_INDEX;
    // All that it ever held, as far as these tests can tell: the end of the first round and the
    // beginning of the second one.
    store.index(size - 10, size + 12);
    let asked = RecentQuery { limit: 100, ..Default::default() };
    let wanted: Vec<u64> = (size - 10..size + 12).rev().filter(|no| no % 3 == 0).collect();
    assert_eq!(store.recent(asked), (wanted, None));
    // The beginning of the first round is asked for, but others stand in its place.
    let recent = Recent { first: 0, next: size + 5, at: Timestamp::default() };
    store.put(vec![Row::Recent(recent)]);
    let from = Some(Timestamp::from_secs(size as i64 - 4));
    let found = store.recent(RecentQuery { from, limit: 100, ..Default::default() }).0;
    assert_eq!(found, (size - 4..size + 5).rev().filter(|no| no % 3 == 0).collect::<Vec<_>>());
}

#[test]
fn figures_of_a_job_leave_out_what_left_the_window() {
    let mut store = Store::new();
    let now = Span::Hour.start(1000);
    let asked =
        |store: &Store, query: &StatsQuery| store.history.stats(&Asked::Job(JOB), query, now);
    assert_eq!(asked(&store, &all(Span::Hour)), Ok(vec![]));
    let hours = [(952, 1), (953, 2), (990, 3), (1040, 4)];
    let over = |(no, n)| Row::Bucket { span: Span::Hour, of: JOB.0, bucket: bucket(no, n) };
    let other = Row::Bucket { span: Span::Hour, of: JOB.0 + 1, bucket: bucket(991, 9) };
    let rollup = Rollup { since: 5, hour: bucket(999, 5), day: bucket(41, 6) };
    let runtime = Runtime { rollup: Some(Arc::new(rollup)), ..Runtime::default() };
    store.put(hours.into_iter().map(over).chain([other]).collect());
    store.put(vec![Row::Runtime { job_no: JOB, runtime }]);
    let found = asked(&store, &all(Span::Hour)).unwrap();
    assert_eq!(shown(found), [(953, 2), (990, 3), (999, 5)]);
    let some = StatsQuery {
        from: Some(Span::Hour.start(954)),
        to: Some(Span::Hour.start(999)),
        ..all(Span::Hour)
    };
    assert_eq!(shown(asked(&store, &some).unwrap()), [(990, 3)]);
    assert_eq!(shown(asked(&store, &all(Span::Day)).unwrap()), [(41, 6)]);
}

#[test]
fn minutes_are_added_up_to_hours_and_days() {
    let mut store = Store::new();
    let now = Span::Minute.start(6001);
    let over = |no, n| Row::Bucket { span: Span::Minute, of: 0, bucket: bucket(no, n) };
    let series = Series { minute: bucket(6000, 4), ..Series::default() };
    store.put(vec![over(5700, 1), over(5759, 2), over(5760, 3), Row::Series(series)]);
    let asked = |span| shown(store.history.stats(&Asked::Cluster, &all(span), now).unwrap());
    assert_eq!(asked(Span::Minute), [(5700, 1), (5759, 2), (5760, 3), (6000, 4)]);
    assert_eq!(asked(Span::Hour), [(95, 3), (96, 3), (100, 4)]);
    assert_eq!(asked(Span::Day), [(3, 3), (4, 7)]);
}

#[test]
fn a_node_does_not_show_the_minutes_of_who_had_its_number_before() {
    let mut store = Store::new();
    let now = Span::Minute.start(100);
    let over = |no, n| Row::Bucket { span: Span::Minute, of: 3, bucket: bucket(no, n) };
    let series = Series { no: SeriesNo(3), name: "n9".into(), since: 60, minute: bucket(90, 4) };
    store.put(vec![over(50, 1), over(70, 2), Row::Series(series)]);
    let asked = |name: &str, member| {
        let asked = Asked::Node { name: name.into(), member };
        let found = store.history.stats(&asked, &all(Span::Minute), now);
        found.map(shown)
    };
    assert_eq!(asked("n9", false), Ok(vec![(70, 2), (90, 4)]));
    assert_eq!(asked("n1", true), Ok(vec![]));
    assert_eq!(asked("n1", false), Err(Error::NodeNotFound));
}
