//! The worker's state and its one verb.

use alloc::boxed::Box;
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;
use core::time::Duration;

use super::held::{Going, Held, cancelled};
use super::journal::{JournalRecord, Process};
use super::lease::Lease;
use super::message::{Hello, News, Order, Run, SessionNo, Statement, ToLeader, ToNode};
use super::terms::Terms;
use crate::domain::{BootId, EndReason, Finish, JournalId, NodeName, Now, Seq, Tenure, Timestamp};

/// How often a node says that it lives, and how long it waits for a welcome.
const BEAT: Duration = Duration::from_secs(1);
/// A hello without an answer is repeated after this; on a way that is known to be there, after
/// twice as long each time, up to a beat: a hello voids those before it, so the answer needs time
/// to come.
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
    /// The newest cluster version that it knows.
    pub version: u32,
}

/// What happened to the node.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Event {
    /// A look at the clock; at least every 100 ms.
    Tick,
    Message(ToNode),
    /// There is a new way to a leader: what was said on the old one may be lost.
    Linked,
    /// The cluster was recovered from servers that may know less than this node: tenures may begin
    /// anew below those it has heard.
    Recovered,
    /// The node ends: it wants no more runs, and says so in a new session.
    Part,
    /// The node leaves for good: nothing of it goes on.
    Leave,
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
    /// Await the end of an execution that the process runner kept for an earlier life of the
    /// agent.
    Resume {
        seq: Seq,
        started_at: Timestamp,
        terms: Terms,
    },
    /// Ask it to end, and make it end after the grace.
    Kill(Seq),
    /// End a process group that an earlier life of the agent left behind.
    KillGroup(Process),
    /// The process runner holds it and nobody will ask for it: end it there and forget it.
    Discard(Seq),
    /// The lease runs from this reading of the steady clock. It is told to whoever ends exclusive
    /// executions when the agent is gone.
    Lease {
        from: Duration,
        lost_after: Duration,
    },
    Send(ToLeader),
}

/// See the module.
#[derive(Clone, Debug)]
pub struct Worker {
    options: Options,
    pub(super) held: BTreeMap<Seq, Held>,
    /// Executions that may run for so long only, by when that is over.
    deadlines: BTreeSet<(Duration, Seq)>,
    tenure: Tenure,
    session: Option<Session>,
    hellos: u64,
    hello_at: Option<Duration>,
    /// How long the answer to the last hello is waited for.
    hello_again: Duration,
    linked: bool,
    lease: Lease,
}

#[derive(Clone, Debug)]
struct Session {
    no: SessionNo,
    sent: u64,
    seen: u64,
    heard_at: Duration,
    beat_at: Duration,
    /// A beat was acknowledged, so the leader has heard everything before it.
    beaten: bool,
}

impl Worker {
    pub(super) fn new(options: Options) -> Worker {
        Worker {
            options,
            held: BTreeMap::new(),
            deadlines: BTreeSet::new(),
            tenure: Tenure(0),
            session: None,
            hellos: 0,
            hello_at: None,
            hello_again: HELLO_AGAIN,
            linked: false,
            lease: Lease::default(),
        }
    }

    /// Executions that the node still answers for.
    pub fn held(&self) -> usize {
        self.held.len()
    }

    /// Executions whose end is not known to be in the log. Walks over all that is held.
    pub fn owing(&self) -> usize {
        let owed = |held: &&Held| !matches!(held, Held::Finished { end_acked: true, .. });
        self.held.values().filter(owed).count()
    }

    /// Whether the leader knows that this node wants no more runs.
    pub fn has_parted(&self) -> bool {
        self.options.capacity == 0 && self.session.as_ref().is_some_and(|own| own.beaten)
    }

    pub fn step(&mut self, now: Now, event: Event) -> Vec<Action> {
        let mut out = Vec::new();
        match event {
            Event::Tick => self.tick(now, &mut out),
            Event::Message(message) => self.hear(now, message, &mut out),
            Event::Linked => {
                self.session = None;
                self.linked = true;
                self.hello_again = HELLO_AGAIN;
                self.say_hello(now, &mut out);
            }
            Event::Recovered => {
                self.tenure = Tenure(0);
                self.session = None;
                self.say_hello(now, &mut out);
            }
            Event::Part => {
                let is_new = core::mem::replace(&mut self.options.capacity, 0) > 0;
                if is_new && self.session.take().is_some() {
                    self.say_hello(now, &mut out);
                }
            }
            Event::Leave => {
                let all: Vec<Seq> = self.held.keys().copied().collect();
                all.into_iter().for_each(|seq| self.end(seq, EndReason::NodeLeft, &mut out));
            }
            Event::Started { seq, at, process } => self.started(now, seq, at, process, &mut out),
            Event::Finished { seq, finish } => self.finished(seq, finish, &mut out),
        }
        out
    }

    fn tick(&mut self, now: Now, out: &mut Vec<Action>) {
        self.end_overdue(now, out);
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
                let again = self.hello_at.is_none_or(|at| now.mono >= at + self.hello_again);
                if again {
                    if self.linked {
                        self.hello_again = (self.hello_again * 2).min(BEAT);
                    }
                    self.say_hello(now, out);
                }
            }
        }
    }

    /// Exclusive executions end before anybody may take them for lost, others when they have run
    /// for as long as they may.
    fn end_overdue(&mut self, now: Now, out: &mut Vec<Action>) {
        for seq in self.lease.over(now.mono) {
            self.end(seq, EndReason::Fenced, out);
        }
        while let Some((deadline, seq)) = self.deadlines.first().copied()
            && deadline <= now.mono
        {
            self.deadlines.pop_first();
            self.end(seq, EndReason::MaxRuntime, out);
        }
    }

    fn end(&mut self, seq: Seq, reason: EndReason, out: &mut Vec<Action>) {
        let Some(Held::Running(going)) = self.held.get_mut(&seq) else { return };
        if going.end(reason) {
            out.push(Action::Journal(JournalRecord::Ending { seq, reason }));
            out.push(Action::Kill(seq));
        }
    }

    /// Lease and clock end it from now on.
    pub(super) fn watch(&mut self, seq: Seq, going: &Going) {
        self.lease.bind(seq, &going.terms);
        self.deadlines.extend(going.deadline.map(|deadline| (deadline, seq)));
    }

    fn unwatch(&mut self, seq: Seq, going: &Going) {
        self.lease.release(seq, &going.terms);
        if let Some(deadline) = going.deadline {
            self.deadlines.remove(&(deadline, seq));
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
            version: self.options.version,
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
                self.tell_lease(out);
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
        self.obey(now, message.body, out);
    }

    fn open(&mut self, now: Now, no: SessionNo, out: &mut Vec<Action>) {
        self.hello_again = HELLO_AGAIN;
        let (heard_at, beat_at) = (now.mono, now.mono + BEAT);
        self.session = Some(Session { no, sent: 0, seen: 0, heard_at, beat_at, beaten: false });
        let state = |(seq, held): (&Seq, &Held)| held.statement(*seq);
        let statements: Vec<Statement> = self.held.iter().map(state).collect();
        for page in statements.chunks(PAGE) {
            self.send(News::Stated(page.to_vec()), out);
        }
        self.send(News::StatedAll, out);
        let results: Vec<(Seq, Box<Finish>)> = self.held.iter().filter_map(result).collect();
        for (seq, finish) in results {
            self.send(News::Finished { seq, finish }, out);
        }
        if self.options.capacity == 0 {
            // Whoever ends waits for the answer.
            self.send(News::Beat { sent: now.mono }, out);
        }
    }

    fn obey(&mut self, now: Now, order: Order, out: &mut Vec<Action>) {
        match order {
            Order::Run(run) => self.accept(run, out),
            Order::Kill(seq) => self.give_up(seq, out),
            Order::Cancel { seq, reason } => self.cancel(now, seq, reason, out),
            Order::EndCommitted(seq) => self.acked(seq, true, false, out),
            Order::OutputStored(seq) => self.acked(seq, false, true, out),
            Order::Beat { sent } => {
                if let Some(session) = &mut self.session {
                    session.beaten = true;
                }
                self.lease.renew(sent);
                self.tell_lease(out);
            }
            Order::Welcome { .. } | Order::Refused { .. } => {}
        }
    }

    fn tell_lease(&self, out: &mut Vec<Action>) {
        if let Some(from) = self.lease.from() {
            out.push(Action::Lease { from, lost_after: self.lease.lost_after() });
        }
    }

    /// A run that is known already is never started again; what is known of it is said again.
    fn accept(&mut self, run: Box<Run>, out: &mut Vec<Action>) {
        let seq = run.seq;
        match self.held.get(&seq) {
            None => {
                let terms = Terms::of(&run);
                let going = Going { terms, ..Going::default() };
                self.watch(seq, &going);
                self.held.insert(seq, Held::Running(going));
                out.push(Action::Journal(JournalRecord::Accepted { seq, terms }));
                out.push(Action::Start(run));
            }
            Some(Held::Running(going)) => {
                if let Some(at) = going.started_at {
                    self.send(News::Started { seq, at }, out);
                }
            }
            Some(Held::Finished { finish, .. }) => {
                let finish = finish.clone();
                self.send(News::Finished { seq, finish }, out);
            }
            Some(held @ Held::Gone) => {
                let page = [held.statement(seq)].into();
                self.send(News::Stated(page), out);
            }
        }
    }

    /// The leader believes in it no longer. Its end, should it come, is said nevertheless.
    fn give_up(&mut self, seq: Seq, out: &mut Vec<Action>) {
        if let Some(Held::Running(going)) = self.held.get(&seq)
            && !going.terms.leave
        {
            out.push(Action::Kill(seq));
        }
    }

    fn cancel(&mut self, now: Now, seq: Seq, reason: EndReason, out: &mut Vec<Action>) {
        match self.held.get(&seq) {
            // One that has begun is not recalled any more.
            Some(Held::Running(going)) if reason == EndReason::NotStarted => {
                match going.started_at {
                    Some(at) => self.send(News::Started { seq, at }, out),
                    None => self.end(seq, reason, out),
                }
            }
            Some(Held::Running(_)) => self.end(seq, reason, out),
            // What it is was said when the session opened, or when it ended.
            Some(Held::Finished { .. }) => {}
            Some(held @ Held::Gone) => {
                let page = [held.statement(seq)].into();
                self.send(News::Stated(page), out);
            }
            // It was forgotten, and then the leader knows its end; or it never came here, and then
            // it shall not start any more.
            None => {
                let accepted = JournalRecord::Accepted { seq, terms: Terms::default() };
                out.push(Action::Journal(accepted));
                self.held.insert(seq, Held::Running(Going::default()));
                self.finished(seq, cancelled(now, None, reason), out);
            }
        }
    }

    fn started(
        &mut self,
        now: Now,
        seq: Seq,
        at: Timestamp,
        process: Option<Process>,
        out: &mut Vec<Action>,
    ) {
        let Some(Held::Running(going)) = self.held.get_mut(&seq) else { return };
        going.start(now, at, process);
        self.deadlines.extend(going.deadline.map(|deadline| (deadline, seq)));
        if process.is_some() {
            out.push(Action::Journal(JournalRecord::Started { seq, at, process }));
        }
        self.send(News::Started { seq, at }, out);
    }

    fn finished(&mut self, seq: Seq, mut finish: Box<Finish>, out: &mut Vec<Action>) {
        let Some(Held::Running(going)) = self.held.get(&seq) else { return };
        let going = going.clone();
        going.judge(&mut finish);
        self.unwatch(seq, &going);
        self.held.insert(seq, Held::finished(finish.clone()));
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
            Some(Held::Running(_)) | None => false,
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

fn result((seq, held): (&Seq, &Held)) -> Option<(Seq, Box<Finish>)> {
    match held {
        Held::Finished { finish, .. } => Some((*seq, finish.clone())),
        Held::Running(_) | Held::Gone => None,
    }
}
