//! What lies between the nodes: calls that are late, lost, doubled, or whose answer is; streams
//! that keep their order, stand still while a way is cut, and break.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;

use super::process::Process;
use super::world::{Inner, World};
use crate::rpc::{
    BoxFuture, CallError, Caller, FRAMES_AHEAD, Frames, Lane, Method, Router, Target, Wire,
};

/// A connection on which nothing comes through is closed after this time.
const SILENCE: Duration = Duration::from_secs(6);
/// How often a frame looks whether its way is whole again.
const LOOK: Duration = Duration::from_millis(50);

#[derive(Default)]
pub struct Net {
    doors: BTreeMap<u64, (Router, Arc<Process>)>,
    /// From whom to whom nothing passes.
    pub cut: BTreeSet<(u64, u64)>,
}

impl Net {
    pub fn serve(&mut self, id: u64, router: Router, process: Arc<Process>) {
        self.doors.insert(id, (router, process));
    }

    pub fn close(&mut self, id: u64) {
        self.doors.remove(&id);
    }
}

/// The way out of one process.
pub struct Line {
    pub world: World,
    pub own: Caller,
    pub process: Arc<Process>,
}

fn delay(inner: &mut Inner) -> Duration {
    let most = inner.plan.wire_millis;
    inner.dice.millis(0, most)
}

fn lost(inner: &mut Inner, from: u64, to: u64) -> bool {
    let rate = inner.plan.lose / 2;
    inner.dice.chance(rate) || inner.net.cut.contains(&(from, to))
}

/// One way of a call; never ready if it does not arrive.
async fn travel(world: &World, from: u64, to: u64) {
    let (pause, is_lost) = world.with(|inner| (delay(inner), lost(inner, from, to)));
    sleep(pause).await;
    if is_lost {
        std::future::pending::<()>().await;
    }
}

impl Line {
    fn door(&self, to: u64) -> Result<(Router, Arc<Process>), CallError> {
        let door = self.world.with(|inner| inner.net.doors.get(&to).cloned());
        door.ok_or_else(|| CallError::Unreachable("nobody listens there".into()))
    }
}

impl Clone for Line {
    fn clone(&self) -> Line {
        let (world, own) = (self.world.clone(), self.own.clone());
        Line { world, own, process: Arc::clone(&self.process) }
    }
}

impl Wire for Line {
    fn call(
        &self,
        to: &Target,
        _lane: Lane,
        method: Method,
        message: Bytes,
        patience: Duration,
    ) -> BoxFuture<Result<Bytes, CallError>> {
        let (line, to) = (self.clone(), to.id);
        let asked = async move {
            let (world, from) = (&line.world, line.own.id);
            travel(world, from, to).await;
            if line.process.is_dead() {
                std::future::pending::<()>().await;
            }
            let (router, process) = line.door(to)?;
            let handler = router.handler(method);
            let handler = handler.ok_or_else(|| CallError::Refused(format!("{method:?}")))?;
            let rate = |inner: &mut Inner| (inner.dice.chance(inner.plan.double), delay(inner));
            let (again, later) = world.with(rate);
            if again {
                let (handler, own, message) = (handler.clone(), line.own.clone(), message.clone());
                tokio::spawn(process.run(async move {
                    sleep(later).await;
                    drop(handler(own, message).await);
                }));
            }
            // It goes on there, whoever waits here.
            let own = line.own.clone();
            let answering = process.run(async move { handler(own, message).await });
            let dead = process.dead.clone();
            let answer = tokio::spawn(async move {
                tokio::select! {
                    biased;
                    () = dead.cancelled() => Err(CallError::NoAnswer("it died".into())),
                    answer = answering => answer.map_err(CallError::Refused),
                }
            });
            let answer = answer.await.map_err(|_| CallError::NoAnswer("it broke down".into()))?;
            travel(world, to, from).await;
            answer
        };
        let late = |_| Err(CallError::NoAnswer("nothing came in time".into()));
        Box::pin(async move { timeout(patience, asked).await.unwrap_or_else(late) })
    }

    fn open(
        &self,
        to: &Target,
        _lane: Lane,
        method: Method,
        patience: Duration,
    ) -> BoxFuture<Result<Frames, CallError>> {
        let (line, to) = (self.clone(), to.id);
        let opened = async move {
            let from = line.own.id;
            travel(&line.world, from, to).await;
            let (router, process) = line.door(to)?;
            let handler = router.stream_handler(method);
            let handler = handler.ok_or_else(|| CallError::Refused(format!("{method:?}")))?;
            let stream = Stream::new(&line, &process);
            let (here, there) = (stream.pipe(from, to), stream.pipe(to, from));
            let frames = Frames { to: there.0, from: here.1 };
            let dead = process.dead.clone();
            let own = line.own.clone();
            let serving = process.run(async move { handler(own, frames).await });
            tokio::spawn(async move {
                tokio::select! {
                    biased;
                    () = dead.cancelled() => {}
                    () = serving => {}
                }
            });
            travel(&line.world, to, from).await;
            Ok(Frames { to: here.0, from: there.1 })
        };
        let late = |_| Err(CallError::NoAnswer("nothing came in time".into()));
        let patience = patience.min(SILENCE);
        Box::pin(async move { timeout(patience, opened).await.unwrap_or_else(late) })
    }
}

type Pipe = (mpsc::Sender<Bytes>, mpsc::Receiver<Result<Bytes, CallError>>);

/// Both directions end together, as those of a connection do.
#[derive(Clone)]
struct Stream {
    world: World,
    ends: [CancellationToken; 2],
    broken: CancellationToken,
}

impl Stream {
    fn new(line: &Line, other: &Process) -> Stream {
        let ends = [line.process.dead.clone(), other.dead.clone()];
        Stream { world: line.world.clone(), ends, broken: CancellationToken::new() }
    }

    /// One direction.
    fn pipe(&self, from: u64, to: u64) -> Pipe {
        let (sender, inbox) = mpsc::channel(FRAMES_AHEAD);
        let (outbox, receiver) = mpsc::channel(FRAMES_AHEAD);
        let stream = self.clone();
        tokio::spawn(async move {
            let [one, other] = &stream.ends;
            let broke = tokio::select! {
                biased;
                () = one.cancelled() => true,
                () = other.cancelled() => true,
                () = stream.broken.cancelled() => true,
                () = stream.silence(from, to) => true,
                broke = stream.carry(inbox, &outbox, from, to) => broke,
            };
            if broke {
                stream.broken.cancel();
                // Whoever left does not want to know.
                let _ = outbox.send(Err(CallError::NoAnswer("the way broke".into()))).await;
            }
        });
        (sender, receiver)
    }

    /// Ready when nothing came through for so long that somebody notices.
    async fn silence(&self, from: u64, to: u64) {
        let mut since = Instant::now();
        while since.elapsed() < SILENCE {
            sleep(SILENCE / 8).await;
            if !self.world.with(|inner| inner.net.cut.contains(&(from, to))) {
                since = Instant::now();
            }
        }
    }

    /// Whether it broke, or somebody had enough.
    async fn carry(
        &self,
        mut inbox: mpsc::Receiver<Bytes>,
        outbox: &mpsc::Sender<Result<Bytes, CallError>>,
        from: u64,
        to: u64,
    ) -> bool {
        while let Some(frame) = inbox.recv().await {
            let (pause, breaks) =
                self.world.with(|inner| (delay(inner), inner.dice.chance(inner.plan.sever)));
            sleep(pause).await;
            if breaks {
                return true;
            }
            while self.world.with(|inner| inner.net.cut.contains(&(from, to))) {
                sleep(LOOK).await;
            }
            if outbox.send(Ok(frame)).await.is_err() {
                return false;
            }
        }
        false
    }
}
