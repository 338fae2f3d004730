//! What a user's write leaves beside its effect: word of who did it, and the answer for the client
//! that asks for the same again.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use super::step::{Step, cut};
use crate::domain::{ExecutionId, JobNo, Origin, RequestKey, Verb, Version, limits};
use crate::ledger::activity::Activity;
use crate::ledger::command::{Command, Decision};
use crate::ledger::keyed::{Answered, Keyed};
use crate::ledger::outcome::{Fired, Reply, RowOp};
use crate::ledger::row::{Row, RowKey};

/// Answers that are forgotten with one entry because of their age.
const FORGOTTEN: usize = 8;

/// What a command is about, as far as it says so itself.
pub(super) struct About {
    /// A job of a number has its name from the ledger.
    job_no: Option<JobNo>,
    object: String,
    detail: String,
    nodes: Vec<crate::domain::NodeName>,
    /// Jobs of a restore are noted together.
    is_note: bool,
}

pub(super) fn about(step: &Step<'_>, command: &Command) -> About {
    let (mut job_no, mut nodes) = (None, Vec::new());
    let (object, detail) = match command {
        Command::PutJob(put) | Command::Restore(put) => {
            (put.submission.job.name.to_string(), String::new())
        }
        Command::ToggleJob(toggle) => (toggle.name.to_string(), String::new()),
        Command::DeleteJob(of) | Command::ClearExecutions(of) => {
            (of.name.to_string(), String::new())
        }
        Command::Cancel(cancel) => (cancel.name.to_string(), cancel.reason.clone()),
        Command::SetEligibility(wanted) => (wanted.node.to_string(), wanted.reason.clone()),
        Command::PauseScheduling(wanted) => (String::new(), wanted.reason.clone()),
        Command::Note(note) => (note.object.clone(), note.detail.clone()),
        Command::Fire(fires) => {
            let fire = fires.first();
            job_no = fire.map(|fire| fire.job_no);
            if let Some(Decision::Run(places)) = fire.map(|fire| &fire.decision) {
                let all = places.iter().map(|place| place.target.node.clone());
                nodes = all.take(limits::KEYED_EXECUTIONS).collect();
            }
            let job = job_no.and_then(|job_no| step.ledger.jobs.get(&job_no));
            (job.map(|state| state.job.name.to_string()).unwrap_or_default(), String::new())
        }
        _ => Default::default(),
    };
    let is_note = matches!(command, Command::Note(_));
    About { job_no, object, detail, nodes, is_note }
}

/// After a write that was carried out.
pub(super) fn carried_out(
    step: &mut Step<'_>,
    origin: Origin,
    verb: Verb,
    about: About,
    reply: &Reply,
) {
    let Some(answer) = answered(step, &about, reply) else { return };
    let job = match &answer {
        Answered::Job { job_no, version }
        | Answered::Ran { job_no, version, .. }
        | Answered::Queued { job_no, version } => Some((*job_no, *version)),
        _ => None,
    };
    let detail = match &answer {
        Answered::Ran { group, .. } => format!("group {group}"),
        Answered::Queued { .. } => "it waits for its turn".into(),
        _ => about.detail,
    };
    if let Some(key) = origin.key {
        remember(step, key, answer);
    }
    if verb != Verb::Restore || about.is_note {
        note(step, origin, verb, about.object, job, detail);
    }
}

fn note(
    step: &mut Step<'_>,
    origin: Origin,
    verb: Verb,
    object: String,
    job: Option<(JobNo, Version)>,
    detail: String,
) {
    let (no, at, index) = (step.ledger.activities, step.at, step.index);
    step.ledger.activities += 1;
    let (Origin { by, from, .. }, detail) = (origin, cut(detail));
    let activity = Activity { no, at, index, by, from, verb, object, job, detail };
    step.rows.push(RowOp::Put(Row::Activity(activity)));
    step.rows.push(RowOp::Put(Row::Activities(step.ledger.activities)));
}

/// What can be answered again; none if nothing was carried out.
fn answered(step: &Step<'_>, about: &About, reply: &Reply) -> Option<Answered> {
    let version = |job_no| step.ledger.job_no(job_no).map_or(Version(0), |it| it.runtime.version);
    Some(match reply {
        Reply::Done => Answered::Done,
        Reply::Job(job) => Answered::Job { job_no: job.job_no, version: job.version },
        Reply::Cancelling { executions, retries, queued } => Answered::Cancelling {
            executions: executions.iter().take(limits::KEYED_EXECUTIONS).cloned().collect(),
            retries: *retries,
            queued: *queued,
        },
        Reply::SchedulingPaused(id) => Answered::SchedulingPaused(*id),
        Reply::Resumed(pauses) => Answered::Resumed(*pauses),
        Reply::Fired(fired) => {
            let job_no = about.job_no?;
            let version = version(job_no);
            match fired.first()? {
                Fired::Run { group, seqs } => {
                    let ids = seqs.iter().zip(&about.nodes);
                    let id = |(seq, node): (&crate::domain::Seq, &crate::domain::NodeName)| {
                        ExecutionId { seq: *seq, node: node.clone() }
                    };
                    let executions = ids.map(id).collect();
                    Answered::Ran { job_no, version, group: *group, executions }
                }
                Fired::Queued(_) => Answered::Queued { job_no, version },
                Fired::Skipped | Fired::Void | Fired::Rejected(_) => return None,
            }
        }
        _ => return None,
    })
}

/// Keeps an answer; the oldest beyond the limits are forgotten.
fn remember(step: &mut Step<'_>, key: RequestKey, answer: Answered) {
    if let Some(index) = step.ledger.derived.keys.get(&key.name).copied() {
        // Too old to be known, or this entry would have been answered by it.
        forget(step, index);
    }
    let (index, keyed) = (step.index, Keyed { key, at: step.at, answer });
    step.ledger.derived.keys.insert(key.name, index);
    step.ledger.keyed.insert(index, keyed.clone());
    step.rows.push(RowOp::PutNew(Row::Keyed { index, keyed }));
    for _ in 0..FORGOTTEN {
        let ledger = &step.ledger;
        let Some((oldest, keyed)) = ledger.keyed.first_key_value() else { return };
        let over = ledger.keyed.len() > limits::KEYED_KEPT;
        if !over && step.at.since(keyed.at) < limits::KEYED_FOR {
            return;
        }
        let oldest = *oldest;
        forget(step, oldest);
    }
}

fn forget(step: &mut Step<'_>, index: crate::domain::LogIndex) {
    if let Some(keyed) = step.ledger.keyed.remove(&index) {
        step.ledger.derived.keys.remove(&keyed.key.name);
        step.rows.push(RowOp::Delete(RowKey::Keyed(index)));
    }
}
