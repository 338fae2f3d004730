//! Zone data changes with the program, and the log holds what earlier data said: a leader whose
//! data is not that of the leadership before looks at each job's next slot again. So does one that
//! sees the cluster's zone change.

use alloc::boxed::Box;
use alloc::vec::Vec;

use super::Conductor;
use super::account::{Occasion, Stored, account};
use super::action::Action;
use super::input::{Request, Ticket};
use crate::domain::{Job, Now, Submission};
use crate::ledger::{Account, JobState, Ledger};

/// Jobs looked at in one alarm.
const AT_A_TIME: usize = 2048;
/// Proposals in flight beyond which the rest waits for the next alarm.
const IN_FLIGHT: usize = 512;
/// Nobody waits for the answer to a correction.
const NOBODY: Ticket = Ticket(0);

impl Conductor {
    /// In office: whether what the former leadership computed is in doubt.
    pub(super) fn doubt_next(&mut self, ledger: &Ledger) {
        if self.former_zone_data != self.options.zone_data {
            self.doubted = ledger.due().map(|(_, job_no)| job_no).collect();
        }
    }

    /// Proposes corrections for some of the jobs in doubt. A slot that is due already is decided
    /// as it stands; the one after it comes from this server's data anyway.
    pub(super) fn correct_next(&mut self, ledger: &Ledger, now: Now, out: &mut Vec<Action>) {
        for _ in 0..AT_A_TIME {
            if self.proposals.len() >= IN_FLIGHT {
                break;
            }
            let Some(job_no) = self.doubted.pop_front() else { break };
            let Some(state) = ledger.job_no(job_no).filter(|state| state.is_scheduled()) else {
                continue;
            };
            if self.is_wrong(ledger, state, now) {
                // Restoring a job as it is opens its account anew, and keeps all else.
                let job = Job::clone(&state.job);
                let submission = Box::new(Submission { job, ..Submission::default() });
                self.request(ledger, now, NOBODY, Request::Restore(submission), out);
            }
        }
        self.waiting |= !self.doubted.is_empty();
    }

    fn is_wrong(&mut self, ledger: &Ledger, state: &JobState, now: Now) -> bool {
        let Some(next) = state.runtime.next.filter(|next| next.0 > now.wall) else { return false };
        let Some(schedule) = self.schedule(ledger, state) else { return false };
        let stored = Some(Stored { job: &state.job, runtime: &state.runtime });
        let occasion = Occasion::Restore;
        match account(stored, &state.job, Some(&schedule), now.wall, occasion) {
            Account::Restart { next: right, .. } => right != Some(next),
            Account::Keep => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use alloc::collections::BTreeMap;

    use super::*;
    use crate::conductor::{Fate, Input, Options};
    use crate::domain::{LogIndex, Nominal, Settings, Tenure, Timestamp};
    use crate::ledger::{Command, Entry, PutJob, TakeOffice};

    fn office(zone_data: &str) -> Command {
        let (server, boot_id) = ("s1".into(), Default::default());
        Command::TakeOffice(TakeOffice { server, boot_id, zone_data: zone_data.into(), rules: 1 })
    }

    fn options(zone_data: &str) -> Options {
        Options {
            server: "s1".into(),
            boot_id: Default::default(),
            zone_data: zone_data.into(),
            settings: Settings::default(),
            region: "global".into(),
        }
    }

    fn job(name: &str, next: i64) -> Command {
        let (name, schedule) = (name.into(), "0 0 8 * * *".into());
        let job = Job { name, schedule, ..Job::default() };
        let submission = Submission { job, ..Submission::default() };
        let next = Some(Nominal(Timestamp::from_secs(next)));
        let account = Account::Restart { next, anchor: true };
        Command::PutJob(Box::new(PutJob { submission, base: None, account, undecided: None }))
    }

    fn apply(ledger: &mut Ledger, index: u64, command: Command) -> crate::ledger::Reply {
        let (index, at) = (LogIndex(index), Timestamp::from_secs(100));
        let (tenure, request) = (Tenure(0), None);
        ledger.apply(Entry { index, at, tenure, request, command }).reply
    }

    /// The names whose account is opened anew by a leader with this zone data.
    fn corrected(zone_data: &str) -> Vec<crate::domain::JobName> {
        let mut ledger = Ledger::default();
        apply(&mut ledger, 1, office("old law"));
        apply(&mut ledger, 2, Command::PutSettings(Settings::default()));
        apply(&mut ledger, 3, job("right", 8 * 3600));
        apply(&mut ledger, 4, job("wrong", 7 * 3600));
        let mut conductor = Conductor::new(options(zone_data));
        let now = Now { wall: Timestamp::from_secs(200), ..Now::default() };
        conductor.step(&ledger, now, Input::Roster(BTreeMap::new()));
        let asked = conductor.step(&ledger, now, Input::Elected);
        let [Action::Propose { ticket, command, .. }] = asked.as_slice() else { panic!() };
        let fate = Fate::Applied(apply(&mut ledger, 5, Command::clone(command)));
        conductor.step(&ledger, now, Input::Resolved { ticket: *ticket, fate });
        let done = conductor.step(&ledger, now, Input::Alarm);
        let restored = done.into_iter().filter_map(|action| match action {
            Action::Propose { command, .. } => match *command {
                Command::Restore(put) => Some(put.submission.job.name),
                _ => None,
            },
            _ => None,
        });
        restored.collect()
    }

    #[test]
    fn a_zone_without_a_name_of_its_own_does_not_cost_the_parsed_schedules() {
        for zone in ["", "Nowhere/Unknown", "UTC"] {
            let mut ledger = Ledger::default();
            let settings = Settings { zone: zone.into(), ..Settings::default() };
            apply(&mut ledger, 1, Command::PutSettings(settings));
            apply(&mut ledger, 2, job("a", 8 * 3600));
            apply(&mut ledger, 3, job("b", 8 * 3600));
            let mut conductor = Conductor::new(options("law"));
            for state in ledger.jobs() {
                conductor.schedule(&ledger, state);
            }
            assert_eq!(conductor.schedules.len(), 2, "zone `{zone}`");
        }
    }

    /// Bears T-25 and T-41.
    #[test]
    fn only_what_other_zone_data_got_wrong_is_corrected() {
        assert_eq!(corrected("new law"), ["wrong".into()]);
        assert_eq!(corrected("old law"), []);
    }
}
