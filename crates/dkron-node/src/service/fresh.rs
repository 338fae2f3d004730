//! How new an answer must be, and how new it is.

use dkron_core::domain::LogIndex;

/// What a reader puts up with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ReadMode {
    /// The present; where it can not be had in time, what this server has, marked as such.
    #[default]
    Fresh,
    /// What this server has, at once.
    Local,
    /// The present or nothing.
    Consistent,
}

/// How new what this server shows is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Freshness {
    /// The entry up to which it has seen everything.
    pub index: LogIndex,
    /// Nobody could say whether there is anything newer.
    pub stale: bool,
}
