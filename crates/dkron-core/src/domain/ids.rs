//! Names and numbers: one newtype for each, so that no signature takes two bare integers.

use alloc::string::String;
use alloc::sync::Arc;
use core::borrow::Borrow;
use core::fmt;

macro_rules! number {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
        pub struct $name(pub u64);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

macro_rules! text {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
        pub struct $name(Arc<str>);

        impl $name {
            pub fn new(text: impl Into<Arc<str>>) -> Self {
                $name(text.into())
            }

            pub fn as_str(&self) -> &str {
                &self.0
            }

            pub fn is_empty(&self) -> bool {
                self.0.is_empty()
            }
        }

        impl From<&str> for $name {
            fn from(text: &str) -> Self {
                $name(Arc::from(text))
            }
        }

        impl From<String> for $name {
            fn from(text: String) -> Self {
                $name(Arc::from(text))
            }
        }

        impl Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}", &self.0)
            }
        }
    };
}

number! {
    /// Position of an entry in the replicated log.
    LogIndex
}
number! {
    /// Index of the `TakeOffice` entry that began a leadership; 0 = none, a user's command.
    Tenure
}
number! {
    /// Index of the entry that created a job: a deleted and re-created name gets a new one.
    JobNo
}
number! {
    /// Version of a job's definition, counted from 1 within its `JobNo`.
    Version
}
number! {
    /// Number of an execution, unique in the cluster and close to its fire's time in nanoseconds.
    Seq
}
number! {
    /// The first `Seq` of a fire: what all its targets and attempts share.
    Group
}
number! {
    /// Position of a finished execution in its job's history.
    HistoryNo
}
number! {
    /// Position of a skipped record in its job's list.
    SkipNo
}
number! {
    /// Number of an occurrence that waits for its turn; grows with the order of waiting.
    QueueNo
}
number! {
    /// A pause of scheduling: the index of the entry that began it.
    PauseNo
}
text! {
    /// A job's name, its key.
    JobName
}
text! {
    /// A node's name, unique among live members.
    NodeName
}

/// Makes a retried proposal recognisable.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct RequestId(pub [u8; 16]);

/// The kernel's boot id: process groups are only meaningful under the one they were made in.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct BootId(pub [u8; 16]);

/// Made with a node's journal file: a new one means that the node forgot what it was told.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct JournalId(pub [u8; 16]);

/// What clients see: `<seq>-<node>`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ExecutionId {
    pub seq: Seq,
    pub node: NodeName,
}

impl ExecutionId {
    /// Reads `<seq>-<node>`; `None` when there is no number in front.
    pub fn parse(text: &str) -> Option<ExecutionId> {
        let (seq, node) = text.split_once('-')?;
        let number: u64 = seq.parse().ok()?;
        let exact = alloc::format!("{number}") == seq && !node.is_empty();
        exact.then(|| ExecutionId { seq: Seq(number), node: node.into() })
    }
}

impl fmt::Display for ExecutionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.seq, self.node)
    }
}

impl fmt::Debug for ExecutionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}
