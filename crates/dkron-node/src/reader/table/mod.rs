//! What lists show and sort by, a column each: a list looks at few of them, and what it looks at
//! lies side by side. Jobs have slots, which are given again; two orders lead to them.

mod names;
mod order;
mod ranked;
mod times;

use std::cmp::Ordering;
use std::hash::Hash;
use std::sync::Arc;

use dkron_core::domain::{Job, JobNo, Nominal, Status, Timestamp, Version};
use dkron_core::ledger::Runtime;

use crate::service::JobSort;
use names::Names;
use order::Order;
pub use ranked::Ranked;
use ranked::folded;
use times::Times;

/// Names of jobs that are gone, at least, before all names are written anew.
const GONE: usize = 4_096;

/// What the others do not say, for one job.
#[derive(Clone, Copy, Default)]
struct Flags {
    status: Status,
    concurrency: u8,
    disabled: bool,
    ephemeral: bool,
    /// Deleted, but executions of it still run.
    deleted: bool,
}

pub struct Table {
    /// None: the slot is free.
    jobs: Vec<Option<Arc<Job>>>,
    numbers: Vec<JobNo>,
    versions: Vec<Version>,
    flags: Vec<Flags>,
    successes: Vec<u64>,
    errors: Vec<u64>,
    last_success: Times,
    last_error: Times,
    next: Times,
    texts: Texts,
    retries: Ranked<u32>,
    starts_at: Ranked<Option<Timestamp>>,
    expires_at: Ranked<Option<Timestamp>>,
    free: Vec<u32>,
    by_number: Order,
    /// Without those that are deleted.
    by_name: Order,
    names: Names,
}

/// Texts that many jobs share.
pub struct Texts {
    pub displayname: Ranked<Arc<str>>,
    pub schedule: Ranked<Arc<str>>,
    pub timezone: Ranked<Arc<str>>,
    pub owner: Ranked<Arc<str>>,
    pub owner_email: Ranked<Arc<str>>,
    pub parent: Ranked<Arc<str>>,
    pub executor: Ranked<Arc<str>>,
}

/// One job as its columns have it.
#[derive(Clone, Copy)]
pub struct JobRow<'a> {
    pub job_no: JobNo,
    pub job: &'a Arc<Job>,
    pub version: Version,
    pub success_count: u64,
    pub error_count: u64,
    pub last_success: Option<Timestamp>,
    pub last_error: Option<Timestamp>,
    pub status: Status,
    pub next: Option<Nominal>,
    pub deleted: bool,
}

/// Smaller comes first; equal ones go by name.
pub type Key = (u64, u32);

impl Default for Table {
    fn default() -> Self {
        let text = || Ranked::new(|a: &Arc<str>, b: &Arc<str>| folded(a, b));
        Table {
            jobs: Vec::new(),
            numbers: Vec::new(),
            versions: Vec::new(),
            flags: Vec::new(),
            successes: Vec::new(),
            errors: Vec::new(),
            last_success: Times::default(),
            last_error: Times::default(),
            next: Times::default(),
            texts: Texts {
                displayname: text(),
                schedule: text(),
                timezone: text(),
                owner: text(),
                owner_email: text(),
                parent: text(),
                executor: text(),
            },
            retries: Ranked::new(Ord::cmp),
            starts_at: Ranked::new(Ord::cmp),
            expires_at: Ranked::new(Ord::cmp),
            free: Vec::new(),
            by_number: Order::default(),
            by_name: Order::default(),
            names: Names::default(),
        }
    }
}

impl Table {
    /// A new definition of a job, under its name from now on.
    pub fn define(&mut self, job_no: JobNo, version: Version, job: Arc<Job>) {
        let slot = self.slot(job_no).unwrap_or_else(|| self.give(job_no));
        self.forget_name(slot);
        let at = slot as usize;
        let flags = &mut self.flags[at];
        flags.concurrency = job.concurrency as u8;
        (flags.disabled, flags.ephemeral, flags.deleted) = (job.disabled, job.ephemeral, false);
        self.versions[at] = version;
        self.describe(slot, &job);
        let is_written = self.jobs[at].as_ref().is_some_and(|old| old.name == job.name);
        if !is_written {
            self.names_anew();
            self.names.push(slot, job.name.as_str());
        }
        self.jobs[at] = Some(job.clone());
        let jobs = &self.jobs;
        self.by_name.insert(slot, |other| by_name(jobs, other, job.name.as_str()));
    }

    fn describe(&mut self, slot: u32, job: &Job) {
        let texts = &mut self.texts;
        set_text(&mut texts.displayname, slot, &job.displayname);
        set_text(&mut texts.schedule, slot, &job.schedule);
        set_text(&mut texts.timezone, slot, &job.timezone);
        set_text(&mut texts.owner, slot, &job.owner);
        set_text(&mut texts.owner_email, slot, &job.owner_email);
        set_text(&mut texts.parent, slot, job.parent_job.as_ref().map_or("", |it| it.as_str()));
        set_text(&mut texts.executor, slot, &job.executor);
        set(&mut self.retries, slot, job.retries);
        set(&mut self.starts_at, slot, job.starts_at);
        set(&mut self.expires_at, slot, job.expires_at);
    }

    /// A free slot, or a new one.
    fn give(&mut self, job_no: JobNo) -> u32 {
        let slot = self.free.pop().unwrap_or_else(|| {
            self.jobs.push(None);
            self.numbers.push(job_no);
            self.versions.push(Version(0));
            self.flags.push(Flags::default());
            self.successes.push(0);
            self.errors.push(0);
            self.last_success.push();
            self.last_error.push();
            self.next.push();
            (self.jobs.len() - 1) as u32
        });
        self.numbers[slot as usize] = job_no;
        self.flags[slot as usize] = Flags::default();
        let numbers = &self.numbers;
        self.by_number.insert(slot, |other| numbers[other as usize].cmp(&job_no));
        slot
    }

    pub fn put_runtime(&mut self, job_no: JobNo, runtime: &Runtime) {
        let Some(slot) = self.slot(job_no) else { return };
        let at = slot as usize;
        (self.successes[at], self.errors[at]) = (runtime.success_count, runtime.error_count);
        self.last_success.set(slot, runtime.last_success);
        self.last_error.set(slot, runtime.last_error);
        self.next.set(slot, runtime.next.map(|next| next.0));
        self.flags[at].status = runtime.status;
        self.flags[at].deleted = runtime.deleted;
        if runtime.deleted {
            self.forget_name(slot);
        }
    }

    pub fn remove(&mut self, job_no: JobNo) {
        let Some(slot) = self.slot(job_no) else { return };
        self.forget_name(slot);
        let numbers = &self.numbers;
        self.by_number.remove(|other| numbers[other as usize].cmp(&job_no));
        // Nothing is kept for a slot that nobody has.
        self.describe(slot, &Job::default());
        self.jobs[slot as usize] = None;
        self.put_nothing(slot);
        self.free.push(slot);
    }

    fn put_nothing(&mut self, slot: u32) {
        (self.successes[slot as usize], self.errors[slot as usize]) = (0, 0);
        for times in [&mut self.last_success, &mut self.last_error, &mut self.next] {
            times.set(slot, None);
        }
    }

    /// The name is another job's, or nobody's.
    fn forget_name(&mut self, slot: u32) {
        let Some(job) = &self.jobs[slot as usize] else { return };
        let (jobs, name) = (&self.jobs, job.name.as_str());
        if self.by_name.find(|other| by_name(jobs, other, name)) == Some(slot) {
            self.by_name.remove(|other| by_name(jobs, other, name));
        }
    }

    /// Once most names are those of jobs that are gone.
    fn names_anew(&mut self) {
        if self.names.len() < 2 * self.by_name.len() + GONE {
            return;
        }
        self.names = Names::default();
        for slot in self.by_name.iter() {
            if let Some(job) = &self.jobs[slot as usize] {
                self.names.push(slot, job.name.as_str());
            }
        }
    }

    pub fn slot(&self, job_no: JobNo) -> Option<u32> {
        self.by_number.find(|other| self.numbers[other as usize].cmp(&job_no))
    }

    pub fn row(&self, slot: u32) -> Option<JobRow<'_>> {
        let at = slot as usize;
        Some(JobRow {
            job_no: self.numbers[at],
            job: self.jobs[at].as_ref()?,
            version: self.versions[at],
            success_count: self.successes[at],
            error_count: self.errors[at],
            last_success: self.last_success.get(slot),
            last_error: self.last_error.get(slot),
            status: self.flags[at].status,
            next: self.next.get(slot).map(Nominal),
            deleted: self.flags[at].deleted,
        })
    }

    pub fn get(&self, job_no: JobNo) -> Option<JobRow<'_>> {
        self.row(self.slot(job_no)?)
    }

    pub fn named(&self, name: &str) -> Option<JobRow<'_>> {
        self.row(self.by_name.find(|other| by_name(&self.jobs, other, name))?)
    }

    /// Jobs behind a number, deleted ones too.
    pub fn behind(&self, job_no: Option<JobNo>) -> impl Iterator<Item = JobRow<'_>> {
        let begin = job_no.map_or(0, |job_no| {
            self.by_number.position(|slot| match self.numbers[slot as usize].cmp(&job_no) {
                Ordering::Greater => Ordering::Greater,
                _ => Ordering::Less,
            })
        });
        self.by_number.range(begin..self.by_number.len()).filter_map(|slot| self.row(slot))
    }

    /// Jobs in the order of their names, behind that one.
    pub fn after(&self, name: Option<&str>) -> impl Iterator<Item = JobRow<'_>> {
        let begin = name.map_or(0, |name| {
            self.by_name.position(|slot| match by_name(&self.jobs, slot, name) {
                Ordering::Greater => Ordering::Greater,
                _ => Ordering::Less,
            })
        });
        self.by_name.range(begin..self.by_name.len()).filter_map(|slot| self.row(slot))
    }

    pub fn by_name(&self) -> &Order {
        &self.by_name
    }

    /// Positions by name of what begins so.
    pub fn prefixed(&self, prefix: &str) -> std::ops::Range<usize> {
        let is = |slot: u32, wanted: &dyn Fn(&str) -> bool| {
            let job = self.jobs[slot as usize].as_ref();
            let is_before = job.is_some_and(|job| wanted(job.name.as_str()));
            if is_before { Ordering::Less } else { Ordering::Greater }
        };
        let begin = self.by_name.position(|slot| is(slot, &|name| name < prefix));
        let end = self
            .by_name
            .position(|slot| is(slot, &|name| name < prefix || name.starts_with(prefix)));
        begin..end
    }

    pub fn texts(&self) -> &Texts {
        &self.texts
    }

    pub fn status(&self, slot: u32) -> Status {
        self.flags[slot as usize].status
    }

    pub fn is_disabled(&self, slot: u32) -> bool {
        self.flags[slot as usize].disabled
    }

    pub fn number(&self, slot: u32) -> JobNo {
        self.numbers[slot as usize]
    }

    /// How many slots there are.
    pub fn slots(&self) -> usize {
        self.jobs.len()
    }

    /// Slots whose names hold a text.
    pub fn find(&self, part: &str, mut found: impl FnMut(u32)) {
        self.names.find(part, |slot, name| {
            let job = self.jobs[slot as usize].as_ref();
            if job.is_some_and(|job| job.name.as_str() == name) {
                found(slot);
            }
        });
    }

    /// Brings up to date what a list sorts by.
    pub fn settle(&mut self, sort: JobSort) {
        match sort {
            JobSort::DisplayName => self.texts.displayname.settle(),
            JobSort::Schedule => self.texts.schedule.settle(),
            JobSort::Timezone => self.texts.timezone.settle(),
            JobSort::Owner => self.texts.owner.settle(),
            JobSort::OwnerEmail => self.texts.owner_email.settle(),
            JobSort::ParentJob => self.texts.parent.settle(),
            JobSort::Executor => self.texts.executor.settle(),
            JobSort::Retries => self.retries.settle(),
            JobSort::StartsAt => self.starts_at.settle(),
            JobSort::ExpiresAt => self.expires_at.settle(),
            JobSort::Name
            | JobSort::Concurrency
            | JobSort::Status
            | JobSort::SuccessCount
            | JobSort::ErrorCount
            | JobSort::LastSuccess
            | JobSort::LastError
            | JobSort::Next
            | JobSort::Disabled
            | JobSort::Ephemeral => {}
        }
    }

    /// Everything at once, before anybody asks.
    pub fn settle_all(&mut self) {
        for sort in [
            JobSort::DisplayName,
            JobSort::Schedule,
            JobSort::Timezone,
            JobSort::Owner,
            JobSort::OwnerEmail,
            JobSort::ParentJob,
            JobSort::Executor,
            JobSort::Retries,
            JobSort::StartsAt,
            JobSort::ExpiresAt,
        ] {
            self.settle(sort);
        }
    }

    /// What a list sorts by, of all slots; to be settled before.
    pub fn key(&self, sort: JobSort) -> Box<dyn Fn(u32) -> Key + '_> {
        fn ranks<T: Clone + Eq + Hash>(column: &Ranked<T>) -> Box<dyn Fn(u32) -> Key + '_> {
            Box::new(|slot| (u64::from(column.rank(slot)), 0))
        }
        let flags = |slot: u32| self.flags[slot as usize];
        let texts = &self.texts;
        match sort {
            JobSort::Name => Box::new(|_| (0, 0)),
            JobSort::DisplayName => ranks(&texts.displayname),
            JobSort::Schedule => ranks(&texts.schedule),
            JobSort::Timezone => ranks(&texts.timezone),
            JobSort::Owner => ranks(&texts.owner),
            JobSort::OwnerEmail => ranks(&texts.owner_email),
            JobSort::ParentJob => ranks(&texts.parent),
            JobSort::Executor => ranks(&texts.executor),
            JobSort::Retries => ranks(&self.retries),
            JobSort::StartsAt => ranks(&self.starts_at),
            JobSort::ExpiresAt => ranks(&self.expires_at),
            JobSort::Concurrency => Box::new(move |slot| (u64::from(flags(slot).concurrency), 0)),
            JobSort::Status => Box::new(move |slot| (flags(slot).status as u64, 0)),
            JobSort::Disabled => Box::new(move |slot| (u64::from(flags(slot).disabled), 0)),
            JobSort::Ephemeral => Box::new(move |slot| (u64::from(flags(slot).ephemeral), 0)),
            JobSort::SuccessCount => Box::new(|slot| (self.successes[slot as usize], 0)),
            JobSort::ErrorCount => Box::new(|slot| (self.errors[slot as usize], 0)),
            JobSort::LastSuccess => Box::new(|slot| self.last_success.key(slot)),
            JobSort::LastError => Box::new(|slot| self.last_error.key(slot)),
            JobSort::Next => Box::new(|slot| self.next.key(slot)),
        }
    }
}

/// A slot's name beside a name; slots in the order have one.
fn by_name(jobs: &[Option<Arc<Job>>], slot: u32, name: &str) -> Ordering {
    let own = jobs[slot as usize].as_ref().map_or("", |job| job.name.as_str());
    own.cmp(name)
}

fn set_text(column: &mut Ranked<Arc<str>>, slot: u32, text: &str) {
    column.set(slot, text, || text.into());
}

fn set<T: Copy + Eq + Hash>(column: &mut Ranked<T>, slot: u32, value: T) {
    column.set(slot, &value, || value);
}

#[cfg(test)]
mod tests {
    use super::*;

    impl Table {
        /// Without names and other texts.
        fn bytes(&self) -> usize {
            let Texts { displayname, schedule, timezone, owner, owner_email, parent, executor } =
                &self.texts;
            let texts = [displayname, schedule, timezone, owner, owner_email, parent, executor];
            let own = size_of::<Option<Arc<Job>>>() + size_of::<(JobNo, Version, u64, u64)>();
            let times = 3 * (size_of::<u64>() + size_of::<u32>());
            let ranked = texts.map(Ranked::bytes).into_iter().sum::<usize>()
                + self.retries.bytes()
                + self.starts_at.bytes()
                + self.expires_at.bytes();
            let orders = self.by_number.bytes() + self.by_name.bytes();
            let names = self.names.len() * size_of::<u64>();
            self.slots() * (own + size_of::<Flags>() + times) + ranked + orders + names
        }
    }

    #[test]
    fn a_job_costs_at_most_150_bytes_and_its_name() {
        const JOBS: u64 = 50_000;
        let mut table = Table::default();
        for no in 1..=JOBS {
            // Names do not come in their order, as those of people do not.
            let name = format!("job-{}", no * 7_919 % JOBS);
            let job = Job {
                name: name.as_str().into(),
                schedule: format!("0 {} * * * *", no % 60),
                owner: format!("team-{}", no % 50),
                executor: "shell".into(),
                ..Job::default()
            };
            table.define(JobNo(no), Version(1), Arc::new(job));
        }
        table.settle_all();
        let each = table.bytes() as f64 / JOBS as f64;
        assert!(each <= 150.0, "{each} bytes a job");
    }
}
