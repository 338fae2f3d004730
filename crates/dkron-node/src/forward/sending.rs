//! The asking side: finds the leader, and says what its answer was.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, timeout, timeout_at};

use super::frame::{Frame, Refusal};
use super::pieces::{self, Pieces, Said};
use super::{Answered, RequestHead};
use crate::cluster::Leader;
use crate::rpc::{BoxFuture, CallError, Frames, Lane, Method, Target, Wire};
use crate::service::Error;

/// A connection, and the go-ahead on it, take at most so long.
const OPENING: Duration = Duration::from_secs(2);
/// After a try that failed, unless news of the leader come sooner.
const AGAIN: Duration = Duration::from_millis(100);

/// How the front door hands over what the leader is to carry out.
pub trait Forward: Send + Sync {
    /// Whether this server carries it out itself.
    fn leads(&self) -> bool;

    /// Finds the leader within `patience` and has it carry out the request. Cancel-safe up to the
    /// go-ahead; after it the request may be carried out although nobody waits.
    fn forward(
        &self,
        head: RequestHead,
        body: Pieces,
        patience: Duration,
    ) -> BoxFuture<Result<Sent, Error>>;
}

/// What became of a request.
#[derive(Debug)]
pub enum Sent {
    /// This server has begun to lead meanwhile: nothing was sent, here is the body.
    Here(Pieces),
    Answered(Answered),
    /// Nobody leads, or the leader is not to be reached; nothing was done.
    NoLeader(Pieces),
}

/// The way to the leader over the wire. A cheap clone.
#[derive(Clone)]
pub struct Forwarder {
    wire: Arc<dyn Wire>,
    leader: watch::Receiver<Leader>,
}

impl Forwarder {
    pub(crate) fn new(wire: Arc<dyn Wire>, leader: watch::Receiver<Leader>) -> Forwarder {
        Forwarder { wire, leader }
    }

    async fn run(
        mut self,
        head: RequestHead,
        body: Pieces,
        patience: Duration,
    ) -> Result<Sent, Error> {
        let deadline = Instant::now() + patience;
        loop {
            let leader = self.leader.borrow_and_update().clone();
            match leader {
                Leader::Own { .. } => return Ok(Sent::Here(body)),
                Leader::Other { target, .. } => match open(&*self.wire, &target, &head).await {
                    Ok(frames) => return finish(frames, body).await.map(Sent::Answered),
                    Err(Closed::Busy) => return Err(Error::Busy),
                    Err(Closed::Away(reason)) => {
                        tracing::debug!(%reason, "forward: the leader does not take it");
                    }
                },
                Leader::None => {}
            }
            if Instant::now() >= deadline {
                return Ok(Sent::NoLeader(body));
            }
            let pause =
                if leader_is_none(&self.leader) { deadline } else { Instant::now() + AGAIN };
            // Time that passes is a reason to look again, as news are.
            let _ = timeout_at(pause.min(deadline), self.leader.changed()).await;
        }
    }
}

fn leader_is_none(leader: &watch::Receiver<Leader>) -> bool {
    *leader.borrow() == Leader::None
}

impl Forward for Forwarder {
    fn leads(&self) -> bool {
        self.leader.borrow().is_own()
    }

    fn forward(
        &self,
        head: RequestHead,
        body: Pieces,
        patience: Duration,
    ) -> BoxFuture<Result<Sent, Error>> {
        Box::pin(self.clone().run(head, body, patience))
    }
}

/// Asks one server, whoever leads.
pub(crate) async fn ask(
    wire: &dyn Wire,
    target: &Target,
    head: &RequestHead,
    body: Pieces,
) -> Result<Answered, CallError> {
    let frames = open(wire, target, head).await.map_err(|closed| match closed {
        Closed::Busy => CallError::Refused("it is overloaded".into()),
        Closed::Away(reason) => reason,
    })?;
    finish(frames, body).await.map_err(|err| CallError::NoAnswer(err.to_string()))
}

/// Nothing was done there.
enum Closed {
    Busy,
    Away(CallError),
}

/// A stream with the go-ahead.
async fn open(wire: &dyn Wire, target: &Target, head: &RequestHead) -> Result<Frames, Closed> {
    let late = || Closed::Away(CallError::NoAnswer("no go-ahead came in time".into()));
    let opening = wire.open(target, Lane::Bulk, Method::Forward, OPENING);
    let mut frames = opening.await.map_err(Closed::Away)?;
    let asked = async {
        let gone = |_| Closed::Away(CallError::NoAnswer("the stream has ended".into()));
        frames.to.send(Frame::Request(head.clone()).encode()).await.map_err(gone)?;
        match Frame::decode(frames.from.recv().await).map_err(Closed::Away)? {
            Frame::Go => Ok(()),
            Frame::Refused(Refusal::Busy) => Err(Closed::Busy),
            _ => Err(Closed::Away(CallError::Refused("it does not lead".into()))),
        }
    };
    timeout(OPENING, asked).await.unwrap_or_else(|_| Err(late()))?;
    Ok(frames)
}

/// Says the body and hears the answer. From here on nobody knows what a broken stream means.
async fn finish(frames: Frames, body: Pieces) -> Result<Answered, Error> {
    let Frames { to, mut from } = frames;
    let saying = async {
        if pieces::say(body, &to).await != Said::Broken {
            // What became of it is the answer's to say.
            std::future::pending::<()>().await;
        }
    };
    let head = tokio::select! {
        arrived = from.recv() => match Frame::decode(arrived) {
            Ok(Frame::Answer(head)) => head,
            Ok(_) | Err(_) => return Err(Error::Unknown),
        },
        () = saying => return Err(Error::Unknown),
    };
    let (sender, body) = Pieces::channel();
    tokio::spawn(async move {
        pieces::hear(from, sender).await;
        drop(to);
    });
    Ok(Answered { head, body })
}
