//! The whole cluster knows a version: from here on what it brought may be used, and nobody who
//! does not know it can take part.

use super::step::Step;
use super::versions;
use crate::domain::{CLUSTER_VERSION, RULES};
use crate::ledger::command::RaiseVersion;
use crate::ledger::outcome::{Reply, RowOp};
use crate::ledger::row::Row;

/// # Panics
/// If this server does not know that version: it must not go on.
pub(super) fn apply(step: &mut Step<'_>, command: RaiseVersion) -> Reply {
    let RaiseVersion { version, rules } = command;
    assert!(
        version <= CLUSTER_VERSION && rules <= RULES,
        "entry {} raises the cluster to version {version} with rules {rules}, this server knows \
         {CLUSTER_VERSION} with rules {RULES} at most: upgrade it",
        step.index
    );
    let ledger = &mut *step.ledger;
    if version > ledger.version() {
        ledger.version = version;
        step.rows.push(RowOp::Put(Row::Version(version)));
    }
    if rules > ledger.office.rules {
        if ledger.office.rules < versions::RULES && rules >= versions::RULES {
            ledger.versions_since = step.index;
            step.rows.push(RowOp::Put(Row::VersionsSince(step.index)));
        }
        ledger.office.rules = rules;
        step.rows.push(RowOp::Put(Row::Office(ledger.office.clone())));
    }
    Reply::Done
}
