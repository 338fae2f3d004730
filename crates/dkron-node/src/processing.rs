//! Processors run on the leader, off the scheduling thread, a few at a time.

use std::sync::Arc;

use dkron_core::domain::{ExecutionId, Job, NodeName, Record, State};
use dkron_exec::{ExecutionView, ProcessorRegistry, run_processors};
use dkron_store::blob::Blobs;
use tokio::sync::{Semaphore, mpsc};

use crate::event::Event;
use crate::outputs;

/// Executions processed at a time; others wait in memory, and in the ledger.
const AT_A_TIME: usize = 8;

pub struct Processing {
    pool: tokio::runtime::Handle,
    room: Arc<Semaphore>,
    shared: Arc<Shared>,
}

struct Shared {
    processors: ProcessorRegistry,
    blobs: Arc<Blobs>,
    node: NodeName,
    events: mpsc::UnboundedSender<Event>,
}

impl Processing {
    pub fn new(
        pool: tokio::runtime::Handle,
        processors: ProcessorRegistry,
        blobs: Arc<Blobs>,
        node: NodeName,
        events: mpsc::UnboundedSender<Event>,
    ) -> Self {
        let shared = Arc::new(Shared { processors, blobs, node, events });
        Processing { pool, room: Arc::new(Semaphore::new(AT_A_TIME)), shared }
    }

    /// Runs the job's processors over the record's output, at some time; of what they leave `limit`
    /// bytes are kept.
    pub fn start(&self, record: Arc<Record>, job: Arc<Job>, limit: u32) {
        let (room, shared) = (Arc::clone(&self.room), Arc::clone(&self.shared));
        self.pool.spawn(async move {
            let Ok(_permit) = room.acquire_owned().await else { return };
            let (seq, finish) = (record.seq, record.finish.clone());
            let events = shared.events.clone();
            let work = tokio::task::spawn_blocking(move || shared.process(&record, &job, limit));
            if work.await.is_err() {
                // Broken down outside of any processor: the output stays what it was.
                let (output, dropped) = (finish.output, finish.dropped);
                let _ = events.send(Event::Processed { seq, output, dropped });
            }
        });
    }
}

impl Shared {
    fn process(&self, record: &Record, job: &Job, limit: u32) {
        let seq = record.seq;
        let id = ExecutionId { seq, node: record.node.clone() }.to_string();
        let output = outputs::read(&self.blobs, &record.finish.output);
        let view = ExecutionView {
            id: &id,
            job_name: job.name.as_str(),
            output: &output,
            success: record.finish.state == State::Success,
            reporting_node: self.node.as_str(),
        };
        let chain = job.processors.iter();
        let chain = chain.map(|(name, map)| (name.clone(), map.clone().into_iter().collect()));
        let processed = run_processors(&self.processors, &chain.collect(), &view);
        for (name, problem) in &processed.problems {
            tracing::error!(processor = %name, execution = %id, %problem, "processor failed");
        }
        let (output, dropped) = match processed.replacement {
            None => (record.finish.output.clone(), record.finish.dropped),
            Some(mut bytes) => {
                bytes.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
                (outputs::keep(&self.blobs, bytes), 0)
            }
        };
        // The thread is gone if nobody listens; it is asked again after the next start.
        let _ = self.events.send(Event::Processed { seq, output, dropped });
    }
}
