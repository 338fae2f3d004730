//! Why a job did or did not run at an instant: what the facts mean, in words.

use std::time::Duration;

use dkron_core::domain::civil::rfc3339;
use dkron_core::domain::{ExecutionId, Jitter, Nominal, SkipReason, State, Timestamp};

use super::why::Facts;
use crate::service::{Verdict, WhyView};

/// The answer.
pub fn of(facts: Facts) -> WhyView {
    let at = facts.asked.at;
    let anchor = facts.runtime.anchor;
    let schedule = facts.schedule.as_ref();
    let after = schedule.and_then(|schedule| schedule.next(at, anchor));
    let before = schedule.and_then(|schedule| schedule.prev(at, anchor));
    let behind = at.before(Duration::from_nanos(1));
    let is_slot = schedule.and_then(|it| it.next(behind, anchor)) == Some(at);
    let slot = Some(at).filter(|_| is_slot);
    let mut executions: Vec<ExecutionId> =
        facts.asked.live.iter().map(|view| view.id.clone()).collect();
    executions.extend(
        facts.ended.iter().map(|record| ExecutionId { seq: record.seq, node: record.node.clone() }),
    );
    executions.sort();
    let (verdict, text) = went(&facts, slot)
        .or_else(|| (!is_slot).then(|| (Verdict::NotASlot, no_slot(&facts, before, after))))
        .unwrap_or_else(|| undone(&facts));
    WhyView {
        verdict,
        text,
        slot,
        before,
        after,
        executions,
        skipped: facts.skipped.filter(|_| verdict == Verdict::Skipped),
        cut: facts.cut,
    }
}

/// What is known to have become of it.
fn went(facts: &Facts, slot: Option<Timestamp>) -> Option<(Verdict, String)> {
    let asked = &facts.asked;
    if let Some(view) = asked.live.first() {
        return Some(match view.started_at {
            Some(at) => (Verdict::Running, format!("It runs since {}.", clock(at))),
            None => {
                let said = format!("It was sent to {} and has not begun yet.", view.id.node);
                (Verdict::Running, said)
            }
        });
    }
    if let Some(at) = asked.retry_at {
        let said = format!("It failed, and is tried again at {}.", clock(at));
        return Some((Verdict::Retrying, said));
    }
    if !facts.ended.is_empty() {
        return Some(ran(facts));
    }
    // A record of several slots says nothing of the instants between them.
    let is_one = |first: Nominal| first.0 == asked.at;
    if let Some(skipped) = facts.skipped.as_ref().filter(|it| slot.is_some() || is_one(it.first)) {
        let detail = match skipped.detail.as_str() {
            "" => String::new(),
            detail => format!(" ({detail})"),
        };
        let said = format!("It was skipped: {}{detail}.", skip_words(skipped.reason));
        return Some((Verdict::Skipped, said));
    }
    let since = facts.waits?;
    Some((Verdict::Waiting, format!("It waits for its turn since {}.", clock(since))))
}

fn ran(facts: &Facts) -> (Verdict, String) {
    let ended = &facts.ended;
    let good = ended.iter().filter(|record| record.finish.state == State::Success).count();
    // One first attempt a target; those that retention took are not missed.
    let targets = ended.iter().filter(|record| record.attempt == 1).count().max(1);
    let further = ended.len().saturating_sub(targets);
    let mut said = match (good >= targets, targets) {
        (true, 1) => "It ran with success".to_owned(),
        (true, many) => format!("It ran with success on {many} nodes"),
        (false, 1) => "It ran and failed".to_owned(),
        (false, many) => format!("It ran and failed: success on {good} of {many} nodes"),
    };
    match further {
        0 => {}
        1 => said.push_str(" at the second attempt"),
        many => said.push_str(&format!(", after {many} further attempts")),
    }
    if good < targets
        && let Some(last) = ended.iter().find(|record| record.finish.state != State::Success)
    {
        said.push_str(&format!("; the last bad end was {}", last.finish.state.word()));
        let reason = last.finish.reason.word();
        if !reason.is_empty() && reason != last.finish.state.word() {
            said.push_str(&format!(" ({reason})"));
        }
    }
    let began = ended.iter().map(|record| record.fired_at).min();
    let late = began.map_or(Duration::ZERO, |began| began.since(due(facts)));
    if late > threshold(facts) {
        said.push_str(&format!("; it was decided {} s late", late.as_secs()));
    }
    said.push('.');
    (if good >= targets { Verdict::Ran } else { Verdict::Failed }, said)
}

/// Of a slot of which there is no trace.
fn undone(facts: &Facts) -> (Verdict, String) {
    let (job, runtime) = (&facts.asked.job, &facts.runtime);
    let (at, now) = (facts.asked.at, facts.asked.now);
    if let Some(starts) = job.starts_at.filter(|starts| at < *starts) {
        let said = format!("The job's starts_at is {}, after that slot.", clock(starts));
        return (Verdict::BeforeStartsAt, said);
    }
    if let Some(expires) = job.expires_at.filter(|expires| at > *expires) {
        let said = format!("The job's expires_at is {}, before that slot.", clock(expires));
        return (Verdict::AfterExpiresAt, said);
    }
    if job.disabled {
        return match at > now {
            true => (Verdict::Disabled, "The job is disabled: that slot will not run.".into()),
            false => (Verdict::Disabled, "The job is disabled, and has no record of it.".into()),
        };
    }
    let due = due(facts);
    if due > now {
        let jitter = if due > at { ", its jitter included" } else { "" };
        return (Verdict::NotYet, format!("It is due at {}{jitter}.", clock(due)));
    }
    if at <= runtime.since {
        let since = clock(runtime.since);
        let said = format!(
            "The job was created, enabled, restored or given another schedule at {since}, after \
             that slot: nothing from before is owed."
        );
        return (Verdict::BeforeAccount, said);
    }
    if runtime.mark.is_none_or(|mark| mark.0 < at) {
        let late = now.since(due).as_secs();
        let said = format!("It is due since {late} s and not decided yet.");
        return (Verdict::Late, said);
    }
    let said = match facts.cut {
        false => "It was decided, but what became of it is not kept any more.",
        true => "It was decided; the newest executions that were looked at have none of it.",
    };
    (Verdict::ExpiredHistory, said.into())
}

fn no_slot(facts: &Facts, before: Option<Timestamp>, after: Option<Timestamp>) -> String {
    let job = &facts.asked.job;
    if let Some(parent) = &job.parent_job {
        return format!("It has no schedule: it runs each time {parent} has succeeded.");
    }
    let Some(schedule) = &facts.schedule else {
        return "This server can not read the job's schedule.".into();
    };
    let words = schedule.words();
    match (before, after) {
        (None, None) => format!("It is never due by its schedule: {words}."),
        (before, after) => {
            let shown = |at: Option<Timestamp>| at.map_or_else(|| "none".into(), clock);
            let (before, after) = (shown(before), shown(after));
            format!("It is not due then, but {words}; before it: {before}, after it: {after}.")
        }
    }
}

fn due(facts: &Facts) -> Timestamp {
    let jitter = Jitter::new(facts.asked.job_no, facts.asked.job.policy().jitter);
    jitter.due(Nominal(facts.asked.at))
}

fn threshold(facts: &Facts) -> Duration {
    let own = facts.asked.job.policy().misfire_threshold;
    own.unwrap_or(facts.asked.settings.misfire_threshold)
}

fn skip_words(reason: SkipReason) -> &'static str {
    match reason {
        SkipReason::Overlap => "an earlier run was still going on",
        SkipReason::Missed => "it was too late when the scheduler could decide it",
        SkipReason::NoEligibleNode => "no node matched the job's tags",
        SkipReason::NoCapacity => "no node had room until the start deadline",
        SkipReason::NotStarted => "it lay before starts_at",
        SkipReason::Expired => "it lay after expires_at",
        SkipReason::Disabled => "the job was disabled",
        SkipReason::Changed => "the job was changed before it was decided",
        SkipReason::QueueFull => "as many as may wait were waiting already",
        SkipReason::QueueTimeout => "its turn did not come until the start deadline",
        SkipReason::Replaced => "a later one took its place",
        SkipReason::Cancelled => "somebody cancelled it while it waited",
        SkipReason::Paused => "scheduling was paused for the job",
    }
}

fn clock(at: Timestamp) -> String {
    rfc3339(at, 0)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use dkron_core::domain::{
        Cause, Finish, Group, Job, JobNo, Record, Seq, Settings, Skipped, Version,
    };
    use dkron_core::ledger::Runtime;

    use super::super::why::{Asked, schedule};
    use super::*;

    /// 2026-03-10T00:00:00Z, a slot of each day.
    const DAY: i64 = 1_773_100_800;

    fn at(secs: i64) -> Timestamp {
        Timestamp::from_secs(secs)
    }

    /// A daily job that exists for a month and has decided all up to an hour ago; nothing is kept.
    fn facts(asked_at: i64) -> Facts {
        let job = Job { name: "j".into(), schedule: "0 0 0 * * *".into(), ..Job::default() };
        facts_of(job, asked_at)
    }

    fn facts_of(job: Job, asked_at: i64) -> Facts {
        let runtime = Runtime {
            since: at(DAY - 30 * 86_400),
            anchor: at(DAY - 30 * 86_400),
            mark: Some(Nominal(at(DAY))),
            next: Some(Nominal(at(DAY + 86_400))),
            ..Runtime::default()
        };
        let schedule = schedule(&job, "UTC");
        let asked = Asked {
            job_no: JobNo(7),
            job: Arc::new(job),
            at: at(asked_at),
            now: at(DAY + 3600),
            zone: "UTC".into(),
            settings: Settings::default(),
            live: Vec::new(),
            retry_at: None,
        };
        Facts { asked, runtime, schedule, ended: vec![], cut: false, skipped: None, waits: None }
    }

    fn record(seq: u64, attempt: u32, state: State) -> Arc<Record> {
        Arc::new(Record {
            seq: Seq(seq),
            job_no: JobNo(7),
            job_name: "j".into(),
            version: Version(1),
            node: "n1".into(),
            group: Group(1),
            attempt,
            cause: Cause::Schedule,
            nominal: Nominal(at(DAY)),
            fired_at: at(DAY),
            finish: Finish { state, ..Finish::default() },
            cancel: None,
        })
    }

    fn verdict(facts: Facts) -> (Verdict, String) {
        let view = of(facts);
        (view.verdict, view.text)
    }

    #[test]
    fn what_ran() {
        let of_records = |ended| verdict(Facts { ended, ..facts(DAY) });
        let good = of_records(vec![record(1, 1, State::Success)]);
        assert_eq!(good, (Verdict::Ran, "It ran with success.".into()));
        let retried = of_records(vec![record(2, 2, State::Success), record(1, 1, State::Failed)]);
        assert_eq!(retried.0, Verdict::Ran);
        assert!(retried.1.contains("second attempt"), "{}", retried.1);
        let bad = of_records(vec![record(2, 1, State::Success), record(1, 1, State::Lost)]);
        assert_eq!(bad.0, Verdict::Failed);
        assert!(bad.1.contains("1 of 2 nodes; the last bad end was lost"), "{}", bad.1);
        let mut late = record(1, 1, State::Success);
        Arc::make_mut(&mut late).fired_at = at(DAY + 43);
        assert!(of_records(vec![late]).1.contains("43 s late"));
    }

    #[test]
    fn what_did_not_run() {
        let skipped = Skipped {
            first: Nominal(at(DAY - 86_400)),
            last: Nominal(at(DAY)),
            count: 2,
            reason: SkipReason::Overlap,
            detail: "execution 1-n1".into(),
        };
        let was = verdict(Facts { skipped: Some(skipped.clone()), ..facts(DAY) });
        assert_eq!(was.0, Verdict::Skipped);
        assert!(was.1.ends_with("still going on (execution 1-n1)."), "{}", was.1);
        let between = of(Facts { skipped: Some(skipped), ..facts(DAY - 60) });
        assert_eq!((between.verdict, between.skipped), (Verdict::NotASlot, None));
        assert_eq!(verdict(Facts { waits: Some(at(DAY)), ..facts(DAY) }).0, Verdict::Waiting);
        let mut owed = facts(DAY);
        owed.asked.retry_at = Some(at(DAY + 9));
        assert_eq!(verdict(owed).0, Verdict::Retrying);
    }

    #[test]
    fn what_is_no_slot() {
        let view = of(facts(DAY + 60));
        assert_eq!(view.verdict, Verdict::NotASlot);
        assert!(view.text.contains("at 00:00 every day"), "{}", view.text);
        assert_eq!((view.before, view.after), (Some(at(DAY)), Some(at(DAY + 86_400))));
        let child = Job { name: "c".into(), parent_job: Some("p".into()), ..Job::default() };
        let (word, said) = verdict(facts_of(child, DAY));
        assert_eq!(word, Verdict::NotASlot);
        assert!(said.contains("each time p has succeeded"), "{said}");
        let manual = Job { schedule: "@manually".into(), ..Job::default() };
        assert!(verdict(facts_of(manual, DAY)).1.ends_with("only by hand."));
    }

    #[test]
    fn slots_without_a_trace() {
        let job = |change: &dyn Fn(&mut Job)| {
            let mut facts = facts(DAY);
            change(Arc::make_mut(&mut facts.asked.job));
            verdict(facts).0
        };
        assert_eq!(job(&|job| job.starts_at = Some(at(DAY + 1))), Verdict::BeforeStartsAt);
        assert_eq!(job(&|job| job.expires_at = Some(at(DAY - 1))), Verdict::AfterExpiresAt);
        assert_eq!(job(&|job| job.disabled = true), Verdict::Disabled);
        assert_eq!(job(&|_| {}), Verdict::ExpiredHistory);
        assert_eq!(verdict(facts(DAY + 86_400)).0, Verdict::NotYet);
        assert_eq!(verdict(facts(DAY - 40 * 86_400)).0, Verdict::BeforeAccount);
        let mut undecided = facts(DAY);
        undecided.runtime.mark = Some(Nominal(at(DAY - 86_400)));
        let (word, said) = verdict(undecided);
        assert_eq!((word, said.contains("3600 s")), (Verdict::Late, true), "{said}");
    }
}
