//! One thing that happened, and its place.

use std::fmt;
use std::str::FromStr;

use dkron_core::domain::{
    ExecutionId, Group, JobName, LogIndex, NodeName, Nominal, Skipped, State, Tenure, Timestamp,
    Version,
};

/// Where an event stands: its entry of the log, and its number within that, from 1. Written
/// `4711:2`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Place {
    pub index: LogIndex,
    pub ordinal: u32,
}

impl Place {
    /// Behind all events of an entry.
    pub fn behind(index: LogIndex) -> Place {
        Place { index: LogIndex(index.0.saturating_add(1)), ordinal: 0 }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.index.0, self.ordinal)
    }
}

/// The text is no place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("it is no place, write an event's id such as 4711:2")]
pub struct NoPlace;

impl FromStr for Place {
    type Err = NoPlace;

    fn from_str(text: &str) -> Result<Place, NoPlace> {
        let (index, ordinal) = text.split_once(':').ok_or(NoPlace)?;
        let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        if !digits(index) || !digits(ordinal) {
            return Err(NoPlace);
        }
        let index = index.parse().map(LogIndex).map_err(|_| NoPlace)?;
        Ok(Place { index, ordinal: ordinal.parse().map_err(|_| NoPlace)? })
    }
}

/// An event in its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stamped {
    pub place: Place,
    /// The clock of who proposed the entry.
    pub at: Timestamp,
    /// The job that it is about.
    pub job: Option<JobName>,
    pub what: Happening,
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Happening {
    JobCreated(Version),
    JobChanged(Version),
    JobDeleted,
    /// Executions were decided, each an attempt of one occurrence.
    Fired {
        group: Group,
        nominal: Nominal,
        cause: &'static str,
        executions: Vec<(ExecutionId, u32)>,
    },
    /// It still goes on a second after its start: shorter ones only end.
    Started {
        id: ExecutionId,
        at: Timestamp,
    },
    Ended(Box<Ended>),
    Skipped(Box<Skipped>),
    /// Submissions are blocked, or not any more.
    Paused(bool),
    /// How many pauses of scheduling there are.
    SchedulingPaused(usize),
    SettingsChanged,
    /// How many nodes take nothing new.
    Drained(usize),
    Leader {
        server: NodeName,
        tenure: Tenure,
    },
}

/// How an execution ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ended {
    pub id: ExecutionId,
    pub group: Group,
    pub attempt: u32,
    pub nominal: Nominal,
    pub state: State,
    pub reason: &'static str,
    pub exit_code: Option<i32>,
    pub started_at: Option<Timestamp>,
    pub finished_at: Timestamp,
}

impl Happening {
    /// As clients name it.
    pub fn word(&self) -> &'static str {
        match self {
            Happening::JobCreated(_) => "job.created",
            Happening::JobChanged(_) => "job.changed",
            Happening::JobDeleted => "job.deleted",
            Happening::Fired { .. } => "execution.fired",
            Happening::Started { .. } => "execution.started",
            Happening::Ended(_) => "execution.ended",
            Happening::Skipped(_) => "slot.skipped",
            Happening::Paused(_) => "pause",
            Happening::SchedulingPaused(_) => "scheduling.pause",
            Happening::SettingsChanged => "settings",
            Happening::Drained(_) => "nodes",
            Happening::Leader { .. } => "leader",
        }
    }
}

/// All names, for who chooses some.
pub const WORDS: [&str; 12] = [
    "job.created",
    "job.changed",
    "job.deleted",
    "execution.fired",
    "execution.started",
    "execution.ended",
    "slot.skipped",
    "pause",
    "scheduling.pause",
    "settings",
    "nodes",
    "leader",
];

impl Stamped {
    /// What it takes in memory, nearly.
    pub fn bytes(&self) -> usize {
        let inside = match &self.what {
            Happening::Fired { executions, .. } => executions
                .iter()
                .map(|(id, _)| size_of::<(ExecutionId, u32)>() + id.node.as_str().len())
                .sum(),
            Happening::Ended(ended) => size_of::<Ended>() + ended.id.node.as_str().len(),
            Happening::Skipped(skipped) => size_of::<Skipped>() + skipped.detail.len(),
            Happening::Started { id, .. } => id.node.as_str().len(),
            Happening::Leader { server, .. } => server.as_str().len(),
            _ => 0,
        };
        // A pointer in the queue, and two counters beside the event.
        let own = size_of::<Self>() + 3 * size_of::<usize>();
        own + self.job.as_ref().map_or(0, |job| job.as_str().len()) + inside
    }
}
