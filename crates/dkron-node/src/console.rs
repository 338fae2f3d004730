//! An operator's command line as a caller: it asks one node, belongs to no cluster, and proves
//! itself with the key if the cluster has one.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use crate::forward::{self, Pieces, RequestHead};
use crate::rpc::grpc::{Client, Identity, IoThread, derive_key, protocol};
use crate::rpc::{CallError, Role, Target, Wire};

/// From the first byte to the last; a node that leaves may take its time.
const PATIENCE: Duration = Duration::from_secs(60);
/// LIMIT: bytes of an answer.
const ANSWER_BYTES: usize = 64 << 20;

/// The way to one node.
pub struct Console {
    wire: Arc<dyn Wire>,
    target: Target,
}

/// Why there is no answer; the text is for the operator.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Error(String);

impl From<CallError> for Error {
    fn from(err: CallError) -> Error {
        Error(err.to_string())
    }
}

impl Console {
    /// `address` is `host:port` of the node's RPC listener; nothing is dialled yet.
    pub fn new(address: &str, key: Option<&[u8]>) -> Result<Console, Error> {
        let thread = IoThread::start().map_err(|err| Error(err.to_string()))?;
        let identity = Identity {
            id: 0,
            name: "operator".into(),
            role: Role::Operator,
            shard: 0,
            mark: None,
            key: key.map(derive_key),
            protocol: protocol(),
        };
        let wire = Arc::new(Client::new(&thread, Arc::new(identity)));
        let target = Target { id: 0, address: address.to_owned() };
        Ok(Console { wire, target })
    }

    /// A request of the REST API; the answer's status and body.
    pub async fn ask(
        &self,
        method: &str,
        target: &str,
        body: Bytes,
    ) -> Result<(u16, Bytes), Error> {
        let (method, target) = (method.to_owned(), target.to_owned());
        let head = RequestHead { method, target, ..RequestHead::default() };
        let asking = async {
            let body = Pieces::of(body);
            let answered = forward::ask(&*self.wire, &self.target, &head, body).await?;
            let cut = |_| Error("the answer breaks off".into());
            let body = answered.body.collect(ANSWER_BYTES).await.map_err(cut)?;
            Ok((answered.head.status, body))
        };
        let late = |_| Err(Error("nothing came within a minute".into()));
        tokio::time::timeout(PATIENCE, asking).await.unwrap_or_else(late)
    }
}

#[cfg(test)]
mod tests;
