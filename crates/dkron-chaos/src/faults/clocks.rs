//! One server's wall clock is set, in builds that let a test do so.

use std::fs;
use std::time::Duration;

use super::{Fault, Kind, When, millis};
use crate::world::World;

/// Bears T-36, T-41.
pub const OFFSET: Kind = Kind {
    name: "clock",
    alone: false,
    when: When::Usually,
    choose: |world, dice| {
        let servers = world.servers();
        let leader = world.leader().filter(|_| dice.between(0, 1) == 0);
        let host = leader.unwrap_or_else(|| dice.one_of(&servers).clone());
        let by = *dice.one_of(&[-3_600_000_i64, -90_000, -700, 700, 90_000, 3_600_000]);
        Box::new(Offset { host, by, lasts: millis(dice, 8_000, 15_000) })
    },
};

struct Offset {
    host: String,
    /// Milliseconds.
    by: i64,
    lasts: Duration,
}

impl Fault for Offset {
    fn name(&self) -> String {
        format!("clock {:+.1} s", self.by as f64 / 1_000.0)
    }

    fn hosts(&self) -> Vec<String> {
        vec![self.host.clone()]
    }

    fn lasts(&self) -> Duration {
        self.lasts
    }

    fn begin(&mut self, world: &mut World) -> anyhow::Result<()> {
        let file = world.host(&self.host).clock();
        fs::write(file, format!("offset {}\n", self.by))?;
        Ok(())
    }

    fn end(&mut self, world: &mut World) -> anyhow::Result<()> {
        fs::write(world.host(&self.host).clock(), "offset 0\n")?;
        Ok(())
    }
}
