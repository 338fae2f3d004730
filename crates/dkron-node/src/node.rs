//! Puts a node together: opens what is stored, starts the threads, lets consensus run.

use std::sync::atomic::AtomicUsize;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use dkron_core::conductor::{self, Conductor, Input, RosterMember};
use dkron_core::domain::{BootId, limits};
use dkron_core::ledger::Ledger;
use dkron_exec::runner::Held;
use dkron_raft::{ApplyBatch, Handle, Leadership, Peer};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinSet;

use crate::cluster::bootstrap::Pledge;
use crate::cluster::{Leader, Mark, Servers, leading, recover};
use crate::company::Company;
use crate::consensus;
use crate::error::Error;
use crate::event::Event;
use crate::forward::{Forward, Forwarder, Front};
use crate::hands::{self, Farewell, Grip, Gripped, Hands, Recalled, recall};
use crate::identity::Mint;
use crate::network::{Listens, Network, Retag, Who};
use crate::options::Options;
use crate::outputs::{Keeper, LiveOutputs};
use crate::reader::{self, Around, Index, Reader, Update};
use crate::reads::{self, Asking, Reads, Seen, Telling, Told};
use crate::rows::{self, Markers};
use crate::rpc::{Role, Wire};
use crate::scheduling::{self, Scheduling};
use crate::service::{Member, Query, REQUESTS, Request, Service};
use crate::session::{Inbound, Outlet, Remote, Sessions};
use crate::threads::thread;
use crate::{clocks, disk, retention, telemetry};

/// Batches of committed entries on their way.
const BATCHES: usize = 4;
/// Messages to the node on their way; more begin its session anew.
pub(crate) const MESSAGES: usize = 4 * limits::NODE_RUNS as usize;

/// A running node.
pub struct Node {
    pub service: Service,
    /// What serves requests that other servers or operators send; the front door sets it.
    pub front: Arc<OnceLock<Front>>,
    /// The way to the leader for the requests of this server's clients.
    pub forward: Option<Arc<dyn Forward>>,
    /// Where it listens for others.
    pub listens: Listens,
    pub retag: Retag,
    /// Becomes true when somebody asked the node to leave.
    leave: mpsc::UnboundedReceiver<()>,
    /// Ends with the reason when the node can not go on.
    failed: mpsc::Receiver<String>,
    events: mpsc::UnboundedSender<Event>,
    raft: Handle,
    grip: Grip,
    network: Network,
    /// End with the node.
    tasks: JoinSet<()>,
    /// Holds the lock of the data directory until everything has ended.
    data: dkron_store::data_dir::DataDir,
}

/// Why a node's time is over.
#[derive(Debug)]
pub enum End {
    /// Somebody asked it to leave.
    Left,
    Failed(String),
}

impl Node {
    /// Waits until the node must end.
    pub async fn ended(&mut self) -> End {
        tokio::select! {
            Some(()) = self.leave.recv() => End::Left,
            reason = self.failed.recv() => {
                // What consensus says is the cause; threads that end follow from it.
                let cause = self.raft.failure();
                End::Failed(cause.or(reason).unwrap_or_default())
            }
        }
    }

    /// Lets go of all runs: what becomes of them is told by the agent that takes them over. Before
    /// this, parting from the runner looks like its death.
    pub async fn hand_over(&self) {
        self.grip.hand_over().await;
    }

    /// Begins nothing new and lets another server lead, waits for what must not go on without it
    /// at most for `patience`, then stops. What the runner keeps goes on, unless the node leaves
    /// for good.
    pub async fn stop(mut self, farewell: Farewell, patience: Duration) {
        telemetry::left();
        // A thread that is gone needs no word.
        let _ = self.events.send(Event::Stop);
        self.hand_on_leadership().await;
        if !self.grip.part(farewell, patience).await {
            tracing::warn!("stopping while executions run: they will be recorded as lost");
        }
        self.tasks.shutdown().await;
        if farewell == Farewell::HandOver {
            self.hand_over().await;
        }
        if farewell == Farewell::Leave {
            self.network.leave().await;
        }
        self.network.close().await;
        self.raft.shutdown().await;
        if let Ok(state) = self.data.state() {
            let synced = tokio::task::spawn_blocking(move || state.sync()).await;
            if !matches!(synced, Ok(Ok(_))) {
                tracing::warn!("state was not synced; the log has everything");
            }
        }
    }

    /// At once and not after the runs here have ended: slots go on falling due.
    async fn hand_on_leadership(&self) {
        let has_others = self.raft.membership().voters().count() > 1;
        if !has_others || !self.raft.leads_now() {
            return;
        }
        match self.raft.transfer(None).await {
            Ok(next) => tracing::info!(server = next.name, "that server leads from now on"),
            Err(err) => tracing::warn!(%err, "the leadership was not handed over"),
        }
    }
}

/// Starts a node. Returns once consensus runs; a leader may take some more milliseconds.
pub async fn start(mut options: Options) -> Result<Node, Error> {
    let held = std::mem::take(&mut options.held);
    let Opened { mut network, own, mark, pledge } = Opened::open(&options).await?;
    options.member.addr = network.advertised().ip().to_string();
    options.member.port = network.advertised().port();
    recover_if_told(&options, &mark, &own)?;
    let stored = Stored::open(&options, &held).await?;
    let (wires, inboxes) = wires(&stored.ledger, &options.member, &network);
    let conductor = conductor(&options, &options.member, stored.recalled.boot_id);
    let (log, state) = (Arc::clone(&stored.log), Arc::clone(&stored.state));
    let blobs = Arc::clone(&stored.blobs);
    let give_raft =
        threads(&options, stored, held, conductor, &wires, inboxes.threads, network.wire())?;

    let mut consensus = dkron_raft::Options::new(own.id);
    consensus.multiplier = options.raft_multiplier;
    let markers = Arc::new(Markers {
        state: Arc::clone(&state),
        events: wires.events.clone(),
        around: wires.around.clone(),
    });
    let rows = Arc::new(consensus::Stored(Arc::clone(&state)));
    let carrier = consensus::Carrier { wire: network.wire(), book: network.book(), rows };
    let raft = dkron_raft::start(consensus, log, markers, wires.apply, Arc::new(carrier)).await;
    let raft = raft.map_err(Error::Consensus)?;
    // The thread took its end of this channel before consensus could send it anything.
    let _ = give_raft.send(raft.clone());
    telemetry::joined();
    let mut tasks = JoinSet::new();
    let seen = Seen::new(inboxes.told.clone(), raft.clone());
    let (reads, questions) = Reads::new(seen.clone());
    let known_leader = wires.around.leader.clone();
    let (leader, wire) = (known_leader.clone(), Some(network.wire()));
    tasks.spawn(reads::run(Asking { questions, seen: seen.clone(), leader, wire }));
    tasks.spawn(leading::run(leading::Parts {
        leadership: raft.leadership(),
        office: inboxes.told.office.clone(),
        book: network.book(),
        leader: wires.leader,
    }));
    tasks.spawn(retention::run(retention::Parts {
        state: Arc::clone(&state),
        queries: wires.queries.clone(),
        events: wires.events.clone(),
    }));
    tokio::spawn(watch_leadership(raft.clone(), wires.events.clone(), wires.fail.clone()));
    let front = Arc::default();
    let version = options.member.tags.get("version").cloned().unwrap_or_default();
    let company = Company {
        own,
        region: options.region,
        shard: options.data.shard(),
        version: version.clone(),
        expect: options.expect,
        mark: Arc::clone(&mark),
        pledge,
        raft: raft.clone(),
        wire: network.wire(),
        book: network.book(),
        state,
        blobs,
        sessions: wires.sessions,
        leader: known_leader.clone(),
        events: wires.events.clone(),
        seen,
        front: Arc::clone(&front),
    };
    network.serve(company.router())?;
    let statuses = company.start(&mut tasks, &wires.fail, (wires.outlet, wires.to_node));
    network.join(&mut tasks, &wires.fail).await?;
    let operator = Servers {
        raft: raft.clone(),
        own: (company.own.id, company.own.name),
        version,
        mark,
        book: network.book(),
        statuses,
        office: inboxes.told.office,
        leader: known_leader.clone(),
    };
    Ok(Node {
        service: Service::new(wires.requests, wires.queries)
            .with_reads(reads)
            .with_operator(Arc::new(operator)),
        front,
        forward: Some(Arc::new(Forwarder::new(network.wire(), known_leader))),
        listens: network.listens(),
        retag: network.retag(),
        leave: inboxes.leave,
        failed: inboxes.failed,
        events: wires.events,
        raft,
        grip: inboxes.grip,
        network,
        tasks,
        data: options.data,
    })
}

/// What makes this server one of others, before anything is heard of them.
struct Opened {
    network: Network,
    own: Peer,
    mark: Arc<Mark>,
    pledge: Arc<Pledge>,
}

impl Opened {
    async fn open(options: &Options) -> Result<Opened, Error> {
        let data = &options.data;
        let mark = Arc::new(Mark::open(data.path()).map_err(Error::Mark)?);
        let pledge = Arc::new(Pledge::open(data.path()).map_err(Error::Mark)?);
        mark.bind(Arc::clone(&pledge));
        let id = node_number(data.node_id());
        let name = options.member.name.as_str();
        let network = Network::open(
            &options.network,
            Who {
                id,
                name,
                role: Role::Server,
                shard: data.shard(),
                mark: Arc::clone(&mark),
                tags: options.member.tags.clone(),
                directory: data.path(),
            },
        );
        let network = network.await?;
        let own = Peer { id, name: name.to_owned(), address: network.rpc_address() };
        Ok(Opened { network, own, mark, pledge })
    }
}

/// An operator left a list of servers: the others are gone for good.
fn recover_if_told(options: &Options, mark: &Mark, own: &Peer) -> Result<(), Error> {
    if let Some(report) = recover::at_start(&options.data, mark, own).map_err(Error::Recover)? {
        tracing::warn!("the cluster was recovered by raft/peers.json: {report}");
    }
    Ok(())
}

/// What the data directory holds, opened.
struct Stored {
    log: Arc<dkron_store::log::Log>,
    state: Arc<dkron_store::state::State>,
    blobs: Arc<dkron_store::blob::Blobs>,
    ledger: Ledger,
    recalled: Recalled,
}

impl Stored {
    async fn open(options: &Options, held: &[Held]) -> Result<Stored, Error> {
        let data = &options.data;
        let (log, state, blobs) = (data.log()?, data.state()?, data.blobs()?);
        let ledger = load(Arc::clone(&state)).await?;
        let recalled = recall(data, options.durability, &options.member.name, held)?;
        Ok(Stored { log, state, blobs, ledger, recalled })
    }
}

/// The sending ends between the threads.
struct Wires {
    apply: mpsc::Sender<ApplyBatch>,
    events: mpsc::UnboundedSender<Event>,
    requests: mpsc::Sender<Request>,
    queries: mpsc::Sender<Query>,
    updates: mpsc::UnboundedSender<Update>,
    sessions: Sessions,
    outlet: Outlet,
    leave: mpsc::UnboundedSender<()>,
    fail: mpsc::Sender<String>,
    /// Updates that the reader has not seen.
    behind: Arc<AtomicUsize>,
    outputs: LiveOutputs,
    around: Around,
    leader: watch::Sender<Leader>,
    /// To this server's own worker.
    to_node: mpsc::Sender<Inbound>,
}

/// The receiving ends.
struct Inboxes {
    told: Told,
    threads: ThreadInboxes,
    grip: Grip,
    leave: mpsc::UnboundedReceiver<()>,
    failed: mpsc::Receiver<String>,
}

struct ThreadInboxes {
    telling: Telling,
    gripped: Gripped,
    apply: mpsc::Receiver<ApplyBatch>,
    events: mpsc::UnboundedReceiver<Event>,
    requests: mpsc::Receiver<Request>,
    queries: mpsc::Receiver<Query>,
    updates: mpsc::UnboundedReceiver<Update>,
    to_node: mpsc::Receiver<Inbound>,
}

fn wires(ledger: &Ledger, own: &Member, network: &Network) -> (Wires, Inboxes) {
    let (apply, apply_inbox) = mpsc::channel(BATCHES);
    let (events, event_inbox) = mpsc::unbounded_channel();
    let (requests, request_inbox) = mpsc::channel(REQUESTS);
    let (queries, query_inbox) = mpsc::channel(REQUESTS);
    let (updates, update_inbox) = mpsc::unbounded_channel();
    let (to_node, node_inbox) = mpsc::channel(MESSAGES);
    let (grip, gripped) = Grip::new();
    let (leave, leave_inbox) = mpsc::unbounded_channel();
    let (fail, failed) = mpsc::channel(4);
    let (behind, outputs) = (Arc::new(AtomicUsize::new(0)), LiveOutputs::default());
    let (telling, told) = Telling::new(ledger.applied());
    let (leader, known_leader) = watch::channel(Leader::None);
    let members = network.book().watch();
    let around = Around { own: own.clone(), members, leader: known_leader };
    let threads = ThreadInboxes {
        telling,
        gripped,
        apply: apply_inbox,
        events: event_inbox,
        requests: request_inbox,
        queries: query_inbox,
        updates: update_inbox,
        to_node: node_inbox,
    };
    let inboxes = Inboxes { told, threads, grip, leave: leave_inbox, failed };
    let sessions = Sessions::new(own.name.clone(), to_node.clone());
    let outlet = Outlet::closed(own.name.clone());
    let wires = Wires {
        apply,
        events,
        requests,
        queries,
        updates,
        sessions,
        outlet,
        leave,
        fail,
        behind,
        outputs,
        around,
        leader,
        to_node,
    };
    (wires, inboxes)
}

/// Starts all threads but that of consensus; the answer is where they wait for it.
fn threads(
    options: &Options,
    stored: Stored,
    held: Vec<Held>,
    conductor: Conductor,
    wires: &Wires,
    inboxes: ThreadInboxes,
    wire: Arc<dyn Wire>,
) -> Result<oneshot::Sender<Handle>, Error> {
    let (pool, name) = (tokio::runtime::Handle::current(), options.member.name.clone());
    let (state, blobs, fail) = (stored.state, stored.blobs, &wires.fail);
    let reader = Reader::run(reader::Parts {
        index: Index::new(&stored.ledger, wires.around.clone()),
        telling: inboxes.telling,
        updates: inboxes.updates,
        behind: Arc::clone(&wires.behind),
        queries: inboxes.queries,
        state: Arc::clone(&state),
        blobs: Arc::clone(&blobs),
        outputs: wires.outputs.clone(),
        pool: pool.clone(),
    });
    thread("reader", fail, reader)?;
    let (keeper, teller) = Keeper::new(Arc::clone(&blobs));
    thread("outputs", fail, keeper.run(Arc::clone(&state)))?;
    let spool = options.data.spool_path();
    std::fs::create_dir_all(&spool).map_err(|source| Error::Thread { name: "hands", source })?;
    let hands = Hands::run(hands::Parts {
        recalled: stored.recalled,
        messages: inboxes.to_node,
        outlet: wires.outlet.clone(),
        gripped: inboxes.gripped,
        executors: options.executors.clone(),
        runner: options.runner.clone(),
        held,
        spool: Arc::from(spool),
        shipper: Arc::new(Remote::new(wire, wires.outlet.linked(), Some(Arc::clone(&blobs)))),
        outputs: wires.outputs.clone(),
        pool: pool.clone(),
    });
    thread("hands", fail, hands)?;
    let (give_raft, raft) = oneshot::channel();
    let path = options.data.path().to_path_buf();
    let watched = disk::Watched { path, log: stored.log, state: Arc::clone(&state) };
    let scheduling = Scheduling::run(scheduling::Parts {
        ledger: stored.ledger,
        conductor,
        mint: Mint::new()?,
        state,
        apply: inboxes.apply,
        events: inboxes.events,
        requests: inboxes.requests,
        reader: wires.updates.clone(),
        reader_behind: Arc::clone(&wires.behind),
        outputs: teller,
        disk_full: disk::watch(watched, wires.fail.clone()),
        sessions: wires.sessions.clone(),
        processors: options.processors.clone(),
        blobs,
        node_name: name,
        event_sender: wires.events.clone(),
        raft,
        pool,
        leave: wires.leave.clone(),
    });
    thread("scheduling", fail, scheduling)?;
    Ok(give_raft)
}

/// Reading all rows takes its time: not on a thread that others wait for.
async fn load(state: Arc<dkron_store::state::State>) -> Result<Ledger, Error> {
    let loaded = tokio::task::spawn_blocking(move || rows::load(&state)).await;
    loaded.unwrap_or_else(|err| {
        let source = std::io::Error::other(err);
        Err(Error::Thread { name: "load", source })
    })
}

fn conductor(options: &Options, member: &Member, boot_id: BootId) -> Conductor {
    let mut conductor = Conductor::new(conductor::Options {
        server: member.name.clone(),
        boot_id,
        zone_data: options.zone_data.clone(),
        settings: options.settings.clone(),
        region: options.region.clone(),
    });
    let (region, tags) = (options.region.clone(), member.tags.clone());
    let own = RosterMember { region, tags, alive: true };
    let roster = [(member.name.clone(), own)].into();
    conductor.step(&Ledger::default(), clocks::now(), Input::Roster(roster));
    conductor
}

/// Tells the scheduling thread who leads, and the node when consensus stops by itself.
async fn watch_leadership(
    raft: Handle,
    events: mpsc::UnboundedSender<Event>,
    fail: mpsc::Sender<String>,
) {
    let mut leadership = raft.leadership();
    let mut told = None;
    loop {
        let now = leadership.borrow_and_update().clone();
        if now == Leadership::Stopped {
            let reason = raft.failure().unwrap_or_else(|| "consensus stopped".into());
            // At an orderly stop nobody listens any more.
            let _ = fail.try_send(reason);
            return;
        }
        let epoch = match now {
            Leadership::Leader { epoch } => Some(epoch),
            _ => None,
        };
        if epoch != told {
            let _ = events.send(Event::Leadership(epoch));
            told = epoch;
            telemetry::leader(epoch.is_some());
        }
        if leadership.changed().await.is_err() {
            return;
        }
    }
}

/// Nodes call each other by numbers; the data directory has more bytes.
pub(crate) fn node_number(node_id: [u8; 16]) -> u64 {
    let mut half = [0; 8];
    half.copy_from_slice(&node_id[..8]);
    u64::from_be_bytes(half).max(1)
}
