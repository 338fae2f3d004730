//! Consensus behind one door: proposals go in, committed entries come out in order.
//!
//! This is the only crate that knows the consensus library. It does not know what an entry means
//! (bytes), where rows live (the owner of the ledger stores them) or how messages travel (the
//! [`Transport`] of the layer above does). No term leaves it: those above see a [`Leadership`]
//! with an opaque [`Epoch`] and log indices.
//!
//! ```text
//!   propose ─► lanes ─► consensus thread ─► log (group fsync) ─► commit ─► ApplyBatch ─► owner
//!                                                                              ◄── done ──┘
//! ```

mod codec;
mod config;
mod disk;
mod error;
mod handle;
mod lanes;
mod leadership;
mod log_store;
mod membership;
mod network;
mod office;
mod options;
mod proposal;
mod quiet;
mod reads;
mod receive;
pub mod recover;
mod retention;
#[cfg(feature = "simulation")]
pub mod simulated;
mod start;
mod state;
mod state_machine;
mod transfer;
mod transport;
mod wire;

pub use disk::LogDisk;
pub use error::{Error, ReadError, ReceiveError};
pub use handle::{Handle, Metrics, Role};
pub use lanes::{Lane, Load, Refused};
pub use leadership::{Epoch, Leadership};
pub use membership::{Change, ChangeError, Membership, Server};
pub use options::Options;
pub use proposal::{Outcome, Proposal};
pub use start::start;
pub use state::{AppliedEntry, ApplyBatch, Parcel, StateHandle, View, applied_index};
pub use transfer::TransferError;
pub use transport::{Alone, BoxFuture, MessageKind, Peer, Transport, TransportError};

#[cfg(test)]
mod tests;
