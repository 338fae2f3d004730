//! The cluster is raised to a version once all servers and all nodes know it. Until then every
//! one of them may go back to the version before.

use alloc::vec::Vec;

use super::Conductor;
use super::action::Action;
use super::proposals::Proposal;
use crate::domain::{CLUSTER_VERSION, Now, rules_of};
use crate::ledger::{Command, Ledger, RaiseVersion};

/// The version that brought drains.
pub(super) const DRAINS: u32 = 2;

impl Conductor {
    pub(super) fn raise_version(&mut self, ledger: &Ledger, now: Now, out: &mut Vec<Action>) {
        let Some(servers) = self.servers_version.filter(|_| !self.raising) else { return };
        let known = servers.min(CLUSTER_VERSION);
        if known <= ledger.version() {
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
}
