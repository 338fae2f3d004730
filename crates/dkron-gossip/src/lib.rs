//! Who is a member, as the members tell each other; nothing more than an address book.
//!
//! This is the only crate that knows the gossip library, and it owns the sockets of the gossip.
//! Nothing is decided on what it says but whom to dial: whether a node may run something is told
//! by its session, whether a server votes by consensus.
//!
//! ```text
//!   Gossip ──commands──▶ engine ──▶ the library, table ──▶ watch of members
//!     │                   ▲   └──packets── UDP ──▶ others
//!     └─ join ─ TCP ─▶ others' stream ──▶ their engine
//! ```
//! `retry_join` looks for the others for as long as there are none, through what `discover` makes
//! of names. Packets carry who is there; tags and everything that is known at once travel over TCP.

pub mod discover;
mod engine;
mod error;
mod frame;
mod gossip;
mod identity;
mod member;
mod message;
mod notices;
mod options;
mod rejoin;
mod roster;
mod stream;
mod table;
mod timing;

pub use error::Error;
pub use gossip::Gossip;
pub use member::{Member, Members, Status};
pub use options::{Key, NAME_BYTES, Options, Profile, TAGS_BYTES};
pub use rejoin::retry_join;

// The tests of members are shared with those of the library itself.
#[cfg(test)]
extern crate self as dkron_gossip;
