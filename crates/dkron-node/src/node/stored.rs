//! What the data directory holds, opened and read.

use std::sync::Arc;

use dkron_core::ledger::Ledger;
use dkron_exec::runner::Held;

use crate::error::Error;
use crate::hands::{Recalled, recall};
use crate::options::Options;
use crate::rows;

/// What the data directory holds, opened.
pub(super) struct Stored {
    pub log: Arc<dkron_store::log::Log>,
    pub state: Arc<dkron_store::state::State>,
    pub blobs: Arc<dkron_store::blob::Blobs>,
    pub ledger: Ledger,
    pub recalled: Recalled,
}

impl Stored {
    pub async fn open(options: &Options, held: &[Held]) -> Result<Stored, Error> {
        let data = &options.data;
        let (log, state, blobs) = (data.log()?, data.state()?, data.blobs()?);
        let ledger = load(Arc::clone(&state)).await?;
        let recalled = recall(data, options.durability, &options.member.name, held)?;
        Ok(Stored { log, state, blobs, ledger, recalled })
    }
}

/// Reading all rows takes its time: not on a thread that others wait for.
async fn load(state: Arc<dkron_store::state::State>) -> Result<Ledger, Error> {
    let loaded = tokio::task::spawn_blocking(move || rows::load(&state)).await;
    loaded.unwrap_or_else(|err| {
        let source = std::io::Error::other(err);
        Err(Error::Thread { name: "load", source })
    })
}
