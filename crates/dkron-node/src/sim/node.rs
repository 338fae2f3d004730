//! The half of a process that every node has: hands with their journal, and a way to the leader.

use std::path::Path;
use std::sync::Arc;

use dkron_core::domain::{CLUSTER_VERSION, NodeName};
use dkron_core::worker::{Options, Order, Past, Worker};
use dkron_exec::{Executor, Registry};
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use super::executor::Fake;
use super::journal::{File, Journal};
use super::process::Process;
use crate::hands::{self, Grip, Hands, Recalled};
use crate::node::MESSAGES;
use crate::outputs::LiveOutputs;
use crate::rpc::Wire;
use crate::session::{self, Guide, Inbound, Outlet, Remote};

/// What a node's half leaves with the process.
pub struct Parts<'a> {
    pub process: &'a Arc<Process>,
    pub name: NodeName,
    pub journal: &'a Journal,
    pub guide: Guide,
    pub wire: Arc<dyn Wire>,
    pub capacity: u32,
    pub orders: (mpsc::Sender<Inbound>, mpsc::Receiver<Inbound>),
}

/// Starts it; what comes back must live as long as it.
pub fn start(parts: Parts<'_>, tasks: &mut JoinSet<()>) -> Grip {
    let Parts { process, name, journal, guide, wire, capacity, orders } = parts;
    let (boot_id, journal_id) = (journal.boot_id(process.at), journal.journal_id(process.at));
    let version = CLUSTER_VERSION;
    let options = Options { node: name.clone(), boot_id, journal_id, capacity, version };
    let past = Past { journal: journal.records(), survivors: Vec::new(), same_boot: true };
    let (worker, first) = Worker::recover(options, process.now(), past);
    let file = File { journal: journal.clone(), process: Arc::clone(process) };
    let recalled =
        Recalled { boot_id, journal: hands::Journal::over(Box::new(file)), worker, first };
    let (to_hands, messages) = mpsc::channel(MESSAGES);
    let (grip, gripped) = Grip::new();
    let outlet = Outlet::closed(name);
    let fake: Arc<dyn Executor> = Arc::new(Fake(Arc::clone(process)));
    let hands = Hands::run(hands::Parts {
        recalled,
        messages,
        outlet: outlet.clone(),
        gripped,
        executors: Registry::new([fake]),
        runner: None,
        held: Vec::new(),
        spool: Arc::from(Path::new("/nowhere")),
        shipper: Arc::new(Remote::new(Arc::clone(&wire), outlet.linked(), None)),
        outputs: LiveOutputs::default(),
        pool: tokio::runtime::Handle::current(),
    });
    let (sender, inbox) = orders;
    tasks.spawn(process.run(hands));
    tasks.spawn(process.run(listen(Arc::clone(process), inbox, to_hands)));
    let parts = session::Parts { shard: 0, guide, wire, outlet, hands: sender };
    tasks.spawn(process.run(session::run(parts)));
    grip
}

/// Writes down what the node is asked to run: an executor hears only half of it.
async fn listen(
    process: Arc<Process>,
    mut orders: mpsc::Receiver<Inbound>,
    hands: mpsc::Sender<Inbound>,
) {
    while let Some(order) = orders.recv().await {
        if let Inbound::Order(message) = &order
            && let Order::Run(run) = &message.body
        {
            process.world.with(|inner| inner.orders.insert(run.seq, run.clone()));
        }
        if hands.send(order).await.is_err() {
            return;
        }
    }
}
