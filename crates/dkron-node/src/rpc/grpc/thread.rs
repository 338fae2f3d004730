//! The thread that owns all sockets between nodes: load on the HTTP side of the process does not
//! delay a heartbeat.

use std::io;
use std::sync::Arc;

use tokio::runtime::{Builder, Handle};
use tokio::sync::oneshot;

/// A cheap clone; with the last one the thread ends, and all connections with it.
#[derive(Clone)]
pub struct IoThread {
    handle: Handle,
    /// Dropped with the last clone, which stops the thread.
    _stop: Arc<oneshot::Sender<()>>,
}

impl IoThread {
    pub fn start() -> io::Result<IoThread> {
        let runtime =
            Builder::new_current_thread().enable_all().thread_name("rpc-names").build()?;
        let handle = runtime.handle().clone();
        let (stop, stopped) = oneshot::channel::<()>();
        std::thread::Builder::new().name("rpc".into()).spawn(move || {
            // An error is the last clone's end, which is what is waited for.
            let _ = runtime.block_on(stopped);
            runtime.shutdown_background();
        })?;
        Ok(IoThread { handle, _stop: Arc::new(stop) })
    }

    pub(super) fn handle(&self) -> &Handle {
        &self.handle
    }
}
