//! Who votes, kept up by the leader: new servers are taken in, promoted once they have caught up,
//! and dead ones go when the others are enough without them.
//!
//! `plan.rs` decides one change at a time, `run.rs` carries it out while this server leads.

mod plan;
mod remove;
mod run;

#[cfg(test)]
mod tests;

pub use remove::{RemoveError, remove, remove_peer};
pub use run::{Parts, run};
