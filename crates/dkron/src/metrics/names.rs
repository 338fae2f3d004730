//! Every name that is exported: Dkron's, the intended ones included, then ours. Timers are in
//! milliseconds, as its clients know them. Counters never vanish and never start again.
//! The node counts under the same names.

use metrics::{describe_counter, describe_gauge, describe_histogram};

pub const JOB_ADD: &str = "dkron_scheduler_job_add";
pub const JOB_DELETE: &str = "dkron_scheduler_job_delete";

pub const SET_JOB: &str = "dkron_grpc_set_job";
pub const DELETE_JOB: &str = "dkron_grpc_delete_job";
pub const DELETE_EXECUTIONS: &str = "dkron_grpc_delete_executions";
pub const GET_JOB: &str = "dkron_grpc_get_job";
/// Dkron's name for its question after active executions.
pub const ACTIVE: &str = "dkron_grpc_agent_run";

/// Counters with what they count.
pub const COUNTERS: &[(&str, &str)] = &[
    ("dkron_job_executions_succeeded_total", "executions that succeeded, by job_name"),
    ("dkron_job_executions_failed_total", "executions that did not succeed, by job_name"),
    ("dkron_scheduler_start", "times that this server became the one that schedules"),
    ("dkron_agent_event_received_member_join", "members that came, this one included"),
    ("dkron_agent_event_received_member_leave", "members that left, this one included"),
    (JOB_ADD, "jobs stored through this server, by job"),
    (JOB_DELETE, "jobs deleted through this server, by job"),
    ("dkron_job_slots_skipped_total", "slots that did not run, by reason"),
    ("dkron_proposals_refused_total", "proposals that found their queue full"),
];

/// Distributions with what they hold.
pub const TIMERS: &[(&str, &str)] = &[
    (SET_JOB, "milliseconds to store a job"),
    (DELETE_JOB, "milliseconds to delete a job"),
    (DELETE_EXECUTIONS, "milliseconds to clear a job's executions"),
    (GET_JOB, "milliseconds to read a job"),
    (ACTIVE, "milliseconds to list what runs"),
    ("dkron_grpc_execution_done", "milliseconds to put the end of executions into the log"),
    ("dkron_grpc_call_execution_done", "milliseconds from a node's result to its acknowledgement"),
    ("dkron_grpc_set_execution", "milliseconds to put the start of executions into the log"),
    ("dkron_grpc_agent_agent_run", "milliseconds of a run on its node"),
    ("dkron_grpc_client_agent_run", "milliseconds from a fire to its result"),
    ("dkron_dkron_leader_barrier", "milliseconds until a new leader has applied all before it"),
    ("dkron_dkron_leader_establish_leadership", "milliseconds from election to first decision"),
    ("dkron_dkron_leader_revoke_leadership", "milliseconds to give up a leadership"),
    ("dkron_job_duration_seconds", "seconds of a run"),
    ("dkron_job_start_lag_seconds", "seconds from a slot to its start"),
];

/// Gauges with what they show.
pub const GAUGES: &[(&str, &str)] = &[
    ("dkron_job_executions_running", "executions that have not ended"),
    ("dkron_raft_leader", "1 where consensus leads"),
    ("dkron_scheduler_active", "1 on the server in office, which decides slots; 0 on others"),
];

/// Tells the recorder what each name means.
pub fn describe() {
    for (name, text) in COUNTERS {
        describe_counter!(*name, *text);
    }
    for (name, text) in TIMERS {
        describe_histogram!(*name, *text);
    }
    for (name, text) in GAUGES {
        describe_gauge!(*name, *text);
    }
}
