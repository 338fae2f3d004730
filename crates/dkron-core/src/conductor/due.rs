//! Due jobs that wait to be decided. What falls due is taken up once, and a job whose fire is in
//! flight is not looked at until the fate of that is known: so an alarm costs what is new and what
//! waits, not what is on its way.

use alloc::collections::BTreeSet;
use core::time::Duration;

use crate::domain::{JobNo, Now, Timestamp};
use crate::ledger::Ledger;

/// After this the ledger is asked again for all that is due: an entry of an earlier leadership may
/// have put a slot where this one has looked already.
const SWEEP: Duration = Duration::from_secs(1);
/// Jobs that may be tried in vain at each alarm.
const IN_VAIN: usize = 64;
/// Rest after more of them, for each.
const REST: Duration = Duration::from_micros(5);

/// Only a memory: it can be dropped at will.
#[derive(Clone, Debug, Default)]
pub(super) struct Due {
    /// What is due up to here is below or in flight.
    seen: Timestamp,
    waiting: BTreeSet<(Timestamp, JobNo)>,
    sweep_at: Duration,
    rest_until: Duration,
}

/// What is to be looked at.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Look {
    /// What fell due after that instant; the others were tried in vain just now.
    New(Timestamp),
    /// All that wait, until there is no room.
    Waiting,
    /// All that wait, also those that need no room to be decided.
    Sweep,
}

impl Due {
    /// Takes up what fell due since the last time.
    pub fn take_up(&mut self, ledger: &Ledger, now: Now, firing: &BTreeSet<JobNo>) -> Look {
        let before = core::mem::replace(&mut self.seen, now.wall);
        // A clock that was set back has seen too much.
        if now.mono >= self.sweep_at || now.wall < before {
            let due = ledger.due().take_while(|(due, _)| *due <= now.wall);
            self.waiting = due.filter(|(_, job_no)| !firing.contains(job_no)).collect();
            self.sweep_at = now.mono + SWEEP;
            return Look::Sweep;
        }
        let new = ledger.due_since(before).take_while(|(due, _)| *due <= now.wall);
        self.waiting.extend(new);
        if now.mono < self.rest_until { Look::New(before) } else { Look::Waiting }
    }

    /// The first that waits in that stretch of due instants, `from` itself included.
    pub fn first(&self, from: (Timestamp, JobNo), until: Timestamp) -> Option<(Timestamp, JobNo)> {
        let found = self.waiting.range(from..).next().copied();
        found.filter(|(due, _)| *due <= until)
    }

    /// It is in flight, or not due any more.
    pub fn remove(&mut self, due: Timestamp, job_no: JobNo) {
        self.waiting.remove(&(due, job_no));
    }

    /// Something became of the job: its next slot may be due already.
    pub fn look_at(&mut self, ledger: &Ledger, job_no: JobNo) {
        let due = ledger.job_no(job_no).and_then(|state| state.due());
        if let Some(due) = due.filter(|due| *due <= self.seen) {
            self.waiting.insert((due, job_no));
        }
    }

    /// So many were tried and could not be decided: they are left alone for a moment, so that
    /// trying does not take all of the time.
    pub fn tried_in_vain(&mut self, now: Now, many: usize) {
        if many > IN_VAIN {
            self.rest_until = now.mono + REST.saturating_mul(many as u32);
        }
    }
}

#[cfg(test)]
mod tests {
    use alloc::boxed::Box;
    use alloc::format;
    use alloc::vec::Vec;

    use super::*;
    use crate::domain::{Job, LogIndex, Nominal, Submission, Tenure};
    use crate::ledger::{Account, Command, Entry, PutJob};

    fn at(secs: i64) -> Now {
        let wall = Timestamp::from_secs(1_767_225_600 + secs);
        Now { wall, mono: Duration::from_secs(1000 + secs as u64) }
    }

    fn put(ledger: &mut Ledger, name: &str, next: Now) {
        let (name, schedule) = (name.into(), "0 0 * * * *".into());
        let job = Job { name, schedule, ..Job::default() };
        let submission = Submission { job, ..Submission::default() };
        let account = Account::Restart { next: Some(Nominal(next.wall)), anchor: true };
        let put = PutJob { submission, base: None, account, undecided: None };
        let (command, tenure, request) = (Command::PutJob(Box::new(put)), Tenure(0), None);
        let index = LogIndex(ledger.applied().0 + 1);
        ledger.apply(Entry { index, at: at(0).wall, tenure, request, command });
    }

    fn all(due: &Due, until: Now) -> Vec<JobNo> {
        let mut found = Vec::new();
        let mut from = (Timestamp::default(), JobNo(0));
        while let Some((due, job_no)) = due.first(from, until.wall) {
            found.push(job_no);
            from = (due, JobNo(job_no.0 + 1));
        }
        found
    }

    #[test]
    fn what_is_in_flight_is_not_walked_past() {
        let mut ledger = Ledger::default();
        (0..5_000).for_each(|no| put(&mut ledger, &format!("job{no}"), at(10)));
        let (mut due, mut firing) = (Due::default(), BTreeSet::new());
        assert_eq!(due.take_up(&ledger, at(9), &firing), Look::Sweep);
        assert_eq!(all(&due, at(9)), []);
        let now = Now { mono: at(9).mono + Duration::from_millis(500), ..at(10) };
        assert_eq!(due.take_up(&ledger, now, &firing), Look::Waiting);
        let jobs = all(&due, now);
        assert_eq!(jobs.len(), 5_000);
        for job_no in jobs {
            due.remove(now.wall, job_no);
            firing.insert(job_no);
        }
        // However often it is asked, nothing of them is looked at; what is new is.
        assert_eq!(due.take_up(&ledger, now, &firing), Look::Waiting);
        assert_eq!(all(&due, now), []);
        assert_eq!(due.take_up(&ledger, at(11), &firing), Look::Sweep);
        assert_eq!(all(&due, at(11)), []);
        // A fate is known: that one is looked at again.
        firing.remove(&JobNo(77));
        due.look_at(&ledger, JobNo(77));
        assert_eq!(all(&due, at(11)), [JobNo(77)]);
    }

    #[test]
    fn what_comes_behind_its_back_is_found_within_a_second() {
        let (mut ledger, mut due) = (Ledger::default(), Due::default());
        due.take_up(&ledger, at(10), &BTreeSet::new());
        put(&mut ledger, "late", at(5));
        due.take_up(&ledger, at(11), &BTreeSet::new());
        assert_eq!(all(&due, at(11)), [JobNo(1)]);
        // And after a step of the clock nothing is due that only was.
        due.take_up(&ledger, Now { wall: at(4).wall, ..at(11) }, &BTreeSet::new());
        assert_eq!(all(&due, at(11)), []);
    }

    #[test]
    fn who_is_tried_in_vain_by_the_hundred_rests() {
        let (mut ledger, mut due) = (Ledger::default(), Due::default());
        put(&mut ledger, "waits", at(10));
        due.take_up(&ledger, at(10), &BTreeSet::new());
        due.tried_in_vain(at(10), 1_000);
        assert_eq!(due.take_up(&ledger, at(10), &BTreeSet::new()), Look::New(at(10).wall));
        let rested = Now { mono: at(10).mono + Duration::from_millis(5), ..at(10) };
        assert_eq!(due.take_up(&ledger, rested, &BTreeSet::new()), Look::Waiting);
    }
}
