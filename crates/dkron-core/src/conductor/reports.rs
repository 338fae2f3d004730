//! News from nodes: starts and ends travel into the log together, a few milliseconds' worth at a
//! time; lost executions are ended here.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::time::Duration;

use super::Conductor;
use super::action::Action;
use super::proposals::Proposal;
use super::recall::is_too_late;
use crate::domain::{EndReason, Finish, NodeName, Now, Seq, State, Timestamp, limits};
use crate::ledger::{Command, End, Ledger, LiveGroup, Phase, Report, Slot};
use crate::worker::{Known, News, Order, Run, Statement};

/// A start enters the log only for runs that still go on after this.
const LONG: Duration = Duration::from_secs(1);
/// Reports on their way at a time; more news waits and travels with the next.
const REPORTS: usize = 2;

impl Conductor {
    pub(super) fn news(
        &mut self,
        ledger: &Ledger,
        now: Now,
        node: NodeName,
        news: News,
        out: &mut Vec<Action>,
    ) {
        match news {
            News::Started { seq, at } => self.started(seq, at, now),
            News::Finished { seq, finish } => {
                self.finished(ledger, now, node, seq, *finish, out);
            }
            News::Hello(_) | News::Stated(_) | News::StatedAll | News::Beat { .. } => {}
        }
    }

    fn started(&mut self, seq: Seq, at: Timestamp, now: Now) {
        self.starts.push_back((now.mono + LONG, seq, at));
    }

    pub(super) fn finished(
        &mut self,
        ledger: &Ledger,
        now: Now,
        node: NodeName,
        seq: Seq,
        mut finish: Finish,
        out: &mut Vec<Action>,
    ) {
        if !finish.state.is_terminal() {
            // The log takes ends only; a node that ends a run without saying how did not succeed.
            finish.state = State::Failed;
        }
        if let Some(overtaken) = self.losing.get_mut(&seq) {
            // Given up, and that is on its way, perhaps once more: its result comes behind it.
            *overtaken = Some((node, finish));
            return;
        }
        let Some((live, slot)) = ledger.live(seq) else {
            if seq > ledger.last_seq() {
                // Of a leadership after this one, which does not know yet that it is over.
                return;
            }
            if ledger.is_lost(seq) {
                let end = End { seq, finish, retry_at: now.wall };
                return self.end(end, node);
            }
            // Ended before, by this result or too long ago: the node may forget it.
            let tenure = self.tenure.unwrap_or_default();
            self.sessions.send(tenure, &node, Order::EndCommitted(seq), out);
            self.sessions.send(tenure, &node, Order::OutputStored(seq), out);
            return;
        };
        let retry_at = retry_at(ledger, live, slot, now);
        self.end(End { seq, finish, retry_at }, node);
    }

    /// Takes up the end of an execution, once.
    pub(super) fn end(&mut self, end: End, node: NodeName) {
        if self.ending.insert(end.seq) {
            self.ends.push((end, node));
        }
    }

    /// Sends what waits, unless enough is on its way already.
    pub(super) fn report(&mut self, ledger: &Ledger, now: Now, out: &mut Vec<Action>) {
        let mut starts = Vec::new();
        while let Some((due, seq, at)) = self.starts.front().copied() {
            if due > now.mono || starts.len() >= limits::REPORT_ENDS {
                break;
            }
            self.starts.pop_front();
            let pending = ledger.live(seq).is_some_and(|(_, slot)| slot.phase == Phase::Pending);
            if pending && !self.ending.contains(&seq) {
                starts.push((seq, at));
            }
        }
        while self.may_report() && !(self.ends.is_empty() && starts.is_empty()) {
            let many = self.ends.len().min(limits::REPORT_ENDS);
            let ends: Vec<(End, NodeName)> = self.ends.drain(..many).collect();
            let starts = core::mem::take(&mut starts);
            let report = Report {
                starts: starts.clone(),
                ends: ends.iter().map(|(end, _)| end.clone()).collect(),
            };
            self.reports += 1;
            self.propose(Proposal::Report { starts, ends }, Command::Report(report), now, out);
        }
        let late = now.mono;
        let again = starts.into_iter().map(|(seq, at)| (late, seq, at));
        again.rev().for_each(|start| self.starts.push_front(start));
    }

    pub(super) fn may_report(&self) -> bool {
        self.reports < REPORTS
    }

    /// Sends an execution to its node, if that has a session.
    pub(super) fn dispatch(&mut self, ledger: &Ledger, now: Now, seq: Seq, out: &mut Vec<Action>) {
        let Some((live, slot)) = ledger.live(seq) else { return };
        if slot.cancel.is_some() {
            // Its node does not have it, and shall not get it any more.
            return self.end_cancelled(ledger, now, seq);
        }
        let open = self.sessions.get(&slot.target.node).is_some_and(|node| node.open);
        if !open || slot.phase != Phase::Pending || self.ending.contains(&seq) {
            return;
        }
        if is_too_late(ledger, live, slot, now) {
            return self.recall(ledger, now, seq, out);
        }
        let Some(run) = run(ledger, live, slot) else { return };
        let tenure = self.tenure.unwrap_or_default();
        self.sessions.sent.insert(seq);
        self.sessions.send(tenure, &slot.target.node, Order::Run(Box::new(run)), out);
    }

    /// A session opened: what the ledger believes and what the node knows are brought together.
    pub(super) fn reconcile(
        &mut self,
        ledger: &Ledger,
        now: Now,
        node: &NodeName,
        out: &mut Vec<Action>,
    ) {
        let Some(session) = self.sessions.get(node) else { return };
        let (boot_id, journal_id) = (session.boot_id, session.journal_id);
        let stated = session.stated.clone();
        // What it has to end goes out before what it is to begin.
        let statements = stated.iter().map(|(seq, known)| Statement { seq: *seq, known: *known });
        self.statements(ledger, now, node, statements.collect(), out);
        let live: Vec<Seq> = ledger.live_on(node.as_str()).collect();
        for seq in live.iter().copied().filter(|seq| !stated.contains_key(seq)) {
            let Some((_, slot)) = ledger.live(seq) else { continue };
            let remembers = slot.target.boot_id == boot_id && slot.target.journal_id == journal_id;
            let unsent = Some(slot.tenure) == self.tenure && !self.sessions.sent.contains(&seq);
            // What it does not know was never accepted, if its memory is that of the fire.
            if slot.phase == Phase::Pending && (remembers || unsent) {
                self.dispatch(ledger, now, seq, out);
            } else {
                self.lose(ledger, node, seq, EndReason::Forgotten, now);
            }
        }
    }

    /// Single statements, at the opening of a session or later.
    pub(super) fn statements(
        &mut self,
        ledger: &Ledger,
        now: Now,
        node: &NodeName,
        page: Vec<Statement>,
        out: &mut Vec<Action>,
    ) {
        let tenure = self.tenure.unwrap_or_default();
        for Statement { seq, known } in page {
            let live = ledger.live(seq).is_some_and(|(_, slot)| slot.target.node == *node);
            match known {
                // As with results: not for this leadership to judge.
                _ if seq > ledger.last_seq() => {}
                Known::Gone if live => self.lose(ledger, node, seq, EndReason::Gone, now),
                Known::Gone => self.sessions.send(tenure, node, Order::EndCommitted(seq), out),
                Known::Running { started_at } if live => {
                    started_at.into_iter().for_each(|at| self.started(seq, at, now));
                    self.cancel_run(ledger, now, seq, out);
                }
                // Given up: whether that is its end is for its node to know.
                Known::Running { .. } => {
                    self.sessions.send(tenure, node, Order::Kill(seq), out);
                }
                Known::Finished => {}
            }
        }
    }

    /// Nobody can know what became of it.
    pub(super) fn lose(
        &mut self,
        ledger: &Ledger,
        node: &NodeName,
        seq: Seq,
        reason: EndReason,
        now: Now,
    ) {
        let Some((live, slot)) = ledger.live(seq) else { return };
        let started_at = match slot.phase {
            Phase::Running { started_at } => Some(started_at),
            _ => None,
        };
        let (state, finished_at) = (State::Lost, now.wall);
        let finish = Finish { state, reason, started_at, finished_at, ..Finish::default() };
        if !self.ending.contains(&seq) {
            self.losing.insert(seq, None);
        }
        self.end(End { seq, finish, retry_at: retry_at(ledger, live, slot, now) }, node.clone());
    }
}

fn run(ledger: &Ledger, live: &LiveGroup, slot: &Slot) -> Option<Run> {
    let job = live.cause.job(ledger.definition(live.job_no, live.version)?);
    let output_limit = job.policy().output_limit.unwrap_or(ledger.settings().output_limit);
    Some(Run {
        seq: slot.seq,
        node: slot.target.node.clone(),
        job_no: live.job_no,
        version: live.version,
        job,
        group: live.group,
        attempt: slot.attempt,
        cause: live.cause.clone(),
        nominal: live.nominal,
        fence: slot.tenure,
        output_limit,
    })
}

/// When the attempt after this one is due, should there be one.
pub(super) fn retry_at(ledger: &Ledger, live: &LiveGroup, slot: &Slot, now: Now) -> Timestamp {
    let job = ledger.definition(live.job_no, live.version);
    let pause = job.map_or(Duration::ZERO, |job| job.policy().retry.pause(slot.attempt, slot.seq));
    now.wall.after(pause)
}
