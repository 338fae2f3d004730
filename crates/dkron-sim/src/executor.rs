//! A node's runner and its fake executions: they take a while, write something, and end well, badly
//! or only when killed. Those with a process of their own may outlive the agent, and the runner
//! ends what must end with the lease.

use core::time::Duration;
use std::collections::BTreeMap;
use std::sync::Arc;

use dkron_core::domain::{EndReason, Finish, Output, Seq, State, Timestamp};
use dkron_core::worker::{Process, Run, Survivor, Terms, kept};

use crate::dice::Dice;
use crate::plan::Plan;

/// How long executions take.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Pace {
    /// Short, so that a world comes to rest.
    Brisk,
    Mixed,
    /// Many take longer than a node may be silent.
    Slow,
}

#[derive(Clone, Debug)]
pub struct Running {
    pub state: State,
    pub started_at: Timestamp,
    /// None = only when somebody ends it.
    pub ends_after: Option<Duration>,
    /// None = it is a part of the agent.
    pub process: Option<Process>,
    pub terms: Terms,
    /// Somebody wants its end.
    pub killed: bool,
}

#[derive(Debug, Default)]
pub struct Executor {
    pub running: BTreeMap<Seq, Running>,
    /// Ends that the agent has not written down yet.
    pub ended: BTreeMap<Seq, (Survivor, Finish)>,
    /// From when on the node's steady clock the lease runs, and how long silence may last.
    pub lease: Option<(Duration, Duration)>,
    groups: u32,
}

impl Executor {
    pub fn start(
        &mut self,
        run: &Run,
        at: Timestamp,
        dice: &mut Dice,
        plan: &Plan,
        pace: Pace,
    ) -> Running {
        let ends_after = match dice.below(100) {
            _ if pace == Pace::Brisk => Some(dice.millis(5, 1_000)),
            0..30 if pace == Pace::Slow => Some(dice.millis(20_000, 100_000)),
            0..60 => Some(dice.millis(1, 900)),
            60..85 => Some(dice.millis(900, 5_000)),
            85..95 => Some(dice.millis(5_000, 20_000)),
            _ => None,
        };
        let state = match dice.below(100) {
            0..60 => State::Success,
            60..95 => State::Failed,
            _ => State::TimedOut,
        };
        let process = dice.percent(plan.shell).then(|| {
            self.groups += 1;
            Process { group: self.groups, start_time: 1 }
        });
        let (started_at, terms, killed) = (at, Terms::of(run), false);
        let running = Running { state, started_at, ends_after, process, terms, killed };
        self.running.insert(run.seq, running.clone());
        running
    }

    pub fn is_exclusive(&self, seq: Seq) -> bool {
        self.running.get(&seq).is_some_and(|running| running.terms.exclusive)
    }

    /// An execution is over; its end waits until the agent fetches it.
    pub fn end(&mut self, seq: Seq, killed: bool, wall: Timestamp) -> bool {
        let Some(running) = self.running.remove(&seq) else { return false };
        let state = if killed { State::Cancelled } else { running.state };
        let text: Arc<[u8]> = Arc::from(format!("{seq}").into_bytes());
        let finish = Finish {
            state,
            reason: EndReason::None,
            started_at: Some(running.started_at),
            finished_at: wall,
            exit_code: Some(i32::from(state != State::Success)),
            output: Output::Inline(text),
            dropped: 0,
            head: 0,
        };
        let (started_at, process) = (running.started_at, running.process);
        self.ended.insert(seq, (Survivor { seq, started_at, process }, finish));
        true
    }

    /// Those that must end now, because nobody renewed the lease.
    pub fn overdue(&mut self, mono: Duration) -> Vec<Seq> {
        let Some((from, lost_after)) = self.lease else { return Vec::new() };
        let silent = mono.saturating_sub(from);
        let over = |running: &Running| {
            let own = running.terms.lost_after.unwrap_or(lost_after);
            running.terms.exclusive && !running.killed && silent >= kept(own)
        };
        let running = self.running.iter_mut().filter(|(_, running)| over(running));
        let over = running.map(|(seq, running)| {
            running.killed = true;
            *seq
        });
        over.collect()
    }

    /// What the runner still knows when an agent comes back.
    pub fn survivors(&self) -> Vec<Survivor> {
        let running = self.running.iter().map(|(seq, running)| Survivor {
            seq: *seq,
            started_at: running.started_at,
            process: running.process,
        });
        running.chain(self.ended.values().map(|(survivor, _)| *survivor)).collect()
    }

    /// The agent died, perhaps the runner too: what they took along.
    pub fn crash(&mut self, runner_too: bool) -> Vec<Seq> {
        let dies = |running: &Running| runner_too || running.process.is_none();
        let dead = self.running.extract_if(.., |_, running| dies(running));
        let dead = dead.map(|(seq, _)| seq).collect();
        self.ended.retain(|_, (survivor, _)| !runner_too && survivor.process.is_some());
        if runner_too {
            self.lease = None;
        }
        dead
    }
}
