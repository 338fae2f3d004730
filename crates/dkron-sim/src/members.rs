//! Members that come, leave and change, servers that compare their clocks, and builds that know
//! more or less.

use dkron_core::conductor::Input;
use dkron_core::domain::CLUSTER_VERSION;

use crate::invariants::{Check, require};
use crate::machine::At;
use crate::queue::{Event, Local};
use crate::workload::tags_of;
use crate::world::World;

impl World {
    /// An agent leaves or comes back; any machine's tags change.
    pub fn move_member(&mut self, at: At) {
        if self.plan.agents > 0 && self.dice.percent(70) {
            let at = self.plan.servers + self.dice.below(self.plan.agents as u64) as usize;
            let machine = &mut self.machines[at];
            machine.left = !machine.left;
            let left = machine.left;
            self.say(at, || format!("has left: {left}"));
            self.oracle.coverage.count("leaves");
            return;
        }
        let role = self.dice.below(2) as usize;
        self.machines[at].tags = tags_of(role);
        self.say(at, || "has other tags".into());
    }

    /// A machine gets the newest build, which needs a restart.
    pub fn upgrade(&mut self, at: At) {
        if self.machines[at].version == CLUSTER_VERSION {
            return;
        }
        self.say(at, || "gets a newer build".into());
        self.oracle.coverage.count("upgrade");
        self.machines[at].version = CLUSTER_VERSION;
        self.crash(at);
    }

    /// Every server says what it knows, also one that is down for the moment.
    pub fn tell_versions(&mut self, at: At) {
        let servers = self.machines.iter().filter(|machine| machine.server.is_some());
        let servers = servers.map(|machine| machine.version).min();
        self.input(at, Input::Versions { servers });
    }

    /// Nobody in the cluster may be left behind.
    pub fn may_raise(&self, version: u32) -> Check {
        let mut servers = self.machines.iter().filter(|machine| machine.server.is_some());
        let old = servers.find(|machine| machine.version < version);
        require(old.is_none(), "version", || {
            format!("raised to {version}, but {:?} does not know it", old.map(|old| &old.name))
        })
    }

    /// Wall clocks of the other servers minus this one's, of those that can be reached.
    pub fn compare_clocks(&mut self, at: At, again: bool) {
        let own = self.clocks(at).wall.unix_nanos();
        let reached = |other: &At| {
            let machine = &self.machines[*other];
            let answers = machine.process.is_some() && machine.frozen_until <= self.now;
            *other != at && answers && self.network.passes_both(at, *other, self.now)
        };
        let offset = |other: At| {
            let theirs = self.clocks(other).wall.unix_nanos();
            let millis = i64::try_from((theirs - own) / 1_000_000).unwrap_or(i64::MAX);
            (self.machines[other].name.clone(), millis)
        };
        let offsets = (0..self.plan.servers).filter(reached).map(offset).collect();
        let voters = self.plan.servers;
        let Some(life) = self.brain_of(at).map(|brain| brain.life) else { return };
        self.input(at, Input::Clocks { voters, offsets });
        if again {
            self.later(800, 1_200, Event::Life(at, life, Local::Compare { again }));
        }
    }
}
