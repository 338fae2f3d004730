//! The judge outside of the world: a replica that never crashes, and all invariants.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use dkron_core::conductor::{Answer, Refusal, Request, RosterMember, Ticket};
use dkron_core::domain::{JobName, NodeName, Now, RequestId, Seq, SkipReason, Timestamp};
use dkron_core::ledger::{Command, Decision, Entry, Fire, Ledger, Row, RowKey, Trigger};
use dkron_core::worker::Run;

use crate::disk::store;
use crate::invariants::answers::Answers;
use crate::invariants::attempts::Attempts;
use crate::invariants::chains::Chains;
use crate::invariants::counters::Counters;
use crate::invariants::coverage::Coverage;
use crate::invariants::history::History;
use crate::invariants::late::Late;
use crate::invariants::overlap::Overlap;
use crate::invariants::pauses::Pauses;
use crate::invariants::places::Places;
use crate::invariants::replicas::Replicas;
use crate::invariants::rollups::Rollups;
use crate::invariants::slots::Slots;
use crate::invariants::starts::Starts;
use crate::invariants::truth::Truth;
use crate::invariants::turns::Turns;
use crate::invariants::{Check, Commit, graph, require};
use crate::log;
use crate::machine::Brain;
use crate::sabotage::Sabotage;
use crate::workload::matches;

/// After a forward step of the wall clock no slot is decided for this long.
const HOLD: Duration = Duration::from_secs(10);

#[derive(Debug, Default)]
pub struct Oracle {
    pub ledger: Ledger,
    pub rows: BTreeMap<RowKey, Row>,
    pub answers: Answers,
    pub replicas: Replicas,
    slots: Slots,
    places: Places,
    pauses: Pauses,
    overlap: Overlap,
    pub starts: Starts,
    history: History,
    counters: Counters,
    rollups: Rollups,
    attempts: Attempts,
    chains: Chains,
    pub truth: Truth,
    turns: Turns,
    late: Late,
    pub coverage: Coverage,
    /// Executions whose output was to be processed.
    processed: BTreeSet<Seq>,
}

impl Oracle {
    /// An entry is in the log for ever.
    pub fn committed(&mut self, entry: &Entry, sabotage: Sabotage) -> Check {
        let mut outcome = self.ledger.apply(entry.clone());
        if sabotage == Sabotage::LateCounts {
            self.late.count_again(&mut outcome);
        }
        let commit = Commit { entry, outcome: &outcome, ledger: &self.ledger };
        self.coverage.committed(commit);
        self.replicas.committed(commit)?;
        self.history.committed(commit)?;
        self.starts.committed(commit)?;
        self.slots.committed(commit)?;
        self.places.committed(commit)?;
        self.pauses.committed(commit)?;
        self.counters.committed(commit)?;
        self.rollups.committed(commit);
        self.attempts.committed(commit)?;
        self.chains.committed(commit)?;
        self.truth.committed(commit, &self.overlap)?;
        self.overlap.committed(commit);
        self.late.committed(commit, &self.truth)?;
        self.turns.committed(commit)?;
        self.answers.committed(commit)?;
        graph::check(&self.ledger)?;
        self.processed.extend(self.ledger.processing().map(|held| held.record.seq));
        store(&mut self.rows, outcome.rows);
        Ok(())
    }

    /// A conductor wants an entry.
    pub fn proposed(
        &mut self,
        ticket: Ticket,
        command: &Command,
        now: Now,
        brain: &Brain,
    ) -> Check {
        let Command::Fire(fires) = command.inner() else { return Ok(()) };
        self.judged_by(log::request(brain.life, ticket), fires, &brain.ledger, &brain.known)?;
        let scheduled = fires.iter().any(|fire| fire.trigger == Trigger::Schedule);
        let held = brain.stepped_at.filter(|at| now.mono < *at + HOLD);
        require(!(scheduled && held.is_some()), "clock", || {
            format!("slots decided {:?} after a forward step", held.map(|at| now.mono - at))
        })?;
        if scheduled {
            brain.clocks.may_decide(now.mono)?;
        }
        fires.iter().try_for_each(|fire| somebody(fire, brain))
    }

    /// What the leader of a proposal knew when it made it.
    pub fn judged_by(
        &mut self,
        id: RequestId,
        fires: &[Fire],
        ledger: &Ledger,
        members: &BTreeMap<NodeName, RosterMember>,
    ) -> Check {
        self.slots.proposed(id, ledger.settings());
        self.places.proposed(id, fires, members);
        fires.iter().try_for_each(|fire| not_drained(fire, ledger))
    }

    pub fn asked(&mut self, life: u64, ticket: Ticket, request: &Request) {
        self.answers.asked(life, ticket, request);
    }

    pub fn answered(
        &mut self,
        life: u64,
        ticket: Ticket,
        answer: &Result<Answer, Refusal>,
    ) -> Check {
        self.answers.answered(life, ticket, answer)
    }

    pub fn started(&mut self, run: &Run) -> Check {
        self.starts.started(run)?;
        self.truth.started(run);
        self.overlap.started(run, self.attempts.root(run.seq))
    }

    pub fn ended(&mut self, seq: Seq) {
        self.overlap.ended(seq);
    }

    /// Executions that are live or wait for a further attempt, with their jobs' names.
    pub fn live(&self) -> Vec<(JobName, Seq)> {
        let slots = self.ledger.groups().flat_map(|group| {
            let job = self.ledger.definition(group.job_no, group.version);
            let name = job.map(|job| job.name.clone()).unwrap_or_default();
            group.slots.iter().map(move |slot| (name.clone(), slot.seq))
        });
        slots.collect()
    }

    /// Everything due is decided, while jobs go on.
    pub fn on_time(&self, wall: Timestamp) -> Check {
        self.slots.settled(wall)
    }

    /// Nothing goes on any more.
    pub fn settled(&self) -> Check {
        self.replicas.settled()?;
        self.answers.settled()?;
        self.attempts.settled(&self.ledger)?;
        self.chains.settled()?;
        self.turns.settled(&self.ledger)?;
        self.history.settled(&self.ledger, &self.rows)?;
        self.rollups.settled(&self.ledger, &self.rows)?;
        self.late.settled(&self.rows, &self.truth)?;
        for row in self.rows.values() {
            if let Row::History { record, .. } = row {
                self.truth.output(record, self.processed.contains(&record.seq))?;
            }
        }
        self.replicas.rows(&self.ledger, &self.rows)
    }
}

/// Nothing goes to a node that is to be empty.
fn not_drained(fire: &Fire, ledger: &Ledger) -> Check {
    let Decision::Run(places) = &fire.decision else { return Ok(()) };
    let drained = places.iter().find(|place| ledger.is_drained(&place.target.node));
    require(drained.is_none(), "drained", || format!("{fire:?} goes to a drained node"))
}

/// A slot is given up for want of a node only if no living member is meant by the job.
fn somebody(fire: &Fire, brain: &Brain) -> Check {
    let Decision::Skip { reason: SkipReason::NoEligibleNode, .. } = &fire.decision else {
        return Ok(());
    };
    let Some(state) = brain.ledger.job_no(fire.job_no) else { return Ok(()) };
    let there = |name: &NodeName| !brain.ledger.is_drained(name);
    let mut alive = brain.known.iter().filter(|(name, member)| member.alive && there(name));
    let by_hand = match fire.trigger {
        Trigger::Queued(no) => {
            let queued = brain.ledger.queued(fire.job_no, no);
            queued.and_then(|queued| queued.cause.by_hand())
        }
        _ => None,
    };
    let wanted = by_hand.and_then(|by_hand| by_hand.tags.as_ref()).unwrap_or(&state.job.tags);
    let meant = alive.find(|(_, member)| matches(wanted, &member.tags));
    require(meant.is_none(), "I1", || {
        format!("{}: no node for slot {:?}, but {meant:?}", state.job.name, fire.nominal)
    })
}
