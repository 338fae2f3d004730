//! One thread owns ledger and conductor. It never waits for anything but input: proposals and
//! messages go by `try_send`, rows into memory, answers to the reader.

mod act;
mod apply;
mod ask;
mod hashes;
mod restore;

#[cfg(test)]
mod tests;

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use dkron_core::conductor::{Conductor, Input, Ticket};
use dkron_core::domain::{LogIndex, Now};
use dkron_core::ledger::Ledger;
use dkron_exec::ProcessorRegistry;
use dkron_raft::{ApplyBatch, Epoch, Handle};
use tokio::sync::{mpsc, oneshot, watch};

use crate::clocks;
use crate::event::Event;
use crate::identity::Mint;
use crate::outputs::{Store, Teller};
use crate::processing::Processing;
use crate::reader::Update;
use crate::rows::RowStore;
use crate::service::{Asked, Request};
use crate::session::Sessions;
use crate::telemetry::{self, Timer};
use ask::Waiting;
use hashes::Hashes;
use restore::Restores;

/// Inputs of one kind taken before the conductor looks at what is due.
const BATCH: usize = 512;
/// Rows that may wait for the store before consensus is held back.
const PENDING_ROWS: usize = 400_000;
/// Updates that may wait for the reader before consensus is held back.
const READER_BEHIND: usize = 4096;
/// Changes that may wait for the keeper of outputs before consensus is held back.
const OUTPUTS_BEHIND: usize = 100_000;
/// How often a held-back batch is looked at.
const HELD: Duration = Duration::from_millis(10);
/// The longest sleep when the conductor asks for none.
const IDLE: Duration = Duration::from_millis(500);

/// What the thread is started with.
pub struct Parts {
    pub ledger: Ledger,
    pub conductor: Conductor,
    pub mint: Mint,
    pub state: Arc<dyn RowStore>,
    pub apply: mpsc::Receiver<ApplyBatch>,
    pub events: mpsc::UnboundedReceiver<Event>,
    pub requests: mpsc::Receiver<Request>,
    pub reader: mpsc::UnboundedSender<Update>,
    pub reader_behind: Arc<std::sync::atomic::AtomicUsize>,
    pub outputs: Teller,
    pub disk_full: watch::Receiver<bool>,
    pub sessions: Sessions,
    pub processors: ProcessorRegistry,
    pub store: Store,
    pub node_name: dkron_core::domain::NodeName,
    pub event_sender: mpsc::UnboundedSender<Event>,
    /// Filled once consensus runs; it needs this thread to start.
    pub raft: oneshot::Receiver<Handle>,
    pub pool: tokio::runtime::Handle,
    pub leave: mpsc::UnboundedSender<()>,
}

/// The thread's state.
pub struct Scheduling {
    ledger: Ledger,
    conductor: Conductor,
    mint: Mint,
    state: Arc<dyn RowStore>,
    reader: mpsc::UnboundedSender<Update>,
    reader_behind: Arc<std::sync::atomic::AtomicUsize>,
    outputs: Teller,
    disk_full: watch::Receiver<bool>,
    sessions: Sessions,
    processing: Processing,
    events: mpsc::UnboundedSender<Event>,
    raft: Option<Handle>,
    pool: tokio::runtime::Handle,
    /// Executions that are live, as was told last.
    live: usize,
    leave: mpsc::UnboundedSender<()>,
    now: Now,
    wake: Duration,
    inputs: VecDeque<Input>,
    acting: bool,
    update: Update,
    /// When proposals that are timed were made.
    proposed: HashMap<Ticket, (Duration, Timer)>,
    /// The leadership of this server, as consensus told it last.
    epoch: Option<Epoch>,
    /// The leadership that the conductor knows of.
    elected: Option<Epoch>,
    elected_at: Option<Duration>,
    waiting: HashMap<Ticket, (Waiting, Option<Arc<Asked>>)>,
    restores: Restores,
    last_request: Ticket,
    /// A batch whose answer waits for slower parts to catch up.
    held: Option<oneshot::Sender<()>>,
    /// Up to which entry the ledger goes, those without content included.
    applied: LogIndex,
    /// Up to where the reader was told.
    told: LogIndex,
    hashes: Hashes,
}

/// What ends a sleep.
enum Next {
    Batch(ApplyBatch),
    Event(Event),
    Request(Request),
    Alarm,
}

impl Scheduling {
    /// Runs until all senders are gone. Panics are bugs of the ledger: the node then stops.
    pub async fn run(parts: Parts) {
        let Parts { mut apply, mut events, mut requests, mut raft, .. } = parts;
        let processing = Processing::new(
            parts.pool.clone(),
            parts.processors,
            parts.store,
            parts.node_name,
            parts.event_sender.clone(),
        );
        let applied = parts.ledger.applied();
        let mut own = Scheduling {
            applied,
            told: applied,
            hashes: Hashes::default(),
            ledger: parts.ledger,
            conductor: parts.conductor,
            mint: parts.mint,
            state: parts.state,
            reader: parts.reader,
            reader_behind: parts.reader_behind,
            outputs: parts.outputs,
            disk_full: parts.disk_full,
            sessions: parts.sessions,
            processing,
            events: parts.event_sender,
            raft: None,
            pool: parts.pool,
            live: 0,
            leave: parts.leave,
            now: clocks::now(),
            wake: Duration::ZERO,
            inputs: VecDeque::new(),
            acting: false,
            update: Update::default(),
            proposed: HashMap::new(),
            epoch: None,
            elected: None,
            elected_at: None,
            waiting: HashMap::new(),
            restores: Restores::default(),
            last_request: Ticket(0),
            held: None,
        };
        if own.until_consensus(&mut raft, &mut apply).await.is_none() {
            return;
        }
        loop {
            let sleep = own.sleep();
            let next = tokio::select! {
                biased;
                batch = apply.recv(), if own.held.is_none() => batch.map(Next::Batch),
                event = events.recv() => event.map(Next::Event),
                request = requests.recv() => request.map(Next::Request),
                () = tokio::time::sleep(sleep) => Some(Next::Alarm),
            };
            let Some(next) = next else { return };
            own.now = clocks::now();
            own.look_at_office();
            match next {
                Next::Batch(batch) => own.apply(batch),
                Next::Event(event) => own.event(event),
                Next::Request(request) => own.request(request),
                Next::Alarm => {}
            }
            own.drain(&mut apply, &mut events, &mut requests);
            own.look_at_office();
            own.alarm();
            own.flush();
        }
    }

    /// Who does not lead names no time to be woken: that of a leadership that is over would be one
    /// that has passed, for ever.
    fn alarm(&mut self) {
        self.wake = Duration::ZERO;
        self.input(Input::Alarm);
    }

    /// Applies what the log has until consensus runs. All other news wait: asked to lead without
    /// it, the conductor would propose into nothing, hear so at once, and ask again for ever.
    /// None when consensus did not start.
    async fn until_consensus(
        &mut self,
        raft: &mut oneshot::Receiver<Handle>,
        apply: &mut mpsc::Receiver<ApplyBatch>,
    ) -> Option<()> {
        telemetry::schedules(false);
        loop {
            tokio::select! {
                biased;
                handle = &mut *raft => {
                    self.raft = Some(handle.ok()?);
                    return Some(());
                }
                batch = apply.recv(), if self.held.is_none() => self.apply(batch?),
                () = tokio::time::sleep(HELD), if self.held.is_some() => {}
            }
            self.flush();
        }
    }

    /// Takes what else has come meanwhile: one look at the due slots serves all of it.
    fn drain(
        &mut self,
        apply: &mut mpsc::Receiver<ApplyBatch>,
        events: &mut mpsc::UnboundedReceiver<Event>,
        requests: &mut mpsc::Receiver<Request>,
    ) {
        self.now = clocks::now();
        while self.held.is_none() {
            let Ok(batch) = apply.try_recv() else { break };
            self.apply(batch);
        }
        for _ in 0..BATCH {
            let Ok(event) = events.try_recv() else { break };
            // Pauses are counted from the end that is told here, and not from before it.
            self.now = clocks::now();
            self.event(event);
        }
        for _ in 0..BATCH {
            let Ok(request) = requests.try_recv() else { break };
            self.request(request);
        }
    }

    fn sleep(&self) -> Duration {
        let sleep = match self.wake {
            Duration::ZERO => IDLE,
            wake => wake.saturating_sub(self.now.mono).min(IDLE),
        };
        if self.held.is_some() { sleep.min(HELD) } else { sleep }
    }

    fn event(&mut self, event: Event) {
        let input = match event {
            Event::Leadership(epoch) => {
                self.epoch = epoch;
                return self.look_at_office();
            }
            Event::Fate { ticket, fate } => {
                self.proposed.remove(&ticket);
                Input::Resolved { ticket, fate }
            }
            Event::FromNode { node, message } => {
                // No lease is lengthened by whoever does not lead any more.
                self.look_at_office();
                self.note_start(&message);
                Input::FromNode { node, message }
            }
            Event::FromAfar { node, messages, room } => {
                for message in messages {
                    self.note_start(&message);
                    let (node, message) = (node.clone(), Box::new(message));
                    self.input(Input::FromNode { node, message });
                }
                drop(room);
                return;
            }
            Event::Parted(node) => Input::Parted(node),
            Event::Processed { seq, output, dropped } => Input::Processed { seq, output, dropped },
            Event::TooOld { job_no, first } => Input::TooOld { job_no, first },
            Event::Roster(roster) => Input::Roster(roster),
            Event::Clocks { voters, offsets } => Input::Clocks { voters, offsets },
            Event::Versions(servers) => Input::Versions { servers },
            Event::Installed(installed) => return self.installed(*installed),
            Event::Stop => Input::Stop,
        };
        self.input(input);
    }

    /// The conductor leads as long as consensus says so at this very instant. A process that was
    /// stopped for a while learns it here before anything else, and not when the news comes.
    fn look_at_office(&mut self) {
        let leads = |epoch: &Epoch| self.raft.as_ref().is_some_and(|raft| raft.leads(*epoch));
        let epoch = self.epoch.filter(leads);
        if epoch == self.elected {
            return;
        }
        if self.elected.take().is_some() {
            self.deposed();
        }
        if epoch.is_some() {
            self.elected = epoch;
            self.elected_at = Some(self.now.mono);
            self.input(Input::Elected);
        }
    }

    fn deposed(&mut self) {
        self.update.office = Some(None);
        telemetry::schedules(false);
        let begun = std::time::Instant::now();
        self.input(Input::Deposed);
        Timer::RevokeLeadership.record(begun.elapsed());
    }

    /// One input to the conductor, and all that follows from it at once.
    fn input(&mut self, input: Input) {
        self.inputs.push_back(input);
        // What an action asks for comes after the actions beside it, and never nests.
        if std::mem::replace(&mut self.acting, true) {
            return;
        }
        while let Some(input) = self.inputs.pop_front() {
            for action in self.conductor.step(&self.ledger, self.now, input) {
                self.act(action);
            }
        }
        self.acting = false;
    }

    /// Hands the reader what changed, and lets consensus go on if nobody is behind.
    fn flush(&mut self) {
        self.hashes.expire(self.now.mono, self.applied, &self.ledger);
        if !self.update.is_empty() || self.told < self.applied {
            let mut update = std::mem::take(&mut self.update);
            update.index = self.applied;
            self.told = self.applied;
            self.reader_behind.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            // The reader only ends with the node.
            let _ = self.reader.send(update);
        }
        let live = self.ledger.live_count();
        if std::mem::replace(&mut self.live, live) != live {
            telemetry::running(live);
        }
        if self.held.is_some() && !self.is_behind() {
            self.release();
        }
    }

    fn is_behind(&self) -> bool {
        self.state.pending_len() > PENDING_ROWS
            || self.reader_behind.load(std::sync::atomic::Ordering::Relaxed) > READER_BEHIND
            || self.outputs.behind() > OUTPUTS_BEHIND
    }

    fn release(&mut self) {
        if let Some(done) = self.held.take() {
            // Consensus is stopping if nobody listens.
            let _ = done.send(());
        }
    }
}
