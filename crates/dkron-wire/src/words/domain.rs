//! Stored fields of the plain words.

use std::sync::Arc;
use std::time::Duration;

use dkron_core::domain::{
    Backoff, BootId, ByHand, Cancellation, Cause, Concurrency, Digest, Drain, Dst, EndReason,
    ExecutionId, Finish, Group, HistoryNo, Job, JobName, JobNo, JournalId, Late, LogIndex, Misfire,
    NodeName, Nominal, OnLost, Origin, Output, PauseNo, Policy, QueueNo, Record, RequestId,
    RequestKey, Retry, RetryNode, RetryOn, SchedulingPause, Scope, Seq, Settings, SkipNo,
    SkipReason, Skipped, State, Status, Submission, Target, Tenure, TextMap, Timestamp, Verb,
    Version,
};
use dkron_core::ledger::SeriesNo;

use crate::word::{Word, word_enum, word_names, word_struct};

/// A word around one plain value.
macro_rules! around {
    ($plain:ty: $($word:ident),*) => {$(
        impl Word for $word {
            type Form<'a> = $plain;

            fn form(&self) -> $plain {
                self.0
            }

            fn word(form: $plain) -> Self {
                $word(form)
            }
        }
    )*};
}

around!(u64: LogIndex, Tenure, JobNo, Version, Seq, Group, HistoryNo, SkipNo, QueueNo, PauseNo);
around!(u32: SeriesNo);
around!([u8; 16]: RequestId, BootId, JournalId);
around!([u8; 32]: Digest);

macro_rules! name {
    ($($word:ident),*) => {$(
        impl Word for $word {
            type Form<'a> = &'a str;

            fn form(&self) -> &str {
                self.as_str()
            }

            fn word(form: &str) -> Self {
                form.into()
            }
        }
    )*};
}

name!(JobName, NodeName);

impl Word for Timestamp {
    type Form<'a> = (i64, u32);

    fn form(&self) -> (i64, u32) {
        (self.secs(), self.nanos())
    }

    fn word((secs, nanos): (i64, u32)) -> Self {
        Timestamp::new(secs, nanos)
    }
}

impl Word for Nominal {
    type Form<'a> = (i64, u32);

    fn form(&self) -> (i64, u32) {
        self.0.form()
    }

    fn word(form: (i64, u32)) -> Self {
        Nominal(Timestamp::word(form))
    }
}

impl Word for Duration {
    type Form<'a> = (u64, u32);

    fn form(&self) -> (u64, u32) {
        (self.as_secs(), self.subsec_nanos())
    }

    fn word((secs, nanos): (u64, u32)) -> Self {
        Duration::from_secs(secs).saturating_add(Duration::from_nanos(u64::from(nanos)))
    }
}

word_names!(Concurrency { Allow, Forbid, Queue, Replace });
word_names!(Status { Untriggered, Success, Failed, PartiallyFailed });
word_names!(State { Pending, Running, Unreachable, Success, Failed, TimedOut, Cancelled, Lost });
word_names!(EndReason {
    None,
    NodeUnreachable,
    NotStarted,
    NoExecutor,
    Gone,
    Forgotten,
    Silent,
    MaxRuntime,
    Fenced,
    Cancelled,
    Replaced,
    NodeLeft,
});
word_names!(SkipReason {
    Overlap,
    Missed,
    NoEligibleNode,
    NoCapacity,
    NotStarted,
    Expired,
    Disabled,
    Changed,
    QueueFull,
    QueueTimeout,
    Replaced,
    Cancelled,
    Paused,
});
word_enum!(Cause {
    Schedule,
    Manual(id: RequestId),
    Child(group: Group),
    ByHand(by_hand: Arc<ByHand>),
});
word_struct!(ByHand {
    id: RequestId,
    config: TextMap,
    tags: Option<TextMap>,
    nodes: Vec<NodeName>,
    by: String,
    reason: String,
});
word_enum!(Output {
    Empty,
    Inline(bytes: Arc<[u8]>),
    Stored { digest: Digest, len: u64 },
});
word_struct!(Job {
    name: JobName,
    displayname: String,
    timezone: String,
    schedule: String,
    owner: String,
    owner_email: String,
    disabled: bool,
    tags: TextMap,
    metadata: TextMap,
    retries: u32,
    parent_job: Option<JobName>,
    processors: Processors,
    concurrency: Concurrency,
    executor: String,
    executor_config: TextMap,
    ephemeral: bool,
    starts_at: Option<Timestamp>,
    expires_at: Option<Timestamp>,
    policy: Option<Arc<Policy>>,
});
word_struct!(Policy {
    queue_depth: u32,
    misfire: Option<Misfire>,
    misfire_threshold: Option<Duration>,
    start_deadline: Option<Duration>,
    retry: Retry,
    dst: Dst,
    jitter: Duration,
    max_runtime: Option<Duration>,
    on_lost: OnLost,
    lost_after: Option<Duration>,
    keep_executions: Option<u32>,
    keep_for: Option<Duration>,
    output_limit: Option<u32>,
});
word_enum!(Misfire { Skip, RunOnce, RunAll { max: u32 } });
word_struct!(Retry {
    delay: Option<Duration>,
    backoff: Backoff,
    max_delay: Option<Duration>,
    jitter: Duration,
    node: RetryNode,
    on: RetryOn,
});
word_names!(Backoff { Exponential, Linear, Fixed });
word_names!(RetryNode { Prefer, Same, Other, Any });
word_struct!(RetryOn { failed: bool, timed_out: bool, lost: bool });
word_names!(Dst { Dkron, Once });
word_names!(OnLost { Kill, Leave, Hold });
/// Processor name to its configuration.
type Processors = std::collections::BTreeMap<String, TextMap>;
word_struct!(Submission {
    job: Job,
    success_count: u64,
    error_count: u64,
    last_success: Option<Timestamp>,
    last_error: Option<Timestamp>,
    status: Status,
});
word_struct!(Settings {
    zone: String,
    keep_executions: u32,
    misfire_threshold: Duration,
    start_deadline: Duration,
    lost_after: Duration,
    misfire: Misfire,
    catch_up_rate: u32,
    keep_for: Option<Duration>,
    output_limit: u32,
});
word_struct!(Skipped {
    first: Nominal,
    last: Nominal,
    count: u64,
    reason: SkipReason,
    detail: String,
});
word_struct!(Target { node: NodeName, boot_id: BootId, journal_id: JournalId });
word_struct!(Finish {
    state: State,
    reason: EndReason,
    started_at: Option<Timestamp>,
    finished_at: Timestamp,
    exit_code: Option<i32>,
    output: Output,
    dropped: u64,
    head: u32,
});
word_struct!(Record {
    seq: Seq,
    job_no: JobNo,
    job_name: JobName,
    version: Version,
    node: NodeName,
    group: Group,
    attempt: u32,
    cause: Cause,
    nominal: Nominal,
    fired_at: Timestamp,
    finish: Finish,
    cancel: Option<Arc<Cancellation>>,
});
word_struct!(Cancellation { at: Timestamp, by: String, reason: String });
word_struct!(Late { seq: Seq, at: Timestamp, finish: Finish });
word_struct!(Drain {
    node: NodeName,
    since: Timestamp,
    deadline: Option<Timestamp>,
    by: String,
    reason: String,
});
word_struct!(SchedulingPause {
    id: PauseNo,
    since: Timestamp,
    until: Option<Timestamp>,
    resumed: bool,
    scope: Scope,
    by: String,
    reason: String,
});
word_struct!(Scope { jobs: Vec<JobName>, prefix: String, metadata: TextMap });

word_struct!(Origin { by: String, from: String, key: Option<RequestKey> });
word_struct!(RequestKey { name: [u8; 16], content: [u8; 16] });
word_names!(Verb {
    Create,
    Replace,
    Patch,
    Delete,
    Toggle,
    Run,
    Cancel,
    Pause,
    Unpause,
    Restore,
    Clear,
    Settings,
    Drain,
    Undrain,
    Rollback,
    Undelete,
    PauseScheduling,
    ResumeScheduling,
});
word_struct!(ExecutionId { seq: Seq, node: NodeName });
