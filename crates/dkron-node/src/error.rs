//! Why a node does not start, or stops by itself.

use dkron_core::ledger::LoadError;

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("stored data cannot be used")]
    Store(#[source] dkron_store::Error),
    #[error("stored rows cannot be read")]
    Row(#[source] dkron_wire::Error),
    #[error("stored rows do not fit together")]
    Load(#[source] LoadError),
    #[error("consensus does not start")]
    Consensus(#[source] dkron_raft::Error),
    #[error("the network is not ready")]
    Gossip(#[source] dkron_gossip::Error),
    #[error("rpc-port: {address} can not be listened on, stop what has it or choose another")]
    Listen { address: std::net::SocketAddr, source: std::io::Error },
    #[error("the mark of the cluster cannot be read")]
    Mark(#[source] std::io::Error),
    #[error("the recovery by raft/peers.json failed")]
    Recover(#[source] crate::cluster::recover::RecoverError),
    #[error("thread `{name}` does not start")]
    Thread { name: &'static str, source: std::io::Error },
    #[error("the system gives no random numbers")]
    Random(#[source] getrandom::Error),
    #[error("the kernel's boot id cannot be read")]
    BootId(#[source] std::io::Error),
}

impl From<dkron_store::Error> for Error {
    fn from(source: dkron_store::Error) -> Self {
        Error::Store(source)
    }
}

impl From<dkron_wire::Error> for Error {
    fn from(source: dkron_wire::Error) -> Self {
        Error::Row(source)
    }
}
