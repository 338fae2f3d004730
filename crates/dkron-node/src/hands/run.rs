//! One execution: the executor runs it, its output is kept, and its end is told.

use std::sync::Arc;

use dkron_core::domain::civil::rfc3339;
use dkron_core::domain::{EndReason, Finish, Output, Seq, State, Timestamp};
use dkron_core::worker::{Process, Run};
use dkron_exec::output::stored_output;
use dkron_exec::{CancelToken, Context, Outcome, OutcomeState, OutputSink, Registry, Terms};
use dkron_store::blob::Blobs;
use tokio::sync::mpsc;

use super::Told;
use crate::clocks;
use crate::outputs::{self, LiveOutputs};

/// What every execution needs.
pub struct Starter {
    pub executors: Registry,
    pub blobs: Arc<Blobs>,
    pub outputs: LiveOutputs,
    pub pool: tokio::runtime::Handle,
    pub told: mpsc::UnboundedSender<Told>,
}

impl Starter {
    pub fn start(&self, run: Run, cancel: CancelToken) {
        let seq = run.seq;
        let name = run.job.executor.as_str();
        let Some(executor) = self.executors.get(name) else {
            return self.no_executor(seq, name);
        };
        let (told, at) = (self.told.clone(), clocks::wall());
        let limit = usize::try_from(run.output_limit).unwrap_or(usize::MAX);
        let sink = OutputSink::with_on_started(limit, move |process| {
            let group = process.process_group;
            let process = Some(Process { group, start_time: process.start_time });
            // The thread is gone if nobody listens; the journal then says what it knows.
            let _ = told.send(Told::Started { seq, at: clocks::wall(), process });
        });
        if !executor.tells_start() {
            let _ = self.told.send(Told::Started { seq, at, process: None });
        }
        self.outputs.add(seq, sink.reader(), limit);
        let running = executor.run(exec_run(&run), sink.clone(), cancel);
        let (told, blobs) = (self.told.clone(), Arc::clone(&self.blobs));
        let live = self.outputs.clone();
        let task = self.pool.spawn(running);
        self.pool.spawn(async move {
            let outcome = task.await;
            let outcome = outcome.unwrap_or_else(|_| Outcome::failed("the executor broke down"));
            let finished_at = outcome.finished_at.unwrap_or_else(clocks::wall);
            let tail = sink.finish();
            let stored = stored_output(outcome.error.as_deref(), &tail, limit);
            // Of the tail so much stands behind the head.
            let own = tail.bytes.len() as u64 - (stored.dropped - tail.dropped);
            let head = u32::try_from(stored.bytes.len() as u64 - own).unwrap_or(0);
            let output = keep(blobs, stored.bytes).await;
            let finish = Finish {
                state: state(outcome.state),
                reason: EndReason::None,
                started_at: Some(at),
                finished_at,
                exit_code: outcome.exit_code,
                output,
                dropped: stored.dropped,
                head,
            };
            live.remove(seq);
            let _ = told.send(Told::Finished { seq, finish: Box::new(finish) });
        });
    }

    fn no_executor(&self, seq: Seq, name: &str) {
        let known = self.executors.names().join(", ");
        let text = if name.is_empty() {
            format!("the job names no executor; known are: {known}\n")
        } else {
            format!("executor `{name}` is not present on this node; known are: {known}\n")
        };
        let at = clocks::wall();
        let finish = Finish {
            state: State::Failed,
            reason: EndReason::NoExecutor,
            started_at: Some(at),
            finished_at: at,
            output: Output::Inline(Arc::from(text.into_bytes())),
            ..Finish::default()
        };
        let _ = self.told.send(Told::Finished { seq, finish: Box::new(finish) });
    }
}

/// Small outputs are kept without a thread change.
async fn keep(blobs: Arc<Blobs>, bytes: Vec<u8>) -> Output {
    if bytes.len() <= dkron_core::domain::limits::INLINE_OUTPUT {
        return outputs::keep(&blobs, bytes);
    }
    let kept = tokio::task::spawn_blocking(move || outputs::keep(&blobs, bytes)).await;
    kept.unwrap_or_default()
}

fn state(state: OutcomeState) -> State {
    match state {
        OutcomeState::Success => State::Success,
        OutcomeState::Failed => State::Failed,
        OutcomeState::TimedOut => State::TimedOut,
        OutcomeState::Cancelled => State::Cancelled,
    }
}

fn exec_run(run: &Run) -> dkron_exec::Run {
    let config = run.job.executor_config.iter();
    let nominal: Timestamp = run.nominal.0;
    dkron_exec::Run {
        seq: run.seq.0,
        execution_id: run.id().to_string(),
        job_name: run.job.name.as_str().to_owned(),
        executor_config: config.map(|(key, text)| (key.clone(), text.clone())).collect(),
        context: Context {
            group: run.group.0,
            attempt: run.attempt,
            scheduled_at: Some(rfc3339(nominal, 0)),
            node: run.node.as_str().to_owned(),
            fence: run.fence.0,
        },
        terms: Terms::default(),
    }
}

/// Ends what an earlier life of the agent left behind, if it is still the same process group.
pub fn kill_group(process: Process) {
    let (group, start_time) = (process.group, process.start_time);
    // A group is named by its leader.
    let killed = dkron_exec::kill_left_over(group, start_time);
    if killed {
        tracing::warn!(group = process.group, "killed a process group of an earlier run");
    }
}
