//! Slots of many jobs within a window, counted into buckets, and the next ones by name.
//!
//! Jobs with one schedule are counted once. What is dense is counted, what is sparse is walked; so
//! a job costs at most as many steps as there are buckets, and all together a bounded number.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use dkron_core::domain::{Dst, Job, JobName, Timestamp};
use dkron_core::schedule::Schedule;

use super::upcoming::DueJob;
use super::why::schedule;
use crate::service::{Upcoming, UpcomingQuery};

/// Steps of arithmetic for one answer, a few microseconds each at most.
const STEPS: u64 = 3_000_000;
/// A job that has none is not looked at for slots beyond it.
const FOREVER: Timestamp = Timestamp::MAX;

/// Jobs whose slots are the same. What counts from a beginning of its own is alone.
#[derive(PartialEq, Eq, Hash)]
struct Key<'a> {
    schedule: &'a str,
    timezone: &'a str,
    dst: bool,
    from: Timestamp,
    to: Timestamp,
    /// Empty where the name does not count.
    name: &'a str,
}

struct Window {
    edges: Vec<Timestamp>,
    counts: Vec<u64>,
    steps: u64,
}

/// The answer about those jobs, of which others have nothing in the window.
pub fn of(query: UpcomingQuery, from: Timestamp, due: Vec<DueJob>, zone: &str) -> Upcoming {
    let parts = query.buckets as u32;
    let edge = |no: u32| from.after(query.window / parts * no);
    let edges: Vec<Timestamp> = (0..parts).map(edge).chain([from.after(query.window)]).collect();
    let to = from.after(query.window);
    let mut window = Window { counts: vec![0; query.buckets], edges, steps: 0 };
    let next = next(query.limit, (from, to), &due, zone, &mut window.steps);
    let mut alike: HashMap<Key<'_>, (u64, &DueJob)> = HashMap::new();
    for job in &due {
        alike.entry(key(&job.1, from, to)).or_insert((0, job)).0 += 1;
    }
    let (mut jobs, mut truncated) = (0, false);
    for (key, (many, (first, job))) in alike {
        if window.steps > STEPS {
            truncated = true;
            break;
        }
        window.steps += 1;
        let Some(schedule) = schedule(job, zone) else { continue };
        if window.add(&schedule, (key.from, key.to), *first, many) {
            jobs += many as usize;
        }
    }
    let buckets = window.edges.into_iter().zip(window.counts).collect();
    Upcoming { from, to, buckets, next, jobs, truncated }
}

fn key(job: &Job, from: Timestamp, to: Timestamp) -> Key<'_> {
    let alone = job.schedule.contains('~') || job.schedule.contains("@every");
    let before = |at: Timestamp| at.before(Duration::from_nanos(1));
    Key {
        schedule: &job.schedule,
        timezone: &job.timezone,
        dst: job.policy().dst == Dst::Once,
        from: job.starts_at.map_or(from, |starts| from.max(before(starts))),
        to: to.min(job.expires_at.unwrap_or(FOREVER)),
        name: if alone { job.name.as_str() } else { "" },
    }
}

impl Window {
    /// Adds the slots of that many jobs; whether there are any.
    fn add(
        &mut self,
        schedule: &Schedule,
        (from, to): (Timestamp, Timestamp),
        first: Timestamp,
        many: u64,
    ) -> bool {
        let total = count(schedule, from, to, first);
        if total <= self.counts.len() as u64 {
            let mut at = from;
            while let Some(slot) = after(schedule, at, first).filter(|slot| *slot <= to) {
                let bucket = self.edges.partition_point(|edge| *edge < slot).saturating_sub(1);
                if let Some(count) = self.counts.get_mut(bucket) {
                    *count += many;
                }
                self.steps += 1;
                at = slot;
            }
        } else {
            self.steps += self.counts.len() as u64;
            for (no, sum) in self.counts.iter_mut().enumerate() {
                let (begin, end) = (self.edges[no].max(from), self.edges[no + 1].min(to));
                *sum += many * count(schedule, begin, end, first);
            }
        }
        total > 0
    }
}

/// The first slot behind an instant, if `first` is one of them and none before it counts.
fn after(schedule: &Schedule, at: Timestamp, first: Timestamp) -> Option<Timestamp> {
    if at < first { Some(first) } else { schedule.next(at, first) }
}

/// Slots behind `from`, up to `to`.
fn count(schedule: &Schedule, from: Timestamp, to: Timestamp, first: Timestamp) -> u64 {
    if from >= to || first > to {
        return 0;
    }
    match from < first {
        true => 1 + schedule.count(first, to, u64::MAX, first),
        false => schedule.count(from, to, u64::MAX, first),
    }
}

/// The first slots of all jobs. Only as many jobs as slots are asked for can have one of them.
fn next(
    limit: usize,
    (from, to): (Timestamp, Timestamp),
    due: &[DueJob],
    zone: &str,
    steps: &mut u64,
) -> Vec<(Timestamp, JobName)> {
    let mut firsts: Vec<(Timestamp, &Arc<Job>)> =
        due.iter().filter(|(at, _)| *at > from).map(|(at, job)| (*at, job)).collect();
    let order = |one: &(Timestamp, &Arc<Job>), other: &(Timestamp, &Arc<Job>)| {
        (one.0, &one.1.name).cmp(&(other.0, &other.1.name))
    };
    if limit < firsts.len() {
        firsts.select_nth_unstable_by(limit, order);
        firsts.truncate(limit);
    }
    let jobs: HashMap<&JobName, (Timestamp, Option<Schedule>)> =
        firsts.iter().map(|(at, job)| (&job.name, (*at, schedule(job, zone)))).collect();
    *steps += firsts.len() as u64;
    let ends: HashMap<&JobName, Timestamp> =
        firsts.iter().map(|(_, job)| (&job.name, job.expires_at.unwrap_or(FOREVER))).collect();
    let mut heap: BinaryHeap<Reverse<(Timestamp, &JobName)>> =
        firsts.iter().map(|(at, job)| Reverse((*at, &job.name))).collect();
    let mut found = Vec::with_capacity(limit.min(due.len()));
    while found.len() < limit
        && let Some(Reverse((at, name))) = heap.pop()
    {
        found.push((at, name.clone()));
        *steps += 1;
        let Some((first, Some(schedule))) = jobs.get(name) else { continue };
        let end = ends.get(name).map_or(to, |end| to.min(*end));
        if let Some(slot) = after(schedule, at, *first).filter(|slot| *slot <= end) {
            heap.push(Reverse((slot, name)));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(secs: i64) -> Timestamp {
        Timestamp::from_secs(secs)
    }

    fn job(name: &str, schedule: &str) -> Job {
        Job { name: name.into(), schedule: schedule.into(), ..Job::default() }
    }

    fn due(job: Job, first: i64) -> DueJob {
        (at(first), Arc::new(job))
    }

    fn asked(secs: u64, buckets: usize, due: Vec<DueJob>) -> Upcoming {
        let window = Duration::from_secs(secs);
        of(UpcomingQuery { window, buckets, limit: 4 }, at(0), due, "UTC")
    }

    fn counts(found: &Upcoming) -> Vec<u64> {
        found.buckets.iter().map(|(_, count)| *count).collect()
    }

    fn names(found: &Upcoming) -> String {
        let name = |(at, name): &(Timestamp, JobName)| format!("{name}@{}", at.secs());
        found.next.iter().map(name).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn slots_fall_into_buckets() {
        let found = asked(
            60,
            3,
            vec![
                due(job("a", "*/10 * * * * *"), 10),
                due(job("b", "*/10 * * * * *"), 10),
                due(job("c", "@every 7s"), 5),
                due(job("d", "30 * * * * *"), 30),
            ],
        );
        // a, b: 10 to 60; c: 5, 12, 19, 26, 33, 40, 47, 54; d: 30.
        assert_eq!(counts(&found), [4 + 3, 4 + 3 + 1, 4 + 2]);
        assert_eq!((found.jobs, found.truncated), (4, false));
        assert_eq!(names(&found), "c@5 a@10 b@10 c@12");
        assert_eq!(found.buckets[1].0, at(20));
    }

    #[test]
    fn dense_and_sparse_agree() {
        for schedule in ["* * * * * *", "@every 1s", "*/2 * * * * *"] {
            let first = if schedule == "*/2 * * * * *" { 2 } else { 1 };
            let one = || vec![due(job("a", schedule), first)];
            let coarse: u64 = counts(&asked(3600, 60, one())).iter().sum();
            let fine: u64 = counts(&asked(3600, 3600, one())).iter().sum();
            assert_eq!((coarse, fine), (3600 / first as u64, 3600 / first as u64), "{schedule}");
        }
        let week = asked(7 * 86_400, 1, vec![due(job("a", "@every 1s"), 1)]);
        assert_eq!(counts(&week), [7 * 86_400]);
    }

    #[test]
    fn what_starts_and_expires_within_the_window() {
        let starts = Job { starts_at: Some(at(30)), ..job("a", "*/10 * * * * *") };
        let expires = Job { expires_at: Some(at(20)), ..job("b", "*/10 * * * * *") };
        let found = asked(60, 6, vec![due(starts, 30), due(expires, 10)]);
        assert_eq!(counts(&found), [1, 1, 1, 1, 1, 1]);
        assert_eq!(names(&found), "b@10 b@20 a@30 a@40");
    }

    #[test]
    fn too_much_is_cut_and_says_so() {
        let many = (0..40_000).map(|no| due(job(&format!("j{no}"), "@every 1s"), 1)).collect();
        let found = asked(7 * 86_400, 1000, many);
        assert!(found.truncated && counts(&found)[0] > 0);
        assert_eq!(names(&found), "j0@1 j1@1 j10@1 j100@1");
    }
}
