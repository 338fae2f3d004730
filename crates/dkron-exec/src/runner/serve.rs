//! The runner's own side: one loop that owns all runs, takes orders and tells what became of them.
//!
//! It waits for nothing but the next event: not for the agent, whose socket may be full or gone,
//! and not for starts, which other threads make.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use rustix::fs::{OFlags, fcntl_setfl};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::output::{Spool, prepare_directory};
use crate::process::spawn::block_signals;

use super::forks::{Forked, Forks};
use super::going::{Going, Tools};
use super::hello::Hello;
use super::link::{Link, Verdict};
use super::poll::{self, Key, MILLISECOND, NUMBER_MAX, Nanos, Poll};
use super::protocol::{Exit, FromRunner, HeldRun, Instant, Start, ToRunner};
use super::run::{Run, Stage};

/// Runs in one page of what is held.
const PAGE: usize = 256;
/// Connections that may be greeting at a time.
const LINKS_MAX: usize = 8;

/// How a runner lives.
#[derive(Debug, Clone, Copy)]
pub struct RunnerSettings {
    /// It ends, with everything it has started, as soon as its agent's connection is gone.
    pub with_agent: bool,
    /// How long it stays with neither agent nor runs nor results.
    pub idle: Duration,
    /// What it says of itself; tests let it be of another build.
    pub hello: Hello,
}

impl Default for RunnerSettings {
    fn default() -> Self {
        Self { with_agent: false, idle: Duration::from_secs(60), hello: Hello::own() }
    }
}

/// Runs the runner until nobody needs it. Standard input is the listening socket.
///
/// # Errors
/// If standard input is no listening socket, or the system gives no descriptors or threads.
pub fn runner_main(settings: RunnerSettings) -> io::Result<()> {
    // A service manager may signal the whole control group: the agent decides when jobs end.
    block_signals();
    let listener = io::stdin().as_fd().try_clone_to_owned()?;
    fcntl_setfl(&listener, OFlags::NONBLOCK)?;
    Runner::new(settings, listener)?.work()
}

struct Runner {
    settings: RunnerSettings,
    /// None once it is retired.
    listener: Option<OwnedFd>,
    tools: Tools,
    forks: Forks,
    runs: HashMap<u64, Run>,
    alarms: BTreeSet<(Nanos, u64)>,
    links: HashMap<u64, Link>,
    links_made: u64,
    /// The connection that counts.
    agent: Option<u64>,
    /// Runs with something that the agent was not told.
    untold: VecDeque<u64>,
    spool: Option<Arc<Path>>,
    /// Since when there is neither agent nor work.
    idle_since: Nanos,
    shut_down: bool,
}

impl Runner {
    fn new(settings: RunnerSettings, listener: OwnedFd) -> io::Result<Self> {
        let (poll, now) = (Poll::new()?, poll::now());
        let forks = Forks::new(raise_open_files())?;
        poll.readable(&listener, Key::Listener)?;
        poll.readable(forks.bell(), Key::Bell)?;
        Ok(Self {
            settings,
            listener: Some(listener),
            tools: Tools::new(poll, now),
            forks,
            runs: HashMap::new(),
            alarms: BTreeSet::new(),
            links: HashMap::new(),
            links_made: 0,
            agent: None,
            untold: VecDeque::new(),
            spool: None,
            idle_since: now,
            shut_down: false,
        })
    }

    fn work(mut self) -> io::Result<()> {
        while !self.is_done() {
            for key in self.tools.poll.wait(self.next_wake())? {
                self.happened(key, poll::now());
            }
            let now = poll::now();
            while let Some((at, seq)) = self.alarms.first().copied().filter(|(at, _)| *at <= now) {
                self.alarms.remove(&(at, seq));
                self.with(seq, now, |run, tools| {
                    run.alarm = None;
                    if let Stage::Going(going) = &mut run.stage {
                        going.alarm(now, tools);
                    }
                });
            }
            self.tell();
        }
        let now = poll::now();
        for run in self.runs.values_mut() {
            if let Stage::Going(going) = &mut run.stage {
                going.kill(now);
            }
        }
        Ok(())
    }

    fn is_done(&self) -> bool {
        let busy = !self.runs.is_empty();
        let idle = poll::now().saturating_sub(self.idle_since) >= nanos(self.settings.idle);
        self.shut_down
            || (self.listener.is_none() && !self.runs.values().any(Run::goes_on))
            || (self.agent.is_none() && !busy && idle)
    }

    fn next_wake(&self) -> Option<Nanos> {
        let alarm = self.alarms.first().map(|(at, _)| *at);
        let alone = self.agent.is_none() && self.runs.is_empty();
        let idle = alone.then(|| self.idle_since + nanos(self.settings.idle));
        alarm.into_iter().chain(idle).min()
    }

    fn happened(&mut self, key: Key, now: Nanos) {
        match key {
            Key::Listener => self.accept(),
            Key::Bell => {
                for forked in self.forks.take() {
                    self.forked(forked, now);
                }
            }
            Key::Link(number) => self.hear(number, now),
            Key::Process(seq) => {
                self.with_going(seq, now, |going, spool, tools| going.exited(now, spool, tools));
            }
            Key::Output(seq) => {
                self.with_going(seq, now, |going, spool, tools| going.readable(spool, tools));
            }
            Key::Input(seq) => self.with_going(seq, now, |going, _, _| going.writable()),
        }
    }

    fn accept(&mut self) {
        let Some(listener) = &self.listener else { return };
        let number = self.links_made;
        let poll = &self.tools.poll;
        let Some(mut link) = Link::accept(listener, number, self.settings.hello, poll) else {
            return;
        };
        if self.links.len() < LINKS_MAX {
            link.flush(poll);
            self.links_made += 1;
            self.links.insert(number, link);
        }
    }

    fn hear(&mut self, number: u64, now: Nanos) {
        let Some(link) = self.links.get_mut(&number) else { return };
        link.receive();
        match link.verdict() {
            Ok(Some(Verdict::Attach)) => {
                // The newer one counts: nobody but the directory's owner comes here.
                let older = self.agent.replace(number);
                if let Some(mut older) = older.and_then(|older| self.links.remove(&older)) {
                    older.say(&FromRunner::Replaced);
                    older.flush(&self.tools.poll);
                }
            }
            Ok(Some(Verdict::Retire)) => {
                if let Some(listener) = self.listener.take() {
                    self.tools.poll.retire(&listener);
                }
            }
            Ok(None) => {}
            Err(_) => link.broken = true,
        }
        self.obey(number, now);
    }

    /// Takes the orders that have come in; true if there were any.
    fn obey(&mut self, number: u64, now: Nanos) -> bool {
        let Some(link) = self.links.get_mut(&number) else { return false };
        let orders = link.orders().unwrap_or_else(|_| {
            link.broken = true;
            Vec::new()
        });
        let (broken, some) = (link.broken, !orders.is_empty());
        for order in orders {
            self.order(order, now);
        }
        if broken {
            self.links.remove(&number);
            if self.agent == Some(number) {
                self.agent = None;
                self.idle_since = now;
                self.untold.clear();
                self.shut_down |= self.settings.with_agent;
            }
        }
        some
    }

    fn order(&mut self, order: ToRunner, now: Nanos) {
        match order {
            ToRunner::Attach { spool } => {
                self.spool = self.spool.take().or_else(|| prepare_directory(spool.as_ref()).ok());
                self.list();
            }
            ToRunner::List => self.list(),
            ToRunner::Start(start) => self.start(*start),
            ToRunner::Kill { seq, grace_ms } => {
                let grace = grace_ms.saturating_mul(MILLISECOND);
                self.with(seq, now, |run, _| match &mut run.stage {
                    Stage::Starting => run.asked = Some(grace),
                    Stage::Going(going) => going.ask(now, grace),
                    Stage::Ended(_) => {}
                });
            }
            ToRunner::Forget { seq } => self.forget(seq),
            ToRunner::Renew { age_ms } => {
                let at = now.saturating_sub(age_ms.saturating_mul(MILLISECOND));
                self.tools.heard_at = self.tools.heard_at.max(at);
            }
            ToRunner::Read { request, seq, from, max } => {
                let piece = self.runs.get(&seq).and_then(|run| run.piece(from, max));
                self.say(&FromRunner::Bytes { request, piece });
            }
            ToRunner::Follow { seq, on } => self.with(seq, now, |run, _| run.follow(on, now)),
            ToRunner::Shutdown => self.shut_down = true,
        }
    }

    fn start(&mut self, mut start: Start) {
        let seq = start.seq;
        // The agent does not start twice what it was told of; what it has started it is told of.
        if seq <= NUMBER_MAX && !self.runs.contains_key(&seq) {
            self.runs.insert(seq, Run::new(&mut start, self.spool.clone()));
            self.forks.start(start);
        }
    }

    fn forked(&mut self, forked: Forked, now: Nanos) {
        let Forked { seq, stdin, spawned } = forked;
        self.with(seq, now, |run, tools| {
            let going =
                spawned.and_then(|spawned| Going::new(seq, run.limits, spawned, stdin, now, tools));
            run.stage = match going {
                Ok(mut going) => {
                    if let Some(grace) = run.asked {
                        going.ask(now, grace);
                    }
                    Stage::Going(Box::new(going))
                }
                Err(text) => Stage::Ended(Box::new(Exit::not_started(text, wall()))),
            };
        });
        self.queue(seq);
    }

    /// A run that goes on can not be forgotten.
    fn forget(&mut self, seq: u64) {
        let over = |run: &Run| matches!(run.stage, Stage::Ended(_));
        if self.runs.get(&seq).is_some_and(over)
            && let Some(run) = self.runs.remove(&seq)
        {
            self.tools.in_memory -= run.spool.memory();
            if let Some(at) = run.alarm {
                self.alarms.remove(&(at, seq));
            }
            self.idle_since = poll::now();
        }
    }

    fn with_going(
        &mut self,
        seq: u64,
        now: Nanos,
        act: impl FnOnce(&mut Going, &mut Spool, &mut Tools),
    ) {
        self.with(seq, now, |run, tools| {
            if let Stage::Going(going) = &mut run.stage {
                act(going, &mut run.spool, tools);
            }
        });
    }

    /// Does something to a run, and what follows from it.
    fn with(&mut self, seq: u64, now: Nanos, act: impl FnOnce(&mut Run, &mut Tools)) {
        let Some(run) = self.runs.get_mut(&seq) else { return };
        act(run, &mut self.tools);
        let ended = run.settle(now, &mut self.tools);
        let news = run.news(now);
        let next = run.next_alarm();
        if next != run.alarm {
            if let Some(at) = run.alarm {
                self.alarms.remove(&(at, seq));
            }
            run.alarm = next;
            self.alarms.extend(next.map(|at| (at, seq)));
        }
        if let Some(news) = news {
            self.say(&news);
        }
        if ended {
            self.queue(seq);
        }
    }

    fn queue(&mut self, seq: u64) {
        let Some(run) = self.runs.get_mut(&seq).filter(|run| !run.said.queued) else { return };
        run.said.queued = self.agent.is_some();
        if self.agent.is_some() {
            self.untold.push_back(seq);
        }
    }

    fn say(&mut self, message: &FromRunner) {
        let link = self.agent.and_then(|number| self.links.get_mut(&number));
        if let Some(link) = link {
            link.say(message);
        }
    }

    /// Everything that is held, in pages; from now on only changes are told.
    fn list(&mut self) {
        self.untold.clear();
        let mut all: Vec<HeldRun> = Vec::with_capacity(self.runs.len());
        for run in self.runs.values_mut() {
            run.said.queued = false;
            run.said.started = !matches!(run.stage, Stage::Starting);
            run.said.ended = matches!(run.stage, Stage::Ended(_));
            all.push(run.held());
        }
        all.sort_unstable_by_key(|run| run.seq);
        while all.len() > PAGE {
            let rest = all.split_off(PAGE);
            self.say(&FromRunner::Held { page: std::mem::replace(&mut all, rest), last: false });
        }
        self.say(&FromRunner::Held { page: all, last: true });
    }

    /// Tells the agent what there is to tell, as far as its socket takes it.
    fn tell(&mut self) {
        let Some(number) = self.agent else { return };
        loop {
            let Some(link) = self.links.get_mut(&number) else { return };
            while link.has_room()
                && let Some(seq) = self.untold.pop_front()
            {
                let Some(run) = self.runs.get_mut(&seq) else { continue };
                run.said.queued = false;
                while let Some(message) = run.tell() {
                    link.say(&message);
                }
            }
            link.flush(&self.tools.poll);
            // Orders may have waited for the room that there is now.
            let waiting = link.has_orders() || link.broken;
            if !(waiting && self.obey(number, poll::now())) {
                return;
            }
        }
    }
}

/// The wall clock.
pub fn wall() -> Instant {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    (i64::try_from(since.as_secs()).unwrap_or(i64::MAX), since.subsec_nanos())
}

fn nanos(span: Duration) -> Nanos {
    u64::try_from(span.as_nanos()).unwrap_or(u64::MAX)
}

/// A run needs three files here; the limit that was found is what started processes get.
fn raise_open_files() -> Option<Rlimit> {
    let found = getrlimit(Resource::Nofile);
    let raised = Rlimit { current: found.maximum, maximum: found.maximum };
    (found.current != found.maximum && setrlimit(Resource::Nofile, raised).is_ok()).then_some(found)
}
