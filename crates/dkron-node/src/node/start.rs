//! From options to a running server.

use std::sync::{Arc, OnceLock, Weak};

use dkron_core::conductor::{self, Conductor, Input, RosterMember};
use dkron_core::domain::BootId;
use dkron_core::ledger::Ledger;
use dkron_raft::{Handle, Leadership, Peer};
use dkron_store::log::Log;
use dkron_store::state::State;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use super::stored::Stored;
use super::wires::{Wires, threads, wires};
use super::{Node, node_number};
use crate::clocks;
use crate::cluster::bootstrap::Pledge;
use crate::cluster::{Mark, leading, recover};
use crate::company::Company;
use crate::consensus::{Carrier, Stored as StoredRows};
use crate::error::Error;
use crate::event::Event;
use crate::forward::Forwarder;
use crate::network::{Network, Who};
use crate::options::Options;
use crate::outputs::Circle;
use crate::reads::{self, Asking, Reads, Seen};
use crate::rows::Markers;
use crate::rpc::Role;
use crate::service::{Member, Service};
use crate::{retention, telemetry};

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
    let id = own.id;
    let known_raft = Arc::<OnceLock<Handle>>::default();
    let circle = circle(own.id, &network, Arc::downgrade(&known_raft));
    let (give_raft, outputs) =
        threads(&options, stored, held, conductor, &wires, inboxes.threads, circle)?;
    let raft = consensus(&options, own.id, log, &state, &wires, &network).await?;
    // Nobody leads before this, so no output is kept by a majority of nobody.
    let _ = known_raft.set(raft.clone());
    // The thread took its end of this channel before consensus could send it anything.
    let _ = give_raft.send(raft.clone());
    telemetry::joined();
    let seen = Seen::new(inboxes.told.clone(), raft.clone());
    let mut tasks = JoinSet::new();
    let reads = watchers(&mut tasks, &raft, &state, &seen, &wires, &network);
    let company = Company {
        own,
        region: options.region,
        shard: options.data.shard(),
        version: options.member.tags.get("version").cloned().unwrap_or_default(),
        expect: options.expect,
        mark,
        pledge,
        raft: raft.clone(),
        wire: network.wire(),
        book: network.book(),
        state,
        outputs,
        live: wires.outputs,
        sessions: wires.sessions,
        leader: wires.around.leader.clone(),
        events: wires.events.clone(),
        seen,
        front: Arc::default(),
    };
    network.serve(company.router())?;
    let operator = company.start(&mut tasks, &wires.fail, (wires.outlet, wires.to_node));
    network.join(&mut tasks, &wires.fail).await?;
    Ok(Node {
        service: Service::new(wires.requests, wires.queries)
            .with_reads(reads)
            .with_chronicle(wires.chronicle)
            .with_operator(Arc::new(operator)),
        front: company.front,
        forward: Arc::new(Forwarder::new(network.wire(), wires.around.leader)),
        listens: network.listens(),
        retag: network.retag(),
        leave: inboxes.leave,
        failed: inboxes.failed,
        events: wires.events,
        id,
        raft,
        grip: inboxes.grip,
        network,
        tasks,
        _known_raft: known_raft,
        data: options.data,
    })
}

async fn consensus(
    options: &Options,
    own: u64,
    log: Arc<Log>,
    state: &Arc<State>,
    wires: &Wires,
    network: &Network,
) -> Result<Handle, Error> {
    let mut consensus = dkron_raft::Options::new(own);
    consensus.multiplier = options.raft_multiplier;
    let markers = Arc::new(Markers {
        state: Arc::clone(state),
        events: wires.events.clone(),
        around: wires.around.clone(),
    });
    let rows = Arc::new(StoredRows(Arc::clone(state)));
    let carrier = Arc::new(Carrier { wire: network.wire(), book: network.book(), rows });
    let apply = wires.apply.clone();
    dkron_raft::start(consensus, log, markers, apply, carrier).await.map_err(Error::Consensus)
}

/// The other servers, as far as outputs are concerned. A run that goes on after the node has ended
/// must not hold its log: so consensus is only known as long as the node is there.
fn circle(own: u64, network: &Network, raft: Weak<OnceLock<Handle>>) -> Circle {
    let membership = move || {
        let raft = raft.upgrade();
        raft.as_deref().and_then(OnceLock::get).map(Handle::membership).unwrap_or_default()
    };
    let (wire, book) = (network.wire(), network.book());
    Circle { own, wire, book, membership: Arc::new(membership) }
}

/// Starts what looks at consensus and rows beside the threads.
fn watchers(
    tasks: &mut JoinSet<()>,
    raft: &Handle,
    state: &Arc<State>,
    seen: &Seen,
    wires: &Wires,
    network: &Network,
) -> Reads {
    let (reads, questions) = Reads::new(seen.clone());
    let (leader, wire) = (wires.around.leader.clone(), Some(network.wire()));
    tasks.spawn(reads::run(Asking { questions, seen: seen.clone(), leader, wire }));
    tasks.spawn(leading::run(leading::Parts {
        leadership: raft.leadership(),
        office: seen.told.office.clone(),
        book: network.book(),
        leader: wires.leader.clone(),
    }));
    tasks.spawn(retention::run(retention::Parts {
        state: Arc::clone(state),
        queries: wires.queries.clone(),
        events: wires.events.clone(),
    }));
    tokio::spawn(watch_leadership(raft.clone(), wires.events.clone(), wires.fail.clone()));
    reads
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
pub(crate) async fn watch_leadership(
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
