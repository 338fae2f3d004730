//! Deliberate bugs of the shell, to see that the net catches them.

/// What the world does wrong on purpose.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Sabotage {
    #[default]
    Nothing,
    /// A report is acknowledged, but never reaches the log.
    DropReport,
    /// A start is carried out twice.
    DoubleStart,
    /// One due slot is jumped over.
    SkipSlot,
    /// Journal records are lost although only the process died.
    ForgetJournal,
    /// A replica forgets an entry.
    MissEntry,
    /// A child that is owed a start is not started.
    DropChild,
}
