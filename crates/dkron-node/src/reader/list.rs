//! Lists of jobs: one walk through the columns that are asked about, in the order of names, and
//! only the page is put together. `docs/adr` says why it is done so.

use std::collections::BinaryHeap;
use std::ops::Range;

use dkron_core::domain::{JobNo, Status};

use super::index::Index;
use super::table::{Key, Table};
use crate::service::{JobCounts, JobPage, JobSort, JobView, ListQuery, StatusFilter};

/// Jobs that one answer shows; of the others it has the numbers.
const SHOWN: usize = 1_000;
/// A page that ends here or before is picked out in one walk.
const NEAR: usize = 4_096;

/// The page, and how many jobs match.
pub fn page(index: &mut Index, list: &ListQuery) -> JobPage {
    index.table.settle(list.sort);
    let index = &*index;
    let table = &index.table;
    let range = match list.prefix.as_str() {
        "" => 0..table.by_name().len(),
        prefix => table.prefixed(prefix),
    };
    let filter = Filter::new(index, list);
    if filter.lets_all_pass() && list.sort == JobSort::Name {
        let total = range.len();
        let page = within(list, total);
        let part = match list.descending {
            false => range.start + page.start..range.start + page.end,
            true => range.end - page.end..range.end - page.start,
        };
        return answer(index, slots(table, part, list.descending), total);
    }
    let fits = |slot: &u32| filter.lets_all_pass() || filter.fits(table, *slot);
    let found: Vec<u32> = walk(table, range, list.descending).filter(fits).collect();
    let total = found.len();
    let page = within(list, total);
    let slots = match list.sort {
        JobSort::Name => found[page].to_vec(),
        _ => sorted(table, list, &found, page),
    };
    answer(index, slots, total)
}

/// Views of jobs by their numbers; what is gone is left out.
pub fn views(index: &Index, numbers: &[JobNo]) -> Vec<JobView> {
    let rows = numbers.iter().filter_map(|no| index.table.get(*no)).filter(|row| !row.deleted);
    rows.map(|row| index.view(row)).collect()
}

fn answer(index: &Index, slots: Vec<u32>, total: usize) -> JobPage {
    let (shown, rest) = slots.split_at(slots.len().min(SHOWN));
    let rows = shown.iter().filter_map(|slot| index.table.row(*slot));
    let jobs = rows.map(|row| index.view(row)).collect();
    let rest = rest.iter().map(|slot| index.table.number(*slot)).collect();
    JobPage { jobs, total, rest }
}

/// The asked part of so many jobs.
fn within(list: &ListQuery, total: usize) -> Range<usize> {
    let start = list.start.min(total);
    start..list.end.unwrap_or(total).clamp(start, total)
}

fn walk(table: &Table, range: Range<usize>, back: bool) -> Box<dyn Iterator<Item = u32> + '_> {
    let slots = table.by_name().range(range);
    if back { Box::new(slots.rev()) } else { Box::new(slots) }
}

fn slots(table: &Table, range: Range<usize>, back: bool) -> Vec<u32> {
    walk(table, range, back).collect()
}

/// What is looked at job by job; questions about texts are answered once for all jobs before.
struct Filter<'a> {
    list: &'a ListQuery,
    /// Slots whose name or display name has the text, and those of running jobs.
    named: Option<Bits>,
    running: Option<Bits>,
    /// Numbers of the executor and of no parent; none if no job has it.
    executor: Option<u32>,
    orphan: Option<u32>,
    looks_at_metadata: bool,
    all: bool,
}

impl<'a> Filter<'a> {
    fn new(index: &Index, list: &'a ListQuery) -> Self {
        let texts = index.table.texts();
        let looks_at_metadata = !list.metadata.is_empty() || !list.selector.is_empty();
        let all = !looks_at_metadata
            && list.text.is_empty()
            && list.status.is_none()
            && list.disabled.is_none()
            && list.executor.is_none()
            && list.has_parent.is_none();
        Filter {
            list,
            named: (!list.text.is_empty()).then(|| named(&index.table, &list.text)),
            running: (list.status == Some(StatusFilter::Running)).then(|| running(index)),
            executor: list.executor.as_ref().and_then(|name| texts.executor.number(name.as_str())),
            orphan: texts.parent.number(""),
            looks_at_metadata,
            all,
        }
    }

    fn lets_all_pass(&self) -> bool {
        self.all
    }

    fn fits(&self, table: &Table, slot: u32) -> bool {
        let (list, texts) = (self.list, table.texts());
        let status = match list.status {
            None => true,
            Some(StatusFilter::Is(status)) => table.status(slot) == status,
            Some(StatusFilter::Running) => self.running.as_ref().is_some_and(|it| it.has(slot)),
            Some(StatusFilter::Nothing) => false,
        };
        let executor = || Some(texts.executor.number_of(slot)) == self.executor;
        let is_child = || Some(texts.parent.number_of(slot)) != self.orphan;
        status
            && list.disabled.is_none_or(|disabled| table.is_disabled(slot) == disabled)
            && self.named.as_ref().is_none_or(|named| named.has(slot))
            && (list.executor.is_none() || executor())
            && list.has_parent.is_none_or(|wanted| is_child() == wanted)
            && (!self.looks_at_metadata || self.fits_metadata(table, slot))
    }

    fn fits_metadata(&self, table: &Table, slot: u32) -> bool {
        let Some(row) = table.row(slot) else { return false };
        let metadata = &row.job.metadata;
        let has = |(key, value): &(String, String)| metadata.get(key) == Some(value.as_str());
        self.list.metadata.iter().all(has) && self.list.selector.matches(metadata)
    }
}

fn named(table: &Table, text: &str) -> Bits {
    let mut bits = Bits::new(table.slots());
    table.find(text, |slot| bits.set(slot));
    let column = &table.texts().displayname;
    let has = |value: &Option<_>| {
        value.as_ref().is_some_and(|it: &std::sync::Arc<str>| it.contains(text))
    };
    let shown: Vec<bool> = column.values().iter().map(has).collect();
    if shown.contains(&true) {
        let slots = 0..table.slots() as u32;
        slots
            .filter(|slot| shown[column.number_of(*slot) as usize])
            .for_each(|slot| bits.set(slot));
    }
    bits
}

fn running(index: &Index) -> Bits {
    let mut bits = Bits::new(index.table.slots());
    for job_no in index.groups_of.keys().filter(|job_no| index.running(**job_no) > 0) {
        if let Some(slot) = index.table.slot(*job_no) {
            bits.set(slot);
        }
    }
    bits
}

/// A set of slots.
struct Bits(Vec<u64>);

impl Bits {
    fn new(slots: usize) -> Self {
        Bits(vec![0; slots.div_ceil(64)])
    }

    fn set(&mut self, slot: u32) {
        self.0[slot as usize / 64] |= 1 << (slot % 64);
    }

    fn has(&self, slot: u32) -> bool {
        self.0[slot as usize / 64] >> (slot % 64) & 1 == 1
    }
}

/// The part of what was found, in order. It was found in the order of names, so places in it
/// decide between equal ones.
fn sorted(table: &Table, list: &ListQuery, found: &[u32], page: Range<usize>) -> Vec<u32> {
    let key = table.key(list.sort);
    let turned = |(high, low): Key| if list.descending { (!high, !low) } else { (high, low) };
    let keyed = (0_u32..).zip(found).map(|(place, slot)| (turned(key(*slot)), place));
    let places = if page.end <= NEAR {
        let mut first = smallest(keyed, page.end);
        first.drain(..page.start.min(first.len()));
        first
    } else {
        let mut all: Vec<(Key, u32)> = keyed.collect();
        middle(&mut all, page).to_vec()
    };
    places.into_iter().map(|(_, place)| found[place as usize]).collect()
}

/// The smallest ones in order.
fn smallest(keyed: impl Iterator<Item = (Key, u32)>, count: usize) -> Vec<(Key, u32)> {
    let mut heap = BinaryHeap::with_capacity(count);
    for entry in keyed {
        if heap.len() < count {
            heap.push(entry);
        } else if let Some(mut largest) = heap.peek_mut()
            && entry < *largest
        {
            *largest = entry;
        }
    }
    heap.into_sorted_vec()
}

/// A part in order; what stands before and after it is only split off.
fn middle(mut all: &mut [(Key, u32)], page: Range<usize>) -> &[(Key, u32)] {
    if page.is_empty() {
        return &[];
    }
    if page.end < all.len() {
        all.select_nth_unstable(page.end - 1);
        all = &mut all[..page.end];
    }
    if page.start > 0 {
        all.select_nth_unstable(page.start);
        all = &mut all[page.start..];
    }
    all.sort_unstable();
    all
}

/// The figures of the dashboard.
pub fn counts(index: &Index) -> JobCounts {
    let mut counts = JobCounts::default();
    for slot in index.table.by_name().iter() {
        counts.total += 1;
        match index.table.status(slot) {
            Status::Untriggered => counts.untriggered += 1,
            Status::Success => counts.success += 1,
            Status::Failed => counts.failed += 1,
            Status::PartiallyFailed => counts.partially_failed += 1,
        }
    }
    counts
}
