//! What an executor is: it takes one run, streams its output and says how it ended.
//!
//! Whether the run may start, and what follows from its end, is decided elsewhere.

use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use dkron_core::domain::Timestamp;
use dkron_core::domain::config_schema::ConfigSchema;

use crate::config::ConfigMap;
use crate::output::OutputSink;
use crate::runner::Held;

/// A future that owns all it needs.
pub type BoxFuture<T> = Pin<Box<dyn Future<Output = T> + Send + 'static>>;

/// Tells a run to end early.
pub type CancelToken = tokio_util::sync::CancellationToken;

/// Does the work of jobs that name it.
pub trait Executor: Send + Sync {
    /// The name that jobs use.
    fn name(&self) -> &'static str;

    /// What its configuration looks like.
    fn schema(&self) -> &'static ConfigSchema;

    /// Whether it tells of the process that does the work; others have started when called.
    fn tells_start(&self) -> bool {
        false
    }

    /// Does one run. Dropping the future abandons the run without a report; to end it early, use
    /// `cancel`. Bad configuration is an outcome like any other.
    ///
    /// What the executor keeps outside of the agent goes on when the future is dropped, and can be
    /// resumed.
    fn run(&self, run: Run, out: OutputSink, cancel: CancelToken) -> BoxFuture<Outcome>;

    /// Takes up a run that an earlier life of the agent began; nothing if this executor keeps
    /// nothing outside of the agent.
    fn resume(
        &self,
        held: &Held,
        out: OutputSink,
        cancel: CancelToken,
    ) -> Option<BoxFuture<Outcome>> {
        let _ = (held, out, cancel);
        None
    }

    /// The result of a run is in the journal: what is kept of it outside of the agent may go.
    fn forget(&self, seq: u64) {
        let _ = seq;
    }
}

/// One run, as the executor sees it.
#[derive(Debug, Clone, Default)]
pub struct Run {
    /// The number in the execution's id; the runner knows the run by it.
    pub seq: u64,
    pub execution_id: String,
    pub job_name: String,
    pub executor_config: ConfigMap,
    pub context: Context,
    pub terms: Terms,
}

/// What binds a run beyond the configuration of its executor. The runner keeps it, so that it
/// holds while the agent is away; in-process executors die with the agent and need none of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Terms {
    /// The run must end when the leader was not heard for so long, counted from the start or the
    /// last renewal, whichever is later.
    pub lease: Option<Duration>,
    pub max_runtime: Option<Duration>,
    /// Between the request to end and the kill, for both of the above.
    pub grace: Duration,
}

impl Default for Terms {
    fn default() -> Self {
        Self { lease: None, max_runtime: None, grace: Duration::from_secs(10) }
    }
}

/// Where a run stands in the life of its job. It reaches shells as environment variables and
/// HTTP servers as headers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Context {
    pub group: u64,
    pub attempt: u32,
    /// The instant the run was due, in RFC 3339; absent for runs that nobody scheduled.
    pub scheduled_at: Option<String>,
    pub node: String,
    /// Grows with every leadership of a cluster: a resource that remembers the highest one it has
    /// seen can refuse a run that an earlier leader sent.
    pub fence: u64,
}

impl Run {
    /// The context as name and value pairs; names are in the form of environment variables.
    #[must_use]
    pub fn facts(&self) -> [(&'static str, String); 7] {
        let context = &self.context;
        [
            ("DKRON_JOB", self.job_name.clone()),
            ("DKRON_EXECUTION", self.execution_id.clone()),
            ("DKRON_GROUP", context.group.to_string()),
            ("DKRON_ATTEMPT", context.attempt.to_string()),
            ("DKRON_SCHEDULED_AT", context.scheduled_at.clone().unwrap_or_default()),
            ("DKRON_NODE", context.node.clone()),
            ("DKRON_FENCE", context.fence.to_string()),
        ]
    }
}

/// How a run ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    pub state: OutcomeState,
    /// The exit code of a process that ended by itself.
    pub exit_code: Option<i32>,
    /// What people read first: it stands before the output of a run that did not succeed.
    pub error: Option<String>,
    pub ended_by: EndedBy,
    /// When it ended, if the executor knows better than whoever waits for it: it may have ended
    /// while the agent was away.
    pub finished_at: Option<Timestamp>,
}

/// Who or what ended a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum EndedBy {
    #[default]
    Itself,
    /// The cancel token.
    Request,
    /// The timeout of the executor's configuration.
    Timeout,
    MaxRuntime,
    Lease,
    Memory,
}

/// The ends a run can take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OutcomeState {
    Success,
    Failed,
    TimedOut,
    Cancelled,
}

impl Outcome {
    #[must_use]
    pub const fn success() -> Self {
        Self {
            state: OutcomeState::Success,
            exit_code: None,
            error: None,
            ended_by: EndedBy::Itself,
            finished_at: None,
        }
    }

    #[must_use]
    pub fn failed(error: impl Into<String>) -> Self {
        let error = Some(error.into());
        Self { state: OutcomeState::Failed, error, ..Self::success() }
    }

    #[must_use]
    pub fn timed_out(error: impl Into<String>) -> Self {
        let (error, ended_by) = (Some(error.into()), EndedBy::Timeout);
        Self { state: OutcomeState::TimedOut, error, ended_by, ..Self::success() }
    }

    #[must_use]
    pub fn cancelled(error: impl Into<String>) -> Self {
        let (error, ended_by) = (Some(error.into()), EndedBy::Request);
        Self { state: OutcomeState::Cancelled, error, ended_by, ..Self::success() }
    }

    #[must_use]
    pub const fn is_success(&self) -> bool {
        matches!(self.state, OutcomeState::Success)
    }
}

/// The executors of a node, by name.
#[derive(Clone, Default)]
pub struct Registry {
    by_name: BTreeMap<&'static str, Arc<dyn Executor>>,
}

impl Registry {
    /// Of two executors with one name the later stands.
    #[must_use]
    pub fn new(executors: impl IntoIterator<Item = Arc<dyn Executor>>) -> Self {
        Self { by_name: executors.into_iter().map(|one| (one.name(), one)).collect() }
    }

    #[must_use]
    pub fn get(&self, name: &str) -> Option<Arc<dyn Executor>> {
        self.by_name.get(name).cloned()
    }

    /// The result of a run is in the journal, whoever did its work.
    pub fn forget(&self, seq: u64) {
        for executor in self.by_name.values() {
            executor.forget(seq);
        }
    }

    /// All names, in alphabetical order.
    #[must_use]
    pub fn names(&self) -> Vec<&'static str> {
        self.by_name.keys().copied().collect()
    }

    /// All descriptions, in alphabetical order of the names.
    #[must_use]
    pub fn schemas(&self) -> Vec<&'static ConfigSchema> {
        self.by_name.values().map(|one| one.schema()).collect()
    }
}
