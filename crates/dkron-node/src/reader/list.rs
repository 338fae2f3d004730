//! Lists of jobs: one scan of the index, and only the page is put together.

use std::cmp::Ordering;

use dkron_core::domain::{JobNo, Status};

use super::index::{Index, IndexRow};
use crate::service::{JobCounts, JobPage, JobSort, ListQuery, StatusFilter};

type Found<'a> = (JobNo, &'a IndexRow);

/// The page, and how many jobs match.
pub fn page(index: &Index, list: &ListQuery) -> JobPage {
    if list.sort == JobSort::Name {
        return by_name(index, list);
    }
    let mut found: Vec<Found<'_>> = index
        .rows
        .iter()
        .filter(|(_, row)| !row.deleted)
        .map(|(no, row)| (*no, &**row))
        .filter(|(no, row)| matches(index, list, *no, row))
        .collect();
    let (start, end) = bounds(list, found.len());
    let total = found.len();
    let shown = sorted(&mut found, list, start, end);
    JobPage { jobs: shown.iter().map(|(no, row)| index.view(*no, row)).collect(), total }
}

/// Names stand in their order already, and hold no upper-case letters that would have to be
/// folded: a page without filters costs its own length.
fn by_name(index: &Index, list: &ListQuery) -> JobPage {
    let found = |no: &JobNo| index.rows.get(no).map(|row| (*no, &**row));
    let fits = |(no, row): &Found<'_>| matches(index, list, *no, row);
    let numbers = || index.names.values();
    let total = match is_unfiltered(list) {
        true => index.names.len(),
        false => numbers().filter_map(found).filter(fits).count(),
    };
    let (start, end) = bounds(list, total);
    let view = |(no, row): Found<'_>| index.view(no, row);
    let jobs = match list.descending {
        false => {
            let all = numbers().filter_map(found).filter(fits);
            all.skip(start).take(end - start).map(view).collect()
        }
        true => {
            let all = numbers().rev().filter_map(found).filter(fits);
            all.skip(start).take(end - start).map(view).collect()
        }
    };
    JobPage { jobs, total }
}

/// The asked part of so many jobs.
fn bounds(list: &ListQuery, total: usize) -> (usize, usize) {
    let start = list.start.min(total);
    (start, list.end.unwrap_or(total).clamp(start, total))
}

fn is_unfiltered(list: &ListQuery) -> bool {
    list.metadata.is_empty()
        && list.text.is_empty()
        && list.status.is_none()
        && list.disabled.is_none()
        && list.selector.is_empty()
        && list.prefix.is_empty()
        && list.executor.is_none()
        && list.has_parent.is_none()
}

fn matches(index: &Index, list: &ListQuery, job_no: JobNo, row: &IndexRow) -> bool {
    let job = &row.job;
    let text = list.text.as_str();
    let named = text.is_empty() || job.name.as_str().contains(text);
    let status = match list.status {
        None => true,
        Some(StatusFilter::Is(status)) => row.status == status,
        Some(StatusFilter::Running) => index.running(job_no) > 0,
        Some(StatusFilter::Nothing) => false,
    };
    let has = |(key, value): &(String, String)| job.metadata.get(key) == Some(value.as_str());
    status
        && list.disabled.is_none_or(|disabled| job.disabled == disabled)
        && (named || job.displayname.contains(text))
        && list.metadata.iter().all(has)
        && list.selector.matches(&job.metadata)
        && job.name.as_str().starts_with(&list.prefix)
        && list.executor.as_ref().is_none_or(|executor| job.executor == *executor)
        && list.has_parent.is_none_or(|wanted| job.parent_job.is_some() == wanted)
}

/// The part `start..end` in order; what stands before and after it is only split off.
fn sorted<'a, 'b>(
    mut found: &'b mut [Found<'a>],
    list: &ListQuery,
    start: usize,
    end: usize,
) -> &'b [Found<'a>] {
    let order = |a: &Found<'_>, b: &Found<'_>| {
        let by = by(list.sort, a.1, b.1).then_with(|| a.1.job.name.cmp(&b.1.job.name));
        if list.descending { by.reverse() } else { by }
    };
    if start == end {
        return &[];
    }
    if end < found.len() {
        found.select_nth_unstable_by(end - 1, order);
        found = &mut found[..end];
    }
    if start > 0 {
        found.select_nth_unstable_by(start, order);
        found = &mut found[start..];
    }
    found.sort_unstable_by(order);
    found
}

fn by(sort: JobSort, a: &IndexRow, b: &IndexRow) -> Ordering {
    let (left, right) = (&a.job, &b.job);
    match sort {
        JobSort::Name => left.name.cmp(&right.name),
        JobSort::DisplayName => folded(&left.displayname, &right.displayname),
        JobSort::Schedule => folded(&left.schedule, &right.schedule),
        JobSort::Timezone => folded(&left.timezone, &right.timezone),
        JobSort::Owner => folded(&left.owner, &right.owner),
        JobSort::OwnerEmail => folded(&left.owner_email, &right.owner_email),
        JobSort::ParentJob => left.parent_job.cmp(&right.parent_job),
        JobSort::Concurrency => (left.concurrency as u8).cmp(&(right.concurrency as u8)),
        JobSort::Executor => folded(&left.executor, &right.executor),
        JobSort::Status => a.status.cmp(&b.status),
        JobSort::SuccessCount => a.success_count.cmp(&b.success_count),
        JobSort::ErrorCount => a.error_count.cmp(&b.error_count),
        // Never comes first, as in the other times.
        JobSort::LastSuccess => a.last_success.cmp(&b.last_success),
        JobSort::LastError => a.last_error.cmp(&b.last_error),
        JobSort::Next => a.next.cmp(&b.next),
        JobSort::Disabled => left.disabled.cmp(&right.disabled),
        JobSort::Ephemeral => left.ephemeral.cmp(&right.ephemeral),
        JobSort::Retries => left.retries.cmp(&right.retries),
        JobSort::StartsAt => left.starts_at.cmp(&right.starts_at),
        JobSort::ExpiresAt => left.expires_at.cmp(&right.expires_at),
    }
}

/// Bytes with ASCII letters folded, as Dkron sorts texts.
fn folded(a: &str, b: &str) -> Ordering {
    let fold = |byte: u8| byte.to_ascii_lowercase();
    a.bytes().map(fold).cmp(b.bytes().map(fold))
}

/// The figures of the dashboard.
pub fn counts(index: &Index) -> JobCounts {
    let mut counts = JobCounts::default();
    for row in index.names.values().filter_map(|no| index.rows.get(no)) {
        counts.total += 1;
        match row.status {
            Status::Untriggered => counts.untriggered += 1,
            Status::Success => counts.success += 1,
            Status::Failed => counts.failed += 1,
            Status::PartiallyFailed => counts.partially_failed += 1,
        }
    }
    counts
}
