//! How a cluster begins: exactly once, in whatever order its servers start.
//!
//! Of the servers that wait for the same number, the one with the smallest id asks all it would
//! begin with for a promise, which each keeps on its disk. With all promises it marks its data
//! directory with the cluster's id and writes the first membership. A server that belongs to a
//! cluster already ends all that: then everybody waits to be taken in by its leader.
//!
//! `plan.rs` decides, `pledge.rs` keeps the promise, `run.rs` asks and acts.

mod plan;
mod pledge;
mod run;

#[cfg(test)]
mod tests;

pub use pledge::Pledge;
pub use run::{Parts, register, run};
