//! Where a user's write comes from.

use alloc::string::String;

/// Who wants a write, and from where.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub struct Origin {
    /// Who says that it is theirs; empty = unknown. At most `limits::AUTHOR_BYTES`.
    pub by: String,
    /// Address of who asked; empty = unknown.
    pub from: String,
    /// Set by a client that may ask for the same again.
    pub key: Option<RequestKey>,
}

/// Digests of the name that a client gave to its request, and of what it asks for under it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct RequestKey {
    pub name: [u8; 16],
    pub content: [u8; 16],
}

/// What was done to what.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Verb {
    Create,
    Replace,
    Patch,
    Delete,
    Toggle,
    Run,
    Cancel,
    /// Submissions of jobs are blocked, or admitted again.
    Pause,
    Unpause,
    Restore,
    /// A job's finished executions were removed.
    Clear,
    Settings,
    Drain,
    Undrain,
    Rollback,
    Undelete,
    PauseScheduling,
    ResumeScheduling,
}

impl Verb {
    pub const ALL: [Verb; 18] = [
        Verb::Create,
        Verb::Replace,
        Verb::Patch,
        Verb::Delete,
        Verb::Toggle,
        Verb::Run,
        Verb::Cancel,
        Verb::Pause,
        Verb::Unpause,
        Verb::Restore,
        Verb::Clear,
        Verb::Settings,
        Verb::Drain,
        Verb::Undrain,
        Verb::Rollback,
        Verb::Undelete,
        Verb::PauseScheduling,
        Verb::ResumeScheduling,
    ];

    pub const fn word(self) -> &'static str {
        match self {
            Verb::Create => "create",
            Verb::Replace => "replace",
            Verb::Patch => "patch",
            Verb::Delete => "delete",
            Verb::Toggle => "toggle",
            Verb::Run => "run",
            Verb::Cancel => "cancel",
            Verb::Pause => "pause",
            Verb::Unpause => "unpause",
            Verb::Restore => "restore",
            Verb::Clear => "clear",
            Verb::Settings => "settings",
            Verb::Drain => "drain",
            Verb::Undrain => "undrain",
            Verb::Rollback => "rollback",
            Verb::Undelete => "undelete",
            Verb::PauseScheduling => "pause_scheduling",
            Verb::ResumeScheduling => "resume_scheduling",
        }
    }
}
