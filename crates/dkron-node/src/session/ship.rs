//! Outputs that are too large for a report, on their way to the leader: a majority of the servers
//! has stored them before their end is told.

use std::sync::Arc;

use bytes::Bytes;
use dkron_core::domain::Output;
use dkron_exec::BoxFuture;
use tokio::sync::watch;
use tokio::time::{Instant, timeout_at};

use super::Linked;
use crate::outputs::{self, AGAIN, Name, Put, STORED, Shipper, Store, Unkept};
use crate::rpc::Wire;

/// To whoever leads; from this server's own store while it does.
pub struct Remote {
    wire: Arc<dyn Wire>,
    linked: watch::Receiver<Linked>,
    local: Option<Store>,
}

impl Remote {
    /// `local` is a server's own store; agents have none.
    pub fn new(
        wire: Arc<dyn Wire>,
        linked: watch::Receiver<Linked>,
        local: Option<Store>,
    ) -> Remote {
        Remote { wire, linked, local }
    }
}

impl Shipper for Remote {
    fn ship(&self, bytes: Vec<u8>) -> BoxFuture<Output> {
        let (wire, linked) = (Arc::clone(&self.wire), self.linked.clone());
        let (local, bytes) = (self.local.clone(), Bytes::from(bytes));
        Box::pin(ship(wire, linked, local, bytes))
    }
}

/// Tries until it is stored, in the time that there is; then only its tail stays.
async fn ship(
    wire: Arc<dyn Wire>,
    mut linked: watch::Receiver<Linked>,
    local: Option<Store>,
    bytes: Bytes,
) -> Output {
    let (deadline, mut last) = (Instant::now() + STORED, "nothing came in time".to_owned());
    let named = bytes.clone();
    let Ok(name) = tokio::task::spawn_blocking(move || Name::of(&named)).await else {
        return outputs::inline(bytes.into());
    };
    while Instant::now() < deadline {
        let leader = linked.borrow_and_update().clone();
        let stored = store(&*wire, leader, local.as_ref(), name, &bytes);
        match timeout_at(deadline, stored).await {
            Ok(Ok(())) => return outputs::stored(name),
            Ok(Err(Unkept::Disk(reason))) => {
                tracing::error!(reason, "an output could not be stored: its tail stays");
                return outputs::inline(bytes.into());
            }
            Ok(Err(Unkept::Others(reason))) => last = reason,
            Err(_) => break,
        }
        // The sender is gone at the end of the node only.
        let _ = timeout_at(deadline.min(Instant::now() + AGAIN), linked.changed()).await;
    }
    tracing::warn!(reason = last, "an output could not be stored in time: its tail stays");
    outputs::inline(bytes.into())
}

async fn store(
    wire: &dyn Wire,
    leader: Linked,
    local: Option<&Store>,
    name: Name,
    bytes: &Bytes,
) -> Result<(), Unkept> {
    match (leader, local) {
        (Linked::Own, Some(store)) => store.offer(bytes.clone()).await.map(drop),
        (Linked::Leader(leader), _) => {
            let put = outputs::put(wire, &leader, name, Put::Spread, bytes).await;
            put.map_err(|reason| Unkept::Others(reason.to_string()))
        }
        _ => Err(Unkept::Others("nobody leads".into())),
    }
}
