//! Figures of the node. Names are Dkron's documented ones; each is really counted.

use dkron_core::domain::{Record, SkipReason, State};
use dkron_core::ledger::{Fired, Reply};

/// An execution ended; counted once, by the leader.
pub fn ended(record: &Record) {
    // The recorder bounds how many jobs have series of their own.
    let job = record.job_name.as_str().to_owned();
    let finish = &record.finish;
    if finish.state == State::Success {
        metrics::counter!("dkron_job_executions_succeeded_total", "job_name" => job).increment(1);
    } else {
        metrics::counter!("dkron_job_executions_failed_total", "job_name" => job).increment(1);
    }
    Timer::ClientAgentRun.record(finish.finished_at.since(record.fired_at));
    if let Some(started) = finish.started_at {
        let lag = started.since(record.nominal.0).as_secs_f64();
        metrics::histogram!("dkron_job_start_lag_seconds").record(lag);
        let ran = finish.finished_at.since(started).as_secs_f64();
        metrics::histogram!("dkron_job_duration_seconds").record(ran);
    }
}

/// Slots did not run: those that fires skip, and runs that found their slot held.
pub fn skipped(skips: &[Option<(SkipReason, u64)>], reply: &Reply) {
    let Reply::Fired(fired) = reply else { return };
    for (skip, fired) in skips.iter().zip(fired) {
        if *fired == Fired::Skipped {
            let (reason, count) = skip.unwrap_or((SkipReason::Overlap, 1));
            let reason = reason.word();
            metrics::counter!("dkron_job_slots_skipped_total", "reason" => reason).increment(count);
        }
    }
}

/// This server became the one that schedules.
pub fn in_office() {
    metrics::counter!("dkron_scheduler_start").increment(1);
    schedules(true);
}

/// Whether this server is the one that decides slots.
pub fn schedules(is_in_office: bool) {
    metrics::gauge!("dkron_scheduler_active").set(if is_in_office { 1.0 } else { 0.0 });
}

/// A proposal found its queue full.
pub fn refused() {
    metrics::counter!("dkron_proposals_refused_total").increment(1);
}

/// Executions that are not terminal.
pub fn running(count: usize) {
    metrics::gauge!("dkron_job_executions_running").set(count as f64);
}

/// Whether this server leads.
pub fn leader(leads: bool) {
    metrics::gauge!("dkron_raft_leader").set(if leads { 1.0 } else { 0.0 });
}

/// Work whose time Dkron's clients know by name, in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Timer {
    /// From consensus' election to the first decision.
    EstablishLeadership,
    /// From the proposal to take office to its application: everything before is applied.
    Barrier,
    RevokeLeadership,
    /// The end of executions, from the proposal to its application.
    ExecutionDone,
    /// The same as a node sees it: from its result to the acknowledgement.
    CallExecutionDone,
    /// The start of executions, from the proposal to its application.
    SetExecution,
    /// A run, on the node.
    AgentRun,
    /// A run, as the leader sees it: from its fire to its result.
    ClientAgentRun,
}

impl Timer {
    const fn name(self) -> &'static str {
        match self {
            Timer::EstablishLeadership => "dkron_dkron_leader_establish_leadership",
            Timer::Barrier => "dkron_dkron_leader_barrier",
            Timer::RevokeLeadership => "dkron_dkron_leader_revoke_leadership",
            Timer::ExecutionDone => "dkron_grpc_execution_done",
            Timer::CallExecutionDone => "dkron_grpc_call_execution_done",
            Timer::SetExecution => "dkron_grpc_set_execution",
            Timer::AgentRun => "dkron_grpc_agent_agent_run",
            Timer::ClientAgentRun => "dkron_grpc_client_agent_run",
        }
    }

    pub fn record(self, took: std::time::Duration) {
        metrics::histogram!(self.name()).record(took.as_secs_f64() * 1000.0);
    }
}

/// This node became a member.
pub fn joined() {
    metrics::counter!("dkron_agent_event_received_member_join").increment(1);
}

/// This node leaves.
pub fn left() {
    metrics::counter!("dkron_agent_event_received_member_leave").increment(1);
}
