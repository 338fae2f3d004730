//! The handle: starting, joining, leaving.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rand::SeedableRng;
use rand::rngs::SmallRng;
use tokio::net::{TcpListener, UdpSocket};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::AbortHandle;
use tokio::time::{Instant, timeout_at};

use crate::engine::{Command, Engine, Parts};
use crate::error::Error;
use crate::frame::Sealer;
use crate::identity::Identity;
use crate::member::{Members, Status};
use crate::message::{Message, Tags};
use crate::notices::Notices;
use crate::options::{NAME_BYTES, Options, TAGS_BYTES};
use crate::roster;
use crate::stream::{self, PATIENCE};
use crate::table::Table;
use crate::timing::Timing;

/// LIMIT: commands that wait for the task; then whoever has one waits.
const COMMANDS: usize = 1024;
/// LIMIT: addresses that one join dials; what is beyond is not tried.
const JOINED_MOST: usize = 1024;

/// A member of the pool, for as long as a clone of it is held. Dropping the last one stops it
/// without a word; [`Gossip::leave`] says goodbye.
#[derive(Clone)]
pub struct Gossip {
    inner: Arc<Inner>,
}

struct Inner {
    id: u64,
    bound: SocketAddr,
    advertised: SocketAddr,
    commands: mpsc::Sender<Command>,
    members: watch::Receiver<Members>,
    conflict: watch::Receiver<Option<String>>,
    /// From the roster of last time.
    remembered: Vec<SocketAddr>,
    sealer: Arc<Sealer>,
    notices: Arc<Notices>,
    tasks: [AbortHandle; 2],
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.tasks.iter().for_each(AbortHandle::abort);
    }
}

impl Gossip {
    /// Listens, over UDP and TCP on one port, and knows nobody yet. Its tasks run on the runtime
    /// that it is called on.
    pub async fn start(options: Options) -> Result<Gossip, Error> {
        if options.name.len() > NAME_BYTES {
            return Err(Error::Name(options.name.len()));
        }
        check_tags(&options.tags)?;
        let (listener, socket) = bind(options.bind).await?;
        let failed = |source| Error::Bind { address: options.bind, source };
        let bound = listener.local_addr().map_err(failed)?;
        let mut advertised = options.advertise;
        if advertised.port() == 0 {
            advertised.set_port(bound.port());
        }
        if advertised.ip().is_unspecified() {
            return Err(Error::Advertise(advertised));
        }
        let identity = Identity {
            life: now_ms(),
            turn: 0,
            tags: 0,
            leaving: false,
            id: options.id,
            address: advertised,
            name: options.name,
        };
        let remembered = options.roster.as_deref().map(roster::read).unwrap_or_default();
        let sealer = Arc::new(Sealer::new(options.key.as_ref()));
        let notices = Arc::new(Notices::default());
        let (commands, inbox) = mpsc::channel(COMMANDS);
        let alone = Table::new(identity.clone(), options.tags.clone(), options.reconnect_timeout);
        let (members, watched) = watch::channel(alone.members(Status::Alive, Instant::now()));
        let (conflict, conflicts) = watch::channel(None);
        let seed = getrandom::u64().expect("the system has randomness");
        let engine = Engine::new(Parts {
            identity,
            tags: options.tags,
            failed_kept: options.reconnect_timeout,
            timing: Timing::of(options.profile),
            rng: SmallRng::seed_from_u64(seed),
            socket,
            sealer: sealer.clone(),
            notices: notices.clone(),
            roster: options.roster,
            commands: inbox,
            own_commands: commands.downgrade(),
            members,
            conflict,
        });
        let serving = stream::serve(listener, sealer.clone(), notices.clone(), commands.clone());
        let tasks =
            [tokio::spawn(engine.run()).abort_handle(), tokio::spawn(serving).abort_handle()];
        let inner = Inner {
            id: options.id,
            bound,
            advertised,
            commands,
            members: watched,
            conflict: conflicts,
            remembered,
            sealer,
            notices,
            tasks,
        };
        Ok(Gossip { inner: Arc::new(inner) })
    }

    pub(crate) fn id(&self) -> u64 {
        self.inner.id
    }

    /// Where it listens.
    pub fn local_addr(&self) -> SocketAddr {
        self.inner.bound
    }

    /// Where others reach it.
    pub fn advertised(&self) -> SocketAddr {
        self.inner.advertised
    }

    /// All members, this node first, the others by name. It changes no more once this node left.
    pub fn members(&self) -> watch::Receiver<Members> {
        self.inner.members.clone()
    }

    /// What another live node claims that is this one's: its name, or the id of its data.
    pub fn conflict(&self) -> watch::Receiver<Option<String>> {
        self.inner.conflict.clone()
    }

    /// How many packets and messages could not be read since the start.
    pub fn unreadable(&self) -> u64 {
        self.inner.notices.count()
    }

    /// Where others were when they were seen last, also before this start.
    pub fn remembered(&self) -> Vec<SocketAddr> {
        let members = self.inner.members.borrow().clone();
        let others = members.iter().skip(1).filter(|member| member.status != Status::Left);
        let mut addresses: Vec<SocketAddr> = others.map(|member| member.address).collect();
        addresses.extend(&self.inner.remembered);
        addresses.sort_unstable();
        addresses.dedup();
        addresses
    }

    /// Asks all of them at once who is there, and returns as soon as another member has answered,
    /// after five seconds at the latest. Those who answer later are members all the same.
    ///
    /// The number says how many others have answered until then; it is 0 if all who did are this
    /// node itself. It is an error if nobody did.
    pub async fn join(&self, addresses: &[SocketAddr]) -> Result<usize, Error> {
        let question = self.known().await?;
        let (tell, mut told) = mpsc::channel(JOINED_MOST);
        for address in addresses.iter().copied().take(JOINED_MOST) {
            let (gossip, tell) = (self.downgrade(), tell.clone());
            let question = question.clone();
            tokio::spawn(async move {
                let met = gossip.meet(address, question).await;
                // Whoever joined has returned already.
                let _ = tell.send(met.map_err(|reason| format!("{address}: {reason}"))).await;
            });
        }
        drop(tell);
        let deadline = Instant::now() + PATIENCE;
        let (mut others, mut itself, mut failures) = (0, false, Vec::new());
        while let Ok(Some(met)) = timeout_at(deadline, told.recv()).await {
            match met {
                Ok(true) => others += 1,
                Ok(false) => itself = true,
                Err(reason) => failures.push(reason),
            }
            if others > 0 {
                while let Ok(Ok(is_other)) = told.try_recv() {
                    others += usize::from(is_other);
                }
                return Ok(others);
            }
        }
        match itself {
            true => Ok(0),
            false => Err(Error::NobodyThere(failures.join("; "))),
        }
    }

    /// What the tags are from now on; the others hear of it at once.
    pub async fn set_tags(&self, tags: Tags) -> Result<(), Error> {
        check_tags(&tags)?;
        let sent = self.inner.commands.send(Command::SetTags(tags)).await;
        sent.map_err(|_| Error::Stopped)
    }

    /// Says goodbye, waits at most a second until some have heard it, and stops.
    pub async fn leave(&self) {
        let (reply, left) = oneshot::channel();
        if self.inner.commands.send(Command::Leave(reply)).await.is_ok() {
            // It stops either way.
            let _ = left.await;
        }
        self.inner.tasks.iter().for_each(AbortHandle::abort);
    }

    async fn known(&self) -> Result<Arc<Message>, Error> {
        let (reply, known) = oneshot::channel();
        let sent = self.inner.commands.send(Command::Known(reply)).await;
        sent.map_err(|_| Error::Stopped)?;
        known.await.map(Arc::new).map_err(|_| Error::Stopped)
    }

    fn downgrade(&self) -> Guest {
        Guest {
            id: self.inner.id,
            sealer: self.inner.sealer.clone(),
            commands: self.inner.commands.downgrade(),
        }
    }
}

/// A visit at one address; it does not keep gossip going.
struct Guest {
    id: u64,
    sealer: Arc<Sealer>,
    commands: mpsc::WeakSender<Command>,
}

impl Guest {
    /// Whether another member is there; false if it is this node itself.
    async fn meet(&self, address: SocketAddr, question: Arc<Message>) -> Result<bool, String> {
        let answer = stream::ask(address, &self.sealer, &question).await;
        let answer = answer.map_err(|error| error.to_string())?;
        let Message::Known(seen) = &answer else { return Err("it answers something else".into()) };
        let Some(first) = seen.first() else { return Err("it answers nothing".into()) };
        if first.identity.id == self.id {
            return Ok(false);
        }
        let (reply, learnt) = oneshot::channel();
        let stopped = || "gossip has stopped".to_owned();
        let commands = self.commands.upgrade().ok_or_else(stopped)?;
        commands.send(Command::Answer(answer, reply)).await.map_err(|_| stopped())?;
        learnt.await.map_err(|_| stopped())?;
        Ok(true)
    }
}

/// One port for both: a free one for TCP may be taken for UDP.
async fn bind(address: SocketAddr) -> Result<(TcpListener, UdpSocket), Error> {
    let failed = |source| Error::Bind { address, source };
    let mut tries = if address.port() == 0 { 16 } else { 1 };
    loop {
        let listener = TcpListener::bind(address).await.map_err(failed)?;
        let bound = listener.local_addr().map_err(failed)?;
        tries -= 1;
        match UdpSocket::bind(bound).await {
            Ok(socket) => return Ok((listener, socket)),
            Err(source) if tries == 0 => return Err(failed(source)),
            Err(_) => {}
        }
    }
}

fn check_tags(tags: &Tags) -> Result<(), Error> {
    let bytes = tags.iter().map(|(key, value)| key.len() + value.len()).sum();
    if bytes > TAGS_BYTES { Err(Error::Tags(bytes)) } else { Ok(()) }
}

fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
    since.as_millis() as u64
}
