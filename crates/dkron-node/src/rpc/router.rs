//! The answering side: who registered for what.

use std::collections::HashMap;
use std::sync::Arc;

use bytes::Bytes;

use super::method::Method;
use super::wire::{BoxFuture, Frames};

/// Who asks, as its hello said and, with a key, proved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// 0 for an operator's command.
    pub id: u64,
    pub name: String,
    pub role: Role,
    /// Version of the protocol that both sides know.
    pub version: u16,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    Server,
    Agent,
    /// A command line: it asks, but belongs to no cluster.
    Operator,
}

/// Answers one question; the text of an error goes back as it is.
pub type Handler = Arc<dyn Fn(Caller, Bytes) -> BoxFuture<Result<Bytes, String>> + Send + Sync>;
/// Serves one stream until it returns.
pub type StreamHandler = Arc<dyn Fn(Caller, Frames) -> BoxFuture<()> + Send + Sync>;

/// Which handler serves a method. Built at start, then shared.
#[derive(Clone, Default)]
pub struct Router {
    calls: HashMap<Method, Handler>,
    streams: HashMap<Method, StreamHandler>,
}

impl Router {
    #[must_use]
    pub fn call<F>(
        mut self,
        method: Method,
        answer: impl Fn(Caller, Bytes) -> F + Send + Sync + 'static,
    ) -> Router
    where
        F: Future<Output = Result<Bytes, String>> + Send + 'static,
    {
        let boxed = move |caller, message| -> BoxFuture<_> { Box::pin(answer(caller, message)) };
        self.calls.insert(method, Arc::new(boxed));
        self
    }

    #[must_use]
    pub fn stream<F>(
        mut self,
        method: Method,
        serve: impl Fn(Caller, Frames) -> F + Send + Sync + 'static,
    ) -> Router
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let boxed = move |caller, frames| -> BoxFuture<_> { Box::pin(serve(caller, frames)) };
        self.streams.insert(method, Arc::new(boxed));
        self
    }

    pub fn handler(&self, method: Method) -> Option<Handler> {
        self.calls.get(&method).cloned()
    }

    pub fn stream_handler(&self, method: Method) -> Option<StreamHandler> {
        self.streams.get(&method).cloned()
    }
}
