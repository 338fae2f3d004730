//! What the scheduler talks about: plain words without behaviour of their own.

mod by_hand;
pub mod civil;
mod cluster;
pub mod config_schema;
mod execution;
pub mod go_duration;
mod ids;
pub(crate) mod jitter;
mod job;
pub mod limits;
pub mod mem_limit;
mod now;
mod occurrence;
mod origin;
mod policy;
mod scheduling_pause;
mod selector;
mod settings;
pub mod stats;
mod submission;
mod text_map;
pub mod time;

pub use by_hand::ByHand;
pub use cluster::{CLUSTER_VERSION, Drain, RULES, rules_of};
pub use execution::{
    Cancellation, Digest, EndReason, Finish, Late, Output, Record, Replacement, State,
};
pub use ids::{
    BootId, ExecutionId, Group, HistoryNo, JobName, JobNo, JournalId, LogIndex, NodeName, PauseNo,
    QueueNo, RequestId, Seq, SkipNo, Tenure, Version,
};
pub use jitter::Jitter;
pub use job::{Concurrency, Job, Status};
pub use now::Now;
pub use occurrence::{Cause, Nominal, Occurrence, SkipReason, Skipped, Target};
pub use origin::{Origin, RequestKey, Verb};
pub use policy::{Backoff, Dst, Misfire, OnLost, Policy, Retry, RetryNode, RetryOn};
pub use scheduling_pause::{SchedulingPause, Scope};
pub use selector::{Selector, SelectorError};
pub use settings::Settings;
pub use submission::Submission;
pub use text_map::TextMap;
pub use time::Timestamp;
