//! Random requests over a small universe of jobs, so that everything meets everything.

use core::time::Duration;
use std::collections::BTreeMap;
use std::sync::Arc;

use dkron_core::conductor::{Asked, Request};
use dkron_core::domain::{
    Backoff, ByHand, Concurrency, Job, JobName, Misfire, NodeName, OnLost, Origin, Policy,
    RequestId, RequestKey, Retry, RetryNode, RetryOn, Scope, Seq, Settings, Submission, TextMap,
    Timestamp,
};
use dkron_core::ledger::{Cancel, PauseScheduling, ResumeScheduling, SetEligibility};

use crate::dice::Dice;

const NAMES: [&str; 6] = ["alpha", "beta", "gamma", "delta", "epsilon", "zeta"];
/// The key of the metadata that says which request wrote a definition.
pub const WRITER: &str = "writer";
/// The key of the configuration that says which request made a run different.
pub const OTHER: &str = "other";
/// The tag that jobs ask for, and what nodes answer.
const KIND: &str = "kind";

/// Every other machine is of another kind.
pub fn tags_of(at: usize) -> BTreeMap<String, String> {
    let kind = if at.is_multiple_of(2) { "web" } else { "app" };
    [(KIND.to_string(), kind.to_string())].into()
}

/// Whether a node with these tags is meant by a job with those; any number of them.
pub fn matches(wanted: &TextMap, tags: &BTreeMap<String, String>) -> bool {
    let Some(kind) = wanted.get(KIND) else { return true };
    let value = kind.split(':').next().unwrap_or_default();
    tags.get(KIND).is_some_and(|own| own == value)
}

/// What somebody wants; `live` are executions that could be cancelled.
pub fn request(
    dice: &mut Dice,
    number: u64,
    wall: Timestamp,
    live: &[(JobName, Seq)],
    lost_after: Duration,
) -> Request {
    if dice.percent(12) {
        return again(dice, number);
    }
    match dice.below(200) {
        0..100 => Request::Put(Box::new(submission(dice, number, wall))),
        100..112 => Request::Restore(Box::new(submission(dice, number, wall))),
        112..134 => Request::Toggle(name(dice)),
        134..148 => Request::Delete(name(dice)),
        148..156 => Request::Clear(name(dice)),
        156..162 => Request::Pause(dice.percent(30)),
        162..174 => Request::Cancel(Box::new(cancel(dice, live))),
        174..176 => Request::PutSettings(Box::new(settings(dice, lost_after))),
        176..184 => Request::SetEligibility(Box::new(eligibility(dice, wall))),
        184..188 => scheduling(dice, wall),
        188..192 => by_hand(dice, number),
        _ => Request::Run { name: name(dice), id: run_id(number) },
    }
}

/// A request under a key that others near by have, too: the same whatever its number is, but for
/// the id that a run would have.
fn again(dice: &mut Dice, number: u64) -> Request {
    let key_no = number / 20 * 2 + dice.below(2);
    let name = JobName::from(NAMES[(key_no % NAMES.len() as u64) as usize]);
    let request = match key_no % 2 {
        0 => Request::Toggle(name),
        _ => Request::Run { name, id: run_id(number) },
    };
    let digest = u128::from(key_no).to_be_bytes();
    let key = Some(RequestKey { name: digest, content: digest });
    let origin = Some(Origin { by: "somebody".into(), from: String::new(), key });
    Request::Asked(Box::new(Asked { origin, ..Asked::from(request) }))
}

fn cancel(dice: &mut Dice, live: &[(JobName, Seq)]) -> Cancel {
    let (by, reason) = ("somebody".into(), "enough".into());
    if live.is_empty() || dice.percent(40) {
        return Cancel { name: name(dice), execution: None, by, reason };
    }
    let (name, seq) = live[dice.below(live.len() as u64) as usize].clone();
    Cancel { name, execution: Some(seq), by, reason }
}

/// A node that may not be there.
fn eligibility(dice: &mut Dice, wall: Timestamp) -> SetEligibility {
    let node = NodeName::from(format!("n{}", dice.between(1, 7)));
    let (by, reason) = ("somebody".into(), "new disks".into());
    let deadline = dice.percent(50).then(|| near(dice, wall, 5, 30));
    SetEligibility { node, eligible: dice.percent(55), deadline, by, reason }
}

/// Nothing starts by itself, or all of it again.
fn scheduling(dice: &mut Dice, wall: Timestamp) -> Request {
    if dice.percent(35) {
        return resume();
    }
    let mut scope = Scope::default();
    match dice.below(3) {
        0 => scope.jobs.push(name(dice)),
        1 => scope.prefix = dice.pick(&["a", "be", "e"]).into(),
        _ => {}
    }
    let until = dice.percent(70).then(|| near(dice, wall, 0, 20));
    let (by, reason) = ("somebody".into(), "release".into());
    Request::PauseScheduling(Box::new(PauseScheduling { scope, until, by, reason }))
}

/// A run with other nodes and another configuration than the definition's.
fn by_hand(dice: &mut Dice, number: u64) -> Request {
    let config = [(String::from(OTHER), number.to_string())].into_iter().collect();
    let kind = |kind: &str| [(KIND.into(), kind.into())].into_iter().collect();
    let tags = dice.percent(50).then(|| kind(dice.pick(&["web", "app:1"])));
    let (by, reason) = ("somebody".into(), "test".into());
    let by_hand = ByHand { id: run_id(number), config, tags, nodes: Vec::new(), by, reason };
    Request::RunByHand { name: name(dice), by_hand: by_hand.into() }
}

pub fn resume() -> Request {
    Request::ResumeScheduling(ResumeScheduling { id: None })
}

pub fn eligible_again(node: NodeName) -> Request {
    let (by, reason, deadline) = ("somebody".into(), String::new(), None);
    Request::SetEligibility(Box::new(SetEligibility { node, eligible: true, deadline, by, reason }))
}

/// What the cluster may agree on.
pub fn settings(dice: &mut Dice, lost_after: Duration) -> Settings {
    let secs = Duration::from_secs;
    Settings {
        zone: String::from("UTC"),
        keep_executions: dice.pick(&[1, 3, 100]),
        misfire_threshold: secs(dice.pick(&[2, 10])),
        start_deadline: secs(dice.pick(&[15, 60, 3600])),
        lost_after,
        misfire: misfire(dice).unwrap_or_default(),
        catch_up_rate: dice.pick(&[2, 20, 1000]),
        ..Settings::default()
    }
}

pub fn run_id(number: u64) -> RequestId {
    let mut bytes = *b"run             ";
    bytes[8..].copy_from_slice(&number.to_be_bytes());
    RequestId(bytes)
}

fn name(dice: &mut Dice) -> JobName {
    JobName::from(dice.pick(&NAMES))
}

fn submission(dice: &mut Dice, number: u64, wall: Timestamp) -> Submission {
    let mut posted = Submission { job: job(dice, number, wall), ..Submission::default() };
    if dice.percent(10) {
        posted.success_count = dice.below(20);
        posted.error_count = dice.below(20);
    }
    posted
}

fn job(dice: &mut Dice, number: u64, wall: Timestamp) -> Job {
    // Without the writer's number an equal definition is the same version.
    let mut metadata = TextMap::new();
    if dice.percent(85) {
        metadata.insert(WRITER.into(), number.to_string());
    }
    let parent_job = dice.percent(25).then(|| name(dice));
    let schedule = match parent_job {
        Some(_) if dice.percent(80) => String::new(),
        _ => schedule(dice, wall),
    };
    let mut tags = TextMap::new();
    match dice.below(100) {
        0..50 => drop(tags.insert(KIND.into(), "web:1".into())),
        50..65 => drop(tags.insert(KIND.into(), "app:2".into())),
        65..75 => drop(tags.insert(KIND.into(), "app".into())),
        75..80 => drop(tags.insert(KIND.into(), "db".into())),
        _ => {}
    }
    let processors = match dice.percent(20) {
        true => [("log".into(), TextMap::new())].into(),
        false => Default::default(),
    };
    Job {
        name: name(dice),
        schedule,
        parent_job,
        metadata,
        tags,
        processors,
        disabled: dice.percent(8),
        retries: dice.pick(&[0, 0, 0, 1, 3]),
        concurrency: match dice.below(100) {
            0..25 => Concurrency::Forbid,
            25..40 => Concurrency::Queue,
            40..52 => Concurrency::Replace,
            _ => Concurrency::Allow,
        },
        policy: dice.percent(35).then(|| Arc::new(policy(dice))),
        executor: "fake".into(),
        ephemeral: dice.percent(10),
        starts_at: dice.percent(10).then(|| near(dice, wall, 20, 40)),
        expires_at: dice.percent(10).then(|| near(dice, wall, 20, 60)),
        ..Job::default()
    }
}

fn policy(dice: &mut Dice) -> Policy {
    let secs = |secs| Some(Duration::from_secs(secs));
    Policy {
        queue_depth: dice.pick(&[0, 1, 3]),
        misfire: misfire(dice),
        misfire_threshold: dice.pick(&[None, None, secs(2), secs(5)]),
        start_deadline: dice.pick(&[None, None, secs(5), secs(15), secs(60)]),
        retry: retry(dice),
        jitter: dice.pick(&[Duration::ZERO, Duration::ZERO, Duration::from_millis(1_500)]),
        max_runtime: dice.pick(&[None, None, secs(1), secs(8)]),
        on_lost: dice.pick(&[OnLost::Kill, OnLost::Kill, OnLost::Leave, OnLost::Hold]),
        lost_after: dice.pick(&[None, None, secs(20), secs(40)]),
        keep_executions: dice.pick(&[None, None, Some(1), Some(5)]),
        ..Policy::DEFAULT
    }
}

fn misfire(dice: &mut Dice) -> Option<Misfire> {
    let max = dice.pick(&[1, 3, 20]);
    dice.pick(&[None, Some(Misfire::Skip), Some(Misfire::RunOnce), Some(Misfire::RunAll { max })])
}

fn retry(dice: &mut Dice) -> Retry {
    let millis = |millis| Some(Duration::from_millis(millis));
    Retry {
        delay: dice.pick(&[None, None, millis(100), millis(3_000)]),
        backoff: dice.pick(&[Backoff::Exponential, Backoff::Linear, Backoff::Fixed]),
        jitter: dice.pick(&[Duration::ZERO, Duration::from_secs(1)]),
        node: dice.pick(&[RetryNode::Prefer, RetryNode::Same, RetryNode::Other, RetryNode::Any]),
        on: RetryOn {
            failed: dice.percent(80),
            timed_out: dice.percent(80),
            lost: dice.percent(50),
        },
        ..Policy::DEFAULT.retry
    }
}

fn schedule(dice: &mut Dice, wall: Timestamp) -> String {
    match dice.below(100) {
        0..45 => format!("@every {}s", dice.pick(&[1, 2, 3, 5, 7, 30, 60])),
        45..75 => format!("*/{} * * * * *", dice.pick(&[2, 5, 10, 30])),
        75..80 => format!("{} * * * * *", dice.pick(&[0, 15, 59])),
        80..95 => {
            let instant = near(dice, wall, 30, 40);
            format!("@at {}", rfc3339(instant.secs()))
        }
        _ => "@manually".into(),
    }
}

/// A whole second near an instant.
fn near(dice: &mut Dice, wall: Timestamp, before: u64, after: u64) -> Timestamp {
    let start = wall.before(Duration::from_secs(before));
    Timestamp::from_secs(start.secs() + dice.below(before + after) as i64)
}

/// The simulator's years have no leap day problem: it lives in the days around 2026-01-01.
fn rfc3339(secs: i64) -> String {
    let (days, rest) = (secs.div_euclid(86_400), secs.rem_euclid(86_400));
    let (hour, minute, second) = (rest / 3600, rest / 60 % 60, rest % 60);
    // Howard Hinnant's calendar arithmetic, for years after 2000.
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let of_era = shifted.rem_euclid(146_097);
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_shifted = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month_shifted + 2) / 5 + 1;
    let month = if month_shifted < 10 { month_shifted + 3 } else { month_shifted - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

#[cfg(test)]
mod tests {
    use super::rfc3339;

    #[test]
    fn writes_instants() {
        assert_eq!(rfc3339(1_767_225_600), "2026-01-01T00:00:00Z");
        assert_eq!(rfc3339(1_767_225_599), "2025-12-31T23:59:59Z");
        assert_eq!(rfc3339(1_709_210_096), "2024-02-29T12:34:56Z");
    }
}
