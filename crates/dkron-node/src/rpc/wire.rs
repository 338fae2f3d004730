//! The dialling side.

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::mpsc;

use super::method::{Lane, Method};

pub type BoxFuture<T> = Pin<Box<dyn Future<Output = T> + Send + 'static>>;

/// Whom to dial.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Target {
    /// 0 = whoever answers there; another number must be that of the node that answers.
    pub id: u64,
    /// `host:port`, resolved at every dial.
    pub address: String,
}

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CallError {
    /// No connection: nothing has arrived there.
    #[error("unreachable: {0}")]
    Unreachable(String),
    /// The connection ended, or nothing came in time: the question may have arrived.
    #[error("no answer: {0}")]
    NoAnswer(String),
    /// The other side does not want to, and says why.
    #[error("refused: {0}")]
    Refused(String),
}

/// Frames both ways. Dropping it ends the stream.
#[derive(Debug)]
pub struct Frames {
    pub to: mpsc::Sender<Bytes>,
    /// Ends without a word when the other side has said everything, with an error when the way
    /// there broke.
    pub from: mpsc::Receiver<Result<Bytes, CallError>>,
}

/// How bytes reach other nodes.
pub trait Wire: Send + Sync + 'static {
    /// One question. Gives up after `patience`, dialling included.
    fn call(
        &self,
        to: &Target,
        lane: Lane,
        method: Method,
        message: Bytes,
        patience: Duration,
    ) -> BoxFuture<Result<Bytes, CallError>>;

    /// Opens a stream; `patience` is for the opening alone.
    fn open(
        &self,
        to: &Target,
        lane: Lane,
        method: Method,
        patience: Duration,
    ) -> BoxFuture<Result<Frames, CallError>>;
}
