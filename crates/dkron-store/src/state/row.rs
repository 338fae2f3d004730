//! The kinds of rows and what can be done to one.

/// A kind of row. The number is part of the file format: new kinds come at the end, with the next
/// number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Keyspace {
    /// Single records: settings, counters, membership.
    Meta = 0,
    /// What a job is.
    Definition = 1,
    /// Where a job stands.
    Runtime = 2,
    /// Groups of executions that are still going.
    Group = 3,
    /// Ended executions.
    History = 4,
    /// Slots that did not run.
    Skipped = 5,
    /// Request ids that were answered.
    Request = 6,
    /// Where an execution's output is.
    Output = 7,
    /// Rings of keys that are written over again and again: figures of times that are over, and
    /// the time index across jobs.
    Ring = 8,
    /// Executions that are going.
    Live = 9,
    /// Results that came after the verdict.
    Late = 10,
    /// Lost executions whose late result would still be shown.
    Lost = 11,
    /// Starts that are owed to children.
    Owed = 12,
    /// Ended executions whose output waits for processors.
    Processing = 13,
    /// Ranges of ended executions to remove.
    Expiring = 14,
    /// Occurrences that wait for their turn.
    Queued = 15,
    /// Definitions of jobs that are or were.
    Version = 16,
}

impl Keyspace {
    pub const ALL: [Keyspace; 17] = [
        Keyspace::Meta,
        Keyspace::Definition,
        Keyspace::Runtime,
        Keyspace::Group,
        Keyspace::History,
        Keyspace::Skipped,
        Keyspace::Request,
        Keyspace::Output,
        Keyspace::Ring,
        Keyspace::Live,
        Keyspace::Late,
        Keyspace::Lost,
        Keyspace::Owed,
        Keyspace::Processing,
        Keyspace::Expiring,
        Keyspace::Queued,
        Keyspace::Version,
    ];

    pub fn code(self) -> u8 {
        self as u8
    }

    pub fn from_code(code: u8) -> Option<Keyspace> {
        Keyspace::ALL.get(usize::from(code)).copied()
    }

    /// The engine's name for it, part of the file format.
    pub(super) fn name(self) -> &'static str {
        match self {
            Keyspace::Meta => "meta",
            Keyspace::Definition => "definition",
            Keyspace::Runtime => "runtime",
            Keyspace::Group => "group",
            Keyspace::History => "history",
            Keyspace::Skipped => "skipped",
            Keyspace::Request => "request",
            Keyspace::Output => "output",
            Keyspace::Ring => "ring",
            Keyspace::Live => "live",
            Keyspace::Late => "late",
            Keyspace::Lost => "lost",
            Keyspace::Owed => "owed",
            Keyspace::Processing => "processing",
            Keyspace::Expiring => "expiring",
            Keyspace::Queued => "queued",
            Keyspace::Version => "version",
        }
    }
}

/// One change of one row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Op {
    pub keyspace: Keyspace,
    pub key: Vec<u8>,
    /// None removes the row.
    pub value: Option<Vec<u8>>,
    /// The store never held this key before, not even for a while. Only then may a later removal
    /// within the same batch go unwritten.
    pub fresh: bool,
}

impl Op {
    /// Writes a row whose key was never stored before. A wrong claim would bring a removed row
    /// back, so in doubt use `put`.
    pub fn put_new(keyspace: Keyspace, key: impl Into<Vec<u8>>, value: impl Into<Vec<u8>>) -> Op {
        Op { keyspace, key: key.into(), value: Some(value.into()), fresh: true }
    }

    pub fn put(keyspace: Keyspace, key: impl Into<Vec<u8>>, value: impl Into<Vec<u8>>) -> Op {
        Op { keyspace, key: key.into(), value: Some(value.into()), fresh: false }
    }

    pub fn delete(keyspace: Keyspace, key: impl Into<Vec<u8>>) -> Op {
        Op { keyspace, key: key.into(), value: None, fresh: false }
    }
}
