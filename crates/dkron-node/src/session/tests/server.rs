//! A server without consensus: its conductor proposes into a log that all servers of a test share,
//! and what is in the log is applied by whoever looks.

use std::collections::{BTreeMap, VecDeque};
use std::path::Path;
use std::sync::{Arc, Mutex};

use dkron_core::conductor::{self, Action, Conductor, Fate, Input, Note, RosterMember};
use dkron_core::domain::{BootId, LogIndex, NodeName, Record, Settings};
use dkron_core::ledger::{Entry, Ledger, Row, RowOp};
use dkron_store::blob::{self, Blobs};
use tokio::sync::{mpsc, watch};

use super::super::{Inbound, ServeParts, Sessions};
use super::town::Town;
use crate::clocks;
use crate::cluster::Leader;
use crate::event::Event;
use crate::outputs::{self, Store};
use crate::rpc::{Router, Target};

pub type Log = Arc<Mutex<Vec<Entry>>>;

/// A handle to the server's task.
pub struct Server {
    pub id: u64,
    pub name: NodeName,
    pub sessions: Sessions,
    pub leader: watch::Sender<Leader>,
    pub brain: Arc<Mutex<Brain>>,
    pub stored: Arc<Blobs>,
    pub router: Router,
    _directory: tempfile::TempDir,
    inputs: mpsc::UnboundedSender<Input>,
}

pub struct Brain {
    pub ledger: Ledger,
    /// Ended executions, in the order of the log.
    pub ended: Vec<Arc<Record>>,
    /// Sessions that were opened.
    pub opened: usize,
    conductor: Conductor,
    log: Log,
    sessions: Sessions,
    leader: watch::Sender<Leader>,
    inputs: VecDeque<Input>,
}

impl Server {
    pub fn start(town: &Town, id: u64, name: &str, settings: Settings) -> Server {
        let (hands, _) = mpsc::channel::<Inbound>(1);
        let sessions = Sessions::new(name.into(), hands);
        let (events, mut event_inbox) = mpsc::unbounded_channel();
        let (inputs, mut inbox) = mpsc::unbounded_channel();
        let (leader, seen) = watch::channel(Leader::None);
        let directory = tempfile::tempdir().unwrap();
        let stored = Arc::new(open(directory.path()));
        let parts = ServeParts { shard: 0, leader: seen, events };
        let router = sessions.register(Router::default(), parts);
        let router = outputs::register(router, &Store::alone(Arc::clone(&stored)));
        town.hub.serve(id, router.clone());
        let mut conductor = Conductor::new(conductor::Options {
            server: name.into(),
            boot_id: BootId([id as u8; 16]),
            zone_data: "test".into(),
            settings,
            region: "global".into(),
        });
        conductor.step(&Ledger::default(), clocks::now(), Input::Roster(roster()));
        let brain = Arc::new(Mutex::new(Brain {
            ledger: Ledger::default(),
            ended: Vec::new(),
            opened: 0,
            conductor,
            log: Arc::clone(&town.log),
            sessions: sessions.clone(),
            leader: leader.clone(),
            inputs: VecDeque::new(),
        }));
        let own = Arc::clone(&brain);
        tokio::spawn(async move {
            loop {
                let pause = std::time::Duration::from_millis(10);
                tokio::select! {
                    Some(event) = event_inbox.recv() => own.lock().unwrap().event(event),
                    Some(input) = inbox.recv() => own.lock().unwrap().input(input),
                    () = tokio::time::sleep(pause) => {}
                }
                let mut brain = own.lock().unwrap();
                while let Ok(event) = event_inbox.try_recv() {
                    brain.event(event);
                }
                brain.input(Input::Alarm);
            }
        });
        Server {
            id,
            name: name.into(),
            sessions,
            leader,
            brain,
            stored,
            router,
            _directory: directory,
            inputs,
        }
    }

    pub fn input(&self, input: Input) {
        self.inputs.send(input).unwrap();
    }

    pub fn target(&self) -> Target {
        Target { id: self.id, address: self.name.to_string() }
    }

    /// Looks into the brain.
    pub fn see<T>(&self, look: impl FnOnce(&Brain) -> T) -> T {
        look(&self.brain.lock().unwrap())
    }

    pub fn leads(&self) -> bool {
        self.leader.borrow().is_own()
    }
}

fn open(directory: &Path) -> Blobs {
    let durability = dkron_store::Durability::None;
    let options = blob::Options { durability, ..blob::Options::default() };
    Blobs::open(&directory.join("blobs"), options).unwrap()
}

fn roster() -> BTreeMap<NodeName, RosterMember> {
    let member = |name: &str| {
        let tags = [("node", name), ("kind", "agent")];
        let tags = tags.map(|(key, value)| (key.to_owned(), value.to_owned())).into();
        (name.into(), RosterMember { region: "global".into(), tags, alive: true })
    };
    ["a1", "a2"].map(member).into()
}

impl Brain {
    pub fn in_office(&self) -> bool {
        self.conductor.tenure().is_some()
    }

    fn event(&mut self, event: Event) {
        match event {
            Event::FromAfar { node, messages, room } => {
                for message in messages {
                    let (node, message) = (node.clone(), Box::new(message));
                    self.input(Input::FromNode { node, message });
                }
                drop(room);
            }
            Event::Parted(node) => self.input(Input::Parted(node)),
            Event::FromNode { node, message } => self.input(Input::FromNode { node, message }),
            _ => {}
        }
    }

    fn input(&mut self, input: Input) {
        self.inputs.push_back(input);
        while let Some(input) = self.inputs.pop_front() {
            if matches!(input, Input::Elected) {
                self.catch_up(None);
            }
            for action in self.conductor.step(&self.ledger, clocks::now(), input) {
                self.act(action);
            }
        }
        let office = self.conductor.tenure().map(|tenure| Leader::Own { tenure });
        if let Some(own) = office
            && !self.leader.borrow().is_own()
        {
            self.leader.send_replace(own);
        }
    }

    fn act(&mut self, action: Action) {
        match action {
            Action::Propose { ticket, at, tenure, command } => {
                let log = Arc::clone(&self.log);
                let mut log = log.lock().unwrap();
                let index = LogIndex(log.len() as u64 + 1);
                log.push(Entry { index, at, tenure, request: None, command: *command });
                drop(log);
                self.catch_up(Some((index, ticket)));
            }
            Action::Send { node, message } => {
                self.sessions.send(&node, *message);
            }
            Action::Answer { answer: Err(refusal), .. } => panic!("{refusal:?}"),
            Action::Note(Note::SessionOpen(_)) => self.opened += 1,
            _ => {}
        }
    }

    fn catch_up(&mut self, own: Option<(LogIndex, conductor::Ticket)>) {
        let from = self.ledger.applied().0 as usize;
        let entries = self.log.lock().unwrap()[from..].to_vec();
        for entry in entries {
            let index = entry.index;
            let outcome = self.ledger.apply(entry);
            for row in outcome.rows {
                if let RowOp::PutNew(Row::History { record, .. }) = row {
                    self.ended.push(record);
                }
            }
            if let Some((_, ticket)) = own.filter(|(own, _)| *own == index) {
                let fate = Fate::Applied(outcome.reply);
                self.inputs.push_back(Input::Resolved { ticket, fate });
            }
            self.inputs.push_back(Input::Effects(outcome.effects));
        }
    }
}
