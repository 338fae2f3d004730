//! The cluster of a test: two servers that may lead, and agents as they are needed.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use dkron_core::conductor::{Input, Request, Ticket};
use dkron_core::domain::{Concurrency, Job, Record, RequestId, Settings, Submission};
use dkron_exec::executors::NoopExecutor;
use dkron_exec::{BoxFuture, CancelToken, Executor, Outcome, OutputSink, Registry, Run};
use dkron_gossip::{Member, Members, Status};
use dkron_store::Durability;
use dkron_store::data_dir::{DataDir, Options};
use tokio::sync::{mpsc, watch};

use super::server::{Log, Server};
use crate::agent::{Crew, CrewParts, start_crew};
use crate::cluster::{Book, Leader};
use crate::rpc::memory::Hub;
use crate::rpc::{Caller, Role, Target, Wire};

/// A server as gossip shows it, with its RPC port there.
pub fn member(id: u64, port: u16) -> Member {
    let tags = [("role", "dkron"), ("server", "true"), ("region", "global")];
    let mut tags: BTreeMap<String, String> =
        tags.map(|(key, value)| (key.to_owned(), value.to_owned())).into();
    tags.insert("port".to_owned(), port.to_string());
    let address = "127.0.0.1:1".parse().unwrap();
    Member { id, name: format!("s{id}"), address, tags, status: Status::Alive }
}

pub struct Town {
    pub hub: Hub,
    pub log: Log,
    pub gate: Gate,
    book: Book,
    members: Mutex<Vec<watch::Sender<Members>>>,
    fail: mpsc::Sender<String>,
    tickets: AtomicU64,
}

pub const S1: u64 = 1;
pub const S2: u64 = 2;
pub const A1: u64 = 11;
pub const A2: u64 = 12;

impl Town {
    /// Agents see no servers but those that they are told of.
    pub fn new() -> Town {
        Town::with(&[])
    }

    /// Gossip shows these servers.
    pub fn with(servers: &[u64]) -> Town {
        let (members, book) = Book::fixed(servers.iter().map(|id| member(*id, 1)).collect());
        Town {
            hub: Hub::default(),
            log: Log::default(),
            gate: Gate::default(),
            book,
            members: Mutex::new(vec![members]),
            fail: mpsc::channel(4).0,
            tickets: AtomicU64::new(1),
        }
    }

    pub fn server(&self, id: u64) -> Server {
        let lost_after = Duration::from_secs(20);
        let settings = Settings { lost_after, ..Settings::default() };
        Server::start(self, id, &format!("s{id}"), settings)
    }

    /// An agent to which gossip shows these servers besides, with its data there.
    pub fn agent(&self, id: u64, at: &Path, servers: &[&Server]) -> Crew {
        let wire = self.hub.wire(caller(id, &name_of(id)));
        let mut shown = self.book.members().to_vec();
        shown.extend(servers.iter().map(|server| member(server.id, 1)));
        self.agent_over(wire, id, at, shown)
    }

    pub fn agent_over(
        &self,
        wire: Arc<dyn Wire>,
        id: u64,
        at: &Path,
        servers: Vec<Member>,
    ) -> Crew {
        let book = if servers.len() == self.book.members().len() {
            self.book.clone()
        } else {
            let (members, book) = Book::fixed(servers);
            self.members.lock().unwrap().push(members);
            book
        };
        let name = name_of(id);
        let mut options = Options::new([id as u8; 16], "test");
        options.durability = Durability::None;
        let executors: [Arc<dyn Executor>; 2] =
            [Arc::new(self.gate.clone()), Arc::new(NoopExecutor)];
        start_crew(CrewParts {
            name: name.as_str().into(),
            region: "global".into(),
            data: DataDir::open(at, options).unwrap(),
            durability: Durability::None,
            executors: Registry::new(executors),
            runner: None,
            held: Vec::new(),
            wire,
            book,
            fail: self.fail.clone(),
        })
        .unwrap()
    }

    /// Makes one lead, and tells all.
    pub async fn elect(&self, new: &Server, others: &[&Server]) {
        for other in others {
            // One that still holds an office would claim to lead.
            other.input(Input::Deposed);
            until(|| other.see(|brain| !brain.in_office())).await;
            let name = new.name.clone();
            other.leader.send_replace(Leader::Other { name, target: new.target() });
        }
        new.leader.send_replace(Leader::None);
        new.input(Input::Elected);
        until(|| new.leads()).await;
    }

    fn ticket(&self) -> Ticket {
        Ticket(self.tickets.fetch_add(1, Ordering::Relaxed))
    }

    /// A job for one node; `config` is the executor's.
    pub async fn job(&self, leader: &Server, name: &str, node: &str, change: impl Fn(&mut Job)) {
        let mut job = Job {
            name: name.into(),
            schedule: "@manually".into(),
            executor: "gate".into(),
            tags: [("node".to_owned(), node.to_owned())].into_iter().collect(),
            ..Job::default()
        };
        change(&mut job);
        let submission = Box::new(Submission { job, ..Submission::default() });
        let (ticket, request) = (self.ticket(), Request::Put(submission));
        leader.input(Input::Request { ticket, request });
        until(|| leader.see(|brain| brain.ledger.job(name).is_some())).await;
    }

    pub fn run(&self, leader: &Server, name: &str) {
        let ticket = self.ticket();
        let id = RequestId([ticket.0 as u8; 16]);
        let request = Request::Run { name: name.into(), id };
        leader.input(Input::Request { ticket, request });
    }

    /// Cuts or heals all ways between two nodes.
    pub fn cut(&self, a: u64, b: u64) {
        self.hub.cut(a, b);
        self.hub.cut(b, a);
    }
}

/// Waits until so many sessions were opened.
pub async fn opened(leader: &Server, count: usize) {
    until(|| leader.see(|brain| brain.opened) >= count).await;
}

pub fn forbid(job: &mut Job) {
    job.concurrency = Concurrency::Forbid;
}

/// LIMIT: patience of a test; far above what anything needs.
const PATIENCE: Duration = Duration::from_secs(30);

pub async fn until(is_so: impl Fn() -> bool) {
    let begun = Instant::now();
    while !is_so() {
        assert!(begun.elapsed() < PATIENCE, "it does not come");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// Waits for the ends of executions.
pub async fn ended(leader: &Server, count: usize) -> Vec<Arc<Record>> {
    until(|| leader.see(|brain| brain.ended.len()) >= count).await;
    let ended = leader.see(|brain| brain.ended.clone());
    assert_eq!(ended.len(), count, "{ended:?}");
    ended
}

/// An executor whose runs wait at a gate.
#[derive(Clone)]
pub struct Gate {
    open: watch::Sender<bool>,
    seen: Arc<Mutex<Seen>>,
}

#[derive(Default)]
pub struct Seen {
    /// Numbers of the executions that were started.
    pub started: Vec<u64>,
    pub cancelled: Vec<u64>,
    pub finished: Vec<u64>,
    /// What the last one was called with.
    pub config: BTreeMap<String, String>,
}

impl Default for Gate {
    fn default() -> Self {
        Gate { open: watch::channel(false).0, seen: Arc::default() }
    }
}

impl Gate {
    pub fn open(&self) {
        self.open.send_replace(true);
    }

    pub fn see<T>(&self, look: impl FnOnce(&Seen) -> T) -> T {
        look(&self.seen.lock().unwrap())
    }

    pub async fn started(&self, count: usize) {
        until(|| self.see(|seen| seen.started.len()) >= count).await;
        assert_eq!(self.see(|seen| seen.started.len()), count);
    }
}

impl Executor for Gate {
    fn name(&self) -> &'static str {
        "gate"
    }

    fn schema(&self) -> &'static dkron_core::domain::config_schema::ConfigSchema {
        NoopExecutor.schema()
    }

    fn run(&self, run: Run, out: OutputSink, cancel: CancelToken) -> BoxFuture<Outcome> {
        let (mut open, seen) = (self.open.subscribe(), Arc::clone(&self.seen));
        let written = run.executor_config.get("write").and_then(|text| text.parse().ok());
        {
            let mut seen = seen.lock().unwrap();
            seen.started.push(run.seq);
            seen.config = run.executor_config.into_iter().collect();
        }
        Box::pin(async move {
            tokio::select! {
                _ = open.wait_for(|open| *open) => {
                    out.write(&vec![b'x'; written.unwrap_or(2)]);
                    seen.lock().unwrap().finished.push(run.seq);
                    Outcome::success()
                }
                () = cancel.cancelled() => {
                    seen.lock().unwrap().cancelled.push(run.seq);
                    Outcome::cancelled("told to end")
                }
            }
        })
    }
}

pub fn name_of(id: u64) -> String {
    format!("a{}", id - 10)
}

/// What a test says to a server without an agent.
pub fn caller(id: u64, name: &str) -> Caller {
    Caller { id, name: name.into(), role: Role::Agent, version: 1 }
}

pub fn to(id: u64) -> Target {
    Target { id, address: String::new() }
}
