//! The answering side: hands what arrives to the front door of this server.

use std::sync::{Arc, OnceLock};

use tokio::sync::{Semaphore, watch};

use super::frame::{Frame, Refusal};
use super::pieces::{self, Pieces};
use super::{Answered, RequestHead};
use crate::cluster::Leader;
use crate::rpc::{BoxFuture, Caller, Frames, Method, Role, Router};

/// LIMIT: requests that are carried out for others at a time; more are sent away.
const ROOM: usize = 8192;

/// A request that arrived.
#[derive(Debug)]
pub struct Arrived {
    pub head: RequestHead,
    pub body: Pieces,
    /// Another server sent it because this one leads: it must not be sent on. Otherwise an
    /// operator did, who may ask any server.
    pub from_server: bool,
}

/// What serves requests that arrive: the front door.
pub type Front = Arc<dyn Fn(Arrived) -> BoxFuture<Answered> + Send + Sync>;

/// Answers `Method::Forward`. Until `front` is set nothing is taken.
pub(crate) fn register(
    router: Router,
    leader: watch::Receiver<Leader>,
    front: Arc<OnceLock<Front>>,
) -> Router {
    let serving = Serving { leader, front, room: Arc::new(Semaphore::new(ROOM)) };
    router.stream(Method::Forward, move |caller, frames| serving.clone().serve(caller, frames))
}

#[derive(Clone)]
struct Serving {
    leader: watch::Receiver<Leader>,
    front: Arc<OnceLock<Front>>,
    room: Arc<Semaphore>,
}

impl Serving {
    async fn serve(self, caller: Caller, mut frames: Frames) {
        let Ok(Frame::Request(head)) = Frame::decode(frames.from.recv().await) else { return };
        let from_server = match caller.role {
            Role::Server => true,
            Role::Operator => false,
            // An agent has no clients.
            Role::Agent => return,
        };
        let may = !from_server || self.leader.borrow().is_own();
        let Some(front) = self.front.get().filter(|_| may).cloned() else {
            return refuse(&frames, Refusal::NotLeader).await;
        };
        let Ok(_place) = self.room.try_acquire() else {
            return refuse(&frames, Refusal::Busy).await;
        };
        let Frames { to, from } = frames;
        if to.send(Frame::Go.encode()).await.is_err() {
            return;
        }
        let (sender, body) = Pieces::channel();
        // It ends with the body, at the latest with its reader.
        let hearing = tokio::spawn(pieces::hear(from, sender));
        let answered = tokio::select! {
            answered = front(Arrived { head, body, from_server }) => answered,
            () = to.closed() => return hearing.abort(),
        };
        if to.send(Frame::Answer(answered.head).encode()).await.is_ok() {
            pieces::say(answered.body, &to).await;
        }
        hearing.abort();
    }
}

/// Says that nothing was done. Who does not listen tries elsewhere anyway.
async fn refuse(frames: &Frames, why: Refusal) {
    let _ = frames.to.send(Frame::Refused(why).encode()).await;
}
