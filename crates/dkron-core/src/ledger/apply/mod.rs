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

use super::command::{Command, Entry};
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
        if foreign && (by_conductor || needs_tenure(&entry.command)) {
            return Outcome::only(Reply::Deposed);
        }
        if entry.request.is_some_and(|id| self.derived.known_requests.contains(&id)) {
            return Outcome::only(Reply::Repeated);
        }
        // A conductor's proposals carry ids for their answers; what guards them is the state.
        let request = entry.request.filter(|_| entry.tenure == Tenure(0));
        let mut step = Step::new(self, &entry);
        let reply = match entry.command {
            Command::TakeOffice(command) => take_office::apply(&mut step, command),
            Command::PutSettings(settings) => put_settings::apply(&mut step, settings),
            Command::PutJob(command) => put_job::apply(&mut step, *command),
            Command::DeleteJob(command) => delete_job::apply(&mut step, &command),
            Command::ToggleJob(command) => toggle_job::apply(&mut step, command),
            Command::Pause(paused) => pause::apply(&mut step, paused),
            Command::Fire(fires) => fire::apply(&mut step, fires),
            Command::Report(report) => report::apply(&mut step, report),
            Command::PutOutput(command) => put_output::apply(&mut step, command),
            Command::Restore(command) => put_job::restore(&mut step, *command),
            Command::ClearExecutions(command) => clear_executions::apply(&mut step, &command),
            Command::Expire(command) => expire::apply(&mut step, &command),
            Command::Cancel(command) => cancel::apply(&mut step, &command),
            Command::Prune(command) => prune::apply(&mut step, &command),
            Command::SetEligibility(command) => set_eligibility::apply(&mut step, command),
            Command::RaiseVersion(command) => raise_version::apply(&mut step, command),
            Command::PauseScheduling(command) => scheduling_pauses::pause(&mut step, command),
            Command::ResumeScheduling(command) => scheduling_pauses::resume(&mut step, command),
            Command::EndPause(id) => scheduling_pauses::end(&mut step, id),
        };
        if let Some(id) = request
            && !matches!(reply, Reply::Rejected(_))
        {
            step.remember(id);
        }
        step.finish(reply)
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
