//! What a cluster agrees on beside its settings: the version that all of it knows, and the nodes
//! that take nothing new.

use alloc::string::String;

use super::{NodeName, Timestamp};

/// The newest version of a cluster that this build can be a part of. What older servers or nodes
/// would not understand is used only once the whole cluster has been raised to the version that
/// brought it.
///
/// 1: one server. 2: several; drains, results of lost executions, pauses after attempts that were
/// born failed. 3: what an earlier definition placed is void. 4: a write carries where it comes
/// from. The feature `next-version` makes a build that knows one more, for tests of upgrades.
pub const CLUSTER_VERSION: u32 = if cfg!(feature = "next-version") { 5 } else { 4 };

/// The newest behaviour of `apply` under old kinds of entries that this build knows.
pub const RULES: u32 = 4;

/// The behaviour that comes with a version.
pub const fn rules_of(version: u32) -> u32 {
    if version < RULES { version } else { RULES }
}

/// A node that is to be empty: it gets no new runs.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub struct Drain {
    pub node: NodeName,
    pub since: Timestamp,
    /// What still runs there then is cancelled; `None` = it may go on for as long as it takes.
    pub deadline: Option<Timestamp>,
    /// Who wants it; at most `limits::DETAIL_BYTES`.
    pub by: String,
    pub reason: String,
}
