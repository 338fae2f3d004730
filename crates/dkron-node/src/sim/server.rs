//! One life of a server: consensus, scheduling, sessions and its own worker, put together as
//! `node::start` does, over disks in memory and without threads.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use dkron_core::conductor::{self, Conductor, Input};
use dkron_core::domain::NodeName;
use dkron_core::ledger::Ledger;
use dkron_exec::ProcessorRegistry;
use dkron_raft::simulated::start_here;
use dkron_raft::{ApplyBatch, Handle};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinSet;

use super::log::Log;
use super::machine::{Life, Machine};
use super::net::Line;
use super::node;
use super::process::Process;
use super::rows::{Frames, Rows};
use super::world::{World, stage};
use crate::chronicle::{Chronicle, Reading};
use crate::cluster::{Book, Leader, leading, peers};
use crate::company::feed;
use crate::consensus::{self, Carrier};
use crate::event::Event;
use crate::identity::Mint;
use crate::node::MESSAGES;
use crate::node::start::watch_leadership;
use crate::outputs::{Keeper, Store};
use crate::reader::{Around, Index, Update};
use crate::reads::Office;
use crate::rpc::{Caller, Role, Router, Wire};
use crate::scheduling::{self, Scheduling};
use crate::service::{Member, Request};
use crate::session::{Guide, Inbound, ServeParts, Sessions};

/// What a server has beside its node's half.
pub struct Server {
    pub raft: Handle,
    pub log: Arc<Log>,
    pub rows: Arc<Rows>,
    pub requests: mpsc::Sender<Request>,
    pub leader: watch::Receiver<Leader>,
    /// Ends with the reason when the server can not go on.
    pub failed: mpsc::Receiver<String>,
    _held: Held,
}

/// Where a server stands, and what all of its parts need.
struct Site {
    world: World,
    process: Arc<Process>,
    name: NodeName,
    id: u64,
    wire: Arc<dyn Wire>,
    book: Book,
    events: mpsc::UnboundedSender<Event>,
}

pub async fn boot(world: &World, machine: &mut Machine, process: Arc<Process>) -> Life {
    let (events, event_inbox) = mpsc::unbounded_channel();
    let site = Site::new(world, machine, process, events);
    let (mut tasks, mut sides) = (JoinSet::new(), JoinSet::new());
    let (to_node, orders) = mpsc::channel::<Inbound>(MESSAGES);
    let (leader, known_leader) = watch::channel(Leader::None);
    let around = site.around(known_leader.clone());
    let disks = machine.server.as_mut().expect("a server");
    let rows = Rows::open(std::mem::take(&mut disks.rows), site.events.clone(), around.clone());
    let log = Log::open(std::mem::take(&mut disks.log), Arc::clone(&site.process));
    sides.spawn(Arc::clone(&log).write());
    let sessions = Sessions::new(site.name.clone(), to_node.clone());
    let conductor = conductor(world, machine, &site.process);
    let ends = site.schedule(&rows, around, event_inbox, &sessions, conductor, &mut tasks).await;
    let raft = site.consensus(&log, &rows, ends.apply).await;
    assert!(ends.raft.send(raft.clone()).is_ok());
    let failed = site.company(&raft, ends.office, leader, &mut sides);
    let serve = ServeParts { shard: 0, leader: known_leader.clone(), events: site.events.clone() };
    let router = sessions.register(router(site.id, &site.name, &raft), serve);
    let node = node::Parts {
        process: &site.process,
        name: site.name.clone(),
        journal: &machine.journal,
        guide: Guide::Server { leader: known_leader.clone(), events: site.events.clone() },
        wire: Arc::clone(&site.wire),
        capacity: world.with(|inner| inner.plan.capacity),
        orders: (to_node, orders),
    };
    let grip = node::start(node, &mut tasks);
    world.with(|inner| inner.net.serve(site.id, router, Arc::clone(&site.process)));
    let (requests, leader) = (ends.requests, known_leader);
    let server = Server { raft, log, rows, requests, leader, failed, _held: ends.held };
    Life { process: site.process, tasks, sides, server: Some(server), _grip: grip }
}

/// The other ends of the scheduling thread.
struct Ends {
    apply: mpsc::Sender<ApplyBatch>,
    requests: mpsc::Sender<Request>,
    office: watch::Receiver<Option<Office>>,
    raft: oneshot::Sender<Handle>,
    held: Held,
}

/// Ends that nobody uses, and whose end would be heard.
type Held = (watch::Sender<bool>, mpsc::UnboundedReceiver<()>);

impl Site {
    fn new(
        world: &World,
        machine: &Machine,
        process: Arc<Process>,
        events: mpsc::UnboundedSender<Event>,
    ) -> Site {
        let (name, id) = (machine.name.clone(), machine.id);
        let own = Caller { id, name: name.to_string(), role: Role::Server, version: 1 };
        let line = Line { world: world.clone(), own, process: Arc::clone(&process) };
        let (wire, book) = (Arc::new(line), world.book());
        Site { world: world.clone(), process, name, id, wire, book, events }
    }

    fn around(&self, leader: watch::Receiver<Leader>) -> Around {
        let (name, addr) = (self.name.clone(), String::from("127.0.0.1"));
        let own = Member { name, addr, port: 1, tags: BTreeMap::new(), status: 1 };
        Around { own, members: self.book.watch(), leader }
    }

    async fn schedule(
        &self,
        rows: &Arc<Rows>,
        around: Around,
        events: mpsc::UnboundedReceiver<Event>,
        sessions: &Sessions,
        conductor: Conductor,
        tasks: &mut JoinSet<()>,
    ) -> Ends {
        let (apply, batches) = mpsc::channel(4);
        let (judged, apply_inbox) = mpsc::channel(4);
        let (requests, request_inbox) = mpsc::channel(64);
        let (updates, update_inbox) = mpsc::unbounded_channel();
        let (office, held_office) = watch::channel(None);
        let (disk, disk_full) = watch::channel(false);
        let (leave, left) = mpsc::unbounded_channel();
        let (give_raft, raft) = oneshot::channel();
        let ledger = rows.view().ledger();
        self.world.with(|inner| inner.loaded(&ledger));
        let (behind, index) = (Arc::new(AtomicUsize::new(0)), Index::new(&ledger, around));
        let chronicle = Chronicle::new(ledger.applied());
        let parts = scheduling::Parts {
            conductor,
            ledger,
            mint: self.process.run(async { Mint::new() }).await.expect("dice"),
            state: rows.clone(),
            apply: apply_inbox,
            events,
            requests: request_inbox,
            reader: updates,
            reader_behind: Arc::clone(&behind),
            outputs: Keeper::new(Store::alone(stage().blobs())).1,
            disk_full,
            sessions: sessions.clone(),
            processors: ProcessorRegistry::new([]),
            store: Store::alone(stage().blobs()),
            node_name: self.name.clone(),
            event_sender: self.events.clone(),
            raft,
            pool: tokio::runtime::Handle::current(),
            leave,
        };
        tasks.spawn(self.process.run(Scheduling::run(parts)));
        let seen = (index, chronicle, self.world.clone());
        tasks.spawn(self.process.run(read(seen, update_inbox, behind, office)));
        tasks.spawn(judge(self.world.clone(), batches, judged));
        Ends { apply, requests, office: held_office, raft: give_raft, held: (disk, left) }
    }

    async fn consensus(
        &self,
        log: &Arc<Log>,
        rows: &Arc<Rows>,
        apply: mpsc::Sender<ApplyBatch>,
    ) -> Handle {
        let options = self.world.with(|inner| dkron_raft::Options {
            keep_bytes: 0,
            keep_age: inner.plan.keep_age,
            retention_interval: std::time::Duration::from_secs(4),
            ..dkron_raft::Options::new(self.id)
        });
        let (wire, book) = (Arc::clone(&self.wire), self.book.clone());
        let carrier = Arc::new(Carrier { wire, book, rows: Arc::new(Frames) });
        let starting = start_here(options, log.clone(), rows.clone(), apply, carrier);
        self.process.run(starting).await.expect("consensus starts")
    }

    /// What a server does beside scheduling; the answer tells when it can not go on.
    fn company(
        &self,
        raft: &Handle,
        office: watch::Receiver<Option<Office>>,
        leader: watch::Sender<Leader>,
        sides: &mut JoinSet<()>,
    ) -> mpsc::Receiver<String> {
        let (fail, failed) = mpsc::channel(4);
        let (statuses, seen) = watch::channel(peers::Statuses::default());
        let (events, wire, own) = (self.events.clone(), Arc::clone(&self.wire), self.id);
        let (leadership, book) = (raft.leadership(), self.book.clone());
        let held = office.clone();
        let leading = leading::run(leading::Parts { leadership, office, book, leader });
        sides.spawn(self.process.run(leading));
        sides.spawn(self.process.run(watch_leadership(raft.clone(), events.clone(), fail)));
        let (region, book) = (String::from("global"), self.book.clone());
        let asking = peers::run(peers::Parts { wire, book, own, region, statuses });
        sides.spawn(self.process.run(asking));
        let (raft, book) = (raft.clone(), self.book.clone());
        let (statuses, office, mark) = (seen, held, stage().mark());
        let parts = feed::Parts { raft, book, statuses, own, office, mark, events };
        let feeding = feed::run(parts);
        sides.spawn(self.process.run(feeding));
        failed
    }
}

fn router(id: u64, name: &NodeName, raft: &Handle) -> Router {
    let own = peers::Own {
        id,
        name: name.to_string(),
        version: "1.0.0".into(),
        protocol_max: 1,
        mark: stage().mark(),
        raft: Some(raft.clone()),
    };
    let raft = raft.clone();
    let router = peers::register(Router::default(), own);
    consensus::register(router, move || Some(raft.clone()), Arc::new(Frames))
}

fn conductor(world: &World, machine: &Machine, process: &Process) -> Conductor {
    let mut conductor = Conductor::new(conductor::Options {
        server: machine.name.clone(),
        boot_id: machine.journal.boot_id(machine.at),
        zone_data: "test".into(),
        settings: world.with(|inner| inner.plan.settings.clone()),
        region: "global".into(),
    });
    let roster = world.roster();
    conductor.step(&Ledger::default(), process.now(), Input::Roster(roster));
    conductor
}

/// In the reader's place: whoever asked is answered, and the office is told.
async fn read(
    (mut index, chronicle, world): (Index, Chronicle, World),
    mut updates: mpsc::UnboundedReceiver<Update>,
    behind: Arc<AtomicUsize>,
    office: watch::Sender<Option<Office>>,
) {
    while let Some(update) = updates.recv().await {
        behind.fetch_sub(1, Ordering::Relaxed);
        if let Some((installed, at)) = update.installed {
            index.replace(*installed);
            chronicle.jump(at);
        }
        let place = chronicle.end();
        chronicle.entries(update.rows, &update.marks, &mut index);
        if let Reading::Events { events, .. } = chronicle.after(place, usize::MAX, |_| true) {
            world.with(|inner| inner.happened(&events));
        }
        update.releases.into_iter().for_each(|release| release(&mut index));
        if let Some(now) = update.office {
            office.send_replace(now);
        }
    }
}

/// What is committed goes through the judge before anybody else sees it.
async fn judge(
    world: World,
    mut batches: mpsc::Receiver<ApplyBatch>,
    judged: mpsc::Sender<ApplyBatch>,
) {
    while let Some(batch) = batches.recv().await {
        world.with(|inner| inner.committed(&batch.entries));
        if judged.send(batch).await.is_err() {
            return;
        }
    }
}

/// The state of a server at that entry, or later: index and hash.
pub async fn state_hash(
    requests: mpsc::Sender<Request>,
    at: dkron_core::domain::LogIndex,
) -> Option<(u64, u64)> {
    let (reply, answer) = oneshot::channel();
    requests.send(Request::StateHash { at, reply }).await.ok()?;
    let hash = answer.await.ok()?.ok()?;
    Some((hash.index.0, hash.hash))
}
