//! The cluster is raised to a version once all servers and all nodes know it. Until then every
//! one of them may go back to the version before.

use alloc::vec::Vec;

use super::Conductor;
use super::action::Action;
use super::proposals::Proposal;
use super::sessions::LATELY;
use crate::domain::{CLUSTER_VERSION, NodeName, Now, rules_of};
use crate::ledger::{Command, Ledger, RaiseVersion};

/// The version that brought drains.
pub(super) const DRAINS: u32 = 2;
/// The version that brought pauses of scheduling.
pub(super) const PAUSES: u32 = 4;
/// The version in which writes say where they come from.
pub(super) const ORIGINS: u32 = 4;
/// The version that brought parameters of runs.
pub(super) const BY_HAND: u32 = 4;

impl Conductor {
    pub(super) fn raise_version(&mut self, ledger: &Ledger, now: Now, out: &mut Vec<Action>) {
        let Some(servers) = self.servers_version.filter(|_| !self.raising) else { return };
        let known = servers.min(CLUSTER_VERSION);
        if known <= ledger.version() || self.may_know_less(now) {
            return;
        }
        let version = self.sessions.version(now.mono).map_or(known, |nodes| nodes.min(known));
        if version > ledger.version() {
            self.raising = true;
            let rules = rules_of(version);
            let command = Command::RaiseVersion(RaiseVersion { version, rules });
            self.propose(Proposal::Version, command, now, out);
        }
    }

    /// Whether a node is alive whose version is not known: a new leader has not heard of it yet, or
    /// it is away for a moment. Who says nothing for long is not waited for.
    fn may_know_less(&self, now: Now) -> bool {
        let silent = |name: &NodeName| {
            let heard = self.sessions.heard_at(name).unwrap_or(self.took_office_at);
            self.sessions.get(name).is_none() && now.mono.saturating_sub(heard) < LATELY
        };
        let here = self.roster.iter().filter(|(_, member)| member.region == self.options.region);
        here.filter(|(_, member)| member.alive).any(|(name, _)| silent(name))
    }
}
