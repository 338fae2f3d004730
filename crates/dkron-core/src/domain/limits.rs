//! Everything has a limit; each says what happens at it.

/// Bytes of a job's name; longer ones are refused.
pub const JOB_NAME_BYTES: usize = 4096;
/// Bytes of a whole definition; larger ones are refused.
pub const DEFINITION_BYTES: usize = 1024 * 1024;
/// Executions in one `Fire` entry; more go into further entries.
pub const FIRE_EXECUTIONS: usize = 1024;
/// Results in one `Report` entry; more go into further entries.
pub const REPORT_ENDS: usize = 1024;
/// Bytes of output that travel inside a report; more goes to the blob store.
pub const INLINE_OUTPUT: usize = 4096;
/// Bytes of output kept of one execution: the tail.
pub const OUTPUT_BYTES: usize = 256_000;
/// Skipped records kept for each job: the newest.
pub const SKIPPED_KEPT: u64 = 100;
/// Request ids remembered; the oldest are forgotten first.
pub const REQUESTS_KEPT: usize = 4096;
/// Runs that one node takes at a time; more wait undecided.
pub const NODE_RUNS: u32 = 16_384;
/// History rows that one `Expire` removes.
pub const EXPIRE_ROWS: u64 = 1000;
/// Attempts after the first; more are refused.
pub const RETRIES: u32 = 1_000_000;
/// Bytes of a skipped record's detail; the rest is cut.
pub const DETAIL_BYTES: usize = 256;
/// Occurrences of one job that wait for their turn, unless it says otherwise.
pub const QUEUE_DEPTH: u32 = 10;
/// The most that a job may let wait; more is refused.
pub const QUEUE_DEPTH_MOST: u32 = 1000;
/// Missed slots that `run_all` starts at most; more is refused.
pub const MISFIRE_MOST: u32 = 1000;
/// The most output that may be kept of one execution; more is refused.
pub const OUTPUT_BYTES_MOST: u32 = 64 * 1024 * 1024;
/// The longest span a policy may name; longer is refused.
pub const SPAN_MOST: core::time::Duration = core::time::Duration::from_secs(366 * 86_400);
/// Servers whose clocks differ by more do not agree about the time.
pub const CLOCK_SKEW: core::time::Duration = core::time::Duration::from_secs(1);
/// Lost executions whose result would still be shown; the oldest are forgotten first.
pub const LOST_KEPT: usize = 100_000;
/// How long after its loss the result of an execution is still shown.
pub const LOST_FOR: core::time::Duration = core::time::Duration::from_secs(7 * 86_400);
/// Nodes that are drained at a time; more are refused.
pub const DRAINS: usize = 1000;
/// Bytes of a node's name that a drain may name; longer ones are refused.
pub const NODE_NAME_BYTES: usize = 256;
/// Nodes whose minutes are charted; a new one takes the place of the one idle for the longest.
pub const NODE_SERIES: usize = 1024;
/// Pointers in the time index across jobs; a newer one takes the place of the oldest.
pub const TIME_INDEX: u64 = 1 << 20;
/// Bytes of what is different about one run by hand; more is refused.
pub const BY_HAND_BYTES: usize = 64 * 1024;
/// Pauses of scheduling at a time; more are refused.
pub const SCHEDULING_PAUSES: usize = 32;
/// Bytes of all that the scope of one may name; more is refused.
pub const SCOPE_BYTES: usize = 64 * 1024;
/// Bytes of the name that somebody gives a write; longer ones are refused.
pub const AUTHOR_BYTES: usize = 128;
/// Requests with a key whose answers are kept; the oldest are forgotten first.
pub const KEYED_KEPT: usize = 100_000;
/// How long such an answer is kept.
pub const KEYED_FOR: core::time::Duration = core::time::Duration::from_secs(86_400);
/// Executions that a kept answer names; the others are left out.
pub const KEYED_EXECUTIONS: usize = 16;
/// Writes that the activity log holds; a newer one takes the place of the oldest.
pub const ACTIVITIES: u64 = 10_000;
/// Versions of one job that are kept; the oldest go first.
pub const VERSIONS_KEPT: usize = 20;
/// Bytes of all of them together; the present one stays whatever it has.
pub const VERSIONS_BYTES: u64 = 64 * 1024;
/// Deleted jobs that can be brought back; the oldest are forgotten first.
pub const GONE_KEPT: usize = 10_000;
/// How long a deleted job can be brought back.
pub const GONE_FOR: core::time::Duration = core::time::Duration::from_secs(7 * 86_400);
