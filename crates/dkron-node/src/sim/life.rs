//! The life of a world: faults, healing, jobs going on in peace, and everything coming to rest.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use dkron_core::conductor::Request as Ask;
use dkron_core::domain::LogIndex;
use dkron_gossip::Status;
use dkron_raft::Peer;
use dkron_sim::{Check, Violation, workload};
use tokio::time::{Instant, sleep_until};

use super::faults::{FLUSH, LOOK};
use super::journal::Journal;
use super::judge::require;
use super::machine::{Disks, Machine};
use super::process::Clock;
use super::server;
use super::world::World;

/// Peace in which jobs go on.
const PEACE: Duration = Duration::from_secs(40);
/// Beyond the latest retry, everything comes to rest within this.
const REST: Duration = Duration::from_secs(180);

pub enum Event {
    Fault,
    Ask,
    Boot(usize),
    /// Gossip notices that a machine is down, if no other life began since.
    Gone(usize, u64),
    Mend(Vec<(u64, u64)>),
    Flush(usize),
    Look,
}

pub struct Life {
    pub world: World,
    pub machines: Vec<Machine>,
    queue: BTreeMap<(Instant, u64), Event>,
    events: u64,
    requests: u64,
    quiet: bool,
}

/// For each millisecond that the disk may take.
const BEGUN: Duration = Duration::from_millis(4);

impl Life {
    pub async fn begin(world: World) -> Life {
        let (servers, agents) = world.with(|inner| (inner.plan.servers, inner.plan.agents));
        let machines = (0..servers + agents).map(|at| machine(&world, at, at < servers)).collect();
        let (queue, events) = (BTreeMap::new(), 0);
        let mut life = Life { world, machines, queue, events, requests: 0, quiet: false };
        for at in 0..life.machines.len() {
            life.machines[at].boot(&life.world).await;
            life.later(FLUSH.0, FLUSH.1, Event::Flush(at));
        }
        let peers = (1..=servers as u64).map(|id| Peer {
            id,
            name: format!("n{id}"),
            address: format!("127.0.0.{id}:1"),
        });
        let peers: Vec<Peer> = peers.collect();
        let first = life.machines[0].serving().expect("it was started");
        first.raft.initialize(&peers).await.expect("a new cluster");
        // A real server begins once more if it dies before its disk has the first entry; here the
        // faults wait for that.
        let disk = life.world.with(|inner| inner.plan.disk_millis);
        tokio::time::sleep(BEGUN * u32::try_from(disk).unwrap_or(1)).await;
        let (fault, ask) =
            life.world.with(|inner| (inner.plan.fault_millis, inner.plan.request_millis));
        life.later(0, fault * 2, Event::Fault);
        life.later(0, ask * 2, Event::Ask);
        life.later(0, 500, Event::Look);
        life
    }

    pub async fn live(&mut self) -> Check {
        let safety = self.world.with(|inner| inner.plan.safety);
        self.run(safety).await?;
        self.quiet = true;
        self.mend();
        self.run(PEACE).await?;
        let leader = self.leader();
        require(leader.is_some(), "liveness", || "nobody leads in peace".into())?;
        let (capacity, rate) = self.world.with(|inner| {
            (inner.plan.capacity, inner.judge.oracle.ledger.settings().catch_up_rate)
        });
        if let Some(process) = leader.and_then(|at| self.machines[at].life.as_ref())
            && capacity > 100
            && rate >= 20
        {
            let wall = process.process.now().wall;
            self.world.with(|inner| inner.judge.oracle.on_time(wall))?;
        }
        self.rest().await
    }

    pub fn later(&mut self, least: u64, most: u64, event: Event) {
        let at = Instant::now() + self.world.millis(least, most);
        self.events += 1;
        self.queue.insert((at, self.events), event);
    }

    /// Lets the world's time go on.
    async fn run(&mut self, time: Duration) -> Check {
        let until = Instant::now() + time;
        loop {
            let next = self.queue.first_key_value().map(|(key, _)| *key);
            let next = next.filter(|(at, _)| *at <= until);
            tokio::select! {
                biased;
                () = self.world.broken.notified() => {}
                () = sleep_until(next.map_or(until, |(at, _)| at)) => {}
            }
            if let Some(violation) = self.world.with(|inner| inner.violation.clone()) {
                return Err(violation);
            }
            let Some(key) = next else { return Ok(()) };
            if key.0 <= Instant::now()
                && let Some(event) = self.queue.remove(&key)
            {
                self.happen(event).await?;
            }
        }
    }

    async fn happen(&mut self, event: Event) -> Check {
        match event {
            Event::Fault if self.quiet => {}
            Event::Fault => self.fault(),
            Event::Ask => self.ask_anything(),
            Event::Boot(at) => {
                if self.machines[at].life.is_none() {
                    self.machines[at].boot(&self.world).await;
                    self.world.with(|inner| inner.show(at, Status::Alive));
                }
            }
            Event::Gone(at, life) => self.gone(at, life),
            Event::Mend(pairs) => {
                self.world.say(|| format!("mend {pairs:?}"));
                self.world.with(|inner| inner.net.cut.retain(|pair| !pairs.contains(pair)));
            }
            Event::Flush(at) => {
                self.machines[at].flush();
                self.later(FLUSH.0, FLUSH.1, Event::Flush(at));
            }
            Event::Look => {
                for machine in &mut self.machines {
                    if let Some(text) = machine.trouble() {
                        let text = format!("{}: {text}", machine.name);
                        return Err(Violation { rule: "panic", text });
                    }
                }
                let look = LOOK.as_millis() as u64;
                self.later(look, look, Event::Look);
            }
        }
        Ok(())
    }

    /// The server that leads, as far as it knows.
    pub fn leader(&self) -> Option<usize> {
        let leads = |machine: &Machine| {
            machine.serving().is_some_and(|server| server.leader.borrow().is_own())
        };
        self.machines.iter().position(leads)
    }

    fn ask_anything(&mut self) {
        if self.quiet {
            return;
        }
        let servers = self.world.with(|inner| inner.plan.servers);
        let (straight, any) =
            self.world.with(|inner| (inner.dice.percent(85), inner.dice.below(servers as u64)));
        let at = self.leader().filter(|_| straight).unwrap_or(any as usize);
        self.requests += 1;
        if let Some(life) = &self.machines[at].life {
            let wish = self.world.wish(self.requests, &life.process);
            self.world.ask(&self.machines[at], self.requests, wish);
        }
        let pause = self.world.with(|inner| inner.plan.request_millis);
        self.later(0, pause * 2, Event::Ask);
    }

    /// All schedules are switched off; then nothing may be left to do.
    async fn rest(&mut self) -> Check {
        self.world.say(|| "rest".into());
        let mut begun = Instant::now();
        loop {
            let (on, drained, paused) = self.world.with(|inner| {
                let ledger = &inner.judge.oracle.ledger;
                let on = ledger.jobs().filter(|job| job.is_scheduled());
                let on: Vec<_> = on.map(|job| job.job.name.clone()).collect();
                let drained: Vec<_> = ledger.drains().map(|one| one.node.clone()).collect();
                (on, drained, ledger.scheduling_pauses().next().is_some())
            });
            if on.is_empty() && drained.is_empty() && !paused && self.still().await.is_ok() {
                return Ok(());
            }
            let toggles = on.into_iter().map(Ask::Toggle);
            let asks = toggles.chain(drained.into_iter().map(workload::eligible_again));
            let asks: Vec<Ask> = asks.chain(paused.then(workload::resume)).collect();
            for ask in asks {
                self.requests += 1;
                if let Some(at) = self.leader() {
                    self.world.ask(&self.machines[at], self.requests, ask);
                }
            }
            self.run(Duration::from_secs(1)).await?;
            let life = self.leader().and_then(|at| self.machines[at].life.as_ref());
            let wall = life.map(|life| life.process.now().wall).unwrap_or_default();
            let retry = self.world.with(|inner| {
                let last = inner.judge.oracle.ledger.retries().last();
                last.map(|(at, ..)| at.since(wall))
            });
            if retry.is_some_and(|wait| wait > Duration::ZERO) {
                begun = Instant::now();
            }
            if begun.elapsed() > REST {
                self.still().await?;
                return require(false, "liveness", || "the world does not come to rest".into());
            }
        }
    }

    async fn still(&mut self) -> Check {
        self.world.with(|inner| {
            inner.judge.oracle.settled()?;
            let running = &inner.running;
            require(running.is_empty(), "I3", || format!("still runs {running:?}"))
        })?;
        self.replicas_agree().await
    }

    /// All servers know the same, in memory and in their rows.
    async fn replicas_agree(&self) -> Check {
        let (applied, rows) = self.world.with(|inner| {
            let oracle = &inner.judge.oracle;
            let rows = oracle.rows.values().map(dkron_wire::row::encode);
            let rows: BTreeMap<_, _> =
                rows.map(|(table, key, value)| ((table.code(), key), value)).collect();
            (oracle.ledger.applied(), rows)
        });
        let servers = self.machines.iter().filter(|machine| machine.server.is_some());
        for machine in servers {
            let name = &machine.name;
            let server = machine.serving();
            let Some(server) = server else {
                return require(false, "liveness", || format!("{name} is down"));
            };
            let hash = server::state_hash(server.requests.clone(), LogIndex(applied.0)).await;
            let Some((index, hash)) = hash.filter(|(index, _)| *index >= applied.0) else {
                return require(false, "liveness", || format!("{name} is behind: {hash:?}"));
            };
            self.world.with(|inner| inner.judge.same(index, hash))?;
            let own = server.rows.view().without_marker();
            require(own == rows, "rows", || format!("{name} stores other rows"))?;
        }
        Ok(())
    }
}

fn machine(world: &World, at: usize, is_server: bool) -> Machine {
    let (zero, skew) = world.with(|inner| {
        let skew = inner.plan.skew_millis;
        (Duration::from_secs(inner.dice.below(100_000)), inner.dice.below(skew + 1) as i64)
    });
    Machine {
        at,
        id: at as u64 + 1,
        name: format!("n{}", at + 1).into(),
        clock: Arc::new(Mutex::new(Clock { zero, offset: skew })),
        journal: Journal::default(),
        server: is_server.then(Disks::default),
        life: None,
    }
}
