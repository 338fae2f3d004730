//! What runs under a name is to end.

use super::step::Step;
use crate::ledger::command::Cancel;
use crate::ledger::outcome::{Rejection, Reply};

pub(super) fn apply(_: &mut Step<'_>, command: &Cancel) -> Reply {
    Rejection::JobNotFound(command.name.clone()).into()
}
