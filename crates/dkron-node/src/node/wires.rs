//! The channels between the threads of a node, and the threads.

use std::sync::Arc;
use std::sync::atomic::AtomicUsize;

use dkron_core::conductor::Conductor;
use dkron_core::ledger::Ledger;
use dkron_exec::runner::Held;
use dkron_raft::{ApplyBatch, Handle};
use tokio::sync::{mpsc, oneshot, watch};

use super::MESSAGES;
use super::stored::Stored;
use crate::chronicle::Chronicle;
use crate::cluster::Leader;
use crate::disk;
use crate::error::Error;
use crate::event::Event;
use crate::hands::{self, Grip, Gripped, Hands};
use crate::identity::Mint;
use crate::network::Network;
use crate::options::Options;
use crate::outputs::{Afar, Circle, Keeper, LiveOutputs, Store};
use crate::reader::{self, Around, Index, Reader, Update};
use crate::reads::{Telling, Told};
use crate::scheduling::{self, Scheduling};
use crate::service::{Member, Query, REQUESTS, Request};
use crate::session::{Inbound, Outlet, Remote, Sessions};
use crate::threads::thread;

/// Batches of committed entries on their way.
const BATCHES: usize = 4;

/// The sending ends between the threads.
pub(super) struct Wires {
    pub apply: mpsc::Sender<ApplyBatch>,
    pub events: mpsc::UnboundedSender<Event>,
    pub requests: mpsc::Sender<Request>,
    pub queries: mpsc::Sender<Query>,
    pub updates: mpsc::UnboundedSender<Update>,
    pub sessions: Sessions,
    pub outlet: Outlet,
    pub leave: mpsc::UnboundedSender<()>,
    pub fail: mpsc::Sender<String>,
    /// Updates that the reader has not seen.
    pub behind: Arc<AtomicUsize>,
    pub outputs: LiveOutputs,
    pub around: Around,
    pub leader: watch::Sender<Leader>,
    pub chronicle: Arc<Chronicle>,
    /// To this server's own worker.
    pub to_node: mpsc::Sender<Inbound>,
}

/// The receiving ends.
pub(super) struct Inboxes {
    pub told: Told,
    pub threads: ThreadInboxes,
    pub grip: Grip,
    pub leave: mpsc::UnboundedReceiver<()>,
    pub failed: mpsc::Receiver<String>,
}

pub(super) struct ThreadInboxes {
    pub telling: Telling,
    pub gripped: Gripped,
    pub apply: mpsc::Receiver<ApplyBatch>,
    pub events: mpsc::UnboundedReceiver<Event>,
    pub requests: mpsc::Receiver<Request>,
    pub queries: mpsc::Receiver<Query>,
    pub updates: mpsc::UnboundedReceiver<Update>,
    pub to_node: mpsc::Receiver<Inbound>,
}

pub(super) fn wires(ledger: &Ledger, own: &Member, network: &Network) -> (Wires, Inboxes) {
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
        chronicle: Arc::new(Chronicle::new(ledger.applied())),
        to_node,
    };
    (wires, inboxes)
}

/// Starts all threads but that of consensus; the answer is where they wait for it, and what they
/// keep outputs in.
pub(super) fn threads(
    options: &Options,
    stored: Stored,
    held: Vec<Held>,
    conductor: Conductor,
    wires: &Wires,
    inboxes: ThreadInboxes,
    circle: Circle,
) -> Result<(oneshot::Sender<Handle>, Store), Error> {
    let (pool, name) = (tokio::runtime::Handle::current(), options.member.name.clone());
    let (state, fail, wire) = (stored.state, &wires.fail, Arc::clone(&circle.wire));
    let (live, book) = (wires.outputs.clone(), circle.book.clone());
    let store = Store::new(stored.blobs, circle);
    let reader = Reader::run(reader::Parts {
        index: Index::new(&stored.ledger, wires.around.clone()),
        chronicle: Arc::clone(&wires.chronicle),
        telling: inboxes.telling,
        updates: inboxes.updates,
        behind: Arc::clone(&wires.behind),
        queries: inboxes.queries,
        state: Arc::clone(&state),
        store: store.clone(),
        outputs: Afar::new(name.clone(), live, Arc::clone(&wire), book),
        pool: pool.clone(),
    });
    thread("reader", fail, reader)?;
    let (keeper, teller) = Keeper::new(store.clone());
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
        shipper: Arc::new(Remote::new(wire, wires.outlet.linked(), Some(store.clone()))),
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
        store: store.clone(),
        node_name: name,
        event_sender: wires.events.clone(),
        raft,
        pool,
        leave: wires.leave.clone(),
    });
    thread("scheduling", fail, scheduling)?;
    Ok((give_raft, store))
}
