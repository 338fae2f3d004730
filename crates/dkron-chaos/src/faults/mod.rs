//! What is broken, for how long, and how it is mended: each fault begins, lasts and ends, and its
//! time is a band in the picture. One file for each thing that can be broken.

mod addresses;
mod clocks;
pub mod disks;
mod flood;
mod network;
mod processes;

use std::time::Duration;

pub use processes::until;

use crate::dice::Dice;
use crate::world::World;

/// One kind of fault.
pub struct Kind {
    pub name: &'static str,
    /// Whether it means anything with one server and nobody else.
    pub alone: bool,
    pub when: When,
    pub choose: fn(&World, &mut Dice) -> Box<dyn Fault>,
}

/// Which runs take it by themselves.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum When {
    /// Also the short one of the test command.
    Always,
    /// All but the short one.
    Usually,
    /// Once, in the middle of a long one.
    Once,
    /// None: it has a run of its own.
    Asked,
}

/// A fault with everything chosen.
pub trait Fault {
    /// What it does, for the picture.
    fn name(&self) -> String;

    /// Whose runs and records it may explain.
    fn hosts(&self) -> Vec<String>;

    fn lasts(&self) -> Duration;

    /// An error means that this machine cannot do it: it is left out, and said.
    fn begin(&mut self, world: &mut World) -> anyhow::Result<()>;

    fn end(&mut self, world: &mut World) -> anyhow::Result<()>;
}

/// All of them.
pub const KINDS: [Kind; 21] = [
    processes::KILL_LEADER,
    processes::KILL_AGENT,
    processes::KILL_RUNNER,
    processes::KILL_HOST,
    processes::STOP_AGENT,
    processes::FREEZE_HOST,
    processes::ROLLING,
    network::HALVES,
    network::ONE_WAY,
    network::BRIDGE,
    network::CUT_WORKER,
    network::LOSS,
    network::DELAY,
    network::TRICKLE,
    clocks::OFFSET,
    disks::FULL,
    disks::SLOW,
    addresses::NEW,
    processes::STOP_LONG,
    processes::FREEZE_LONG,
    flood::FLOOD,
];

/// Between two numbers of milliseconds.
fn millis(dice: &mut Dice, from: u64, to: u64) -> Duration {
    Duration::from_millis(dice.between(from, to))
}

/// Any host on which something of the product runs.
fn any_host(world: &World, dice: &mut Dice) -> String {
    let all: Vec<String> = world.hosts.iter().map(|host| host.name.clone()).collect();
    dice.one_of(&all).clone()
}
