//! Executions of all jobs, newest first: what goes on from the index, then what ended, over the
//! ring of pointers.
//!
//! A walk shows every execution once that was there when it began. What goes on is walked by
//! number; some of it ends meanwhile, so each page also looks at what ended since the walk began
//! and has a number that was not passed yet.

use std::cmp::Reverse;

use dkron_core::domain::{Output, Record, Seq, Timestamp};
use dkron_core::ledger::{Pointer, Recent, Row, RowKey};

use super::{History, Index};
use crate::service::{
    Error, ExecutionView, RecentCursor, RecentItem, RecentPage, RecentQuery as Query,
};

/// Executions in one answer.
const PAGE: usize = 1000;
/// Executions and pointers that one answer looks at; most pointers may lead to rows that retention
/// removed.
const LOOKED_AT: u64 = 10_000;

/// What of an answer the index knows, all of one moment.
#[derive(Default)]
pub struct Going {
    /// Those that fit, newest first.
    pub views: Vec<ExecutionView>,
    /// More may go on below this number.
    pub rest: Option<Seq>,
    /// Which pointers there are.
    pub recent: Recent,
}

/// What goes on, as far as it belongs to the page.
pub fn going(index: &Index, query: &Query) -> Going {
    let mut going = Going { recent: index.recent, ..Going::default() };
    if !query.wants_live() {
        return going;
    }
    let below = match query.cursor {
        Some(RecentCursor::Live { below, .. }) => below,
        _ => Seq(u64::MAX),
    };
    for (looked_at, (seq, group)) in (0..).zip(index.live.range(..below).rev()) {
        if going.views.len() == limit(query) || looked_at == LOOKED_AT {
            going.rest = Some(Seq(seq.0 + 1));
            break;
        }
        let fits = |view: &ExecutionView| {
            query.fits(view.state, &view.job_name, &view.id.node)
                && query.within(view.started_at.unwrap_or(view.fired_at))
        };
        going.views.extend(index.live_one(*group, *seq).filter(fits));
    }
    going
}

fn limit(query: &Query) -> usize {
    query.limit.clamp(1, PAGE)
}

impl History {
    /// The page. Executions that retention removed are skipped, so it may be short, or even empty,
    /// and still have a cursor.
    pub fn recent(&self, query: &Query, going: Going) -> Result<RecentPage, Error> {
        let Going { views, rest, recent } = going;
        let (mut page, mut room) = (RecentPage::default(), LOOKED_AT);
        let below = match query.cursor {
            Some(RecentCursor::Ended { below }) => below,
            first_or_live => {
                let (end, since) = match first_or_live {
                    Some(RecentCursor::Live { below, since }) => (below, since),
                    _ => (Seq(u64::MAX), recent.next),
                };
                let seqs = rest.unwrap_or_default()..end;
                let ended = self.ended_since(query, since..recent.next, seqs, &mut room)?;
                page.executions = views.into_iter().map(|view| item(view, query)).collect();
                page.executions.extend(ended);
                page.executions.sort_by_key(|item| Reverse(item.view.id.seq));
                let cut = page.executions.len() > limit(query);
                page.executions.truncate(limit(query));
                let last = page.executions.last().map(|item| item.view.id.seq);
                if let Some(below) = if cut { last } else { rest } {
                    page.cursor = Some(RecentCursor::Live { below, since });
                    return Ok(page);
                }
                since
            }
        };
        if query.wants_ended() {
            self.ended(query, recent.oldest()..below, &mut room, &mut page)?;
        }
        Ok(page)
    }

    /// What ended while the walk was among what went on, and was not passed before.
    fn ended_since(
        &self,
        query: &Query,
        numbers: std::ops::Range<u64>,
        seqs: std::ops::Range<Seq>,
        room: &mut u64,
    ) -> Result<Vec<RecentItem>, Error> {
        let mut found = Vec::new();
        for no in numbers.rev() {
            let Some(rest) = room.checked_sub(1) else { break };
            *room = rest;
            let Some(pointer) = self.pointer(no)? else { break };
            if seqs.contains(&pointer.seq) && query.within(pointer.at) {
                found.extend(self.pointed(query, pointer)?);
            }
        }
        Ok(found)
    }

    /// Fills the page with what had ended.
    fn ended(
        &self,
        query: &Query,
        numbers: std::ops::Range<u64>,
        room: &mut u64,
        page: &mut RecentPage,
    ) -> Result<(), Error> {
        let std::ops::Range { start: oldest, end: next } = numbers;
        let from = match query.from {
            Some(from) => self.first_at(oldest, next, from)?,
            None => oldest,
        };
        let to = match query.to {
            Some(to) => self.first_at(oldest, next, to)?,
            None => next,
        };
        for no in (from..to).rev() {
            if page.executions.len() == limit(query) || *room == 0 {
                page.cursor = Some(RecentCursor::Ended { below: no + 1 });
                break;
            }
            *room -= 1;
            // Its place was taken meanwhile, and so were those of all before it.
            let Some(pointer) = self.pointer(no)? else { break };
            page.executions.extend(self.pointed(query, pointer)?);
        }
        Ok(())
    }

    /// The execution behind a pointer, unless retention removed it or nobody asked for it.
    fn pointed(&self, query: &Query, pointer: Pointer) -> Result<Option<RecentItem>, Error> {
        let key = RowKey::History(pointer.job_no, pointer.history_no);
        let Some(Row::History { record, .. }) = self.row(&key)? else { return Ok(None) };
        if !query.fits(record.finish.state, &record.job_name, &record.node) {
            return Ok(None);
        }
        let view = if query.tail > 0 { self.view(&record) } else { self.bare_view(&record) };
        Ok(Some(RecentItem { kept: Some(kept(&record)), ..item(view, query) }))
    }

    /// The first of these pointers whose time is not before `at`.
    fn first_at(&self, oldest: u64, next: u64, at: Timestamp) -> Result<u64, Error> {
        let (mut low, mut high) = (oldest, next);
        while low < high {
            let middle = low + (high - low) / 2;
            // One that is gone was older than all that are there.
            let before = self.pointer(middle)?.is_none_or(|pointer| pointer.at < at);
            if before { low = middle + 1 } else { high = middle }
        }
        Ok(low)
    }

    /// The pointer of that number, unless a newer one took its place.
    fn pointer(&self, no: u64) -> Result<Option<Pointer>, Error> {
        let row = self.row(&RowKey::Pointer(Pointer::slot(no)))?;
        Ok(match row {
            Some(Row::Pointer(pointer)) if pointer.no == no => Some(pointer),
            _ => None,
        })
    }
}

fn item(mut view: ExecutionView, query: &Query) -> RecentItem {
    let cut = view.output.len().saturating_sub(query.tail);
    view.output.drain(..cut);
    RecentItem { view, kept: None }
}

fn kept(record: &Record) -> u64 {
    match &record.finish.output {
        Output::Empty => 0,
        Output::Inline(bytes) => bytes.len() as u64,
        Output::Stored { len, .. } => *len,
    }
}
