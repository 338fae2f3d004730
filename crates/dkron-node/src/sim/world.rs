//! What all parts of a world share: its dice, its plan, its network and its judge.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use dkron_core::conductor::RosterMember;
use dkron_core::domain::{NodeName, Seq};
use dkron_core::ledger::Ledger;
use dkron_core::worker::Run;
use dkron_gossip::{Member, Members, Status};
use dkron_raft::AppliedEntry;
use dkron_sim::{Check, Dice, Violation, workload};
use dkron_store::blob::{self, Blobs};
use tempfile::TempDir;
use tokio::sync::{Notify, watch};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::judge::{Judge, require};
use super::net::Net;
use super::plan::Plan;
use crate::chronicle::Stamped;
use crate::cluster::{Book, Mark};

/// A deliberate bug, to see that the net catches it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Plant {
    #[default]
    Nothing,
    /// None, but a world in which they would do harm.
    Storm,
    /// Disks of the log acknowledge what they have not written.
    EarlyAcks,
    /// Nodes forget what they wrote down when their process dies.
    ForgottenJournal,
    /// Executions go on when they are told to end: leases fence nothing.
    DeafRuns,
}

/// A cheap clone.
#[derive(Clone)]
pub struct World {
    inner: Arc<Mutex<Inner>>,
    begun: Instant,
    plant: Plant,
    book: Book,
    /// Something is wrong.
    pub broken: Arc<Notify>,
}

pub struct Inner {
    pub dice: Dice,
    pub plan: Plan,
    pub net: Net,
    pub judge: Judge,
    pub violation: Option<Violation>,
    /// Runs that nodes were asked for.
    pub orders: BTreeMap<Seq, Box<Run>>,
    /// Executions that go on, by the life that they are a part of.
    pub running: BTreeMap<Seq, u64>,
    /// The faults are over: what would go on for ever ends.
    pub calm: CancellationToken,
    pub lives: u64,
    pub starts: u64,
    members: watch::Sender<Members>,
    broken: Arc<Notify>,
    trace: Trace,
}

/// What happened, as a number, and as lines if somebody reads them.
pub struct Trace {
    begun: Instant,
    hash: u64,
    pub lines: Option<String>,
}

impl Trace {
    fn say(&mut self, text: impl FnOnce() -> String) {
        let at = self.begun.elapsed();
        let text = text();
        let mut hasher = DefaultHasher::new();
        (self.hash, at, &text).hash(&mut hasher);
        self.hash = hasher.finish();
        if let Some(lines) = &mut self.lines {
            lines.push_str(&format!("{:>10.3}  {text}\n", at.as_secs_f64()));
        }
    }
}

impl World {
    pub fn new(seed: u64, plant: Plant, lines: bool) -> World {
        let mut dice = Dice::new(seed);
        let mut plan = Plan::new(&mut dice);
        plan.tempt(plant);
        let begun = Instant::now();
        let all = (0..plan.servers + plan.agents).map(|at| member(at, at < plan.servers));
        let (members, book) = Book::fixed(all.collect());
        let broken = Arc::new(Notify::new());
        let trace = Trace { begun, hash: seed, lines: lines.then(String::new) };
        let mut inner = Inner {
            dice,
            plan,
            net: Net::default(),
            judge: Judge::default(),
            violation: None,
            orders: BTreeMap::new(),
            running: BTreeMap::new(),
            calm: CancellationToken::new(),
            lives: 0,
            starts: 0,
            members,
            broken: Arc::clone(&broken),
            trace,
        };
        let plan = format!("{:?}", inner.plan);
        inner.trace.say(|| plan);
        World { inner: Arc::new(Mutex::new(inner)), begun, plant, book, broken }
    }

    pub fn with<T>(&self, work: impl FnOnce(&mut Inner) -> T) -> T {
        work(&mut self.inner.lock().unwrap())
    }

    pub fn begun(&self) -> Instant {
        self.begun
    }

    pub fn plant(&self) -> Plant {
        self.plant
    }

    pub fn book(&self) -> Book {
        self.book.clone()
    }

    pub fn say(&self, text: impl FnOnce() -> String) {
        self.with(|inner| inner.trace.say(text));
    }

    pub fn hash(&self) -> u64 {
        self.with(|inner| inner.trace.hash)
    }

    pub fn lines(&self) -> String {
        self.with(|inner| inner.trace.lines.clone().unwrap_or_default())
    }

    /// What a server knows of the others when it starts.
    pub fn roster(&self) -> BTreeMap<NodeName, RosterMember> {
        let member = |member: &Member| {
            let (tags, alive) = (member.tags.clone(), member.status == Status::Alive);
            (
                NodeName::from(member.name.as_str()),
                RosterMember { region: "global".into(), tags, alive },
            )
        };
        self.book.members().iter().map(member).collect()
    }

    pub fn millis(&self, least: u64, most: u64) -> Duration {
        self.with(|inner| inner.dice.millis(least, most))
    }
}

impl Inner {
    pub fn say(&mut self, text: impl FnOnce() -> String) {
        self.trace.say(text);
    }

    pub fn check(&mut self, check: Check) {
        if let Err(violation) = check {
            let text = format!("VIOLATED {}: {}", violation.rule, violation.text);
            self.trace.say(|| text);
            self.violation.get_or_insert(violation);
            self.broken.notify_one();
        }
    }

    pub fn committed(&mut self, entries: &[AppliedEntry]) {
        for entry in entries {
            let judged = self.judge.committed(entry);
            if matches!(judged, Ok(true)) {
                self.trace.say(|| format!("entry {} {}", entry.index, word(entry)));
            }
            self.check(judged.map(drop));
        }
    }

    pub fn happened(&mut self, events: &[Arc<Stamped>]) {
        for event in events {
            let check = self.judge.happened(event);
            self.check(check);
        }
    }

    pub fn loaded(&mut self, ledger: &Ledger) {
        let check = self.judge.loaded(ledger);
        self.check(check);
    }

    pub fn started(&mut self, seq: Seq, life: u64) {
        let run = self.orders.get(&seq).cloned();
        self.starts += 1;
        self.trace.say(|| format!("{seq} starts in life {life}"));
        let check = match run {
            Some(run) => self.judge.oracle.started(&run),
            None => require(false, "G2", || format!("{seq} starts, but nobody asked for it")),
        };
        self.check(check);
        self.running.insert(seq, life);
    }

    pub fn ended(&mut self, seq: Seq) {
        self.trace.say(|| format!("{seq} ends"));
        self.running.remove(&seq);
        self.judge.oracle.ended(seq);
    }

    pub fn died(&mut self, id: u64, life: u64) {
        self.net.close(id);
        self.judge.oracle.answers.died(life);
        let gone: Vec<Seq> =
            self.running.iter().filter(|(_, own)| **own == life).map(|(seq, _)| *seq).collect();
        gone.into_iter().for_each(|seq| self.ended(seq));
    }

    /// What gossip shows of a machine.
    pub fn show(&mut self, at: usize, status: Status) {
        self.members.send_modify(|members| {
            let mut all = members.to_vec();
            all[at].status = status;
            *members = Arc::new(all);
        });
    }
}

/// What kind of entry it is.
fn word(entry: &AppliedEntry) -> String {
    let index = dkron_core::domain::LogIndex(entry.index);
    match dkron_wire::decode_entry(index, &entry.bytes) {
        Ok(entry) => format!("{:?}", entry.command),
        Err(err) => err.to_string(),
    }
}

fn member(at: usize, is_server: bool) -> Member {
    let mut tags = workload::tags_of(at);
    let own = [("role", "dkron"), ("region", "global"), ("port", "1")];
    tags.extend(own.map(|(key, value)| (key.to_owned(), value.to_owned())));
    if is_server {
        tags.insert("server".into(), "true".into());
    }
    let (id, name) = (at as u64 + 1, format!("n{}", at + 1));
    let address = format!("127.0.0.{id}:1").parse().expect("an address");
    Member { id, name, address, tags, status: Status::Alive }
}

/// What worlds only hold in their hands, and never look at.
pub struct Stage {
    _directory: TempDir,
    blobs: Arc<Blobs>,
    mark: Arc<Mark>,
}

impl Stage {
    pub fn blobs(&self) -> Arc<Blobs> {
        Arc::clone(&self.blobs)
    }

    pub fn mark(&self) -> Arc<Mark> {
        Arc::clone(&self.mark)
    }
}

pub fn stage() -> &'static Stage {
    static STAGE: OnceLock<Stage> = OnceLock::new();
    STAGE.get_or_init(|| {
        let directory = tempfile::tempdir().expect("a directory");
        let durability = dkron_store::Durability::None;
        let options = blob::Options { durability, ..blob::Options::default() };
        let blobs = Blobs::open(&directory.path().join("blobs"), options).expect("an empty store");
        let mark = Arc::new(Mark::open(directory.path()).expect("no mark"));
        Stage { _directory: directory, blobs: Arc::new(blobs), mark }
    })
}
