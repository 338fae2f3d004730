//! Deliberate bugs of the shell, to see that the net catches them.

use core::time::Duration;

use dkron_core::domain::{Concurrency, Nominal, RequestId, Timestamp};
use dkron_core::ledger::{Command, Decision, Fire, Ledger, Trigger};

use crate::world::World;

/// What the world does wrong on purpose.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Sabotage {
    #[default]
    Nothing,
    /// A report is acknowledged, but never reaches the log.
    DropReport,
    /// A start is carried out twice.
    DoubleStart,
    /// One due slot is jumped over.
    SkipSlot,
    /// A due slot is decided, and once more.
    DoubleFire,
    /// Journal records are lost although only the process died.
    ForgetJournal,
    /// The start comes before the record that says so.
    StartBeforeJournal,
    /// A replica forgets an entry.
    MissEntry,
    /// A child that is owed a start is not started.
    DropChild,
    /// It is started again, in another guise.
    DoubleChild,
    /// An attempt that is owed is not made.
    DropRetry,
    /// The node says that an exclusive run is over, and it goes on.
    EarlyEnd,
    /// A run that must end, because the lease is over, does not.
    NoFence,
    /// A leader whose lease is over goes on as if it were not.
    IgnoreLease,
    /// The result of a lost execution counts, as if it had come in time.
    LateCounts,
    /// A drained node gets a run.
    DrainedRuns,
    /// The cluster is raised, and goes on by the rules of the second version.
    OldRules,
}

impl Sabotage {
    pub const ALL: &'static [Sabotage] = &[
        Sabotage::DropReport,
        Sabotage::DoubleStart,
        Sabotage::SkipSlot,
        Sabotage::DoubleFire,
        Sabotage::ForgetJournal,
        Sabotage::StartBeforeJournal,
        Sabotage::MissEntry,
        Sabotage::DropChild,
        Sabotage::DoubleChild,
        Sabotage::DropRetry,
        Sabotage::EarlyEnd,
        Sabotage::NoFence,
        Sabotage::IgnoreLease,
        Sabotage::LateCounts,
        Sabotage::DrainedRuns,
        Sabotage::OldRules,
    ];
}

impl World {
    /// Deliberate damage to a command.
    pub fn spoil(&mut self, mut command: Command, ledger: &Ledger) -> Command {
        if let (Command::RaiseVersion(raise), Sabotage::OldRules) = (&mut command, self.sabotage) {
            raise.rules = raise.rules.min(2);
        }
        let Command::Fire(fires) = &mut command else { return command };
        match self.sabotage {
            Sabotage::SkipSlot if self.sabotaged == 0 => {
                for fire in fires.iter_mut().filter(|fire| fire.trigger == Trigger::Schedule) {
                    if let Some(next) = fire.next {
                        fire.next = Some(Nominal(next.0.after(Duration::from_secs(60))));
                        self.sabotaged += 1;
                        break;
                    }
                }
            }
            Sabotage::DoubleFire if self.sabotaged == 0 => {
                let runs = |fire: &Fire| matches!(fire.decision, Decision::Run(_));
                let due = |fire: &Fire| fire.trigger == Trigger::Schedule && runs(fire);
                if let Some(at) = fires.iter().position(due) {
                    let mut again = fires[at].clone();
                    again.nominal = just_after(again.nominal.0);
                    fires[at].next = Some(again.nominal);
                    fires.insert(at + 1, again);
                    self.sabotaged += 1;
                }
            }
            Sabotage::DrainedRuns => {
                let decisions = fires.iter_mut().map(|fire| &mut fire.decision);
                let runs = decisions.filter_map(|decision| match decision {
                    Decision::Run(places) => places.first_mut(),
                    Decision::Skip { .. } => None,
                });
                if let Some((place, drain)) = runs.zip(ledger.drains()).next() {
                    place.target.node = drain.node.clone();
                }
            }
            Sabotage::DropChild => {
                fires.retain(|fire| !matches!(fire.trigger, Trigger::Child(_)));
            }
            Sabotage::DropRetry => {
                fires.retain(|fire| !matches!(fire.trigger, Trigger::Retry { .. }));
            }
            Sabotage::DoubleChild if self.sabotaged == 0 => {
                let allows = |fire: &Fire| {
                    let job = ledger.job_no(fire.job_no);
                    job.is_some_and(|state| state.job.concurrency == Concurrency::Allow)
                };
                let child = |fire: &Fire| {
                    let runs = matches!(fire.decision, Decision::Run(_));
                    runs && matches!(fire.trigger, Trigger::Child(_)) && allows(fire)
                };
                if let Some(at) = fires.iter().position(child) {
                    let trigger = Trigger::Manual(RequestId(*b"nobody asked 4it"));
                    let again = Fire { trigger, ..fires[at].clone() };
                    fires.insert(at + 1, again);
                    self.sabotaged += 1;
                }
            }
            _ => {}
        }
        command
    }
}

fn just_after(instant: Timestamp) -> Nominal {
    Nominal(instant.after(Duration::from_nanos(1)))
}
