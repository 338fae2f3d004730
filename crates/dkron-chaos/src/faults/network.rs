//! The network between the hosts: cut in halves, in one direction, around one server; lossy,
//! slow, narrow.

use std::time::Duration;

use super::{Fault, Kind, When, any_host, millis};
use crate::dice::Dice;
use crate::world::World;
use crate::world::switch::{Link, Rules};

/// A minority of the servers, with an agent or without one, against all others.
/// Bears T-07, T-14.
pub const HALVES: Kind = Kind {
    name: "partition-halves",
    alone: false,
    when: When::Always,
    choose: |world, dice| {
        let mut servers = world.servers();
        dice.shuffle(&mut servers);
        // The leader's side is the minority every other time.
        if let Some(leader) = world.leader().filter(|_| dice.between(0, 1) == 0) {
            servers.sort_by_key(|server| *server != leader);
        }
        let mut few: Vec<String> = servers[..servers.len() / 2].to_vec();
        if dice.between(0, 1) == 0 {
            few.extend(world.agents().first().cloned());
        }
        let rest = others(world, &few);
        let mut rules = world.link(&few, &rest, Link::CUT);
        rules.extend(world.link(&rest, &few, Link::CUT));
        cut("partition", few, rules, dice)
    },
};

/// What one server says reaches nobody, but it hears everything.
/// Bears T-03, T-14.
pub const ONE_WAY: Kind = Kind {
    name: "partition-one-way",
    alone: false,
    when: When::Usually,
    choose: |world, dice| {
        let one = vec![dice.one_of(&world.servers()).clone()];
        let rest = others(world, &one);
        let rules = match dice.between(0, 1) {
            0 => world.link(&one, &rest, Link::CUT),
            _ => world.link(&rest, &one, Link::CUT),
        };
        cut("one-way partition", one, rules, dice)
    },
};

/// Two servers do not see each other, and both see everybody else.
/// Bears T-03, T-14.
pub const BRIDGE: Kind = Kind {
    name: "partition-bridge",
    alone: false,
    when: When::Usually,
    choose: |world, dice| {
        let mut servers = world.servers();
        dice.shuffle(&mut servers);
        servers.truncate(2);
        let rules = world.link(&servers, &servers, Link::CUT);
        cut("bridge", servers, rules, dice)
    },
};

/// Bears T-12, T-20.
pub const CUT_WORKER: Kind = Kind {
    name: "cut-worker",
    alone: false,
    when: When::Always,
    choose: |world, dice| {
        let one = vec![dice.one_of(&world.workers()).clone()];
        let rest = others(world, &one);
        let mut rules = world.link(&one, &rest, Link::CUT);
        rules.extend(world.link(&rest, &one, Link::CUT));
        cut("worker cut off", one, rules, dice)
    },
};

pub const LOSS: Kind = Kind {
    name: "loss",
    alone: false,
    when: When::Usually,
    choose: |world, dice| {
        let loss = dice.between(2, 20) as f64 / 100.0;
        let name = format!("{:.0} % of packets lost", loss * 100.0);
        everywhere(world, dice, name, Link { loss, ..Link::default() })
    },
};

pub const DELAY: Kind = Kind {
    name: "delay",
    alone: false,
    when: When::Usually,
    choose: |world, dice| {
        let delay = millis(dice, 20, 150);
        let name = format!("delay of {} ms", delay.as_millis());
        let link = Link { delay, jitter: delay / 2, ..Link::default() };
        around(world, dice, name, link)
    },
};

pub const TRICKLE: Kind = Kind {
    name: "trickle",
    alone: false,
    when: When::Usually,
    choose: |world, dice| {
        let rate = dice.between(16, 64) * 1_024;
        let name = format!("{} KiB/s", rate / 1_024);
        around(world, dice, name, Link { rate, ..Link::default() })
    },
};

fn others(world: &World, some: &[String]) -> Vec<String> {
    let all = world.hosts.iter().map(|host| host.name.clone());
    all.filter(|name| !some.contains(name)).collect()
}

fn cut(name: &str, hosts: Vec<String>, rules: Rules, dice: &mut Dice) -> Box<dyn Fault> {
    Box::new(Weather { name: name.into(), hosts, rules, lasts: millis(dice, 4_000, 14_000) })
}

fn everywhere(world: &World, dice: &mut Dice, name: String, link: Link) -> Box<dyn Fault> {
    let all = others(world, &[]);
    let rules = world.link(&all, &all, link);
    Box::new(Weather { name, hosts: all, rules, lasts: millis(dice, 6_000, 15_000) })
}

/// All links of one host.
fn around(world: &World, dice: &mut Dice, name: String, link: Link) -> Box<dyn Fault> {
    let one = vec![any_host(world, dice)];
    let rest = others(world, &one);
    let mut rules = world.link(&one, &rest, link);
    rules.extend(world.link(&rest, &one, link));
    Box::new(Weather { name, hosts: one, rules, lasts: millis(dice, 6_000, 15_000) })
}

struct Weather {
    name: String,
    hosts: Vec<String>,
    rules: Rules,
    lasts: Duration,
}

impl Fault for Weather {
    fn name(&self) -> String {
        self.name.clone()
    }

    fn hosts(&self) -> Vec<String> {
        self.hosts.clone()
    }

    fn lasts(&self) -> Duration {
        self.lasts
    }

    fn begin(&mut self, world: &mut World) -> anyhow::Result<()> {
        world.switch.set(self.rules.clone());
        Ok(())
    }

    fn end(&mut self, world: &mut World) -> anyhow::Result<()> {
        world.switch.set(Rules::new());
        Ok(())
    }
}
