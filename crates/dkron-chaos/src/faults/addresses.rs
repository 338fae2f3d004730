//! Everything at once is down and back, and no host has the address that it had.

use std::time::Duration;

use super::{Fault, Kind, When, millis};
use crate::world::World;
use crate::world::host::{KILL, TERM};

/// Bears T-13, T-43, T-44.
pub const NEW: Kind = Kind {
    name: "new-addresses",
    alone: true,
    when: When::Once,
    choose: |world, dice| {
        let hosts = world.hosts.iter().map(|host| host.name.clone()).collect();
        let signal = if dice.between(0, 1) == 0 { TERM } else { KILL };
        Box::new(Moved { hosts, signal, lasts: millis(dice, 500, 3_000) })
    },
};

struct Moved {
    hosts: Vec<String>,
    signal: i32,
    lasts: Duration,
}

impl Fault for Moved {
    fn name(&self) -> String {
        "restart of all, new addresses".into()
    }

    fn hosts(&self) -> Vec<String> {
        self.hosts.clone()
    }

    fn lasts(&self) -> Duration {
        self.lasts
    }

    fn begin(&mut self, world: &mut World) -> anyhow::Result<()> {
        for name in &self.hosts {
            world.host(name).stop(self.signal)?;
        }
        for name in &self.hosts {
            let ended = super::processes::until(|| Ok(world.host(name).agent_end()?.is_some()))?;
            if !ended {
                world.incidents.push(format!("the agent of {name} does not end on SIGTERM"));
                world.host(name).stop(KILL)?;
            }
        }
        Ok(())
    }

    fn end(&mut self, world: &mut World) -> anyhow::Result<()> {
        for name in &self.hosts {
            let host = world.host(name);
            // Twenty moves lead through all of them.
            let address = host.address % 200 + 10;
            host.move_to(address)?;
        }
        world.publish();
        for name in &self.hosts {
            world.start(name)?;
        }
        Ok(())
    }
}
