//! One run in the runner's table: about to start, going, or ended and waiting to be forgotten.

use bytes::Bytes;

use crate::output::Spool;

use super::going::{Going, Limits, Tools};
use super::poll::{MILLISECOND, Nanos};
use super::protocol::{Exit, FromRunner, HeldRun, PieceSent, Start};

/// A tail of up to this travels with the end of the run.
const TAIL_BYTES: usize = 64 << 10;
/// Bytes of one piece.
const PIECE_BYTES: u64 = 256 << 10;
/// Between two notices that an output has grown.
const GREW_EVERY: Nanos = 100 * MILLISECOND;

/// See the module.
pub struct Run {
    pub seq: u64,
    pub note: Bytes,
    pub limits: Limits,
    pub spool: Spool,
    pub stage: Stage,
    /// Asked to end before it was started, with this grace.
    pub asked: Option<Nanos>,
    /// The alarm that stands in the runner's list.
    pub alarm: Option<Nanos>,
    pub said: Said,
    followed: Option<Followed>,
}

pub enum Stage {
    Starting,
    Going(Box<Going>),
    Ended(Box<Exit>),
}

/// What the agent was told.
#[derive(Default, Clone, Copy)]
pub struct Said {
    pub started: bool,
    pub ended: bool,
    /// It stands in the list of runs with something to say.
    pub queued: bool,
}

struct Followed {
    told: u64,
    next: Nanos,
}

impl Run {
    /// `directory` is where a large output goes.
    pub fn new(start: &mut Start, directory: Option<std::sync::Arc<std::path::Path>>) -> Self {
        let limit = usize::try_from(start.output_limit).unwrap_or(usize::MAX);
        let limit = limit.clamp(1, crate::output::LIMIT_MAX);
        Self {
            seq: start.seq,
            note: std::mem::take(&mut start.note),
            limits: Limits::of(start),
            spool: Spool::new(limit, directory),
            stage: Stage::Starting,
            asked: None,
            alarm: None,
            said: Said::default(),
            followed: None,
        }
    }

    /// Whether it has not ended yet.
    pub fn goes_on(&self) -> bool {
        !matches!(self.stage, Stage::Ended(_))
    }

    /// After everything that happened to it: true if it ended by that.
    pub fn settle(&mut self, now: Nanos, tools: &mut Tools) -> bool {
        let Stage::Going(going) = &mut self.stage else { return false };
        if !going.is_over(now, tools) {
            return false;
        }
        let Stage::Going(going) = std::mem::replace(&mut self.stage, Stage::Starting) else {
            return false;
        };
        let exit = going.exit(super::serve::wall(), &self.spool);
        self.stage = Stage::Ended(Box::new(exit));
        true
    }

    /// When it wants to be looked at.
    pub fn next_alarm(&self) -> Option<Nanos> {
        let going = match &self.stage {
            Stage::Going(going) => going.next_alarm(),
            Stage::Starting | Stage::Ended(_) => None,
        };
        let news = self.followed.as_ref().filter(|followed| followed.told < self.spool.total());
        going.into_iter().chain(news.map(|followed| followed.next)).min()
    }

    pub fn follow(&mut self, on: bool, now: Nanos) {
        // What is there already is news to somebody who has just come.
        self.followed = on.then_some(Followed { told: 0, next: now });
    }

    /// The notice that it has grown, if it is time for one.
    pub fn news(&mut self, now: Nanos) -> Option<FromRunner> {
        let (seq, total) = (self.seq, self.spool.total());
        let followed = self.followed.as_mut()?;
        let due = followed.told < total && followed.next <= now;
        due.then(|| {
            *followed = Followed { told: total, next: now + GREW_EVERY };
            FromRunner::Grew { seq, total }
        })
    }

    /// The next thing that the agent has not been told.
    pub fn tell(&mut self) -> Option<FromRunner> {
        let seq = self.seq;
        match &self.stage {
            Stage::Going(going) if !self.said.started => {
                self.said.started = true;
                Some(FromRunner::Started { seq, process: going.process })
            }
            Stage::Ended(exit) if !self.said.ended => {
                self.said.ended = true;
                let tail = if self.spool.len() <= TAIL_BYTES {
                    self.spool.read(0, TAIL_BYTES).ok().map(|(_, bytes)| Bytes::from(bytes))
                } else {
                    None
                };
                Some(FromRunner::Ended { seq, exit: (**exit).clone(), tail })
            }
            _ => None,
        }
    }

    pub fn piece(&self, from: u64, max: u64) -> Option<PieceSent> {
        let max = usize::try_from(max.min(PIECE_BYTES)).unwrap_or(usize::MAX);
        let (start, bytes) = self.spool.read(from, max).ok()?;
        let done = matches!(self.stage, Stage::Ended(_));
        Some(PieceSent { start, total: self.spool.total(), done, bytes: Bytes::from(bytes) })
    }

    pub fn held(&self) -> HeldRun {
        let (process, exit) = match &self.stage {
            Stage::Starting => (None, None),
            Stage::Going(going) => (Some(going.process), None),
            Stage::Ended(exit) => (exit.process, Some((**exit).clone())),
        };
        let (note, written) = (self.note.clone(), self.spool.total());
        HeldRun { seq: self.seq, process, note, exit, written }
    }
}
