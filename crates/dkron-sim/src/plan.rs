//! How hostile a seed's world is: drawn once, so that some worlds are calm in one respect and wild
//! in another.

use core::time::Duration;

use dkron_core::domain::Settings;

use crate::dice::Dice;
use crate::workload::settings;

/// Rates are per 100,000.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Machines with a server, and machines that are nodes only.
    pub servers: usize,
    pub agents: usize,
    /// Length of the phase with faults.
    pub safety: Duration,
    pub drop: u32,
    pub double: u32,
    pub late: u32,
    /// Longest time on the wire, in milliseconds.
    pub wire_millis: u64,
    /// A proposal is refused: the queue is full.
    pub refuse: u32,
    /// A proposal's fate is not told; it may be committed or lost.
    pub unknown: u32,
    /// Longest time until a proposal is on the leader's disk, in milliseconds.
    pub commit_millis: u64,
    /// The process ends after an action.
    pub crash: u32,
    /// Of a hundred crashes, those by loss of power.
    pub power: u32,
    /// Mean time between faults of the other kinds, in milliseconds; 0 = none.
    pub fault_millis: u64,
    /// Where the wall clocks begin, how far apart they are at most, and whether they all go equally
    /// fast.
    pub offset_nanos: u64,
    pub skew_millis: u64,
    pub rates: bool,
    pub clock_steps: bool,
    /// One server whose clock is wrong from the beginning, by so many seconds.
    pub wrong_clock: Option<(usize, i64)>,
    /// Of a hundred machines, those whose build is older than the others'.
    pub old: u32,
    /// Agents leave and come back, and tags change.
    pub moves: bool,
    /// Leaderships end without a reason.
    pub flaps: bool,
    /// A leader whose lease is over may not know it for so long.
    pub blind: Duration,
    /// Processes stand still as a whole for a while.
    pub freezes: bool,
    /// Disks of a minority of servers, and of agents, are lost.
    pub wipes: bool,
    pub partitions: bool,
    /// Cuts last long enough for executions to be given up, and little else disturbs.
    pub silence: bool,
    pub stalls: bool,
    /// Mean time between requests, in milliseconds.
    pub request_millis: u64,
    pub capacity: u32,
    /// Processes outlive the agent, and the runner ends those that must end with the lease.
    pub runner: bool,
    /// Of a hundred executions, those with a process of their own.
    pub shell: u32,
    pub settings: Settings,
    /// Also to less than nodes were told when they were welcomed.
    pub lost_after_changes: bool,
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
        let servers = dice.pick(&[1, 3, 3, 3, 3, 3, 3, 5]);
        let mut plan = Plan {
            servers,
            agents: dice.pick(&[0, 0, 1, 1, 2, 3]).min(6 - servers),
            safety: dice.millis(10_000, 40_000),
            drop: zero_or(dice, 10_000),
            double: zero_or(dice, 10_000),
            late: zero_or(dice, 10_000),
            wire_millis: dice.pick(&[1, 2, 20, 60]),
            refuse: zero_or(dice, 20_000),
            unknown: zero_or(dice, 20_000),
            commit_millis: dice.pick(&[1, 5, 50, 400]),
            crash: zero_or(dice, 2_500),
            power: dice.pick(&[0, 30, 100]),
            fault_millis: dice.pick(&[0, 2_000, 5_000, 15_000]),
            offset_nanos: dice.below(120_000_000_000),
            skew_millis: dice.pick(&[0, 20, 400, 3_000]),
            rates: dice.percent(50),
            clock_steps: dice.percent(40),
            wrong_clock: None,
            old: dice.pick(&[0, 0, 0, 0, 20, 60]),
            moves: dice.percent(40),
            flaps: dice.percent(50),
            blind: dice.millis(0, 1_000),
            freezes: dice.percent(40),
            wipes: dice.percent(30),
            partitions: dice.percent(50),
            silence: dice.percent(12),
            stalls: dice.percent(50),
            request_millis: dice.pick(&[150, 600, 2_000]),
            capacity: dice.pick(&[1, 3, 1000]),
            runner: dice.percent(60),
            shell: dice.pick(&[50, 100]),
            settings: settings(dice, Duration::ZERO),
            lost_after_changes: dice.percent(50),
            replies_first: dice.percent(50),
            applies_ahead: dice.percent(50),
        };
        if dice.percent(15) {
            let secs = dice.between(30, 600) as i64;
            let secs = if dice.percent(50) { secs } else { -secs };
            plan.wrong_clock = Some((dice.below(servers as u64) as usize, secs));
        }
        plan.settings.lost_after = Duration::from_secs(dice.pick(&[30, 60, 300]));
        if plan.silence {
            plan.settings.lost_after = Duration::from_secs(dice.pick(&[20, 30, 30, 60]));
            plan.safety = dice.millis(60_000, 120_000);
            plan.fault_millis = 8_000;
            (plan.partitions, plan.crash) = (true, plan.crash.min(20));
            plan.request_millis = plan.request_millis.max(600);
            // So that what comes late finds its record, and is expected.
            (plan.old, plan.settings.keep_executions) = (0, 100);
        }
        plan
    }

    /// What the cluster may agree on next.
    pub fn next_lost_after(&self, dice: &mut Dice) -> Duration {
        match self.lost_after_changes {
            true => Duration::from_secs(dice.pick(&[20, 30, 60, 300])),
            false => self.settings.lost_after,
        }
    }

    pub fn machines(&self) -> usize {
        self.servers + self.agents
    }
}
