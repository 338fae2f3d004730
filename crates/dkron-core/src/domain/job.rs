//! A job as its user defined it. What happened to it since stands in `ledger::Runtime`.

use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::sync::Arc;

use super::{JobName, Policy, TextMap, Timestamp};

/// One version of a definition. A run uses the version of its own fire, retries included.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub struct Job {
    pub name: JobName,
    pub displayname: String,
    /// IANA name, `UTC`, `Local` or empty (= the cluster's zone).
    pub timezone: String,
    /// As the user wrote it; may be empty for a child.
    pub schedule: String,
    pub owner: String,
    pub owner_email: String,
    pub disabled: bool,
    /// Which nodes run it: `value` or `value:count`.
    pub tags: TextMap,
    pub metadata: TextMap,
    /// Attempts after the first.
    pub retries: u32,
    pub parent_job: Option<JobName>,
    /// Processor name to its configuration.
    pub processors: BTreeMap<String, TextMap>,
    pub concurrency: Concurrency,
    pub executor: String,
    pub executor_config: TextMap,
    /// Deleted after its first success.
    pub ephemeral: bool,
    /// Slots before this instant do not run.
    pub starts_at: Option<Timestamp>,
    /// Slots after this instant do not run.
    pub expires_at: Option<Timestamp>,
    /// Wishes beyond Dkron's fields; `None` = all defaults, so that most jobs pay nothing.
    pub policy: Option<Arc<Policy>>,
}

impl Job {
    /// About as many bytes as it has.
    pub fn bytes(&self) -> usize {
        let pairs =
            |map: &TextMap| map.iter().map(|(key, value)| key.len() + value.len()).sum::<usize>();
        let processors = self.processors.iter().map(|(name, map)| name.len() + pairs(map));
        let texts = [&self.displayname, &self.timezone, &self.schedule, &self.owner];
        let more = [&self.owner_email, &self.executor];
        let maps = [&self.tags, &self.metadata, &self.executor_config];
        let parent = self.parent_job.as_ref().map_or(0, |name| name.as_str().len());
        self.name.as_str().len()
            + parent
            + texts.into_iter().chain(more).map(|text| text.len()).sum::<usize>()
            + maps.into_iter().map(pairs).sum::<usize>()
            + processors.sum::<usize>()
    }

    /// The wishes, said or not.
    pub fn policy(&self) -> &Policy {
        static DEFAULT: Policy = Policy::DEFAULT;
        self.policy.as_deref().unwrap_or(&DEFAULT)
    }
}

/// What happens to a slot that falls due while an earlier one of the same name still runs.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum Concurrency {
    /// It runs beside it.
    #[default]
    Allow,
    /// It is skipped.
    Forbid,
    /// It waits its turn; more than `Policy::queue_depth` are skipped.
    Queue,
    /// The earlier one is cancelled; it starts once that is over.
    Replace,
}

impl Concurrency {
    /// Whether a run of the job keeps every other one of its name out.
    pub const fn is_exclusive(self) -> bool {
        !matches!(self, Concurrency::Allow)
    }

    pub const fn word(self) -> &'static str {
        match self {
            Concurrency::Allow => "allow",
            Concurrency::Forbid => "forbid",
            Concurrency::Queue => "queue",
            Concurrency::Replace => "replace",
        }
    }
}

/// How the last finished group of a job ended.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub enum Status {
    /// No group has ended yet.
    #[default]
    Untriggered,
    Success,
    Failed,
    /// Some targets of the group ended well, some did not.
    PartiallyFailed,
}
