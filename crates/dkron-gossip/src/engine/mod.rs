//! The task that owns the gossip library, the socket of packets and the table of members.
//!
//! Packets, timers and commands go into the library; what it wants sent, remembered and told comes
//! out. Whatever takes long (messages over TCP, the roster's file) runs in tasks of its own and
//! comes back as a command.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashSet};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use foca::{AccumulatingRuntime, Foca, OwnedNotification, PostcardCodec};
use rand::rngs::SmallRng;
use tokio::net::UdpSocket;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::{Instant, interval};

use crate::frame::{Channel, OVERHEAD_BYTES, Opened, Sealer};
use crate::identity::Identity;
use crate::member::{Members, Status};
use crate::message::{MEMBERS_MOST, Message, Seen, Tags};
use crate::notices::Notices;
use crate::table::Table;
use crate::timing::{PACKET_BYTES, Timing};

mod chores;
mod leave;
mod rivals;

/// What the task is asked to do.
pub(crate) enum Command {
    /// Another member asks.
    Question(Message, oneshot::Sender<Message>),
    /// All that is known, for a question to somebody else.
    Known(oneshot::Sender<Message>),
    /// Somebody answered; the reply comes once the members are published.
    Answer(Message, oneshot::Sender<()>),
    /// A member was asked for its tags.
    Told(u64, Option<Message>),
    /// Whoever has this node's name was asked whether it is there: its address, its answer.
    Namesake(SocketAddr, Option<Message>),
    SetTags(Tags),
    Leave(oneshot::Sender<()>),
}

/// LIMIT: packets that are read before an alarm; the others are read after it.
const PACKETS_FIRST: usize = 256;

type Library = Foca<Identity, PostcardCodec, SmallRng, foca::NoCustomBroadcast>;

/// What an engine is made of.
pub(crate) struct Parts {
    pub identity: Identity,
    pub tags: Tags,
    pub failed_kept: Duration,
    pub timing: Timing,
    pub rng: SmallRng,
    pub socket: UdpSocket,
    pub sealer: Arc<Sealer>,
    pub notices: Arc<Notices>,
    pub roster: Option<PathBuf>,
    pub commands: mpsc::Receiver<Command>,
    pub own_commands: mpsc::WeakSender<Command>,
    pub members: watch::Sender<Members>,
    pub conflict: watch::Sender<Option<String>>,
}

pub(crate) struct Engine {
    library: Library,
    runtime: AccumulatingRuntime<Identity>,
    timers: BinaryHeap<Reverse<Waiting>>,
    table: Table,
    own_status: Status,
    timing: Timing,
    socket: UdpSocket,
    sealer: Arc<Sealer>,
    notices: Arc<Notices>,
    commands: mpsc::Receiver<Command>,
    own_commands: mpsc::WeakSender<Command>,
    members: watch::Sender<Members>,
    chores: chores::Chores,
    rivals: rivals::Rivals,
    /// Members that are being asked for their tags.
    asked: HashSet<u64>,
}

struct Waiting {
    at: Instant,
    timer: foca::Timer<Identity>,
}

impl Ord for Waiting {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.at.cmp(&other.at).then_with(|| self.timer.cmp(&other.timer))
    }
}

impl PartialOrd for Waiting {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Waiting {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Waiting {}

impl Engine {
    pub fn new(parts: Parts) -> Engine {
        let kept = parts.failed_kept.max(crate::timing::LEFT_KEPT);
        let config = parts.timing.config(kept);
        let library = Foca::new(parts.identity.clone(), config, parts.rng, PostcardCodec);
        Engine {
            library,
            runtime: AccumulatingRuntime::new(),
            timers: BinaryHeap::new(),
            table: Table::new(parts.identity, parts.tags, parts.failed_kept),
            own_status: Status::Alive,
            timing: parts.timing,
            socket: parts.socket,
            sealer: parts.sealer,
            notices: parts.notices,
            commands: parts.commands,
            own_commands: parts.own_commands,
            members: parts.members,
            chores: chores::Chores::new(parts.roster),
            rivals: rivals::Rivals::new(parts.conflict),
            asked: HashSet::new(),
        }
    }

    /// Runs until it is told to leave, or until its task is aborted.
    pub async fn run(mut self) {
        let mut packet = vec![0; PACKET_BYTES + OVERHEAD_BYTES + 1];
        let mut tick = interval(chores::TICK);
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            let alarm = self.timers.peek().map(|Reverse(waiting)| waiting.at);
            tokio::select! {
                received = self.socket.recv_from(&mut packet) => match received {
                    Ok((length, from)) => self.packet(&packet[..length], from),
                    // Of an earlier packet that nobody took: nothing to do.
                    Err(error) => tracing::debug!(%error, "gossip received an error"),
                },
                command = self.commands.recv() => match command {
                    Some(Command::Leave(reply)) => {
                        self.leave().await;
                        // Whoever asked may be gone.
                        let _ = reply.send(());
                        return;
                    }
                    Some(command) => self.command(command),
                    None => return,
                },
                () = sleep_until(alarm) => self.alarm(),
                _ = tick.tick() => self.chores(),
            }
            self.settle();
        }
    }

    fn packet(&mut self, bytes: &[u8], from: SocketAddr) {
        match self.sealer.open(Channel::Packet, bytes) {
            Ok(Opened::Body(body)) => {
                let handled = self.library.handle_data(&body, &mut self.runtime);
                self.note("a packet", handled);
            }
            Ok(Opened::Refused(_)) => {}
            Err(reason) => self.notices.note(from, reason),
        }
    }

    /// What has come in is read before the clock is believed: after a stop of this process the
    /// others have not failed, it was late itself.
    fn alarm(&mut self) {
        let mut packet = vec![0; PACKET_BYTES + OVERHEAD_BYTES + 1];
        for _ in 0..PACKETS_FIRST {
            let Ok((length, from)) = self.socket.try_recv_from(&mut packet) else { break };
            self.packet(&packet[..length], from);
        }
        let now = Instant::now();
        while let Some(Reverse(waiting)) = self.timers.peek()
            && waiting.at <= now
        {
            let Reverse(waiting) = self.timers.pop().expect("it was just seen");
            let handled = self.library.handle_timer(waiting.timer, &mut self.runtime);
            self.note("a timer", handled);
        }
    }

    fn command(&mut self, command: Command) {
        // Whoever waits for a reply may have given up.
        match command {
            Command::Question(Message::Ask, reply) => {
                let _ = reply.send(Message::Known(vec![self.table.own_seen()]));
            }
            Command::Question(Message::Known(seen), reply) => {
                self.learn(seen);
                self.settle();
                let _ = reply.send(self.known());
            }
            Command::Known(reply) => {
                let _ = reply.send(self.known());
            }
            Command::Answer(message, reply) => {
                self.answer(message);
                self.settle();
                let _ = reply.send(());
            }
            Command::Told(id, message) => {
                self.asked.remove(&id);
                message.into_iter().for_each(|message| self.answer(message));
            }
            Command::Namesake(address, message) => self.namesake_answered(address, message),
            Command::SetTags(tags) => self.set_tags(tags),
            Command::Leave(_) => unreachable!("the loop takes it"),
        }
    }

    fn answer(&mut self, message: Message) {
        if let Message::Known(seen) = message {
            self.learn(seen);
        }
    }

    fn known(&self) -> Message {
        Message::Known(self.table.seen(Instant::now()))
    }

    /// Takes over what another member knows.
    fn learn(&mut self, seen: Vec<Seen>) {
        if seen.len() > MEMBERS_MOST {
            tracing::warn!(members = seen.len(), most = MEMBERS_MOST, "gossip knows too many");
        }
        let seen: Vec<Seen> = seen.into_iter().take(MEMBERS_MOST).collect();
        let own = self.table.own.id;
        for one in seen.iter().filter(|one| one.identity.id == own) {
            self.overtaken(&one.identity);
        }
        let others: Vec<&Seen> = seen.iter().filter(|one| one.identity.id != own).collect();
        let news = others.iter().filter_map(|one| self.news(one));
        let news: Vec<foca::Member<Identity>> = news.collect();
        let applied = self.library.apply_many(news.into_iter(), true, &mut self.runtime);
        self.note("what another one knows", applied);
        self.refresh();
        let now = Instant::now();
        seen.into_iter().for_each(|one| self.table.tell(one, now));
        self.chores.changed = true;
    }

    /// What the library is to hear of a member. That somebody is down it hears from here only of
    /// those it does not know: else the others' packets say so, and can be refuted.
    fn news(&self, seen: &Seen) -> Option<foca::Member<Identity>> {
        let identity = seen.identity.clone();
        let Some(ms) = seen.down_for else {
            return Some(foca::Member::new(identity, seen.incarnation, foca::State::Alive));
        };
        let is_wanted = self.table.takes_as_down(seen)
            && self.table.is_kept(&identity, Duration::from_millis(ms));
        is_wanted.then(|| foca::Member::new(identity, seen.incarnation, foca::State::Down))
    }

    fn set_tags(&mut self, tags: Tags) {
        if tags == self.table.own_tags || self.own_status != Status::Alive {
            return;
        }
        let next = self.table.own.next();
        self.table.own_tags = tags;
        self.change_identity(Identity { tags: next.tags.saturating_add(1), ..next });
    }

    fn change_identity(&mut self, next: Identity) {
        let changed = self.library.change_identity(next.clone(), &mut self.runtime);
        self.note("another identity", changed);
        self.resume();
        self.table.own = next;
        self.chores.changed = true;
    }

    /// Under another identity the library asks nobody any more until it hears from somebody, which
    /// may never happen: it has to count its members anew.
    fn resume(&mut self) {
        let nothing = std::iter::empty();
        let counted = self.library.apply_many(nothing, false, &mut self.runtime);
        self.note("a new beginning", counted);
    }

    /// Carries out what the library wants, and publishes what changed.
    fn settle(&mut self) {
        while self.runtime.backlog() > 0 {
            while let Some((to, data)) = self.runtime.to_send() {
                let frame = self.sealer.seal(Channel::Packet, &data);
                // A packet that finds no room is a packet that was lost.
                let _ = self.socket.try_send_to(&frame, to.address);
            }
            let now = Instant::now();
            while let Some((after, timer)) = self.runtime.to_schedule() {
                self.timers.push(Reverse(Waiting { at: now + after, timer }));
            }
            while let Some(news) = self.runtime.to_notify() {
                tracing::debug!(?news, "gossip");
                if matches!(news, OwnedNotification::Rejoin(_)) {
                    // Somebody took this node for down, or knows its id otherwise.
                    self.chores.doubted = true;
                    self.resume();
                }
                self.chores.changed = true;
            }
            if self.chores.changed {
                self.refresh();
            }
        }
        if std::mem::take(&mut self.chores.changed) {
            self.refresh();
            self.publish();
            self.ask_for_tags();
        }
    }

    /// Brings the table up to what the library knows.
    fn refresh(&mut self) {
        let now = Instant::now();
        if self.table.own != *self.library.identity() {
            self.table.own = self.library.identity().clone();
        }
        let own = self.table.own.id;
        let (mut twin, mut known) = (None, HashSet::new());
        for member in self.library.iter_membership_state() {
            if member.id().id == own {
                twin = Some(member.id().clone());
            } else {
                known.insert(member.id().id);
                self.table.put(member, now);
            }
        }
        self.table.retain(&known);
        if let Some(twin) = twin {
            self.overtaken(&twin);
        }
    }

    fn publish(&mut self) {
        let members = self.table.members(self.own_status, Instant::now());
        self.members.send_if_modified(|published| {
            let is_news = *published != members;
            *published = members;
            is_news
        });
    }

    fn note(&self, what: &str, result: Result<(), foca::Error>) {
        if let Err(error) = result {
            tracing::debug!(%error, "gossip could not handle {what}");
        }
    }
}

async fn sleep_until(alarm: Option<Instant>) {
    match alarm {
        Some(at) => tokio::time::sleep_until(at).await,
        None => std::future::pending().await,
    }
}
