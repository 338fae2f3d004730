//! Finished executions of all jobs by the time of their end, over the ring of pointers.

use dkron_core::domain::Timestamp;
use dkron_core::ledger::{Pointer, Recent, Row, RowKey};

use super::History;
use crate::service::{Error, RecentPage, RecentQuery};

/// Executions in one answer.
const PAGE: usize = 1000;
/// Pointers that one answer looks at; most may lead to rows that retention removed.
const LOOKED_AT: u64 = 10_000;

impl History {
    /// Newest first. Executions that retention removed are skipped, so a page may be short, or
    /// even empty, and still have a cursor.
    pub fn recent(&self, query: &RecentQuery) -> Result<RecentPage, Error> {
        let recent = match self.row(&RowKey::Recent)? {
            Some(Row::Recent(recent)) => recent,
            _ => Recent::default(),
        };
        let (oldest, next) = (recent.oldest(), recent.next);
        let from = match query.from {
            Some(from) => self.first_at(oldest, next, from)?,
            None => oldest,
        };
        let to = match query.to {
            Some(to) => self.first_at(oldest, next, to)?,
            None => next,
        };
        let to = to.min(query.cursor.unwrap_or(u64::MAX));
        let limit = query.limit.clamp(1, PAGE);
        let mut page = RecentPage::default();
        for no in (from..to).rev() {
            if page.executions.len() == limit || to - no > LOOKED_AT {
                page.cursor = Some(no + 1);
                break;
            }
            // Its place was taken meanwhile, and so were those of all before it.
            let Some(pointer) = self.pointer(no)? else { break };
            let key = RowKey::History(pointer.job_no, pointer.history_no);
            if let Some(Row::History { record, .. }) = self.row(&key)? {
                page.executions.push(self.bare_view(&record));
            }
        }
        Ok(page)
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
