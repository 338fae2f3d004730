//! Who is a member, as the members tell each other; nothing more than an address book.
//!
//! This is the only crate that knows the gossip library, and it owns the sockets of the gossip.
//! Nothing is decided on what it says but whom to dial: whether a node may run something is told
//! by its session, whether a server votes by consensus.

mod error;
mod member;
mod options;

pub use error::Error;
pub use member::{Member, Members, Status};
pub use options::{Key, Options, Profile};
