//! Requests of clients that another server carries out: the leader, or whoever an operator asks.
//!
//! It knows HTTP as heads and pieces of bytes, and nothing of what a request means. The front door
//! says which ones travel ([`Forward`]) and serves those that arrive ([`Front`]).
//!
//! ```text
//!   asking server                            answering server
//!   Request head ─────────────────────────▶  does it lead? is there room?
//!                ◀─────────────────────────  Go, or Refused: nothing was done
//!   Data … End   ─────────────────────────▶  Front
//!                ◀─────────────────────────  Answer head, Data … End
//! ```
//!
//! Before `Go` nothing was carried out and another try is harmless; after it a broken stream means
//! that nobody knows. A request travels once: what arrives from a server is never sent on.

mod frame;
mod pieces;
mod sending;
mod serving;

#[cfg(test)]
mod tests;

pub use dkron_wire::forward::{AnswerHead, RequestHead};
pub use pieces::{Broken, Pieces};
pub use sending::{Forward, Forwarder, Sent};
pub use serving::{Arrived, Front};

pub(crate) use sending::ask;
pub(crate) use serving::register;

/// An answer whose body may still grow.
#[derive(Debug)]
pub struct Answered {
    pub head: AnswerHead,
    pub body: Pieces,
}
