//! Many due jobs and the entries that they become.

use alloc::boxed::Box;
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::format;
use alloc::vec::Vec;
use core::time::Duration;

use crate::conductor::{Action, Conductor, Fate, Input, Options, RosterMember, Ticket};
use crate::domain::{
    Job, LogIndex, Misfire, Nominal, Now, Policy, Settings, Submission, Tenure, Timestamp, limits,
};
use crate::ledger::{Account, Command, Decision, Entry, Fire, Ledger, PutJob, TakeOffice};

/// Seconds since 2026, on both clocks.
fn at(secs: u64) -> Now {
    let wall = Timestamp::from_secs(1_767_225_600 + secs as i64);
    Now { wall, mono: Duration::from_secs(1000 + secs) }
}

/// A leader in office, with that many dead members, for whom nothing waits, and jobs that are due
/// each minute.
struct World {
    ledger: Ledger,
    conductor: Conductor,
}

type Proposed = Vec<(Ticket, Command)>;

impl World {
    fn new(members: usize, jobs: usize, policy: Policy) -> World {
        let options = Options {
            server: "s1".into(),
            boot_id: Default::default(),
            zone_data: "law".into(),
            settings: Settings { catch_up_rate: 1_000_000, ..Settings::default() },
            region: "global".into(),
        };
        let settings = options.settings.clone();
        let mut world = World { ledger: Ledger::default(), conductor: Conductor::new(options) };
        let office = TakeOffice {
            server: "s1".into(),
            boot_id: Default::default(),
            zone_data: "law".into(),
            rules: 1,
        };
        world.apply(at(0), Tenure(0), Command::TakeOffice(office));
        world.apply(at(0), Tenure(0), Command::PutSettings(settings));
        for no in 0..jobs {
            world.put(&format!("job{no}"), at(60), policy.clone());
        }
        let member = |no| {
            let (region, tags, alive) = ("global".into(), BTreeMap::new(), false);
            (format!("n{no}").as_str().into(), RosterMember { region, tags, alive })
        };
        world.step(at(1), Input::Roster((0..members).map(member).collect()));
        let proposed = world.step(at(1), Input::Elected);
        world.commit(at(1), proposed);
        world
    }

    fn put(&mut self, name: &str, next: Now, policy: Policy) {
        let (name, schedule) = (name.into(), "0 * * * * *".into());
        let job = Job { name, schedule, policy: policy.into_option(), ..Job::default() };
        let submission = Submission { job, ..Submission::default() };
        let account = Account::Restart { next: Some(Nominal(next.wall)), anchor: true };
        let put = PutJob { submission, base: None, account, undecided: None };
        self.apply(at(0), Tenure(0), Command::PutJob(Box::new(put)));
    }

    fn apply(&mut self, now: Now, tenure: Tenure, command: Command) -> crate::ledger::Outcome {
        let index = LogIndex(self.ledger.applied().0 + 1);
        self.ledger.apply(Entry { index, at: now.wall, tenure, request: None, command })
    }

    fn step(&mut self, now: Now, input: Input) -> Proposed {
        let actions = self.conductor.step(&self.ledger, now, input).into_iter();
        let proposed = actions.filter_map(|action| match action {
            Action::Propose { ticket, command, .. } => Some((ticket, *command)),
            _ => None,
        });
        proposed.collect()
    }

    fn commit(&mut self, now: Now, proposed: Proposed) {
        for (ticket, command) in proposed {
            let tenure = self.conductor.tenure().unwrap_or_default();
            let outcome = self.apply(now, tenure, command);
            self.step(now, Input::Effects(outcome.effects));
            self.step(now, Input::Resolved { ticket, fate: Fate::Applied(outcome.reply) });
        }
    }
}

fn entries(proposed: &Proposed) -> Vec<&Vec<Fire>> {
    let fires = proposed.iter().filter_map(|(_, command)| match command {
        Command::Fire(fires) => Some(fires),
        _ => None,
    });
    fires.collect()
}

fn executions(fires: &[Fire]) -> usize {
    let one = |fire: &Fire| match &fire.decision {
        Decision::Run(places) => places.len(),
        Decision::Skip { .. } => 1,
    };
    fires.iter().map(one).sum()
}

#[test]
fn an_entry_has_a_thousand_executions_at_most_and_no_occurrence_is_cut() {
    let mut world = World::new(3, 500, Policy::default());
    let proposed = world.step(at(60), Input::Alarm);
    let fires = entries(&proposed);
    let sizes: Vec<usize> = fires.iter().map(|fires| executions(fires)).collect();
    assert_eq!(sizes, [1023, 477]);
    let jobs: BTreeSet<_> = fires.iter().flat_map(|fires| fires.iter().map(|f| f.job_no)).collect();
    assert_eq!(jobs.len(), 500);
    // What is in flight is not proposed again; what is decided goes on with the next slot.
    assert_eq!(entries(&world.step(at(60), Input::Alarm)).len(), 0);
    world.commit(at(60), proposed);
    assert_eq!(world.ledger.due_after(at(60).wall), Some(at(120).wall));
    assert_eq!(entries(&world.step(at(61), Input::Alarm)).len(), 0);
}

#[test]
fn slots_of_one_job_are_cut_between_entries_in_their_order() {
    let policy = Policy { misfire: Some(Misfire::RunAll { max: 60 }), ..Policy::default() };
    let mut world = World::new(40, 2, policy);
    let mut decided = BTreeMap::<_, Vec<Nominal>>::new();
    for _ in 0..10 {
        let proposed = world.step(at(3590), Input::Alarm);
        for fires in entries(&proposed) {
            assert!(executions(fires) <= limits::FIRE_EXECUTIONS);
            for fire in fires {
                decided.entry(fire.job_no).or_default().push(fire.nominal);
            }
        }
        world.commit(at(3590), proposed);
    }
    let all: Vec<Nominal> = (1..60).map(|no| Nominal(at(no * 60).wall)).collect();
    assert_eq!(decided.len(), 2);
    assert!(decided.values().all(|slots| *slots == all), "{decided:?}");
}

#[test]
fn few_entries_of_what_is_caught_up_are_on_their_way_at_a_time() {
    let mut world = World::new(1, 6_000, Policy::default());
    world.put("on-time", at(120), Policy::default());
    let proposed = world.step(at(90), Input::Alarm);
    assert_eq!(entries(&proposed).len(), 5);
    // They wait for the log; a job that is due now does not.
    assert_eq!(entries(&world.step(at(110), Input::Alarm)).len(), 0);
    let on_time = world.step(at(121), Input::Alarm);
    assert_eq!(entries(&on_time).len(), 1);
    world.commit(at(121), proposed);
    world.commit(at(121), on_time);
    // Those of them that were decided have another slot by now, which is on time.
    let rest = world.step(at(121), Input::Alarm);
    let fires: usize = entries(&rest).iter().map(|fires| fires.len()).sum();
    assert!(fires >= 6_000, "{fires}");
    assert_eq!(entries(&world.step(at(121), Input::Alarm)).len(), 0);
}
