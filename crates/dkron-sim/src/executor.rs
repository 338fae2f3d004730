//! Fake executions: they take a while, write something, and end well, badly or only when killed.

use core::time::Duration;
use std::collections::BTreeMap;
use std::sync::Arc;

use dkron_core::domain::{EndReason, Finish, Output, Seq, State, Timestamp};
use dkron_core::worker::{Process, Run};

use crate::dice::Dice;

#[derive(Clone, Debug)]
pub struct Running {
    pub state: State,
    pub started_at: Option<Timestamp>,
    /// None = only when somebody ends it.
    pub ends_after: Option<Duration>,
    pub process: Option<Process>,
}

#[derive(Debug, Default)]
pub struct Executor {
    pub running: BTreeMap<Seq, Running>,
    groups: u32,
}

impl Executor {
    pub fn start(&mut self, run: &Run, dice: &mut Dice, calm: bool) -> Running {
        let ends_after = match dice.below(100) {
            _ if calm => Some(dice.millis(5, 1_000)),
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
        let process = dice.percent(50).then(|| {
            self.groups += 1;
            Process { group: self.groups, start_time: 1 }
        });
        let running = Running { state, started_at: None, ends_after, process };
        self.running.insert(run.seq, running.clone());
        running
    }

    /// An execution is over; what its node says about it.
    pub fn end(&mut self, seq: Seq, killed: bool, wall: Timestamp) -> Option<Finish> {
        let running = self.running.remove(&seq)?;
        let state = if killed { State::Cancelled } else { running.state };
        let text: Arc<[u8]> = Arc::from(format!("{seq}").into_bytes());
        Some(Finish {
            state,
            reason: EndReason::None,
            started_at: running.started_at,
            finished_at: wall,
            exit_code: Some(i32::from(state != State::Success)),
            output: Output::Inline(text),
            dropped: 0,
            head: 0,
        })
    }

    /// The node died and took them along.
    pub fn crash(&mut self) -> Vec<Seq> {
        std::mem::take(&mut self.running).into_keys().collect()
    }
}
