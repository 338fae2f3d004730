//! How hostile a seed's world is: drawn once, so that some worlds are calm in one respect and wild
//! in another.

use std::time::Duration;

use dkron_core::domain::Settings;
use dkron_sim::{Dice, workload};

use super::world::Plant;

/// Rates are per 100,000.
#[derive(Clone, Debug)]
pub struct Plan {
    pub servers: usize,
    pub agents: usize,
    /// Length of the phase with faults.
    pub safety: Duration,
    /// A call gets no answer: it, or its answer, is lost.
    pub lose: u32,
    /// A call arrives twice.
    pub double: u32,
    /// A stream breaks, with each frame.
    pub sever: u32,
    /// Longest time on the wire, and of one write to the log's disk.
    pub wire_millis: u64,
    pub disk_millis: u64,
    /// Of a hundred crashes, those by loss of power.
    pub power: u32,
    /// Mean time between faults, in milliseconds; 0 = none.
    pub fault_millis: u64,
    pub crashes: bool,
    pub cuts: bool,
    pub transfers: bool,
    pub clock_steps: bool,
    /// Disks of the log stand still for a while.
    pub stalls: bool,
    /// How far wall clocks are apart at most.
    pub skew_millis: u64,
    /// Cuts last long enough for executions to be given up.
    pub silence: bool,
    /// What the log keeps, and how often it is looked at.
    pub keep_age: Duration,
    pub request_millis: u64,
    pub capacity: u32,
    pub settings: Settings,
}

impl Plan {
    pub fn new(dice: &mut Dice) -> Plan {
        let zero_or = |dice: &mut Dice, most: u64| {
            if dice.percent(40) { 0 } else { dice.below(most) as u32 }
        };
        let secs = Duration::from_secs;
        let mut plan = Plan {
            servers: dice.pick(&[3, 3, 3, 3, 5]),
            agents: dice.pick(&[0, 1, 1, 2]),
            safety: dice.millis(10_000, 30_000),
            lose: zero_or(dice, 10_000),
            double: zero_or(dice, 10_000),
            sever: zero_or(dice, 1_000),
            wire_millis: dice.pick(&[1, 2, 20, 60]),
            disk_millis: dice.pick(&[1, 5, 50]),
            power: dice.pick(&[0, 30, 100]),
            fault_millis: dice.pick(&[500, 1_000, 2_000, 5_000, 15_000]),
            crashes: dice.percent(70),
            cuts: dice.percent(60),
            transfers: dice.percent(40),
            clock_steps: dice.percent(30),
            stalls: dice.percent(40),
            skew_millis: dice.pick(&[0, 20, 400]),
            silence: dice.percent(12),
            keep_age: dice.pick(&[secs(3), secs(10), secs(600)]),
            request_millis: dice.pick(&[150, 600, 2_000]),
            capacity: dice.pick(&[3, 1_000, 1_000]),
            settings: workload::settings(dice, secs(30)),
        };
        plan.settings.lost_after = secs(dice.pick(&[30, 60]));
        if plan.silence {
            plan.safety = dice.millis(50_000, 80_000);
            (plan.cuts, plan.fault_millis) = (true, 8_000);
            plan.settings.lost_after = secs(dice.pick(&[20, 30]));
            plan.settings.keep_executions = 100;
        }
        plan
    }

    /// Makes a planted bug do its harm soon.
    pub fn tempt(&mut self, plant: Plant) {
        match plant {
            Plant::Nothing => {}
            Plant::Storm | Plant::EarlyAcks | Plant::ForgottenJournal => {
                (self.crashes, self.cuts, self.silence) = (true, false, false);
                (self.stalls, self.clock_steps, self.fault_millis) = (false, false, 500);
                (self.disk_millis, self.request_millis) = (400, 150);
            }
            Plant::DeafRuns => {
                (self.cuts, self.silence, self.fault_millis) = (true, true, 4_000);
                self.safety = Duration::from_secs(80);
                self.settings.lost_after = Duration::from_secs(20);
                self.request_millis = 150;
            }
        }
    }

    /// What is left of it once the world has healed.
    pub fn calm(&mut self) {
        (self.lose, self.double, self.sever) = (0, 0, 0);
        self.disk_millis = self.disk_millis.min(20);
    }
}
