//! What is owed beside the schedule, retries and children, becomes `Fire` entries.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::time::Duration;

use super::Conductor;
use super::action::Action;
use super::fire_batch::FireBatch;
use super::lateness::start_deadline;
use super::pauses;
use super::placement::Choice;
use super::tags::Whom;
use crate::domain::{Nominal, Now, SkipReason};
use crate::ledger::{Decision, Fire, JobState, Ledger, Trigger};

/// Retries that pauses of scheduling hold up and that may be looked at at each alarm.
const HELD: u32 = 64;
/// Rest after more of them, for each: looking must not take all of the time.
const REST: Duration = Duration::from_micros(5);

impl Conductor {
    pub(super) fn fire_children(
        &mut self,
        ledger: &Ledger,
        now: Now,
        batch: &mut FireBatch,
        out: &mut Vec<Action>,
    ) {
        for (parent, child, since) in ledger.owed() {
            if self.triggering.contains(&(parent, child)) {
                continue;
            }
            let Some(state) = ledger.job_no(child) else { continue };
            let nominal = Nominal(since);
            let Some(decision) = self.decide_child(ledger, state, nominal, now) else {
                self.waiting = true;
                continue;
            };
            let (version, trigger) = (state.runtime.version, Trigger::Child(parent));
            self.give(&decision);
            self.triggering.insert((parent, child));
            let fire = Fire { job_no: child, version, trigger, nominal, next: None, decision };
            self.fire(fire, now, batch, out);
            batch.children.push((parent, child));
        }
    }

    fn decide_child(
        &self,
        ledger: &Ledger,
        state: &JobState,
        nominal: Nominal,
        now: Now,
    ) -> Option<Decision> {
        let job = &state.job;
        let skip =
            |reason, detail| Some(Decision::Skip { last: nominal, count: 1, reason, detail });
        if job.disabled {
            return skip(SkipReason::Disabled, String::new());
        }
        if job.starts_at.is_some_and(|start| nominal.0 < start) {
            return skip(SkipReason::NotStarted, String::new());
        }
        if job.expires_at.is_some_and(|end| nominal.0 > end) {
            return skip(SkipReason::Expired, String::new());
        }
        if let Some(decision) = pauses::child(ledger, job, nominal) {
            return Some(decision);
        }
        match self.choose_or_queue(ledger, state, None, nominal, now.mono) {
            Choice::Places(places) => Some(Decision::Run(places)),
            Choice::Nobody => Some(self.nobody(ledger, nominal, Whom::from(&**job))),
            Choice::Wait if now.wall.since(nominal.0) > start_deadline(job, ledger.settings()) => {
                skip(SkipReason::NoCapacity, String::new())
            }
            Choice::Wait => None,
        }
    }

    pub(super) fn fire_retries(
        &mut self,
        ledger: &Ledger,
        now: Now,
        batch: &mut FireBatch,
        out: &mut Vec<Action>,
    ) {
        if now.mono < self.retries_rest_until {
            self.waiting = true;
            return;
        }
        let mut held = 0;
        for (at, group, failed) in ledger.retries().take_while(|(at, ..)| *at <= now.wall) {
            if self.retrying.contains(&failed) {
                continue;
            }
            let Some(live) = ledger.group(group) else { continue };
            let Some(job) = ledger.definition(live.job_no, live.version).cloned() else { continue };
            let slot = live.slots.iter().find(|slot| slot.seq == failed);
            let Some(slot) = slot else { continue };
            let late = now.wall.since(at) > start_deadline(&job, ledger.settings());
            if !late && ledger.stopped(&job, now.wall).is_some() {
                held += 1;
                continue;
            }
            let place = {
                let whom = Whom::new(&job, &live.cause);
                self.choose_again(ledger, whom, &slot.target.node, now.mono)
            };
            let decision = match place {
                Some(place) if !late => Decision::Run([place].into()),
                None if !late => {
                    self.waiting = true;
                    continue;
                }
                _ => {
                    let detail = format!("attempt {} could not start in time", slot.attempt + 1);
                    let (last, reason) = (live.nominal, SkipReason::Missed);
                    Decision::Skip { last, count: 1, reason, detail }
                }
            };
            self.give(&decision);
            self.retrying.insert(failed);
            let (job_no, version, nominal) = (live.job_no, live.version, live.nominal);
            let trigger = Trigger::Retry { group, failed };
            let fire = Fire { job_no, version, trigger, nominal, next: None, decision };
            self.fire(fire, now, batch, out);
            batch.retries.push(failed);
        }
        if held > HELD {
            self.retries_rest_until = now.mono + REST.saturating_mul(held);
        }
    }
}
