//! The leader's end of the node sessions: who is there, what was said, what is sent.

use alloc::boxed::Box;
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;
use core::time::Duration;

use super::action::{Action, Note};
use crate::domain::{BootId, JournalId, NodeName, Seq, Target, Tenure, limits};
use crate::worker::{Hello, Known, News, Order, SessionNo, Statement, ToLeader, ToNode};

/// A node that said nothing for longer gets no new runs.
const FRESH: Duration = Duration::from_secs(3);
/// A node that was heard within this is still one of the cluster.
pub(super) const LATELY: Duration = Duration::from_secs(300);
/// Nodes that are too old are told of by name, up to so many.
const TOO_OLD: usize = 1000;

/// One node's session.
#[derive(Clone, Debug)]
pub(super) struct Node {
    no: SessionNo,
    pub boot_id: BootId,
    pub journal_id: JournalId,
    pub capacity: u32,
    /// The newest cluster version that it knows.
    version: u32,
    pub stated: BTreeMap<Seq, Known>,
    /// All statements are here.
    pub open: bool,
    /// The way to it broke, and nothing came since: runs go elsewhere if they can.
    pub parted: bool,
    pub heard_at: Duration,
    /// How long its lease is ...
    lost_after: Duration,
    /// ... from when it has said something in this session: the welcome may go astray.
    knows: bool,
    sent: u64,
    seen: u64,
}

/// All sessions of this tenure.
#[derive(Clone, Debug, Default)]
pub(super) struct Sessions {
    nodes: BTreeMap<NodeName, Node>,
    last_no: u64,
    /// Executions whose run was sent in this tenure.
    pub sent: BTreeSet<Seq>,
    /// Nodes that were told to be too old.
    too_old: BTreeSet<NodeName>,
    /// When a node was last heard and how long its lease was if it knew, also after its session
    /// ended.
    last_heard: BTreeMap<NodeName, (Duration, Option<Duration>)>,
}

/// Under what terms this leadership speaks with nodes now.
#[derive(Clone, Copy, Debug)]
pub(super) struct Terms {
    pub tenure: Tenure,
    /// Silence after which a node's executions are lost.
    pub lost_after: Duration,
    /// Of the cluster: nodes that do not know it get no session.
    pub version: u32,
    /// Whether heartbeats are acknowledged.
    pub extends: bool,
}

/// What came out of a node's message.
pub(super) enum Heard {
    Nothing,
    /// The session is open: the live executions of the node can be reconciled.
    Opened(NodeName),
    Statements(NodeName, Vec<Statement>),
    News(NodeName, News),
}

impl Sessions {
    pub fn get(&self, node: &NodeName) -> Option<&Node> {
        self.nodes.get(node)
    }

    /// A node that may be given runs.
    pub fn eligible(&self, node: &NodeName, mono: Duration) -> Option<&Node> {
        let node = self.nodes.get(node)?;
        (node.open && mono.saturating_sub(node.heard_at) < FRESH).then_some(node)
    }

    /// The newest version that all nodes know that were heard lately; none = there are none.
    pub fn version(&self, mono: Duration) -> Option<u32> {
        let heard = |node: &&Node| mono.saturating_sub(node.heard_at) < LATELY;
        self.nodes.values().filter(heard).map(|node| node.version).min()
    }

    /// When that node was last heard in this tenure.
    pub fn heard_at(&self, node: &NodeName) -> Option<Duration> {
        let open = self.nodes.get(node).map(|node| node.heard_at);
        open.or_else(|| self.last_heard.get(node).map(|(at, _)| *at))
    }

    /// The length of the lease that the node was given last in this tenure, if it is known to go
    /// by that one.
    pub fn lost_after(&self, node: &NodeName) -> Option<Duration> {
        match self.nodes.get(node) {
            Some(node) => node.lease(),
            None => self.last_heard.get(node).and_then(|(_, lost_after)| *lost_after),
        }
    }

    /// Leases are of another length now: nodes that were given one of the old say hello again.
    pub fn renew(&mut self, tenure: Tenure, lost_after: Duration, out: &mut Vec<Action>) {
        let other = self.nodes.iter().filter(|(_, node)| node.lost_after != lost_after);
        let other: Vec<_> = other.map(|(name, node)| (name.clone(), node.no)).collect();
        for (name, no) in other {
            refuse(tenure, name.clone(), no, out);
            self.close(&name, out);
        }
    }

    pub fn hear(
        &mut self,
        terms: Terms,
        from: NodeName,
        message: ToLeader,
        mono: Duration,
        out: &mut Vec<Action>,
    ) -> Heard {
        let tenure = terms.tenure;
        if let News::Hello(hello) = message.body {
            self.welcome(terms, &hello, mono, out);
            return Heard::Nothing;
        }
        let known = self.nodes.get_mut(&from).filter(|node| node.no == message.session);
        let Some(node) = known else {
            refuse(tenure, from, message.session, out);
            return Heard::Nothing;
        };
        if message.no <= node.seen {
            return Heard::Nothing;
        }
        if message.no > node.seen + 1 {
            refuse(tenure, from.clone(), message.session, out);
            self.close(&from, out);
            return Heard::Nothing;
        }
        node.seen = message.no;
        node.heard_at = mono;
        node.parted = false;
        node.knows = true;
        match message.body {
            News::Beat { sent } => {
                if terms.extends {
                    self.send(tenure, &from, Order::Beat { sent }, out);
                }
                Heard::Nothing
            }
            News::Stated(page) if node.open => Heard::Statements(from, page),
            News::Stated(page) => {
                node.stated.extend(page.into_iter().map(|said| (said.seq, said.known)));
                Heard::Nothing
            }
            News::StatedAll => {
                node.open = true;
                out.push(Action::Note(Note::SessionOpen(from.clone())));
                Heard::Opened(from)
            }
            body => Heard::News(from, body),
        }
    }

    fn welcome(&mut self, terms: Terms, hello: &Hello, mono: Duration, out: &mut Vec<Action>) {
        let Terms { tenure, lost_after, .. } = terms;
        if hello.version < terms.version {
            let (node, version) = (hello.node.clone(), hello.version);
            if self.too_old.len() < TOO_OLD && self.too_old.insert(node.clone()) {
                out.push(Action::Note(Note::NodeTooOld { node, version }));
            }
            return;
        }
        self.too_old.remove(&hello.node);
        self.last_no += 1;
        let node = Node {
            // A straggler of another tenure must not pass for a message of this one.
            no: SessionNo((tenure.0 << 24) + self.last_no),
            boot_id: hello.boot_id,
            journal_id: hello.journal_id,
            capacity: hello.capacity.min(limits::NODE_RUNS),
            version: hello.version,
            stated: BTreeMap::new(),
            open: false,
            parted: false,
            heard_at: mono,
            lost_after,
            knows: false,
            sent: 0,
            seen: 0,
        };
        let (session, body) = (node.no, Order::Welcome { hello: hello.hello, lost_after });
        self.nodes.insert(hello.node.clone(), node);
        let message = Box::new(ToNode { tenure, session, no: 0, body });
        out.push(Action::Send { node: hello.node.clone(), message });
    }

    pub fn part(&mut self, node: &NodeName) {
        if let Some(node) = self.nodes.get_mut(node) {
            node.parted = true;
        }
    }

    fn close(&mut self, node: &NodeName, out: &mut Vec<Action>) {
        if let Some(gone) = self.nodes.remove(node) {
            self.last_heard.insert(node.clone(), (gone.heard_at, gone.lease()));
            out.push(Action::Note(Note::SessionLost(node.clone())));
        }
    }

    /// Sends to a node with a session; without one the fact waits in the ledger.
    pub fn send(&mut self, tenure: Tenure, to: &NodeName, body: Order, out: &mut Vec<Action>) {
        let Some(node) = self.nodes.get_mut(to) else { return };
        node.sent += 1;
        let message = ToNode { tenure, session: node.no, no: node.sent, body };
        out.push(Action::Send { node: to.clone(), message: Box::new(message) });
    }
}

impl Node {
    fn lease(&self) -> Option<Duration> {
        self.knows.then_some(self.lost_after)
    }

    pub fn no(&self) -> SessionNo {
        self.no
    }

    pub fn target(&self, name: &NodeName) -> Target {
        Target { node: name.clone(), boot_id: self.boot_id, journal_id: self.journal_id }
    }
}

/// The node must say hello again.
fn refuse(tenure: Tenure, node: NodeName, session: SessionNo, out: &mut Vec<Action>) {
    let body = Order::Refused { hello: 0 };
    out.push(Action::Send { node, message: Box::new(ToNode { tenure, session, no: 0, body }) });
}
