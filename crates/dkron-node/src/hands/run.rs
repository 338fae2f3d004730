//! One execution: the executor runs it, its output is kept, and its end is told.

use std::path::Path;
use std::sync::Arc;

use dkron_core::domain::civil::rfc3339;
use dkron_core::domain::{EndReason, Finish, Output, Seq, State, Timestamp};
use dkron_core::worker::{self, FENCE_GRACE, Process, Run, kept};
use dkron_exec::output::stored_output;
use dkron_exec::runner::{Held, RunnerClient};
use dkron_exec::{
    BoxFuture, CancelToken, Context, EndedBy, Outcome, OutcomeState, OutputSink, Registry,
};
use tokio::sync::mpsc;

use super::Told;
use crate::clocks;
use crate::outputs::{self, LiveOutputs, Shipper};

/// What every execution needs.
pub struct Starter {
    pub executors: Registry,
    /// What starts processes, and outlives the agent.
    pub runner: Option<RunnerClient>,
    /// Where outputs within the agent go that are large.
    pub spool: Arc<Path>,
    pub shipper: Arc<dyn Shipper>,
    pub outputs: LiveOutputs,
    pub pool: tokio::runtime::Handle,
    pub told: mpsc::UnboundedSender<Told>,
}

impl Starter {
    /// Starts a run; whether it outlives the agent. `lost_after` is the session's.
    pub fn start(&self, run: &Run, lost_after: std::time::Duration, cancel: CancelToken) -> bool {
        let seq = run.seq;
        let name = run.job.executor.as_str();
        let Some(executor) = self.executors.get(name) else {
            self.no_executor(seq, name);
            return false;
        };
        let survives = executor.tells_start();
        let at = clocks::wall();
        if !survives {
            let _ = self.told.send(Told::Started { seq, at, process: None });
        }
        let sink = self.sink(seq, run.output_limit);
        let running = executor.run(exec_run(run, lost_after), sink.clone(), cancel);
        self.watch(seq, at, sink, running);
        survives
    }

    /// Takes up a run that the runner kept for an earlier life of the agent.
    pub fn resume(
        &self,
        held: &Held,
        started_at: Timestamp,
        terms: &worker::Terms,
        cancel: &CancelToken,
    ) {
        let seq = Seq(held.seq);
        let sink = self.sink(seq, terms.output_limit);
        let executors = self.executors.names().into_iter().filter_map(|n| self.executors.get(n));
        let mut resumed =
            executors.filter_map(|one| one.resume(held, sink.clone(), cancel.clone()));
        let running = resumed.next().unwrap_or_else(|| {
            self.discard(held);
            let text = "nobody knows how to go on with it: it was begun by another version";
            Box::pin(std::future::ready(Outcome::failed(text)))
        });
        self.watch(seq, started_at, sink, running);
    }

    /// Ends a run at the runner that nobody asks for any more. When this returns its group is
    /// killed: another one may start in its place.
    pub fn discard(&self, held: &Held) {
        let Some(runner) = self.runner.clone() else { return };
        if let (Some(process), None) = (held.process, &held.exit) {
            tracing::warn!(execution = held.seq, "a run that nobody asks for is ended");
            dkron_exec::kill_left_over(process.process_group, process.start_time);
        }
        let seq = held.seq;
        let Ok(mut process) = runner.resume(seq, OutputSink::new(1)) else { return };
        process.kill(std::time::Duration::ZERO);
        self.pool.spawn(async move {
            // However it ended: it is over, and then it can be forgotten.
            let _ = process.wait().await;
            runner.forget(seq);
        });
    }

    fn sink(&self, seq: Seq, limit: u32) -> OutputSink {
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let told = self.told.clone();
        let sink = OutputSink::spooled(limit, Arc::clone(&self.spool), move |process| {
            let (group, start_time) = (process.process_group, process.start_time);
            let (at, process) = (process.started_at, Some(Process { group, start_time }));
            // The thread is gone if nobody listens; the journal then says what it knows.
            let _ = told.send(Told::Started { seq, at, process });
        });
        self.outputs.add(seq, sink.reader(), sink.limit());
        sink
    }

    fn watch(&self, seq: Seq, at: Timestamp, sink: OutputSink, running: BoxFuture<Outcome>) {
        let (told, shipper) = (self.told.clone(), Arc::clone(&self.shipper));
        let live = self.outputs.clone();
        let task = self.pool.spawn(running);
        self.pool.spawn(async move {
            let outcome = task.await;
            let outcome = outcome.unwrap_or_else(|_| Outcome::failed("the executor broke down"));
            let finished_at = outcome.finished_at.unwrap_or_else(clocks::wall);
            let process = sink.reader().process();
            let tail = sink.finish();
            let stored = stored_output(outcome.error.as_deref(), &tail, sink.limit());
            // Of the tail so much stands behind the head.
            let own = tail.bytes.len() as u64 - (stored.dropped - tail.dropped);
            let head = u32::try_from(stored.bytes.len() as u64 - own).unwrap_or(0);
            let whole = stored.bytes.len();
            let output = keep(&*shipper, stored.bytes).await;
            // What could not be stored was cut to its tail.
            let cut = match &output {
                Output::Inline(bytes) => whole - bytes.len(),
                Output::Empty | Output::Stored { .. } => 0,
            };
            let finish = Finish {
                state: state(outcome.state),
                reason: reason(outcome.ended_by),
                started_at: Some(process.map_or(at, |process| process.started_at)),
                finished_at,
                exit_code: outcome.exit_code,
                output,
                dropped: stored.dropped + cut as u64,
                head: if cut > 0 { 0 } else { head },
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

/// Small outputs travel in the report.
async fn keep(shipper: &dyn Shipper, bytes: Vec<u8>) -> Output {
    if bytes.len() <= dkron_core::domain::limits::INLINE_OUTPUT {
        return outputs::inline(bytes);
    }
    shipper.ship(bytes).await
}

fn state(state: OutcomeState) -> State {
    match state {
        OutcomeState::Success => State::Success,
        OutcomeState::Failed => State::Failed,
        OutcomeState::TimedOut => State::TimedOut,
        OutcomeState::Cancelled => State::Cancelled,
    }
}

/// What the runner ended in the agent's absence has the reason that the agent would have given.
fn reason(ended_by: EndedBy) -> EndReason {
    match ended_by {
        EndedBy::MaxRuntime => EndReason::MaxRuntime,
        EndedBy::Lease => EndReason::Fenced,
        EndedBy::Itself | EndedBy::Request | EndedBy::Timeout | EndedBy::Memory => EndReason::None,
    }
}

fn exec_run(run: &Run, lost_after: std::time::Duration) -> dkron_exec::Run {
    let config = run.job.executor_config.iter();
    let nominal: Timestamp = run.nominal.0;
    let terms = worker::Terms::of(run);
    dkron_exec::Run {
        seq: run.seq.0,
        execution_id: run.id().to_string(),
        job_name: run.job.name.as_str().to_owned(),
        executor_config: config.map(|(key, text)| (key.to_owned(), text.to_owned())).collect(),
        context: Context {
            group: run.group.0,
            attempt: run.attempt,
            scheduled_at: Some(rfc3339(nominal, 0)),
            node: run.node.as_str().to_owned(),
            fence: run.fence.0,
        },
        terms: dkron_exec::Terms {
            lease: terms.exclusive.then(|| kept(terms.lost_after.unwrap_or(lost_after))),
            max_runtime: terms.max_runtime,
            grace: FENCE_GRACE,
        },
    }
}

/// Ends what an earlier life of the agent left behind, if it is still the same process group.
pub fn kill_group(process: Process) {
    let (group, start_time) = (process.group, process.start_time);
    // A group is named by its leader.
    if dkron_exec::kill_left_over(group, start_time) {
        tracing::warn!(group, "killed a process group of an earlier run");
    }
}
