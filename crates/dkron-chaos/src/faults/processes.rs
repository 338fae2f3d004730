//! Processes that are killed, stopped or ended politely; hosts that die with everything on them.

use std::time::{Duration, Instant};

use super::{Fault, Kind, When, any_host, millis};
use crate::world::World;
use crate::world::host::{CONT, KILL, STOP, TERM};
use crate::world::init::Whom;

/// Bears T-01, T-04, T-06, T-07, T-08, T-10, T-26, T-28, T-30.
pub const KILL_LEADER: Kind = Kind {
    name: "kill-leader",
    alone: true,
    when: When::Always,
    choose: |world, dice| {
        let servers = world.servers();
        let leader = world.leader().unwrap_or_else(|| dice.one_of(&servers).clone());
        strike(What::KillAgent, "kill -9 of the leader", leader, millis(dice, 500, 4_000))
    },
};

/// Bears T-05, T-08, T-35.
pub const KILL_AGENT: Kind = Kind {
    name: "kill-agent",
    alone: true,
    when: When::Always,
    choose: |world, dice| {
        let host = any_host(world, dice);
        strike(What::KillAgent, "kill -9 of the agent", host, millis(dice, 500, 4_000))
    },
};

/// Bears T-35.
pub const KILL_RUNNER: Kind = Kind {
    name: "kill-runner",
    alone: true,
    when: When::Always,
    choose: |world, dice| {
        let host = dice.one_of(&world.workers()).clone();
        strike(What::KillRunner, "kill -9 of the runner", host, millis(dice, 1_000, 2_000))
    },
};

/// Bears T-05, T-13, T-28.
pub const KILL_HOST: Kind = Kind {
    name: "kill-host",
    alone: true,
    when: When::Always,
    choose: |world, dice| {
        let host = any_host(world, dice);
        strike(What::KillHost, "death of the host", host, millis(dice, 1_000, 8_000))
    },
};

/// Shorter than any lease, so that nothing has to be given up.
/// Bears T-21.
pub const STOP_AGENT: Kind = Kind {
    name: "stop-agent",
    alone: true,
    when: When::Always,
    choose: |world, dice| {
        let host = any_host(world, dice);
        strike(What::StopAgent, "SIGSTOP of the agent", host, millis(dice, 2_000, 9_000))
    },
};

/// Bears T-21.
pub const FREEZE_HOST: Kind = Kind {
    name: "freeze-host",
    alone: true,
    when: When::Usually,
    choose: |world, dice| {
        let host = any_host(world, dice);
        strike(What::FreezeHost, "SIGSTOP of everything", host, millis(dice, 2_000, 8_000))
    },
};

/// Longer than any lease: the runner ends what must not run beside itself.
pub const STOP_LONG: Kind = Kind {
    name: "stop-long",
    alone: false,
    when: When::Asked,
    choose: |world, dice| {
        let host = dice.one_of(&world.workers()).clone();
        strike(What::StopAgent, "SIGSTOP of the agent, long", host, millis(dice, 40_000, 45_000))
    },
};

/// The same with everything on the host: only jobs that hold their slot are safe from it.
pub const FREEZE_LONG: Kind = Kind {
    name: "freeze-long",
    alone: false,
    when: When::Asked,
    choose: |world, dice| {
        let host = dice.one_of(&world.workers()).clone();
        strike(What::FreezeHost, FROZEN, host, millis(dice, 40_000, 45_000))
    },
};

const FROZEN: &str = "SIGSTOP of everything, beyond its lease";

/// Bears T-10.
pub const ROLLING: Kind = Kind {
    name: "rolling-restart",
    alone: true,
    when: When::Usually,
    choose: |world, _| Box::new(Rolling { hosts: world.servers() }),
};

#[derive(Clone, Copy)]
enum What {
    KillAgent,
    KillRunner,
    KillHost,
    StopAgent,
    FreezeHost,
}

struct Strike {
    what: What,
    name: &'static str,
    host: String,
    lasts: Duration,
}

fn strike(what: What, name: &'static str, host: String, lasts: Duration) -> Box<dyn Fault> {
    Box::new(Strike { what, name, host, lasts })
}

impl Fault for Strike {
    fn name(&self) -> String {
        self.name.into()
    }

    fn hosts(&self) -> Vec<String> {
        vec![self.host.clone()]
    }

    fn lasts(&self) -> Duration {
        self.lasts
    }

    fn begin(&mut self, world: &mut World) -> anyhow::Result<()> {
        if let What::KillHost = self.what {
            world.kill_host(&self.host);
            return Ok(());
        }
        let host = world.host(&self.host);
        match self.what {
            What::KillAgent => host.stop(KILL),
            What::KillRunner => host.signal(Whom::Runner, KILL),
            What::KillHost => Ok(()),
            What::StopAgent => host.signal(Whom::Agent, STOP),
            What::FreezeHost => host.signal(Whom::All, STOP),
        }
    }

    fn end(&mut self, world: &mut World) -> anyhow::Result<()> {
        let host = world.host(&self.host);
        match self.what {
            What::KillAgent => world.start(&self.host),
            What::KillRunner => Ok(()),
            What::KillHost => {
                host.boot()?;
                world.start(&self.host)
            }
            What::StopAgent => host.signal(Whom::Agent, CONT),
            What::FreezeHost => host.signal(Whom::All, CONT),
        }
    }
}

/// How long one server may take to end, and the cluster to be whole again.
const PATIENCE: Duration = Duration::from_secs(30);
const POLL: Duration = Duration::from_millis(50);

/// Every server is asked to end and started again, one after the other.
struct Rolling {
    hosts: Vec<String>,
}

impl Fault for Rolling {
    fn name(&self) -> String {
        "rolling restart".into()
    }

    fn hosts(&self) -> Vec<String> {
        self.hosts.clone()
    }

    fn lasts(&self) -> Duration {
        Duration::ZERO
    }

    fn begin(&mut self, world: &mut World) -> anyhow::Result<()> {
        for name in self.hosts.clone() {
            world.host(&name).stop(TERM)?;
            let ended = until(|| Ok(world.host(&name).agent_end()?.is_some()))?;
            if !ended {
                world.incidents.push(format!("the agent of {name} does not end on SIGTERM"));
                world.host(&name).signal(Whom::Agent, KILL)?;
            }
            world.start(&name)?;
            until(|| Ok(world.is_whole()))?;
        }
        Ok(())
    }

    fn end(&mut self, _: &mut World) -> anyhow::Result<()> {
        Ok(())
    }
}

/// Whether it came within the patience.
pub fn until(mut is_so: impl FnMut() -> anyhow::Result<bool>) -> anyhow::Result<bool> {
    let begun = Instant::now();
    while begun.elapsed() < PATIENCE {
        if is_so()? {
            return Ok(true);
        }
        std::thread::sleep(POLL);
    }
    Ok(false)
}
