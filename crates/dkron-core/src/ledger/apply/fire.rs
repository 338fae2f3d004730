//! Occurrences are decided: each runs, or leaves a skipped record, exactly once.

use alloc::format;
use alloc::vec::Vec;
use core::time::Duration;

use super::queue;
use super::report::{close_group, end_slot};
use super::step::{Step, cut, one};
use crate::domain::{
    Cause, Concurrency, EndReason, Finish, Group, Job, JobNo, Nominal, Seq, SkipReason, Skipped,
    State, Timestamp,
};
use crate::ledger::command::{Decision, Fire, Place, Trigger};
use crate::ledger::outcome::{Effect, Fired, Rejection, Reply};
use crate::ledger::state::{JobState, LiveGroup, Phase, Slot};

pub(super) fn apply(step: &mut Step<'_>, fires: Vec<Fire>) -> Reply {
    Reply::Fired(fires.into_iter().map(|fire| decide(step, fire)).collect())
}

fn decide(step: &mut Step<'_>, fire: Fire) -> Fired {
    if let Trigger::Retry { group, failed } = fire.trigger {
        return retry(step, group, failed, fire.decision);
    }
    let Some(state) = step.ledger.jobs.get(&fire.job_no) else {
        return Fired::Void;
    };
    if state.runtime.deleted || state.runtime.leaving {
        let name = state.job.name.clone();
        return match fire.trigger {
            Trigger::Manual(_) | Trigger::ByHand(_) => {
                Fired::Rejected(Rejection::JobNotFound(name))
            }
            Trigger::Child(parent) => {
                // Else the leader would ask again and again, as long as the job leaves.
                step.settle_child(parent, fire.job_no);
                Fired::Void
            }
            Trigger::Schedule | Trigger::Retry { .. } | Trigger::Queued(_) => Fired::Void,
        };
    }
    let version = state.runtime.version;
    let (job, job_no) = (state.job.clone(), fire.job_no);
    if is_outdated(step, state, &fire) || is_overtaken(step, state, &fire) {
        // What made it due stays owed: it is asked again.
        return Fired::Void;
    }
    let mut nominal = fire.nominal;
    let mut turn = false;
    let cause = match fire.trigger {
        Trigger::Schedule => {
            // Only the next slot can be decided: an entry that was computed for an account that is
            // over, or comes twice, names another one.
            let due = state.is_scheduled() && state.runtime.next == Some(nominal);
            if !due || version != fire.version {
                return Fired::Void;
            }
            advance(step, &fire);
            Cause::Schedule
        }
        Trigger::Manual(request) => Cause::Manual(request),
        Trigger::ByHand(by_hand) => Cause::ByHand(by_hand),
        Trigger::Child(parent) => {
            if !step.settle_child(parent, job_no) {
                return Fired::Void;
            }
            Cause::Child(parent)
        }
        Trigger::Queued(no) => {
            let runs = matches!(fire.decision, Decision::Run(_));
            let first = step.ledger.queue(job_no).next().is_some_and(|(first, _)| first == no);
            if runs && !(first && step.ledger.derived.ready.contains(&job_no)) {
                return Fired::Void;
            }
            let Some(queued) = queue::leave(step, job_no, no) else { return Fired::Void };
            (nominal, turn) = (queued.nominal, true);
            queued.cause
        }
        Trigger::Retry { .. } => unreachable!("handled above"),
    };
    match fire.decision {
        Decision::Skip { last, count, reason, detail } => {
            let detail = cut(detail);
            step.skip(job_no, Skipped { first: nominal, last, count, reason, detail });
            Fired::Skipped
        }
        Decision::Run(places) if turn => run(step, &job, job_no, cause, nominal, places),
        Decision::Run(places) => take_slot(step, &job, job_no, cause, nominal, places),
    }
}

/// Whether the run was placed for a job that is not what it was.
fn is_outdated(step: &Step<'_>, state: &JobState, fire: &Fire) -> bool {
    let Decision::Run(places) = &fire.decision else { return false };
    match places.is_empty() {
        // It was decided without places because it would wait, and now it need not.
        true => !step.ledger.must_wait(fire.job_no),
        // The nodes are not those that the definition of its run would mean.
        false => state.runtime.version != fire.version && step.ledger.rules() >= 3,
    }
}

/// Whether scheduling was paused, or went on, while this was on its way into the log: it is not
/// what its leader would decide now. Who asked for a run gets it.
fn is_overtaken(step: &Step<'_>, state: &JobState, fire: &Fire) -> bool {
    let (skips, last) = match &fire.decision {
        Decision::Run(_) => (false, fire.nominal),
        Decision::Skip { last, reason: SkipReason::Paused, .. } => (true, *last),
        Decision::Skip { .. } => return false,
    };
    if step.ledger.pauses.is_empty() {
        return skips;
    }
    let at = match fire.trigger {
        Trigger::Schedule => state.jitter().due(last),
        Trigger::Child(_) => last.0,
        Trigger::Queued(no) => match step.ledger.queued(fire.job_no, no) {
            Some(queued) if !queued.cause.is_by_hand() => step.at,
            _ => return false,
        },
        Trigger::Manual(_) | Trigger::ByHand(_) | Trigger::Retry { .. } => return false,
    };
    step.ledger.stopped(&state.job, at).is_some() != skips
}

/// Whether the occurrence runs, waits or is skipped, as the job wants it while its name is held.
fn take_slot(
    step: &mut Step<'_>,
    job: &Job,
    job_no: JobNo,
    cause: Cause,
    nominal: Nominal,
    places: Vec<Place>,
) -> Fired {
    match job.concurrency {
        Concurrency::Allow => {}
        Concurrency::Forbid => {
            if let Some(holder) = step.ledger.holder(job.name.as_str()) {
                let detail = format!("execution {holder} is running");
                step.skip(job_no, one(nominal, SkipReason::Overlap, detail));
                return match cause {
                    cause if cause.is_by_hand() => Fired::Rejected(Rejection::Overlap(holder)),
                    _ => Fired::Skipped,
                };
            }
        }
        Concurrency::Replace => queue::replace(step, job, job_no, nominal),
        Concurrency::Queue => {}
    }
    // Without a place it was to wait; what it replaced may be over by that very replacement.
    if places.is_empty() || step.ledger.must_wait(job_no) {
        return queue::enter(step, job, job_no, cause, nominal);
    }
    run(step, job, job_no, cause, nominal, places)
}

/// Moves the high-water mark over the decided slots.
fn advance(step: &mut Step<'_>, fire: &Fire) {
    let last = match fire.decision {
        Decision::Skip { last, .. } => last.max(fire.nominal),
        Decision::Run(_) => fire.nominal,
    };
    let next = fire.next.filter(|next| *next > last);
    step.change(fire.job_no, |runtime| {
        runtime.mark = runtime.mark.max(Some(last));
        runtime.next = next;
    });
}

fn run(
    step: &mut Step<'_>,
    job: &Job,
    job_no: JobNo,
    cause: Cause,
    nominal: Nominal,
    places: Vec<Place>,
) -> Fired {
    let version = step.state(job_no).runtime.version;
    if step.state(job_no).runtime.last_skipped.is_some() {
        // A run between two skips: the second one is a record of its own.
        step.change(job_no, |runtime| runtime.last_skipped = None);
    }
    let (tenure, fired_at) = (step.tenure, step.at);
    let mut born_failed = Vec::new();
    let slots: Vec<Slot> = places
        .into_iter()
        .map(|place| {
            let seq = step.next_seq();
            born_failed.extend(place.born_failed.map(|reason| (seq, reason)));
            let phase = Phase::Pending;
            Slot { target: place.target, seq, attempt: 1, fired_at, tenure, phase, cancel: None }
        })
        .collect();
    let seqs: Vec<Seq> = slots.iter().map(|slot| slot.seq).collect();
    let group = Group(seqs[0].0);
    let holders = step.ledger.derived.holders.entry(job.name.clone()).or_default();
    holders.insert(group);
    step.look_ready(job_no);
    step.pin(job_no, version);
    for slot in &slots {
        born(step, group, slot);
    }
    let live = LiveGroup { group, job_no, version, cause, nominal, fired_at, tenure, slots };
    step.add_group(live);
    for seq in seqs.iter().filter(|seq| born_failed.iter().all(|(dead, _)| dead != *seq)) {
        step.effects.push(Effect::Start(*seq));
    }
    for (seq, reason) in born_failed {
        end_at_birth(step, job, 1, seq, reason);
    }
    Fired::Run { group, seqs }
}

/// An execution that is born failed ends at once. The next attempt waits as after any other end.
fn end_at_birth(step: &mut Step<'_>, job: &Job, attempt: u32, seq: Seq, reason: EndReason) {
    let (state, finished_at) = (State::Failed, step.at);
    let finish = Finish { state, reason, finished_at, ..Finish::default() };
    let pause = match step.ledger.rules() {
        // So it was at first, and what is in the log stays as it was.
        ..2 => Duration::ZERO,
        _ => job.policy().retry.pause(attempt, seq),
    };
    end_slot(step, seq, finish, finished_at.after(pause));
}

/// Enters a live execution into the indexes.
fn born(step: &mut Step<'_>, group: Group, slot: &Slot) {
    let derived = &mut step.ledger.derived;
    derived.live.insert(slot.seq, group);
    derived.pending.insert(slot.seq);
    derived.by_node.entry(slot.target.node.clone()).or_default().insert(slot.seq);
}

/// The next attempt of a slot, or the end of its waiting.
fn retry(step: &mut Step<'_>, group: Group, failed: Seq, decision: Decision) -> Fired {
    let Some((at, retry_at)) = waiting(step, group, failed) else {
        return Fired::Void;
    };
    if matches!(decision, Decision::Run(_)) && !step.ledger.pauses.is_empty() {
        let live = &step.ledger.groups[&group];
        let job = step.ledger.definition(live.job_no, live.version);
        if job.is_some_and(|job| step.ledger.stopped(job, step.at).is_some()) {
            return Fired::Void;
        }
    }
    step.ledger.derived.retries.remove(&(retry_at, group, failed));
    match decision {
        Decision::Run(places) => {
            let place = places.into_iter().next().expect("a retry has one target");
            let (seq, fired_at, tenure) = (step.next_seq(), step.at, step.tenure);
            let slot = &mut step.group(group).slots[at];
            let (target, attempt) = (place.target, slot.attempt + 1);
            let (phase, cancel) = (Phase::Pending, None);
            *slot = Slot { target, seq, attempt, fired_at, tenure, phase, cancel };
            let slot = slot.clone();
            born(step, group, &slot);
            match place.born_failed {
                None => step.effects.push(Effect::Start(seq)),
                Some(reason) => {
                    let live = &step.ledger.groups[&group];
                    let job = step.ledger.definition(live.job_no, live.version);
                    let job = job.expect("a pinned definition").clone();
                    end_at_birth(step, &job, attempt, seq, reason);
                }
            }
            Fired::Run { group, seqs: [seq].into() }
        }
        Decision::Skip { reason, detail, .. } => {
            let live = step.group(group);
            live.slots[at].phase = Phase::Done { success: false };
            let (job_no, nominal) = (live.job_no, live.nominal);
            step.skip(job_no, one(nominal, reason, cut(detail)));
            close_group(step, group);
            Fired::Skipped
        }
    }
}

/// The slot that waits after that attempt: its place in the group, and when it is due.
fn waiting(step: &Step<'_>, group: Group, failed: Seq) -> Option<(usize, Timestamp)> {
    let slots = &step.ledger.group(group)?.slots;
    slots.iter().enumerate().find_map(|(at, slot)| match slot.phase {
        Phase::Waiting { retry_at } if slot.seq == failed => Some((at, retry_at)),
        _ => None,
    })
}
