//! How messages reach other servers; defined here, carried by the layer above.
//!
//! Messages are opaque bytes in both directions: the receiver hands them to `Handle::receive` and
//! returns its answer.

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use bytes::Bytes;

use crate::state::Parcel;

pub type BoxFuture<T> = Pin<Box<dyn Future<Output = T> + Send + 'static>>;

/// A server of the cluster, as its membership knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Peer {
    pub id: u64,
    pub name: String,
    pub address: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MessageKind {
    Append,
    /// An append that keeps the lease; must not wait behind a long append.
    Heartbeat,
    Vote,
    PreVote,
    Transfer,
}

#[derive(Debug, Clone, thiserror::Error)]
pub enum TransportError {
    /// Worth a pause before the next attempt.
    #[error("server is unreachable: {reason}")]
    Unreachable { reason: String },
    /// The connection broke; the next attempt may follow at once.
    #[error("connection to the server broke: {reason}")]
    Broken { reason: String },
}

pub trait Transport: Send + Sync + 'static {
    /// Sends one message and resolves to the answer. Gives up by itself after `patience`.
    fn send(
        &self,
        to: &Peer,
        kind: MessageKind,
        message: Bytes,
        patience: Duration,
    ) -> BoxFuture<Result<Bytes, TransportError>>;

    /// Sends a snapshot: `message` goes to the receiver's `Handle::install` together with the
    /// rows. Dropping the future cancels the transfer.
    fn send_snapshot(
        &self,
        to: &Peer,
        message: Bytes,
        rows: Parcel,
        patience: Duration,
    ) -> BoxFuture<Result<Bytes, TransportError>>;
}

/// The transport of a cluster of one: there is nobody to reach.
#[derive(Debug, Clone, Copy, Default)]
pub struct Alone;

impl Alone {
    fn nobody(to: &Peer) -> BoxFuture<Result<Bytes, TransportError>> {
        let reason = format!("no transport to `{}` is configured", to.name);
        Box::pin(std::future::ready(Err(TransportError::Unreachable { reason })))
    }
}

impl Transport for Alone {
    fn send(
        &self,
        to: &Peer,
        _kind: MessageKind,
        _message: Bytes,
        _patience: Duration,
    ) -> BoxFuture<Result<Bytes, TransportError>> {
        Self::nobody(to)
    }

    fn send_snapshot(
        &self,
        to: &Peer,
        _message: Bytes,
        _rows: Parcel,
        _patience: Duration,
    ) -> BoxFuture<Result<Bytes, TransportError>> {
        Self::nobody(to)
    }
}
