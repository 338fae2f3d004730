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
