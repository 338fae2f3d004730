//! Sessions between the leader and the nodes: what the conductor and the workers say to each
//! other, carried over `rpc`. Neither machine knows of it; they number their messages, so whatever
//! gets lost here is noticed there and the session begins anew.
//!
//! ```text
//!   scheduling ─▶ Sessions ─┬─ channel ─▶ hands         the server's own worker, while it leads
//!              ◀── events ──┴─ streams ◀─ dial ◀─ hands   every other node
//! ```
//!
//! A node dials, never the leader: `find` knows where the leader may be, `dial` keeps the stream.
//! `serve` is the leader's side. Long definitions do not travel with every run (`lent`).

mod dial;
mod find;
mod frames;
mod lent;
mod outlet;
mod serve;
mod ship;
mod stream;
#[cfg(test)]
mod tests;

use std::time::Duration;

use dkron_core::worker::ToNode;

pub use dial::{Parts, run};
pub use find::Guide;
pub use outlet::{Linked, Outlet};
pub use serve::ServeParts;
pub use serve::Sessions;
pub use ship::Remote;

/// What comes to a node's hands.
#[derive(Debug)]
pub enum Inbound {
    /// There is a new way to a leader: what was said on the old one may be lost.
    Linked,
    /// The cluster was recovered: what is known of its tenures counts no more.
    Recovered,
    Order(ToNode),
}

/// LIMIT: bytes of a definition that travels with its run; a longer one is asked for.
const INLINE: usize = 8 << 10;
/// LIMIT: messages that wait for a stream in one direction; more are dropped, and the session
/// begins anew.
const OUTBOX: usize = 4 * dkron_core::domain::limits::NODE_RUNS as usize;
/// How long the first frames of a stream, and a definition, are waited for.
const PATIENCE: Duration = Duration::from_secs(2);
