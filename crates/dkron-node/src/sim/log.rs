//! A server's log in memory: writes are durable some time after they were handed in, in order, and
//! a crash takes what is not, in part.

use std::collections::{BTreeMap, VecDeque};
use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use dkron_raft::LogDisk;
use dkron_sim::Dice;
use dkron_store::Error;
use dkron_store::log::Done;
use tokio::sync::Notify;
use tokio::time::Instant;

use super::process::Process;
use super::world::Plant;

/// What a disk holds.
#[derive(Clone, Default)]
pub struct Content {
    entries: BTreeMap<u64, (Arc<Vec<u8>>, Since)>,
    vote: Option<Vec<u8>>,
    committed: Option<Vec<u8>>,
    purged: Option<(u64, Vec<u8>)>,
}

/// When it was written.
type Since = Option<Instant>;

enum Step {
    Append(Vec<(u64, Arc<Vec<u8>>)>),
    Truncate(u64),
    Purge(u64, Vec<u8>),
    Vote(Vec<u8>),
}

impl Content {
    fn apply(&mut self, step: &Step) {
        match step {
            Step::Append(entries) => {
                let now = Some(Instant::now());
                let new = entries.iter().map(|(index, bytes)| (*index, (Arc::clone(bytes), now)));
                self.entries.extend(new);
            }
            Step::Truncate(index) => drop(self.entries.split_off(&(index + 1))),
            Step::Purge(index, marker) => {
                self.entries = self.entries.split_off(&(index + 1));
                self.purged = Some((*index, marker.clone()));
            }
            Step::Vote(bytes) => self.vote = Some(bytes.clone()),
        }
    }
}

/// One life's view of it.
pub struct Log {
    inner: Mutex<Inner>,
    work: Notify,
    process: Arc<Process>,
}

#[derive(Default)]
struct Inner {
    /// As it is read.
    view: Content,
    /// As it survives.
    durable: Content,
    queue: VecDeque<(Step, Option<Done>)>,
    stalled_until: Option<Instant>,
    closed: bool,
}

impl Log {
    pub fn open(durable: Content, process: Arc<Process>) -> Arc<Log> {
        let inner = Inner { view: durable.clone(), durable, ..Inner::default() };
        Arc::new(Log { inner: Mutex::new(inner), work: Notify::new(), process })
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap()
    }

    /// Writes until the process dies.
    pub async fn write(self: Arc<Self>) {
        loop {
            let is_idle = self.inner().queue.is_empty();
            if is_idle {
                self.work.notified().await;
            }
            let pause = self.process.world.with(|world| {
                let most = world.plan.disk_millis;
                world.dice.millis(0, most)
            });
            tokio::time::sleep(pause).await;
            loop {
                let stalled = self.inner().stalled_until.take();
                let Some(until) = stalled else { break };
                tokio::time::sleep_until(until).await;
            }
            let batch = {
                let mut inner = self.inner();
                let batch: Vec<_> = inner.queue.drain(..).collect();
                batch.iter().for_each(|(step, _)| inner.durable.apply(step));
                inner.durable.committed = inner.view.committed.clone();
                batch
            };
            for done in batch.into_iter().filter_map(|(_, done)| done) {
                done(Ok(()));
            }
        }
    }

    pub fn stall(&self, until: Instant) {
        self.inner().stalled_until = Some(until);
    }

    /// The process is gone: what the next one finds.
    pub fn crash(&self, dice: &mut Dice) -> Content {
        let mut inner = self.inner();
        inner.closed = true;
        let queue = std::mem::take(&mut inner.queue);
        let kept = dice.below(queue.len() as u64 + 1) as usize;
        queue.iter().take(kept).for_each(|(step, _)| inner.durable.apply(step));
        std::mem::take(&mut inner.durable)
    }

    fn push(&self, step: Step, done: Done) -> Result<(), Error> {
        let mut inner = self.inner();
        if inner.closed {
            return Err(Error::Stopped { what: "the log", reason: "its process died".into() });
        }
        inner.view.apply(&step);
        let mut done = Some(done);
        if self.process.world.plant() == Plant::EarlyAcks
            && matches!(step, Step::Append(_))
            && let Some(done) = done.take()
        {
            // A planted bug: it is acknowledged before it is durable.
            drop(inner);
            done(Ok(()));
            inner = self.inner();
        }
        inner.queue.push_back((step, done));
        drop(inner);
        self.work.notify_one();
        Ok(())
    }
}

impl LogDisk for Log {
    fn append(&self, entries: Vec<(u64, Vec<u8>)>, done: Done) -> Result<(), Error> {
        let entries = entries.into_iter().map(|(index, bytes)| (index, Arc::new(bytes)));
        self.push(Step::Append(entries.collect()), done)
    }

    fn truncate_after_then(&self, index: u64, done: Done) -> Result<(), Error> {
        self.push(Step::Truncate(index), done)
    }

    fn purge_upto_then(&self, index: u64, marker: Vec<u8>, done: Done) -> Result<(), Error> {
        self.push(Step::Purge(index, marker), done)
    }

    fn save_vote_then(&self, bytes: Vec<u8>, done: Done) -> Result<(), Error> {
        self.push(Step::Vote(bytes), done)
    }

    fn read_vote(&self) -> Option<Vec<u8>> {
        self.inner().view.vote.clone()
    }

    fn save_committed(&self, bytes: Vec<u8>) -> Result<(), Error> {
        self.inner().view.committed = Some(bytes);
        Ok(())
    }

    fn read_committed(&self) -> Option<Vec<u8>> {
        self.inner().view.committed.clone()
    }

    fn read_purged(&self) -> Option<(u64, Vec<u8>)> {
        self.inner().view.purged.clone()
    }

    fn read(&self, range: Range<u64>, bytes_max: usize) -> Result<Vec<(u64, Vec<u8>)>, Error> {
        let inner = self.inner();
        let (mut found, mut room) = (Vec::new(), bytes_max);
        if range.is_empty() {
            return Ok(found);
        }
        for (index, (bytes, _)) in inner.view.entries.range(range) {
            if !found.is_empty() && bytes.len() > room {
                break;
            }
            room = room.saturating_sub(bytes.len());
            found.push((*index, bytes.as_ref().clone()));
        }
        Ok(found)
    }

    fn last(&self) -> Result<Option<(u64, Vec<u8>)>, Error> {
        let inner = self.inner();
        let last = inner.view.entries.last_key_value();
        Ok(last.map(|(index, (bytes, _))| (*index, bytes.as_ref().clone())))
    }

    fn bytes_on_disk(&self) -> u64 {
        self.inner().view.entries.values().map(|(bytes, _)| bytes.len() as u64).sum()
    }

    fn purgeable(&self, _keep_bytes: u64, keep_age: Duration) -> Option<u64> {
        let inner = self.inner();
        let old = |at: Since| at.is_none_or(|at| at.elapsed() >= keep_age);
        let old = inner.view.entries.iter().take_while(|(_, (_, at))| old(*at));
        old.last().map(|(index, _)| *index)
    }
}
