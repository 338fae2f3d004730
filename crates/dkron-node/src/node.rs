//! Puts a node together: opens what is stored, starts the threads, lets consensus run.

use std::sync::atomic::AtomicUsize;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use dkron_core::conductor::{self, Conductor, Input, RosterMember};
use dkron_core::domain::{BootId, CLUSTER_VERSION, limits};
use dkron_core::ledger::Ledger;
use dkron_exec::runner::Held;
use dkron_raft::{Alone, ApplyBatch, Handle, Leadership};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinSet;

use crate::cluster::{Book, Leader, OneServer, leading};
use crate::error::Error;
use crate::event::Event;
use crate::forward::{Forward, Front};
use crate::hands::{self, Farewell, Grip, Gripped, Hands, Recalled, recall};
use crate::identity::Mint;
use crate::options::Options;
use crate::outputs::{self, Keeper, LiveOutputs};
use crate::reader::{self, Around, Index, Reader, Update};
use crate::reads::{self, Asking, Reads, Seen, Telling, Told};
use crate::rows::{self, Markers};
use crate::scheduling::{self, Scheduling};
use crate::service::{Member, Query, REQUESTS, Request, Service};
use crate::session::{Inbound, Outlet, Sessions};
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
    /// Becomes true when somebody asked the node to leave.
    leave: mpsc::UnboundedReceiver<()>,
    /// Ends with the reason when the node can not go on.
    failed: mpsc::Receiver<String>,
    events: mpsc::UnboundedSender<Event>,
    raft: Handle,
    grip: Grip,
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

    /// Begins nothing new, waits for what must not go on without it at most for `patience`, then
    /// stops. What the runner keeps goes on, unless the node leaves for good.
    pub async fn stop(mut self, farewell: Farewell, patience: Duration) {
        telemetry::left();
        // A thread that is gone needs no word.
        let _ = self.events.send(Event::Stop);
        if !self.grip.part(farewell, patience).await {
            tracing::warn!("stopping while executions run: they will be recorded as lost");
        }
        self.tasks.shutdown().await;
        if farewell == Farewell::HandOver {
            self.hand_over().await;
        }
        self.raft.shutdown().await;
        if let Ok(state) = self.data.state() {
            let synced = tokio::task::spawn_blocking(move || state.sync()).await;
            if !matches!(synced, Ok(Ok(_))) {
                tracing::warn!("state was not synced; the log has everything");
            }
        }
    }
}

/// Starts a node. Returns once consensus runs; a leader may take some more milliseconds.
pub async fn start(mut options: Options) -> Result<Node, Error> {
    let held = std::mem::take(&mut options.held);
    let stored = Stored::open(&options, &held).await?;
    let (wires, inboxes) = wires(&stored.ledger, &options.member);
    let conductor = conductor(&options, &options.member, stored.recalled.boot_id);
    let (log, state) = (Arc::clone(&stored.log), Arc::clone(&stored.state));
    let give_raft = threads(&options, stored, held, conductor, &wires, inboxes.threads)?;

    let mut consensus = dkron_raft::Options::new(raft_id(options.data.node_id()));
    consensus.multiplier = options.raft_multiplier;
    let markers = Arc::new(Markers {
        state: Arc::clone(&state),
        events: wires.events.clone(),
        around: wires.around.clone(),
    });
    let raft = dkron_raft::start(consensus, log, markers, wires.apply, Arc::new(Alone)).await;
    let raft = raft.map_err(Error::Consensus)?;
    // The thread took its end of this channel before consensus could send it anything.
    let _ = give_raft.send(raft.clone());
    if options.bootstrap {
        let (name, address) = (options.member.name.as_str(), options.rpc_address.as_str());
        raft.initialize_single(name, address).await.map_err(Error::Consensus)?;
    }
    telemetry::joined();
    let mut tasks = JoinSet::new();
    let seen = Seen::new(inboxes.told.clone(), raft.clone());
    let (reads, questions) = Reads::new(seen.clone());
    let asking = Asking { questions, seen, leader: wires.around.leader.clone(), wire: None };
    tasks.spawn(reads::run(asking));
    tasks.spawn(leading::run(leading::Parts {
        leadership: raft.leadership(),
        office: inboxes.told.office,
        book: Book::new(wires.around.members.clone()),
        leader: wires.leader,
    }));
    tasks.spawn(retention::run(retention::Parts {
        state,
        queries: wires.queries.clone(),
        events: wires.events.clone(),
    }));
    tokio::spawn(watch_leadership(raft.clone(), wires.events.clone(), wires.fail));
    let operator = OneServer { raft: raft.clone(), own: options.member.clone() };
    Ok(Node {
        service: Service::new(wires.requests, wires.queries)
            .with_reads(reads)
            .with_operator(Arc::new(operator)),
        front: Arc::default(),
        forward: None,
        leave: inboxes.leave,
        failed: inboxes.failed,
        events: wires.events,
        raft,
        grip: inboxes.grip,
        tasks,
        data: options.data,
    })
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

fn wires(ledger: &Ledger, own: &Member) -> (Wires, Inboxes) {
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
    let members = Book::fixed(Vec::new()).1.watch();
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
    let sessions = Sessions::new(own.name.clone(), to_node);
    let outlet = Outlet::own(own.name.clone(), events.clone());
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
        shipper: Arc::new(outputs::Local(Arc::clone(&blobs))),
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
    // It is the only server.
    let servers = Some(CLUSTER_VERSION);
    conductor.step(&Ledger::default(), clocks::now(), Input::Versions { servers });
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

/// Consensus names servers by numbers; the data directory by more bytes.
fn raft_id(node_id: [u8; 16]) -> u64 {
    let mut half = [0; 8];
    half.copy_from_slice(&node_id[..8]);
    u64::from_be_bytes(half).max(1)
}
