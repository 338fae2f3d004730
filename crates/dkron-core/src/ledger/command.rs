//! What may enter the log. A command carries everything that `apply` needs: computed instants,
//! chosen targets, the clock of its proposer.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;

use crate::domain::{
    BootId, ByHand, EndReason, Finish, Group, HistoryNo, JobName, JobNo, LogIndex, NodeName,
    Nominal, Origin, Output, PauseNo, QueueNo, RequestId, Scope, Seq, Settings, SkipReason,
    Skipped, Submission, Target, Tenure, Timestamp, Verb, Version,
};

/// One committed entry.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Entry {
    pub index: LogIndex,
    /// The proposer's clock, stored raw.
    pub at: Timestamp,
    /// The proposing leadership; 0 = a user's command.
    pub tenure: Tenure,
    /// Makes a user's repeated proposal recognisable.
    pub request: Option<RequestId>,
    pub command: Command,
}

/// Asks the ledger for a change. Grows only at the end.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Command {
    TakeOffice(TakeOffice),
    PutSettings(Settings),
    PutJob(Box<PutJob>),
    /// Deletes a job; its live executions run on under its number.
    DeleteJob(OfJob),
    ToggleJob(ToggleJob),
    /// Blocks (`true`) or admits submissions.
    Pause(bool),
    Fire(Vec<Fire>),
    Report(Report),
    PutOutput(PutOutput),
    /// A job of a backup: as `PutJob`, but never blocked by a pause.
    Restore(Box<PutJob>),
    /// Removes a job's finished executions and resets its figures.
    ClearExecutions(OfJob),
    Expire(Expire),
    Cancel(Cancel),
    Prune(Prune),
    SetEligibility(SetEligibility),
    RaiseVersion(RaiseVersion),
    PauseScheduling(PauseScheduling),
    ResumeScheduling(ResumeScheduling),
    /// Nothing that a pause of scheduling stopped is undecided any more: it goes.
    EndPause(PauseNo),
    /// One of the others, wanted by a user, with where it comes from.
    Write(Box<Write>),
    /// Changes nothing: within a `Write` it leaves word of what was done elsewhere.
    Note(Note),
}

impl Command {
    /// What is to be done, whoever wants it.
    pub fn inner(&self) -> &Command {
        match self {
            Command::Write(write) => &write.command,
            command => command,
        }
    }

    /// What it is called when a user wants it.
    pub fn verb(&self) -> Option<Verb> {
        Some(match self {
            Command::PutJob(put) if put.base.is_none() => Verb::Create,
            Command::PutJob(_) => Verb::Replace,
            Command::DeleteJob(_) => Verb::Delete,
            Command::ToggleJob(_) => Verb::Toggle,
            Command::Pause(true) => Verb::Pause,
            Command::Pause(false) => Verb::Unpause,
            Command::Fire(_) => Verb::Run,
            Command::Restore(_) => Verb::Restore,
            Command::ClearExecutions(_) => Verb::Clear,
            Command::Cancel(_) => Verb::Cancel,
            Command::PutSettings(_) => Verb::Settings,
            Command::SetEligibility(wanted) if wanted.eligible => Verb::Undrain,
            Command::SetEligibility(_) => Verb::Drain,
            Command::PauseScheduling(_) => Verb::PauseScheduling,
            Command::ResumeScheduling(_) => Verb::ResumeScheduling,
            _ => return None,
        })
    }
}

/// A user's write. Only from version 4 of the cluster on.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Write {
    pub origin: Origin,
    pub verb: Verb,
    /// None that is a `Write` itself.
    pub command: Command,
}

/// Word of something that changed nothing in the ledger.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub struct Note {
    /// What it was done to; empty = the cluster.
    pub object: String,
    pub detail: String,
}

/// Begins a leadership; its entry's index is the tenure.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct TakeOffice {
    pub server: NodeName,
    pub boot_id: BootId,
    /// Version of the bundled zone data.
    pub zone_data: String,
    /// The behaviour that all servers know.
    pub rules: u32,
}

/// The definition and the account that a write was computed against.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Base {
    pub job_no: JobNo,
    pub version: Version,
    /// The slot that was the next to be decided.
    pub next: Option<Nominal>,
}

/// What a write does to the account of a job's slots.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Account {
    /// Nothing about its timing changed.
    Keep,
    /// Nothing before the entry's `at` is owed; `anchor` moves the phase of `@every` there.
    Restart { next: Option<Nominal>, anchor: bool },
}

/// Creates or replaces a job.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct PutJob {
    pub submission: Submission,
    /// `None` = the name was free.
    pub base: Option<Base>,
    pub account: Account,
    /// Slots of the old account that will not be decided any more.
    pub undecided: Option<Skipped>,
}

/// A job by name, and which of those that bore it: a late command must not meet a successor.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct OfJob {
    pub name: JobName,
    pub job_no: JobNo,
}

/// Flips `disabled` of the base's definition.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct ToggleJob {
    pub name: JobName,
    pub base: Base,
    pub account: Account,
    pub undecided: Option<Skipped>,
}

/// Decides one occurrence.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Fire {
    pub job_no: JobNo,
    /// The definition it was decided by; under another one a schedule's slot is void, and so is
    /// what was placed. A retry keeps its group's.
    pub version: Version,
    pub trigger: Trigger,
    pub nominal: Nominal,
    /// The slot after this one; only for `Trigger::Schedule`.
    pub next: Option<Nominal>,
    pub decision: Decision,
}

/// What made an occurrence, or a further attempt of one, due.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Trigger {
    Schedule,
    Manual(RequestId),
    /// The parent's group that succeeded.
    Child(Group),
    /// The attempt that failed, and its group.
    Retry {
        group: Group,
        failed: Seq,
    },
    /// An occurrence whose turn has come.
    Queued(QueueNo),
    /// As `Manual`, in another way than the definition says.
    ByHand(Arc<ByHand>),
}

/// What becomes of an occurrence.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Decision {
    Run(Vec<Place>),
    /// It and the slots up to `last` do not run.
    Skip {
        last: Nominal,
        count: u64,
        reason: SkipReason,
        detail: String,
    },
}

/// One target of a fire.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Place {
    pub target: Target,
    /// Set when the execution is born failed, because nothing can be sent there.
    pub born_failed: Option<EndReason>,
}

/// News of executions.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub struct Report {
    /// Runs that still go on a second after their start.
    pub starts: Vec<(Seq, Timestamp)>,
    pub ends: Vec<End>,
}

/// The end of one execution.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct End {
    pub seq: Seq,
    pub finish: Finish,
    /// When the next attempt is due, should there be one.
    pub retry_at: Timestamp,
}

/// What processors made of an output.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct PutOutput {
    pub seq: Seq,
    pub output: Output,
    pub dropped: u64,
}

/// Ends what runs under a job's name, what of it waits for a further attempt, and, if all of the
/// job is meant, what waits for its turn. The executions end as soon as their nodes obey.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Cancel {
    pub name: JobName,
    /// `None` = all of the job.
    pub execution: Option<Seq>,
    /// Who wants it; at most `limits::DETAIL_BYTES`.
    pub by: String,
    pub reason: String,
}

/// Drains a node, or lets it take runs again. Nobody need know the node: it may come.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct SetEligibility {
    pub node: NodeName,
    /// `false` = it gets no new runs.
    pub eligible: bool,
    /// What still runs there then is cancelled; `None` = it may go on.
    pub deadline: Option<Timestamp>,
    /// Who wants it; at most `limits::DETAIL_BYTES`.
    pub by: String,
    pub reason: String,
}

/// Stops what jobs owe by schedule, parent or retry; runs by hand go on.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct PauseScheduling {
    pub scope: Scope,
    /// When it is over by itself.
    pub until: Option<Timestamp>,
    /// Who wants it; at most `limits::DETAIL_BYTES`.
    pub by: String,
    pub reason: String,
}

/// Ends one pause of scheduling, or all; nothing that fell due before is owed.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct ResumeScheduling {
    pub id: Option<PauseNo>,
}

/// The whole cluster knows this version: nothing older can be a part of it any more.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct RaiseVersion {
    pub version: u32,
    /// The behaviour of `apply` that comes with it.
    pub rules: u32,
}

/// Gives up a job's oldest finished executions, because of their age.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Prune {
    pub job_no: JobNo,
    /// The oldest that stays.
    pub first: HistoryNo,
}

/// Removes finished executions that nobody can ask for any more.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Expire {
    pub job_no: JobNo,
    /// Start of an owed range.
    pub first: HistoryNo,
    /// Rows up to here, exclusive, go.
    pub end: HistoryNo,
}
