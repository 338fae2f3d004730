//! Due slots become `Fire` entries: those on time first, then what is caught up.

use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;

use super::Conductor;
use super::action::Action;
use super::due::Look;
use super::fire_batch::FireBatch;
use super::lateness::{Lateness, Slots, Verdict, start_deadline};
use super::pauses;
use super::placement::Choice;
use super::proposals::Proposal;
use super::tags::Whom;
use crate::domain::{JobNo, Nominal, Now, SkipReason, Timestamp};
use crate::ledger::{Command, Decision, Fire, JobState, Ledger, Trigger};

/// Entries with slots that are caught up on their way at a time, beside the one that is being
/// filled: they must not stand in the way of those that are on time.
const LATE_ENTRIES: usize = 4;

/// A look at jobs that are due.
struct Walk {
    look: Look,
    /// Due instants.
    from: Timestamp,
    until: Timestamp,
    /// Slots due before this are caught up: their starts are spread.
    on_time: Timestamp,
}

impl Conductor {
    /// Decides everything that is due, as far as it can be decided now.
    pub(super) fn fire_due(&mut self, ledger: &Ledger, now: Now, out: &mut Vec<Action>) {
        self.waiting = false;
        if self.is_held(now) {
            return;
        }
        let look = self.due.take_up(ledger, now, &self.firing);
        let on_time = now.wall.before(ledger.settings().misfire_threshold);
        let mut walk = Walk { look, from: on_time, until: now.wall, on_time };
        if let Look::New(since) = look {
            walk.from = since.max(on_time);
            self.waiting = true;
        }
        let mut batch = FireBatch::default();
        let mut in_vain = self.fire_slots(ledger, &walk, now, &mut batch, out);
        self.fire_children(ledger, now, &mut batch, out);
        self.fire_retries(ledger, now, &mut batch, out);
        self.propose_fires(&mut batch, now, out);
        self.fire_queued(ledger, now, out);
        if !matches!(look, Look::New(_)) {
            walk.from = Timestamp::from_secs(i64::MIN);
            walk.until = on_time.before(core::time::Duration::from_nanos(1));
            let mut batch = FireBatch::of_late();
            in_vain += self.fire_slots(ledger, &walk, now, &mut batch, out);
            self.propose_fires(&mut batch, now, out);
            self.due.tried_in_vain(now, in_vain);
        }
    }

    /// Decides jobs of one stretch of due instants, earliest first; returns how many had to wait.
    fn fire_slots(
        &mut self,
        ledger: &Ledger,
        walk: &Walk,
        now: Now,
        batch: &mut FireBatch,
        out: &mut Vec<Action>,
    ) -> usize {
        let mut in_vain = 0;
        let mut full = self.is_full(ledger, now.mono);
        let mut at = (walk.from, JobNo(0));
        while let Some((due, job_no)) = self.due.first(at, walk.until) {
            at = (due, JobNo(job_no.0 + 1));
            let state = ledger.job_no(job_no).filter(|state| state.due() == Some(due));
            let Some(state) = state.filter(|_| !self.firing.contains(&job_no)) else {
                self.due.remove(due, job_no);
                continue;
            };
            if self.writes.contains_key(&state.job.name) {
                in_vain += 1;
                continue;
            }
            if batch.late && self.late_entries >= LATE_ENTRIES {
                self.waiting = true;
                break;
            }
            // What is only skipped needs no room.
            let open = now.wall.since(due) <= start_deadline(&state.job, ledger.settings())
                && ledger.stopped(&state.job, due).is_none();
            let no_room = full || (due < walk.on_time && !self.may_catch_up(ledger, now));
            if open && full {
                self.pressure.found_no_room();
            }
            if open && no_room && walk.look != Look::Sweep {
                self.waiting = true;
                break;
            }
            let fires = if open && no_room {
                self.waiting = true;
                Vec::new()
            } else {
                self.decide(ledger, state, now, Some(walk.on_time))
            };
            if fires.is_empty() {
                in_vain += 1;
                full = self.is_full(ledger, now.mono);
            } else {
                self.due.remove(due, job_no);
                self.fire_all(state, fires, now, batch, out);
            }
        }
        in_vain
    }

    fn may_catch_up(&self, ledger: &Ledger, now: Now) -> bool {
        self.catch_up.has_room(now.mono, ledger.settings().catch_up_rate)
    }

    /// Decides the due slots of one job, e.g. before it changes; false if they must wait.
    pub(super) fn fire_job(
        &mut self,
        ledger: &Ledger,
        job_no: JobNo,
        now: Now,
        out: &mut Vec<Action>,
    ) -> bool {
        let Some(state) = ledger.job_no(job_no) else { return false };
        let due = state.due().is_some_and(|due| due <= now.wall);
        if !due || self.is_held(now) {
            return false;
        }
        // Lateness is judged by settings that the cluster agreed on, not by their defaults.
        if !ledger.is_settled() {
            return false;
        }
        let fires = self.decide(ledger, state, now, None);
        let fired = !fires.is_empty();
        let mut batch = FireBatch::default();
        self.fire_all(state, fires, now, &mut batch, out);
        self.propose_fires(&mut batch, now, out);
        fired
    }

    /// The decisions about a job's due slots, as far as they can be made. Runs of slots due before
    /// `on_time` take room to catch up, if that is given.
    fn decide(
        &mut self,
        ledger: &Ledger,
        state: &JobState,
        now: Now,
        on_time: Option<Timestamp>,
    ) -> Vec<Fire> {
        let mut fires = Vec::new();
        let Some(next) = state.runtime.next else { return fires };
        let Some(schedule) = self.schedule(ledger, state) else { return fires };
        let slots = Slots::new(&schedule, state.runtime.anchor, &state.job);
        if let Some(fire) = pauses::slots(ledger, state, &slots, next, now.wall) {
            fires.push(fire);
            return fires;
        }
        let lateness = Lateness::of(state, ledger.settings());
        let (verdicts, upcoming) = lateness.judge(&slots, next, now.wall);
        let rate = ledger.settings().catch_up_rate;
        for (at, verdict) in verdicts.iter().enumerate() {
            let next = verdicts.get(at + 1).map(|verdict| verdict.first()).or(upcoming);
            let (nominal, decision) = match *verdict {
                Verdict::Missed { first, last, count } => {
                    let (reason, detail) = (SkipReason::Missed, String::new());
                    (first, Decision::Skip { last, count, reason, detail })
                }
                Verdict::Run(nominal) => {
                    let due = state.jitter().due(nominal);
                    let late = on_time.is_some_and(|on_time| due < on_time);
                    if late && !self.catch_up.has_room(now.mono, rate) {
                        self.waiting = true;
                        break;
                    }
                    let Some(decision) = self.decide_slot(ledger, state, nominal, now) else {
                        self.waiting = true;
                        break;
                    };
                    if late && matches!(decision, Decision::Run(_)) {
                        self.catch_up.take(now.mono, rate);
                    }
                    (nominal, decision)
                }
            };
            let (job_no, version) = (state.job_no, state.runtime.version);
            let trigger = Trigger::Schedule;
            self.give(&decision);
            fires.push(Fire { job_no, version, trigger, nominal, next, decision });
        }
        fires
    }

    /// What becomes of a slot that is to run; `None` = it waits.
    fn decide_slot(
        &self,
        ledger: &Ledger,
        state: &JobState,
        nominal: Nominal,
        now: Now,
    ) -> Option<Decision> {
        if self.may_be_over(ledger, state, nominal, now) {
            return None;
        }
        match self.choose_or_queue(ledger, state, None, nominal, now.mono) {
            Choice::Places(places) => Some(Decision::Run(places)),
            Choice::Nobody => Some(self.nobody(ledger, nominal, Whom::from(&*state.job))),
            Choice::Wait => None,
        }
    }

    /// Puts the decisions about one job into entries, in their order.
    fn fire_all(
        &mut self,
        state: &JobState,
        fires: Vec<Fire>,
        now: Now,
        batch: &mut FireBatch,
        out: &mut Vec<Action>,
    ) {
        if fires.is_empty() {
            return;
        }
        self.firing.insert(state.job_no);
        for fire in fires {
            self.fire(fire, now, batch, out);
        }
        // In flight until the fate of the last is known.
        batch.jobs.push((state.job_no, state.job.name.clone()));
    }

    /// Puts a decision into the batch; one that is full goes first.
    pub(super) fn fire(
        &mut self,
        fire: Fire,
        now: Now,
        batch: &mut FireBatch,
        out: &mut Vec<Action>,
    ) {
        if !batch.has_room(&fire) {
            self.propose_fires(batch, now, out);
        }
        batch.push(fire);
    }

    /// Counts places that are about to be taken.
    pub(super) fn give(&mut self, decision: &Decision) {
        if let Decision::Run(places) = decision {
            for place in places {
                *self.given.entry(place.target.node.clone()).or_insert(0) += 1;
            }
        }
    }

    /// Proposes what the batch holds, and leaves it empty.
    fn propose_fires(&mut self, batch: &mut FireBatch, now: Now, out: &mut Vec<Action>) {
        let mut batch = batch.take();
        if batch.fires.is_empty() {
            return;
        }
        self.late_entries += usize::from(batch.late);
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

#[cfg(test)]
#[path = "fires_tests.rs"]
mod tests;
