//! A server that leaves for good is taken out of the members while it is still there: as long as it
//! counts as a voter the others need as many answers as with it, and of two the other could decide
//! nothing any more.
//!
//! ```text
//!   Depart, a call:   empty   ─▶   empty, once the caller is no member
//! ```

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use dkron_raft::{Handle, Peer};
use tokio::time::{Instant, sleep};

use super::Book;
use super::autopilot::{RemoveError, remove};
use crate::rpc::{Caller, Lane, Method, Role, Router, Wire};

/// LIMIT: how long a server that leaves goes on asking; an election has to fit in.
const PATIENCE: Duration = Duration::from_secs(5);
/// LIMIT: how long one answer may take; it comes when the others have agreed.
const ANSWER: Duration = Duration::from_secs(2);
const PAUSE: Duration = Duration::from_millis(50);

/// Answers those that leave; a server speaks for itself alone.
pub fn register(router: Router, raft: Handle) -> Router {
    router.call(Method::Depart, move |caller: Caller, _message| {
        let raft = raft.clone();
        async move {
            if caller.role != Role::Server {
                return Err("only a server is a member of consensus".to_owned());
            }
            match remove(&raft, caller.id).await {
                Ok(()) => tracing::info!("server `{}` left the cluster", caller.name),
                Err(RemoveError::NotFound(_)) => {}
                Err(err) => return Err(err.to_string()),
            }
            Ok(Bytes::new())
        }
    })
}

pub struct Parts {
    pub raft: Handle,
    pub wire: Arc<dyn Wire>,
    pub book: Book,
    /// This server.
    pub own: u64,
}

/// Asks the leader until this server is no member. Comes after the goodbye by gossip: a leader
/// would take a server in again that it sees alive.
pub async fn run(parts: &Parts) -> Result<(), String> {
    let until = Instant::now() + PATIENCE;
    loop {
        // The last one has nobody to ask, and its data is the cluster's.
        if parts.raft.membership().servers.len() < 2 {
            return Ok(());
        }
        let problem = match parts.raft.metrics().leader {
            Some(leader) if leader.id != parts.own => match parts.ask(&leader).await {
                Ok(()) => return Ok(()),
                Err(problem) => problem,
            },
            // It was made leader after it had handed over.
            Some(_) => match parts.raft.transfer(None).await {
                Ok(_) => continue,
                Err(err) => err.to_string(),
            },
            None => "there is no leader".to_owned(),
        };
        if Instant::now() >= until {
            return Err(problem);
        }
        sleep(PAUSE).await;
    }
}

impl Parts {
    async fn ask(&self, leader: &Peer) -> Result<(), String> {
        let target = self.book.reach(leader);
        let call = self.wire.call(&target, Lane::Control, Method::Depart, Bytes::new(), ANSWER);
        call.await.map(drop).map_err(|err| err.to_string())
    }
}

#[cfg(test)]
mod tests {
    use dkron_gossip::{Member, Status};

    use super::*;
    use crate::cluster::bootstrap;
    use crate::cluster::stage::{self, Actor, Stage, caller, directories, member, until};

    fn leaver(stage: &Stage, actor: &Actor) -> Parts {
        let (raft, wire) = (actor.raft.clone(), stage.hub.wire(caller(actor.id)));
        Parts { raft, wire, book: stage.book.clone(), own: actor.id }
    }

    /// What all see once these have said goodbye.
    fn say_goodbye(stage: &Stage, left: &[u64]) {
        let status = |id| if left.contains(&id) { Status::Left } else { Status::Alive };
        let members = [1, 2, 3].map(|id| Member { status: status(id), ..member(id, 3) });
        stage.members.send_replace(Arc::new(members.into()));
    }

    #[tokio::test]
    async fn servers_leave_until_the_last_one_decides_alone() {
        let (stage, places) = (Stage::new(), directories::<3>());
        let mut actors = Vec::new();
        for (id, place) in (1..).zip(&places) {
            let actor = stage.enter(id, 3, place.path()).await;
            tokio::spawn(bootstrap::run(actor.parts.clone()));
            actors.push(actor);
        }
        stage.show(&[1, 2, 3], 3);
        let mut left = Vec::new();
        // A follower first, then the leader, which has not handed over.
        for leads in [false, true] {
            let leader = stage::leader(&actors).await;
            let at = if leads { leader } else { (leader + 1) % actors.len() };
            let parts = leaver(&stage, &actors[at]);
            left.push(actors[at].id);
            say_goodbye(&stage, &left);
            run(&parts).await.unwrap();
            let gone = actors.remove(at);
            until(|| actors.iter().any(|it| it.voters().len() == actors.len())).await;
            stage.leave(gone).await;
        }
        stage::leader(&actors).await;
        actors[0].propose("alone").await;
        run(&leaver(&stage, &actors[0])).await.unwrap();
        assert_eq!(actors[0].voters().len(), 1, "its data is the cluster's");
    }

    #[tokio::test]
    async fn agents_are_no_members() {
        let (stage, place) = (Stage::new(), directories::<1>());
        let actor = stage.enter(1, 1, place[0].path()).await;
        let answer = register(Router::default(), actor.raft.clone()).handler(Method::Depart);
        let agent = Caller { role: Role::Agent, ..caller(9) };
        let said = answer.unwrap()(agent, Bytes::new()).await.unwrap_err();
        assert_eq!(said, "only a server is a member of consensus");
    }
}
