//! One file for each command. All are total: what the state does not allow is a `Rejection`,
//! what a bug would cause is an assertion that stops the replica.

mod cancel;
mod clear_executions;
mod delete_job;
mod expire;
mod figures;
mod fire;
mod job_writes;
mod late;
mod pause;
mod prune;
mod put_job;
mod put_output;
mod put_settings;
mod queue;
mod raise_version;
mod report;
mod scheduling_pauses;
mod set_eligibility;
mod step;
mod take_office;
mod toggle_job;
mod versions;
mod written;

use alloc::boxed::Box;

use super::command::{Command, Entry, Write};
use super::keyed::Known;
use super::outcome::{Outcome, Rejection, Reply};
use super::state::Ledger;
use crate::domain::Tenure;
use step::Step;

impl Ledger {
    /// Applies the next entry of the log. The same entries give the same ledger everywhere.
    pub fn apply(&mut self, entry: Entry) -> Outcome {
        assert!(entry.index > self.applied, "entry {} was applied before", entry.index);
        self.applied = entry.index;
        let foreign = entry.tenure != self.office.tenure;
        let by_conductor = entry.tenure != Tenure(0) && !is_take_office(&entry.command);
        if foreign && (by_conductor || needs_tenure(entry.command.inner())) {
            return Outcome::only(Reply::Deposed);
        }
        if entry.request.is_some_and(|id| self.derived.known_requests.contains(&id)) {
            return Outcome::only(Reply::Repeated);
        }
        // A conductor's proposals carry ids for their answers; what guards them is the state.
        let request = entry.request.filter(|_| entry.tenure == Tenure(0));
        let mut step = Step::new(self, &entry);
        let reply = match entry.command {
            Command::Write(write) => write_of_user(&mut step, *write),
            command => carry_out(&mut step, command),
        };
        if let Some(id) = request
            && !matches!(reply, Reply::Rejected(_))
        {
            step.remember(id);
        }
        step.finish(reply)
    }
}

/// The same under the same key is done once.
fn write_of_user(step: &mut Step<'_>, write: Write) -> Reply {
    let Write { origin, verb, command } = write;
    if let Some(key) = &origin.key {
        match step.ledger.key(key, step.at) {
            Known::New => {}
            Known::Again(again) => return Reply::Again(Box::new(again)),
            Known::Other => return Rejection::KeyReused.into(),
        }
    }
    let about = written::about(step, &command);
    step.author = Some((origin.clone(), verb));
    let reply = carry_out(step, command);
    written::carried_out(step, origin, verb, about, &reply);
    reply
}

fn carry_out(step: &mut Step<'_>, command: Command) -> Reply {
    match command {
        Command::TakeOffice(command) => take_office::apply(step, command),
        Command::PutSettings(settings) => put_settings::apply(step, settings),
        Command::PutJob(command) => put_job::apply(step, *command),
        Command::DeleteJob(command) => delete_job::apply(step, &command),
        Command::ToggleJob(command) => toggle_job::apply(step, command),
        Command::Pause(paused) => pause::apply(step, paused),
        Command::Fire(fires) => fire::apply(step, fires),
        Command::Report(report) => report::apply(step, report),
        Command::PutOutput(command) => put_output::apply(step, command),
        Command::Restore(command) => put_job::restore(step, *command),
        Command::ClearExecutions(command) => clear_executions::apply(step, &command),
        Command::Expire(command) => expire::apply(step, &command),
        Command::Cancel(command) => cancel::apply(step, &command),
        Command::Prune(command) => prune::apply(step, &command),
        Command::SetEligibility(command) => set_eligibility::apply(step, command),
        Command::RaiseVersion(command) => raise_version::apply(step, command),
        Command::PauseScheduling(command) => scheduling_pauses::pause(step, command),
        Command::ResumeScheduling(command) => scheduling_pauses::resume(step, command),
        Command::EndPause(id) => scheduling_pauses::end(step, id),
        Command::Note(_) => Reply::Done,
        // One within another would come from a bug, or from nobody.
        Command::Write(_) => Reply::Rejected(Rejection::Stale),
    }
}

impl Outcome {
    fn only(reply: Reply) -> Self {
        Outcome { reply, rows: Default::default(), effects: Default::default() }
    }
}

impl From<Rejection> for Reply {
    fn from(rejection: Rejection) -> Self {
        Reply::Rejected(rejection)
    }
}

fn is_take_office(command: &Command) -> bool {
    matches!(command, Command::TakeOffice(_))
}

/// Commands that only a conductor in office may propose.
fn needs_tenure(command: &Command) -> bool {
    use Command::{EndPause, Expire, Fire, Prune, PutOutput, RaiseVersion, Report};
    let by_leader = matches!(command, Fire(_) | Report(_) | PutOutput(_));
    by_leader || matches!(command, Expire(_) | Prune(_) | RaiseVersion(_) | EndPause(_))
}
