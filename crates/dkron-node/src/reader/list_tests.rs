//! Lists beside the plainest way to make them.

#![allow(clippy::unwrap_used, reason = "a test says what it expects by failing")]

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::sync::Arc;

use dkron_core::domain::{Concurrency, Job, JobNo, Nominal, Selector, Status, Timestamp, Version};
use dkron_core::ledger::{Ledger, Row, RowKey, RowOp, Runtime};
use tokio::sync::watch;

use super::list::{page, views};
use super::{Around, Index};
use crate::cluster::Leader;
use crate::service::{JobSort, JobView, ListQuery, Member, StatusFilter};

const SORTS: [JobSort; 20] = [
    JobSort::Name,
    JobSort::DisplayName,
    JobSort::Schedule,
    JobSort::Timezone,
    JobSort::Owner,
    JobSort::OwnerEmail,
    JobSort::ParentJob,
    JobSort::Concurrency,
    JobSort::Executor,
    JobSort::Status,
    JobSort::SuccessCount,
    JobSort::ErrorCount,
    JobSort::LastSuccess,
    JobSort::LastError,
    JobSort::Next,
    JobSort::Disabled,
    JobSort::Ephemeral,
    JobSort::Retries,
    JobSort::StartsAt,
    JobSort::ExpiresAt,
];

struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963);
        (self.0 >> 33) % sides
    }

    fn time(&mut self) -> Option<Timestamp> {
        let secs = self.roll(4) as i64;
        (secs > 0).then(|| Timestamp::new(secs, self.roll(2) as u32))
    }

    fn text(&mut self) -> String {
        ["", "a", "A", "b", "Ba", "bA", "c c"][self.roll(7) as usize].into()
    }

    fn job(&mut self, name: u64) -> Job {
        Job {
            name: format!("j{name}").as_str().into(),
            displayname: self.text(),
            schedule: self.text(),
            timezone: self.text(),
            owner: self.text(),
            owner_email: self.text(),
            parent_job: (self.roll(3) == 0).then(|| "j1".into()),
            concurrency: [Concurrency::Allow, Concurrency::Forbid][self.roll(2) as usize],
            executor: self.text(),
            disabled: self.roll(2) == 0,
            ephemeral: self.roll(2) == 0,
            retries: self.roll(3) as u32,
            starts_at: self.time(),
            expires_at: self.time(),
            metadata: [("k".to_owned(), self.text())].into(),
            ..Job::default()
        }
    }

    fn runtime(&mut self) -> Runtime {
        let states = [Status::Untriggered, Status::Success, Status::Failed];
        Runtime {
            version: Version(1),
            success_count: self.roll(5),
            error_count: self.roll(5),
            last_success: self.time(),
            last_error: self.time(),
            next: self.time().map(Nominal),
            status: states[self.roll(3) as usize],
            ..Runtime::default()
        }
    }

    fn query(&mut self, turn: usize) -> ListQuery {
        let start = self.roll(200) as usize;
        let mut list = ListQuery {
            sort: SORTS[turn % SORTS.len()],
            descending: self.roll(2) == 0,
            start: if self.roll(3) == 0 { start } else { 0 },
            end: (self.roll(3) > 0).then_some(start + self.roll(40) as usize),
            ..ListQuery::default()
        };
        match self.roll(9) {
            0 => list.text = ["1", "a", "j2", "none", "c c"][self.roll(5) as usize].into(),
            1 => list.status = Some(StatusFilter::Is(Status::Failed)),
            2 => list.disabled = Some(self.roll(2) == 0),
            3 => list.executor = Some(["a", "none"][self.roll(2) as usize].into()),
            4 => list.has_parent = Some(self.roll(2) == 0),
            5 => list.prefix = ["j1", "j", "k", "i"][self.roll(4) as usize].into(),
            6 => list.selector = Selector::parse("k in (a,b)").unwrap(),
            7 => list.metadata = vec![("k".into(), "A".into())],
            _ => {}
        }
        list
    }
}

fn index() -> Index {
    let member =
        Member { name: "n1".into(), addr: String::new(), port: 1, tags: [].into(), status: 1 };
    let leader = watch::channel(Leader::None).1;
    let around = Around { leader, ..Around::nobody(member) };
    Index::new(&Ledger::default(), around)
}

fn matches(list: &ListQuery, view: &JobView) -> bool {
    let (job, name) = (&view.job, view.job.name.as_str());
    let status = match list.status {
        Some(StatusFilter::Is(status)) => view.status == status,
        _ => true,
    };
    let has = |(key, value): &(String, String)| job.metadata.get(key) == Some(value.as_str());
    status
        && (name.contains(&list.text) || job.displayname.contains(&list.text))
        && list.disabled.is_none_or(|wanted| job.disabled == wanted)
        && list.executor.as_ref().is_none_or(|wanted| job.executor == *wanted)
        && list.has_parent.is_none_or(|wanted| job.parent_job.is_some() == wanted)
        && name.starts_with(&list.prefix)
        && list.selector.matches(&job.metadata)
        && list.metadata.iter().all(has)
}

fn by(sort: JobSort, a: &JobView, b: &JobView) -> Ordering {
    let (left, right) = (&a.job, &b.job);
    let folded = |a: &str, b: &str| a.to_ascii_lowercase().cmp(&b.to_ascii_lowercase());
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

/// What a plain sort of everything gives.
fn expected(index: &Index, list: &ListQuery) -> (Vec<JobNo>, usize) {
    let all = index.after(None, usize::MAX);
    let mut found: Vec<_> = all.into_iter().filter(|view| matches(list, view)).collect();
    found.sort_by(|a, b| {
        let order = by(list.sort, a, b).then_with(|| a.job.name.cmp(&b.job.name));
        if list.descending { order.reverse() } else { order }
    });
    let total = found.len();
    let start = list.start.min(total);
    let end = list.end.unwrap_or(total).clamp(start, total);
    (found[start..end].iter().map(|view| view.job_no).collect(), total)
}

/// Jobs come, change and go; lists are looked at meanwhile.
#[test]
fn lists_are_those_of_a_plain_sort() {
    let (mut dice, mut index) = (Dice(42), index());
    let mut there: BTreeMap<u64, JobNo> = BTreeMap::new();
    for turn in 0..6_000 {
        let name = dice.roll(150);
        match dice.roll(8) {
            0 => {
                if let Some(job_no) = there.remove(&name) {
                    index.apply(RowOp::Delete(RowKey::Runtime(job_no)));
                }
            }
            1 if there.contains_key(&name) => {
                // Its executions run on under the old number.
                let (job_no, runtime) = (there.remove(&name).unwrap(), dice.runtime());
                let runtime = Runtime { deleted: true, ..runtime };
                index.apply(RowOp::Put(Row::Runtime { job_no, runtime }));
            }
            _ => {
                let job_no = *there.entry(name).or_insert(JobNo(turn as u64 + 1));
                let job = Arc::new(dice.job(name));
                let version = Version(turn as u64);
                index.apply(RowOp::Put(Row::Definition { job_no, version, job }));
                let runtime = dice.runtime();
                index.apply(RowOp::Put(Row::Runtime { job_no, runtime }));
            }
        }
        let list = dice.query(turn);
        let (wanted, total) = expected(&index, &list);
        let found = page(&mut index, &list);
        let numbers: Vec<JobNo> = found.jobs.iter().map(|view| view.job_no).collect();
        assert_eq!((numbers, found.total), (wanted, total), "{list:?}");
        if turn % 500 == 0 {
            for (name, job_no) in &there {
                let found = index.job_no(&format!("j{name}").as_str().into());
                assert_eq!(found, Some(*job_no));
            }
        }
    }
    assert!(there.len() > 50);
}

#[test]
fn a_long_list_shows_its_beginning_and_numbers_of_the_rest() {
    let mut index = index();
    for no in 1..=2_500 {
        let job = Job { name: format!("j{no:04}").as_str().into(), ..Job::default() };
        let (job_no, version) = (JobNo(no), Version(1));
        index.apply(RowOp::Put(Row::Definition { job_no, version, job: Arc::new(job) }));
    }
    for sort in [JobSort::Name, JobSort::Owner] {
        let found = page(&mut index, &ListQuery { sort, start: 10, ..ListQuery::default() });
        assert_eq!((found.jobs.len(), found.rest.len(), found.total), (1_000, 1_490, 2_500));
        assert_eq!(found.jobs[0].job_no, JobNo(11));
        assert_eq!((found.rest[0], found.rest[1_489]), (JobNo(1_011), JobNo(2_500)));
    }
    index.apply(RowOp::Delete(RowKey::Runtime(JobNo(2_499))));
    let left = views(&index, &[JobNo(2_498), JobNo(2_499), JobNo(2_500)]);
    assert_eq!(left.iter().map(|view| view.job_no.0).collect::<Vec<_>>(), [2_498, 2_500]);
}
