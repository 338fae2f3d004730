//! Processors run on the leader, off the scheduling thread, a few at a time.

use std::sync::Arc;

use dkron_core::domain::{ExecutionId, Job, NodeName, Output, Record, State};
use dkron_exec::{ExecutionView, ProcessorRegistry, run_processors};
use tokio::sync::{Semaphore, mpsc};

use crate::event::Event;
use crate::outputs::Store;

/// Executions processed at a time; others wait in memory, and in the ledger.
const AT_A_TIME: usize = 8;

pub struct Processing {
    pool: tokio::runtime::Handle,
    room: Arc<Semaphore>,
    shared: Arc<Shared>,
}

struct Shared {
    processors: ProcessorRegistry,
    outputs: Store,
    node: NodeName,
    events: mpsc::UnboundedSender<Event>,
}

impl Processing {
    pub fn new(
        pool: tokio::runtime::Handle,
        processors: ProcessorRegistry,
        outputs: Store,
        node: NodeName,
        events: mpsc::UnboundedSender<Event>,
    ) -> Self {
        let shared = Arc::new(Shared { processors, outputs, node, events });
        Processing { pool, room: Arc::new(Semaphore::new(AT_A_TIME)), shared }
    }

    /// Runs the job's processors over the record's output, at some time; of what they leave `limit`
    /// bytes are kept.
    pub fn start(&self, record: Arc<Record>, job: Arc<Job>, limit: u32) {
        let (room, shared) = (Arc::clone(&self.room), Arc::clone(&self.shared));
        self.pool.spawn(async move {
            let Ok(_permit) = room.acquire_owned().await else { return };
            let (seq, finish) = (record.seq, &record.finish);
            let output = shared.outputs.read(&finish.output).await;
            let (processing, processed) = (Arc::clone(&shared), Arc::clone(&record));
            let work = move || processing.process(&processed, &job, &output);
            let (output, dropped) = match tokio::task::spawn_blocking(work).await {
                // Broken down outside of any processor, or not: the output stays what it was.
                Err(_) | Ok(None) => (finish.output.clone(), finish.dropped),
                Ok(Some(mut bytes)) => {
                    bytes.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
                    let whole = bytes.len();
                    match shared.outputs.keep(bytes).await {
                        // What could not be stored was cut to its tail.
                        Output::Inline(kept) => {
                            let dropped = (whole - kept.len()) as u64;
                            (Output::Inline(kept), dropped)
                        }
                        output => (output, 0),
                    }
                }
            };
            // The thread is gone if nobody listens; it is asked again after the next start.
            let _ = shared.events.send(Event::Processed { seq, output, dropped });
        });
    }
}

impl Shared {
    /// What takes the place of the output, if anything does.
    fn process(&self, record: &Record, job: &Job, output: &[u8]) -> Option<Vec<u8>> {
        let id = ExecutionId { seq: record.seq, node: record.node.clone() }.to_string();
        let view = ExecutionView {
            id: &id,
            job_name: job.name.as_str(),
            output,
            success: record.finish.state == State::Success,
            reporting_node: self.node.as_str(),
        };
        let chain = job.processors.iter();
        let chain = chain.map(|(name, map)| (name.clone(), map.clone().into_iter().collect()));
        let processed = run_processors(&self.processors, &chain.collect(), &view);
        for (name, problem) in &processed.problems {
            tracing::error!(processor = %name, execution = %id, %problem, "processor failed");
        }
        processed.replacement
    }
}
