//! Starts consensus on a thread of its own: a slow reader or a long API request elsewhere never
//! delays a heartbeat.

use std::io;
use std::sync::Arc;

use tokio::runtime::{Builder, Runtime};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinSet;

use crate::config::{self, Types};
use crate::disk::LogDisk;
use crate::error::Error;
use crate::handle::{Handle, Parts};
use crate::lanes::Lanes;
use crate::leadership::{self, Leadership};
use crate::log_store::LogStore;
use crate::network::{Links, Network};
use crate::office::{Office, Resigned};
use crate::options::Options;
use crate::proposal::{self, Ask};
use crate::quiet::Quiet;
use crate::reads::{self, Reader};
use crate::retention::Retention;
use crate::state::{ApplyBatch, StateHandle};
use crate::state_machine::StateMachine;
use crate::transport::Transport;

pub(crate) type Raft = openraft::Raft<Types, StateMachine>;

/// What the consensus thread is started with.
struct Inside {
    options: Options,
    log: Arc<dyn LogDisk>,
    state: Arc<dyn StateHandle>,
    batches: mpsc::Sender<ApplyBatch>,
    transport: Arc<dyn Transport>,
    links: Links,
    quiet: Quiet,
    asks: mpsc::Receiver<Ask>,
    readers: mpsc::Receiver<Reader>,
    leadership: watch::Sender<Leadership>,
    stop: oneshot::Receiver<()>,
    ended: watch::Sender<bool>,
}

type Started = (Office, Retention);

/// Starts consensus from what log and state hold. Batches that the state lacks are sent to
/// `apply` before this returns, so its receiver must already be served elsewhere. The very last
/// committed entries may follow only once there is a leader: what is committed is written down
/// with the next append. Who needs all of them waits for `Handle::read_index`.
///
/// Dropping the last handle stops the thread as a crash would; `Handle::shutdown` waits for it.
/// The log is free again once all handles are gone, too.
pub async fn start(
    options: Options,
    log: Arc<dyn LogDisk>,
    state: Arc<dyn StateHandle>,
    apply: mpsc::Sender<ApplyBatch>,
    transport: Arc<dyn Transport>,
) -> Result<Handle, Error> {
    let (inside, outside, config) = prepare(options, log, state, apply, transport)?;
    let (ready, started) = oneshot::channel();
    let runtime = runtime().map_err(|source| Error::Thread { source })?;
    std::thread::Builder::new()
        .name("consensus".into())
        .spawn(move || run(runtime, inside, config, ready))
        .map_err(|source| Error::Thread { source })?;
    outside.handle(started).await
}

/// The same as tasks of the runtime that calls it.
#[cfg(feature = "simulation")]
pub async fn start_here(
    options: Options,
    log: Arc<dyn LogDisk>,
    state: Arc<dyn StateHandle>,
    apply: mpsc::Sender<ApplyBatch>,
    transport: Arc<dyn Transport>,
) -> Result<Handle, Error> {
    let (inside, outside, config) = prepare(options, log, state, apply, transport)?;
    let (ready, started) = oneshot::channel();
    tokio::spawn(async move {
        let ended = inside.ended.clone();
        let refused = serve(inside, config, ready).await;
        ended.send_replace(true);
        if let Some((ready, err)) = refused {
            // Whoever started us is told, unless gone.
            let _ = ready.send(Err(err));
        }
    });
    outside.handle(started).await
}

/// What stays with whoever starts consensus.
struct Outside {
    options: Options,
    log: Arc<dyn LogDisk>,
    links: Links,
    lanes: Arc<Lanes>,
    ask: mpsc::Sender<Ask>,
    reader: mpsc::Sender<Reader>,
    seen: watch::Receiver<Leadership>,
    has_ended: watch::Receiver<bool>,
    stop: oneshot::Sender<()>,
}

impl Outside {
    async fn handle(
        self,
        started: oneshot::Receiver<Result<Started, Error>>,
    ) -> Result<Handle, Error> {
        let (office, retention) = started.await.map_err(|_| Error::Stopped)??;
        let Outside { options, log, links, lanes, ask, reader, seen, has_ended, stop } = self;
        let parts =
            Parts { options, log, office, links, retention, lanes, ask, reader, seen, has_ended };
        Ok(Handle::new(parts, stop))
    }
}

fn prepare(
    options: Options,
    log: Arc<dyn LogDisk>,
    state: Arc<dyn StateHandle>,
    apply: mpsc::Sender<ApplyBatch>,
    transport: Arc<dyn Transport>,
) -> Result<(Inside, Outside, openraft::Config), Error> {
    let config = config::config(&options)?;
    let lanes = Arc::new(Lanes::new(&options));
    let (ask, asks) = mpsc::channel(options.api_slots + options.conductor_slots);
    let (reader, readers) = mpsc::channel(reads::READERS_MAX);
    let (leadership, seen) = watch::channel(Leadership::Following { leader: None });
    let (stop, stopped) = oneshot::channel();
    let (ended, has_ended) = watch::channel(false);
    let links = Links::default();
    let inside = Inside {
        options: options.clone(),
        log: Arc::clone(&log),
        state,
        batches: apply,
        transport,
        links: links.clone(),
        quiet: Quiet::new(&options),
        asks,
        readers,
        leadership,
        stop: stopped,
        ended,
    };
    let outside = Outside { options, log, links, lanes, ask, reader, seen, has_ended, stop };
    Ok((inside, outside, config))
}

fn runtime() -> io::Result<Runtime> {
    Builder::new_current_thread().enable_time().thread_name("consensus-disk").build()
}

type Ready = oneshot::Sender<Result<Started, Error>>;

fn run(runtime: Runtime, inside: Inside, config: openraft::Config, ready: Ready) {
    let ended = inside.ended.clone();
    let refused = runtime.block_on(serve(inside, config, ready));
    // Tasks hold the log; they are gone before anybody is told, so that it can be opened again.
    drop(runtime);
    ended.send_replace(true);
    if let Some((ready, err)) = refused {
        // Whoever started us is told, unless gone.
        let _ = ready.send(Err(err));
    }
}

/// Serves until told to stop; returns at once what keeps it from starting.
async fn serve(inside: Inside, config: openraft::Config, ready: Ready) -> Option<(Ready, Error)> {
    let options = inside.options;
    let machine =
        StateMachine::new(Arc::clone(&inside.state), inside.batches, options.apply_batch_max);
    let store = LogStore::new(Arc::clone(&inside.log));
    let network =
        Network { transport: inside.transport, links: inside.links, quiet: inside.quiet.clone() };
    let raft = match open(options.node_id, config, network, store, machine).await {
        Ok(raft) => raft,
        Err(source) => return Some((ready, Error::Start { source })),
    };
    inside.quiet.watch(&raft);
    let retention = Retention {
        raft: raft.clone(),
        log: inside.log,
        state: inside.state,
        options: options.clone(),
    };
    // Ended with this future.
    let mut tasks = JoinSet::new();
    tasks.spawn(retention.clone().run());
    let office = Office::new(raft.clone(), &options, Resigned::new());
    tasks.spawn(leadership::observe(office.clone(), inside.leadership));
    tasks.spawn(reads::serve(office.clone(), inside.readers));
    let feeding = tasks.spawn(proposal::feed(raft.clone(), inside.asks));
    if ready.send(Ok((office, retention))).is_err() {
        return None;
    }
    // Ends without a word when the last handle is dropped.
    if inside.stop.await.is_ok() {
        feeding.abort();
        if let Err(err) = raft.shutdown().await {
            tracing::error!(%err, "consensus did not shut down cleanly");
        }
    }
    None
}

async fn open(
    node: u64,
    config: openraft::Config,
    network: Network,
    store: LogStore,
    machine: io::Result<StateMachine>,
) -> Result<Raft, Box<dyn std::error::Error + Send + Sync>> {
    let raft = Raft::new(node, Arc::new(config), network, store, machine?).await?;
    let alone = raft
        .with_raft_state(move |state| {
            let voters: Vec<u64> = state.membership_state.effective().voter_ids().collect();
            voters == [node]
        })
        .await?;
    if alone {
        // Nobody else can lead: waiting for the election time would only delay the first fire.
        raft.trigger().elect(false).await?;
    }
    Ok(raft)
}
