//! Outputs that are too large for a report, on their way to the leader: a majority of the servers
//! has stored them before their end is told.

use std::sync::Arc;

use bytes::Bytes;
use dkron_core::domain::Output;
use dkron_exec::BoxFuture;
use tokio::sync::watch;

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
        Box::pin(async move {
            let shipping = ship(wire, linked, local, bytes.clone());
            match tokio::time::timeout(STORED, shipping).await {
                Ok(output) => output,
                Err(_) => {
                    tracing::warn!("an output could not be stored in time: its tail stays");
                    outputs::inline(bytes.into())
                }
            }
        })
    }
}

async fn ship(
    wire: Arc<dyn Wire>,
    mut linked: watch::Receiver<Linked>,
    local: Option<Store>,
    bytes: Bytes,
) -> Output {
    let named = bytes.clone();
    let Ok(name) = tokio::task::spawn_blocking(move || Name::of(&named)).await else {
        return outputs::inline(bytes.into());
    };
    loop {
        let leader = linked.borrow_and_update().clone();
        let unkept = match (leader, &local) {
            (Linked::Own, Some(store)) => match store.offer(bytes.clone()).await {
                Ok(name) => return outputs::stored(name),
                Err(Unkept::Disk(reason)) => {
                    tracing::error!(reason, "an output could not be stored: its tail stays");
                    return outputs::inline(bytes.into());
                }
                Err(Unkept::Others(reason)) => reason,
            },
            (Linked::Leader(leader), _) => {
                match outputs::put(&*wire, &leader, name, Put::Spread, &bytes).await {
                    Ok(()) => return outputs::stored(name),
                    Err(reason) => reason.to_string(),
                }
            }
            _ => "nobody leads".to_owned(),
        };
        tracing::debug!(reason = unkept, "an output is not stored yet");
        // The sender is gone at the end of the node only.
        let _ = tokio::time::timeout(AGAIN, linked.changed()).await;
    }
}
