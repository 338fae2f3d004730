//! Stored fields of commands and of the ledger's state.

use std::sync::Arc;

use std::time::Duration;

use dkron_core::domain::stats::{Bucket, Lag, Ran};
use dkron_core::domain::{
    BootId, ByHand, Cancellation, Cause, EndReason, ExecutionId, Finish, Group, HistoryNo, Job,
    JobName, JobNo, LogIndex, NodeName, Nominal, Output, PauseNo, QueueNo, Record, RequestId,
    RequestKey, Scope, Seq, SkipNo, SkipReason, Skipped, Status, Submission, Target, Tenure,
    Timestamp, Verb, Version,
};
use dkron_core::ledger::{
    Account, Activity, Answered, Base, Cancel, Decision, End, Expire, Fire, Gone, JobVersion,
    Keyed, LiveGroup, Lost, Note, OfJob, Office, PauseScheduling, Phase, Place, Pointer,
    Processing, Prune, PutJob, PutOutput, Queued, RaiseVersion, Recent, Report, ResumeScheduling,
    Rollup, Runtime, Series, SeriesNo, SetEligibility, Slot, TakeOffice, ToggleJob, Trigger,
};

use crate::word::{word_enum, word_struct};

word_struct!(TakeOffice { server: NodeName, boot_id: BootId, zone_data: String, rules: u32 });
word_struct!(Base { job_no: JobNo, version: Version, next: Option<Nominal> });
word_enum!(Account { Keep, Restart { next: Option<Nominal>, anchor: bool } });
word_struct!(PutJob {
    submission: Submission,
    base: Option<Base>,
    account: Account,
    undecided: Option<Skipped>,
});
word_struct!(OfJob { name: JobName, job_no: JobNo });
word_struct!(ToggleJob {
    name: JobName,
    base: Base,
    account: Account,
    undecided: Option<Skipped>,
});
word_struct!(Fire {
    job_no: JobNo,
    version: Version,
    trigger: Trigger,
    nominal: Nominal,
    next: Option<Nominal>,
    decision: Decision,
});
word_enum!(Trigger {
    Schedule,
    Manual(id: RequestId),
    Child(group: Group),
    Retry { group: Group, failed: Seq },
    Queued(no: QueueNo),
    ByHand(by_hand: Arc<ByHand>),
});
word_enum!(Decision {
    Run(places: Vec<Place>),
    Skip { last: Nominal, count: u64, reason: SkipReason, detail: String },
});
word_struct!(Place {
    target: Target,
    born_failed: Option<EndReason>,
});
word_struct!(Report {
    starts: Vec<(Seq, Timestamp)>,
    ends: Vec<End>,
});
word_struct!(End { seq: Seq, finish: Finish, retry_at: Timestamp });
word_struct!(PutOutput { seq: Seq, output: Output, dropped: u64 });
word_struct!(Expire { job_no: JobNo, first: HistoryNo, end: HistoryNo });
word_struct!(Cancel {
    name: JobName,
    execution: Option<Seq>,
    by: String,
    reason: String,
});
word_struct!(Prune { job_no: JobNo, first: HistoryNo });
word_struct!(SetEligibility {
    node: NodeName,
    eligible: bool,
    deadline: Option<Timestamp>,
    by: String,
    reason: String,
});
word_struct!(Lost { job_no: JobNo, no: HistoryNo, at: Timestamp });
word_struct!(PauseScheduling {
    scope: Scope,
    until: Option<Timestamp>,
    by: String,
    reason: String,
});
word_struct!(ResumeScheduling { id: Option<PauseNo> });
word_struct!(Note { object: String, detail: String });
word_struct!(Gone { name: JobName, job_no: JobNo, first: Version, last: Version, at: Timestamp });
word_struct!(JobVersion {
    job: Arc<Job>,
    verb: Option<Verb>,
    at: Timestamp,
    index: LogIndex,
    by: String,
    from: String,
});
word_struct!(Keyed { key: RequestKey, at: Timestamp, answer: Answered });
word_enum!(Answered {
    Done,
    Job { job_no: JobNo, version: Version },
    Ran { job_no: JobNo, version: Version, group: Group, executions: Vec<ExecutionId> },
    Queued { job_no: JobNo, version: Version },
    Cancelling { executions: Vec<ExecutionId>, retries: u32, queued: u32 },
    SchedulingPaused(id: PauseNo),
    Resumed(pauses: u32),
});
word_struct!(Activity {
    no: u64,
    at: Timestamp,
    index: LogIndex,
    by: String,
    from: String,
    verb: Verb,
    object: String,
    job: Option<(JobNo, Version)>,
    detail: String,
});
word_struct!(RaiseVersion { version: u32, rules: u32 });
word_struct!(Queued { cause: Cause, nominal: Nominal, since: Timestamp, until: Timestamp });
word_struct!(Office {
    tenure: Tenure,
    server: NodeName,
    boot_id: BootId,
    at: Timestamp,
    zone_data: String,
    rules: u32,
    former_lost_after: Duration,
    lowered_at: Timestamp,
});
word_struct!(Runtime {
    version: Version,
    success_count: u64,
    error_count: u64,
    last_success: Option<Timestamp>,
    last_error: Option<Timestamp>,
    status: Status,
    since: Timestamp,
    anchor: Timestamp,
    mark: Option<Nominal>,
    next: Option<Nominal>,
    first_no: HistoryNo,
    next_no: HistoryNo,
    first_skip: SkipNo,
    next_skip: SkipNo,
    last_skipped: Option<Box<Skipped>>,
    rollup: Option<Arc<Rollup>>,
    deleted: bool,
    leaving: bool,
});
word_struct!(LiveGroup {
    group: Group,
    job_no: JobNo,
    version: Version,
    cause: Cause,
    nominal: Nominal,
    fired_at: Timestamp,
    tenure: Tenure,
    slots: Vec<Slot>,
});
word_struct!(Slot {
    target: Target,
    seq: Seq,
    attempt: u32,
    fired_at: Timestamp,
    tenure: Tenure,
    phase: Phase,
    cancel: Option<Arc<Cancellation>>,
});
word_enum!(Phase {
    Pending,
    Running { started_at: Timestamp },
    Waiting { retry_at: Timestamp },
    Done { success: bool },
});
word_struct!(Processing {
    no: HistoryNo,
    record: Arc<Record>,
});
word_struct!(Rollup { since: u32, hour: Bucket, day: Bucket });
word_struct!(Series { no: SeriesNo, name: NodeName, since: u32, minute: Bucket });
word_struct!(Bucket {
    no: u32,
    success: u32,
    failed: u32,
    timed_out: u32,
    cancelled: u32,
    lost: u32,
    skipped: u32,
    lag: Lag,
    ran: Ran,
});
word_struct!(Lag { count: u32, max_ms: u32, sum_ms: u64 });
word_struct!(Ran { max_ms: u32, sum_ms: u64, by_digits: Vec<(u32, u32)> });
word_struct!(Recent { first: u64, next: u64, at: Timestamp });
word_struct!(Pointer { no: u64, at: Timestamp, job_no: JobNo, history_no: HistoryNo, seq: Seq });
