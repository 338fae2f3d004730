//! How hostile a seed's world is: drawn once, so that some worlds are calm in one respect and wild
//! in another.

use core::time::Duration;

use dkron_core::domain::Settings;

use crate::dice::Dice;

/// Rates are per 100,000.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Length of the phase with faults.
    pub safety: Duration,
    pub drop: u32,
    pub double: u32,
    pub late: u32,
    /// A proposal is refused: the queue is full.
    pub refuse: u32,
    /// A proposal's fate is not told; it may be committed or lost.
    pub unknown: u32,
    /// Longest time from a proposal to its commit, in milliseconds.
    pub commit_millis: u64,
    /// The process ends after an action.
    pub crash: u32,
    /// Of a hundred crashes, those by loss of power.
    pub power: u32,
    /// Mean time between faults of the other kinds, in milliseconds; 0 = none.
    pub fault_millis: u64,
    pub clock_steps: bool,
    pub flaps: bool,
    pub partitions: bool,
    /// Cuts last long enough for executions to be given up, and little else disturbs.
    pub silence: bool,
    pub stalls: bool,
    /// Mean time between requests, in milliseconds.
    pub request_millis: u64,
    pub capacity: u32,
    pub settings: Settings,
    /// Replies reach the conductor before the effects of the same entry.
    pub replies_first: bool,
    /// All entries of a batch are applied before the conductor hears of the first.
    pub applies_ahead: bool,
}

impl Plan {
    pub fn new(dice: &mut Dice) -> Self {
        let zero_or = |dice: &mut Dice, most: u64| {
            if dice.percent(40) { 0 } else { dice.below(most) as u32 }
        };
        let mut plan = Plan {
            safety: dice.millis(8_000, 40_000),
            drop: zero_or(dice, 10_000),
            double: zero_or(dice, 10_000),
            late: zero_or(dice, 10_000),
            refuse: zero_or(dice, 20_000),
            unknown: zero_or(dice, 20_000),
            commit_millis: dice.pick(&[1, 5, 50, 400]),
            crash: zero_or(dice, 2_500),
            power: dice.pick(&[0, 30, 100]),
            fault_millis: dice.pick(&[0, 2_000, 5_000, 15_000]),
            clock_steps: dice.percent(40),
            flaps: dice.percent(50),
            partitions: dice.percent(50),
            silence: dice.percent(12),
            stalls: dice.percent(50),
            request_millis: dice.pick(&[150, 600, 2_000]),
            capacity: dice.pick(&[1, 3, 1000]),
            settings: settings(dice),
            replies_first: dice.percent(50),
            applies_ahead: dice.percent(50),
        };
        if plan.silence {
            plan.settings.lost_after = Duration::from_secs(30);
            plan.safety = dice.millis(60_000, 120_000);
            plan.fault_millis = 5_000;
            (plan.partitions, plan.crash) = (true, plan.crash.min(20));
            plan.request_millis = plan.request_millis.max(600);
        }
        plan
    }
}

fn settings(dice: &mut Dice) -> Settings {
    let secs = Duration::from_secs;
    Settings {
        zone: String::from("UTC"),
        keep_executions: dice.pick(&[1, 3, 100]),
        misfire_threshold: secs(dice.pick(&[2, 10])),
        start_deadline: secs(dice.pick(&[15, 60, 3600])),
        lost_after: secs(dice.pick(&[30, 60, 300])),
        ..Settings::default()
    }
}
