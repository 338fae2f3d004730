//! Why a job did or did not run at an instant.

use dkron_core::domain::{ExecutionId, Skipped, Timestamp};

/// The answer in one word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    Ran,
    Failed,
    /// Something of it goes on, or is about to begin.
    Running,
    /// Its next attempt is owed.
    Retrying,
    /// It waits for its turn.
    Waiting,
    Skipped,
    /// The schedule does not make the job due then.
    NotASlot,
    Disabled,
    BeforeStartsAt,
    AfterExpiresAt,
    NotYet,
    /// It is due, and not decided yet.
    Late,
    /// The job was created, enabled or got its schedule later.
    BeforeAccount,
    /// It was decided, and its record is not kept any more.
    ExpiredHistory,
}

impl Verdict {
    pub const fn word(self) -> &'static str {
        match self {
            Verdict::Ran => "ran",
            Verdict::Failed => "failed",
            Verdict::Running => "running",
            Verdict::Retrying => "retrying",
            Verdict::Waiting => "waiting",
            Verdict::Skipped => "skipped",
            Verdict::NotASlot => "not_a_slot",
            Verdict::Disabled => "disabled",
            Verdict::BeforeStartsAt => "before_starts_at",
            Verdict::AfterExpiresAt => "after_expires_at",
            Verdict::NotYet => "not_yet",
            Verdict::Late => "late",
            Verdict::BeforeAccount => "before_account",
            Verdict::ExpiredHistory => "expired_history",
        }
    }
}

/// The answer, and what it is drawn from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WhyView {
    pub verdict: Verdict,
    /// For a person.
    pub text: String,
    /// The instant, if the schedule makes the job due then.
    pub slot: Option<Timestamp>,
    /// Its neighbours by the schedule.
    pub before: Option<Timestamp>,
    pub after: Option<Timestamp>,
    /// What ran or runs, oldest first.
    pub executions: Vec<ExecutionId>,
    pub skipped: Option<Skipped>,
    /// There were more executions to look at than one answer does.
    pub cut: bool,
}
