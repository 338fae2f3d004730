//! The worker's state and its one verb.

use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use core::time::Duration;

use super::journal::{JournalRecord, Process};
use super::lease::Lease;
use super::message::{Hello, Known, News, Order, Run, SessionNo, Statement, ToLeader, ToNode};
use crate::domain::{
    BootId, Concurrency, Finish, JournalId, NodeName, Now, Seq, Tenure, Timestamp,
};

/// How often a node says that it lives, and how long it waits for a welcome.
const BEAT: Duration = Duration::from_secs(1);
/// A hello without an answer is repeated.
const HELLO_AGAIN: Duration = Duration::from_millis(100);
/// A session without any word from the leader is given up.
const SILENCE: Duration = Duration::from_secs(3);
/// Statements in one message.
const PAGE: usize = 512;

/// Who the node is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Options {
    pub node: NodeName,
    pub boot_id: BootId,
    pub journal_id: JournalId,
    pub capacity: u32,
}

/// What happened to the node.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Event {
    /// A look at the clock; at least every 100 ms.
    Tick,
    Message(ToNode),
    /// The executor began.
    Started {
        seq: Seq,
        at: Timestamp,
        process: Option<Process>,
    },
    Finished {
        seq: Seq,
        finish: Box<Finish>,
    },
}

/// What the shell must do, in this order.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Action {
    Journal(JournalRecord),
    Start(Box<Run>),
    Kill(Seq),
    /// End a process group that an earlier life of the agent left behind.
    KillGroup(Process),
    Send(ToLeader),
}

/// What the node knows of one execution.
#[derive(Clone, Debug)]
enum Held {
    Running {
        started_at: Option<Timestamp>,
        process: Option<Process>,
        exclusive: bool,
        fenced: bool,
    },
    Finished {
        finish: Box<Finish>,
        end_acked: bool,
        output_acked: bool,
    },
    /// Accepted by an earlier life of the agent, which took it along.
    Gone,
}

/// See the module.
#[derive(Clone, Debug)]
pub struct Worker {
    options: Options,
    held: BTreeMap<Seq, Held>,
    tenure: Tenure,
    session: Option<Session>,
    hellos: u64,
    hello_at: Option<Duration>,
    lease: Lease,
}

#[derive(Clone, Debug)]
struct Session {
    no: SessionNo,
    sent: u64,
    seen: u64,
    heard_at: Duration,
    beat_at: Duration,
}

impl Worker {
    /// From the journal of earlier lives. Process groups of the same boot are killed first:
    /// what is stated as gone must be gone.
    pub fn recover(
        options: Options,
        journal: impl IntoIterator<Item = JournalRecord>,
        same_boot: bool,
    ) -> (Worker, Vec<Action>) {
        let mut held = BTreeMap::new();
        let mut processes = BTreeMap::new();
        for record in journal {
            let seq = record.seq();
            match record {
                JournalRecord::Accepted { .. } => drop(held.insert(seq, Held::Gone)),
                JournalRecord::Started { process, .. } => {
                    held.insert(seq, Held::Gone);
                    processes.extend(process.map(|process| (seq, process)));
                }
                JournalRecord::Finished { finish, .. } => {
                    processes.remove(&seq);
                    let (end_acked, output_acked) = (false, false);
                    held.insert(seq, Held::Finished { finish, end_acked, output_acked });
                }
                JournalRecord::Forgotten { .. } => {
                    held.remove(&seq);
                    processes.remove(&seq);
                }
            }
        }
        let left = processes.into_values().filter(|_| same_boot);
        let actions = left.map(Action::KillGroup).collect();
        let worker = Worker {
            options,
            held,
            tenure: Tenure(0),
            session: None,
            hellos: 0,
            hello_at: None,
            lease: Lease::default(),
        };
        (worker, actions)
    }

    /// What the journal must hold to know as much as this machine: for its compaction.
    pub fn journal(&self) -> Vec<JournalRecord> {
        let records = self.held.iter().flat_map(|(seq, held)| {
            let (seq, accepted) = (*seq, JournalRecord::Accepted { seq: *seq });
            let known = match held {
                Held::Finished { finish, .. } => {
                    Some(JournalRecord::Finished { seq, finish: finish.clone() })
                }
                Held::Running { started_at: Some(at), process: process @ Some(_), .. } => {
                    Some(JournalRecord::Started { seq, at: *at, process: *process })
                }
                Held::Running { .. } | Held::Gone => None,
            };
            core::iter::once(accepted).chain(known)
        });
        records.collect()
    }

    /// Executions that the node still answers for.
    pub fn held(&self) -> usize {
        self.held.len()
    }

    pub fn step(&mut self, now: Now, event: Event) -> Vec<Action> {
        let mut out = Vec::new();
        match event {
            Event::Tick => self.tick(now, &mut out),
            Event::Message(message) => self.hear(now, message, &mut out),
            Event::Started { seq, at, process } => self.started(seq, at, process, &mut out),
            Event::Finished { seq, finish } => self.finished(seq, finish, &mut out),
        }
        out
    }

    fn tick(&mut self, now: Now, out: &mut Vec<Action>) {
        if self.lease.is_over(now.mono) {
            self.fence(out);
        }
        match &mut self.session {
            Some(session) if now.mono.saturating_sub(session.heard_at) >= SILENCE => {
                self.session = None;
                self.say_hello(now, out);
            }
            Some(session) if now.mono >= session.beat_at => {
                session.beat_at = now.mono + BEAT;
                self.send(News::Beat { sent: now.mono }, out);
            }
            Some(_) => {}
            None => {
                let again = self.hello_at.is_none_or(|at| now.mono >= at + HELLO_AGAIN);
                if again {
                    self.say_hello(now, out);
                }
            }
        }
    }

    /// Exclusive executions end before anybody may take them for lost.
    fn fence(&mut self, out: &mut Vec<Action>) {
        for (seq, held) in &mut self.held {
            if let Held::Running { exclusive: true, fenced, .. } = held
                && !*fenced
            {
                *fenced = true;
                out.push(Action::Kill(*seq));
            }
        }
    }

    fn say_hello(&mut self, now: Now, out: &mut Vec<Action>) {
        self.hellos += 1;
        self.hello_at = Some(now.mono);
        let body = News::Hello(Hello {
            hello: self.hellos,
            node: self.options.node.clone(),
            boot_id: self.options.boot_id,
            journal_id: self.options.journal_id,
            capacity: self.options.capacity,
        });
        out.push(Action::Send(ToLeader { session: SessionNo(0), no: 0, body }));
    }

    fn hear(&mut self, now: Now, message: ToNode, out: &mut Vec<Action>) {
        if message.tenure < self.tenure {
            return;
        }
        if let Order::Welcome { hello, lost_after } = message.body {
            if hello == self.hellos && self.session.is_none() {
                self.tenure = message.tenure;
                // The leader counts from the hello, so the node must not count from the answer.
                self.lease.open(self.hello_at.unwrap_or(now.mono), lost_after);
                self.open(now, message.session, out);
            }
            return;
        }
        if let Order::Refused { hello } = message.body {
            let own = self.session.as_ref().is_none_or(|own| own.no == message.session);
            if own && hello <= self.hellos && self.session.take().is_some() {
                self.say_hello(now, out);
            }
            return;
        }
        let Some(session) = self.session.as_mut().filter(|own| own.no == message.session) else {
            return;
        };
        if message.tenure != self.tenure || message.no <= session.seen {
            return;
        }
        if message.no > session.seen + 1 {
            // Something got lost on the way: only a new session tells what.
            self.session = None;
            self.say_hello(now, out);
            return;
        }
        session.seen = message.no;
        session.heard_at = now.mono;
        self.obey(message.body, out);
    }

    fn open(&mut self, now: Now, no: SessionNo, out: &mut Vec<Action>) {
        let (heard_at, beat_at) = (now.mono, now.mono + BEAT);
        self.session = Some(Session { no, sent: 0, seen: 0, heard_at, beat_at });
        let statements: Vec<Statement> = self.held.iter().map(state).collect();
        for page in statements.chunks(PAGE) {
            self.send(News::Stated(page.to_vec()), out);
        }
        self.send(News::StatedAll, out);
        let results: Vec<(Seq, Box<Finish>)> = self.held.iter().filter_map(result).collect();
        for (seq, finish) in results {
            self.send(News::Finished { seq, finish }, out);
        }
    }

    fn obey(&mut self, order: Order, out: &mut Vec<Action>) {
        match order {
            Order::Run(run) => self.accept(run, out),
            Order::Cancel { seq, .. } | Order::Kill(seq) => {
                if matches!(self.held.get(&seq), Some(Held::Running { .. })) {
                    out.push(Action::Kill(seq));
                }
            }
            Order::EndCommitted(seq) => self.acked(seq, true, false, out),
            Order::OutputStored(seq) => self.acked(seq, false, true, out),
            Order::Beat { sent } => self.lease.renew(sent),
            Order::Welcome { .. } | Order::Refused { .. } => {}
        }
    }

    /// A run that is known already is never started again; what is known of it is said again.
    fn accept(&mut self, run: Box<Run>, out: &mut Vec<Action>) {
        let seq = run.seq;
        match self.held.get(&seq) {
            None => {
                let exclusive = run.job.concurrency == Concurrency::Forbid;
                let held =
                    Held::Running { started_at: None, process: None, exclusive, fenced: false };
                self.held.insert(seq, held);
                out.push(Action::Journal(JournalRecord::Accepted { seq }));
                out.push(Action::Start(run));
            }
            Some(Held::Running { started_at, .. }) => {
                if let Some(at) = *started_at {
                    self.send(News::Started { seq, at }, out);
                }
            }
            Some(Held::Finished { finish, .. }) => {
                let finish = finish.clone();
                self.send(News::Finished { seq, finish }, out);
            }
            Some(Held::Gone) => {
                let page = [Statement { seq, known: Known::Gone }].into();
                self.send(News::Stated(page), out);
            }
        }
    }

    fn started(
        &mut self,
        seq: Seq,
        at: Timestamp,
        process: Option<Process>,
        out: &mut Vec<Action>,
    ) {
        if let Some(Held::Running { started_at, process: own, .. }) = self.held.get_mut(&seq) {
            *started_at = Some(at);
            *own = process;
            if process.is_some() {
                out.push(Action::Journal(JournalRecord::Started { seq, at, process }));
            }
            self.send(News::Started { seq, at }, out);
        }
    }

    fn finished(&mut self, seq: Seq, finish: Box<Finish>, out: &mut Vec<Action>) {
        let Some(held @ Held::Running { .. }) = self.held.get_mut(&seq) else { return };
        let (end_acked, output_acked) = (false, false);
        *held = Held::Finished { finish: finish.clone(), end_acked, output_acked };
        out.push(Action::Journal(JournalRecord::Finished { seq, finish: finish.clone() }));
        self.send(News::Finished { seq, finish }, out);
    }

    fn acked(&mut self, seq: Seq, end: bool, output: bool, out: &mut Vec<Action>) {
        let done = match self.held.get_mut(&seq) {
            Some(Held::Finished { end_acked, output_acked, .. }) => {
                *end_acked |= end;
                *output_acked |= output;
                *end_acked && *output_acked
            }
            Some(Held::Gone) => end,
            Some(Held::Running { .. }) | None => false,
        };
        if done {
            self.held.remove(&seq);
            out.push(Action::Journal(JournalRecord::Forgotten { seq }));
        }
    }

    /// Without a session nothing is said: the next one begins with everything that is known.
    fn send(&mut self, body: News, out: &mut Vec<Action>) {
        let Some(session) = &mut self.session else { return };
        session.sent += 1;
        out.push(Action::Send(ToLeader { session: session.no, no: session.sent, body }));
    }
}

fn state((seq, held): (&Seq, &Held)) -> Statement {
    let known = match held {
        Held::Running { started_at, .. } => Known::Running { started_at: *started_at },
        Held::Finished { .. } => Known::Finished,
        Held::Gone => Known::Gone,
    };
    Statement { seq: *seq, known }
}

fn result((seq, held): (&Seq, &Held)) -> Option<(Seq, Box<Finish>)> {
    match held {
        Held::Finished { finish, .. } => Some((*seq, finish.clone())),
        Held::Running { .. } | Held::Gone => None,
    }
}
