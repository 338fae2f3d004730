//! Due slots and owed triggers become `Fire` entries.

use alloc::format;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;

use super::Conductor;
use super::action::Action;
use super::fire_batch::FireBatch;
use super::lateness::{Slots, Verdict, judge};
use super::placement::Choice;
use super::proposals::Proposal;
use crate::domain::{Job, JobNo, Nominal, Now, SkipReason};
use crate::ledger::{Command, Decision, Fire, JobState, Ledger, Trigger};

impl Conductor {
    /// Decides everything that is due, as far as it can be decided now.
    pub(super) fn fire_due(&mut self, ledger: &Ledger, now: Now, out: &mut Vec<Action>) {
        self.waiting = false;
        if self.clock.held(now.mono).is_some() {
            return;
        }
        let mut batch = FireBatch::default();
        let full = self.is_full(ledger, now.mono);
        let due = ledger.due().take_while(|(due, _)| *due <= now.wall);
        for (due, job_no) in due {
            let expired = now.wall.since(due) > ledger.settings().start_deadline;
            if full && !expired {
                self.waiting = true;
                break;
            }
            let Some(state) = ledger.job_no(job_no) else { continue };
            if self.firing.contains(&job_no) || self.writes.contains_key(&state.job.name) {
                continue;
            }
            let Some(nominal) = state.runtime.next else { continue };
            self.decide(ledger, state, nominal, now, &mut batch);
            if batch.is_full() {
                self.propose_fires(core::mem::take(&mut batch), now, out);
            }
        }
        self.fire_children(ledger, now, &mut batch, out);
        self.fire_retries(ledger, now, &mut batch, out);
        self.propose_fires(batch, now, out);
    }

    /// Decides the due slots of one job, e.g. before it changes; false if they must wait.
    pub(super) fn fire_job(
        &mut self,
        ledger: &Ledger,
        job_no: JobNo,
        now: Now,
        out: &mut Vec<Action>,
    ) -> bool {
        let state = ledger.job_no(job_no).filter(|state| state.is_scheduled());
        let Some((state, nominal)) = state.and_then(|state| Some((state, state.runtime.next?)))
        else {
            return false;
        };
        if nominal.0 > now.wall || self.clock.held(now.mono).is_some() {
            return false;
        }
        // Lateness is judged by settings that the cluster agreed on, not by their defaults.
        if !ledger.is_settled() {
            return false;
        }
        let mut batch = FireBatch::default();
        self.decide(ledger, state, nominal, now, &mut batch);
        let fired = !batch.fires.is_empty();
        self.propose_fires(batch, now, out);
        fired
    }

    fn decide(
        &mut self,
        ledger: &Ledger,
        state: &JobState,
        nominal: Nominal,
        now: Now,
        batch: &mut FireBatch,
    ) {
        let Some(schedule) = self.schedule(ledger, state) else { return };
        let slots = Slots::new(&schedule, state.runtime.anchor, &state.job);
        let (verdicts, upcoming) = judge(&slots, nominal, now.wall, ledger.settings());
        let mut fires = Vec::new();
        for (at, verdict) in verdicts.iter().enumerate() {
            let next = verdicts.get(at + 1).map(|verdict| verdict.first()).or(upcoming);
            let (nominal, decision) = match *verdict {
                Verdict::Missed { first, last, count } => {
                    let (reason, detail) = (SkipReason::Missed, String::new());
                    (first, Decision::Skip { last, count, reason, detail })
                }
                Verdict::Run(nominal) if self.may_be_over(ledger, &state.job, nominal, now) => {
                    self.waiting = true;
                    break;
                }
                Verdict::Run(nominal) => match self.choose(ledger, &state.job, nominal, now.mono) {
                    Choice::Places(places) => (nominal, Decision::Run(places)),
                    Choice::Nobody => (nominal, nobody(nominal, &state.job)),
                    Choice::Wait => {
                        self.waiting = true;
                        break;
                    }
                },
            };
            let (job_no, version) = (state.job_no, state.runtime.version);
            let trigger = Trigger::Schedule;
            let fire = Fire { job_no, version, trigger, nominal, next, decision };
            self.give(&fire.decision);
            fires.push(fire);
        }
        if !fires.is_empty() {
            self.firing.insert(state.job_no);
            batch.jobs.push((state.job_no, state.job.name.clone()));
            fires.into_iter().for_each(|fire| batch.push(fire));
        }
    }

    fn fire_children(
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
            let Some(decision) = self.decide_child(ledger, &state.job, nominal, now) else {
                self.waiting = true;
                continue;
            };
            let (version, trigger) = (state.runtime.version, Trigger::Child(parent));
            self.give(&decision);
            self.triggering.insert((parent, child));
            batch.children.push((parent, child));
            batch.push(Fire { job_no: child, version, trigger, nominal, next: None, decision });
            if batch.is_full() {
                self.propose_fires(core::mem::take(batch), now, out);
            }
        }
    }

    fn decide_child(
        &self,
        ledger: &Ledger,
        job: &Job,
        nominal: Nominal,
        now: Now,
    ) -> Option<Decision> {
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
        match self.choose(ledger, job, nominal, now.mono) {
            Choice::Places(places) => Some(Decision::Run(places)),
            Choice::Nobody => Some(nobody(nominal, job)),
            Choice::Wait if now.wall.since(nominal.0) > ledger.settings().start_deadline => {
                skip(SkipReason::NoCapacity, String::new())
            }
            Choice::Wait => None,
        }
    }

    fn fire_retries(
        &mut self,
        ledger: &Ledger,
        now: Now,
        batch: &mut FireBatch,
        out: &mut Vec<Action>,
    ) {
        for (at, group, failed) in ledger.retries().take_while(|(at, ..)| *at <= now.wall) {
            if self.retrying.contains(&failed) {
                continue;
            }
            let Some(live) = ledger.group(group) else { continue };
            let Some(job) = ledger.definition(live.job_no, live.version).cloned() else { continue };
            let slot = live.slots.iter().find(|slot| slot.seq == failed);
            let Some(slot) = slot else { continue };
            let late = now.wall.since(at) > ledger.settings().start_deadline;
            let place = self.choose_again(ledger, &job, &slot.target.node, now.mono);
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
            batch.retries.push(failed);
            let (job_no, version, nominal) = (live.job_no, live.version, live.nominal);
            let trigger = Trigger::Retry { group, failed };
            batch.push(Fire { job_no, version, trigger, nominal, next: None, decision });
            if batch.is_full() {
                self.propose_fires(core::mem::take(batch), now, out);
            }
        }
    }

    /// Counts places that are about to be taken.
    pub(super) fn give(&mut self, decision: &Decision) {
        if let Decision::Run(places) = decision {
            for place in places {
                *self.given.entry(place.target.node.clone()).or_insert(0) += 1;
            }
        }
    }

    fn propose_fires(&mut self, mut batch: FireBatch, now: Now, out: &mut Vec<Action>) {
        if batch.fires.is_empty() {
            return;
        }
        let command = Command::Fire(core::mem::take(&mut batch.fires));
        self.propose(Proposal::Fires(batch), command, now, out);
    }

    /// The parsed schedule of a stored job; kept for the next fire.
    pub(super) fn schedule(
        &mut self,
        ledger: &Ledger,
        state: &JobState,
    ) -> Option<Arc<crate::schedule::Schedule>> {
        let zone = self.local_zone(ledger);
        self.schedules.get(state, &zone)
    }
}

fn nobody(nominal: Nominal, job: &Job) -> Decision {
    let reason = SkipReason::NoEligibleNode;
    let detail = if job.tags.is_empty() {
        String::from("no member is alive")
    } else {
        format!("no member matches tags {:?}", job.tags)
    };
    Decision::Skip { last: nominal, count: 1, reason, detail }
}
