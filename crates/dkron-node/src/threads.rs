//! The node's threads: each with a runtime of its own, and their end is the node's end.

use tokio::sync::mpsc;

use crate::error::Error;

/// A thread with a small runtime of its own; its end is the node's end.
pub fn thread(
    name: &'static str,
    fail: &mpsc::Sender<String>,
    work: impl Future<Output = ()> + Send + 'static,
) -> Result<(), Error> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
    let runtime = runtime.map_err(|source| Error::Thread { name, source })?;
    let fail = Ending { name, fail: fail.clone() };
    let run = move || {
        let _fail = fail;
        runtime.block_on(work);
    };
    let spawned = std::thread::Builder::new().name(name.into()).spawn(run);
    spawned.map(drop).map_err(|source| Error::Thread { name, source })
}

/// Tells of a thread's end, also when it panics.
struct Ending {
    name: &'static str,
    fail: mpsc::Sender<String>,
}

impl Drop for Ending {
    fn drop(&mut self) {
        let how = if std::thread::panicking() { "panicked" } else { "ended" };
        // At an orderly stop nobody listens any more.
        let _ = self.fail.try_send(format!("thread `{}` {how}", self.name));
    }
}
