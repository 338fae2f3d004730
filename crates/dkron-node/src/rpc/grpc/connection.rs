//! An accepted connection: what its greeting has come to.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use dkron_wire::hello::{Greeting, Hello};
use tokio::runtime::Handle;
use tokio::sync::Notify;
use tonic::Status;

use super::complaints::Complaints;
use super::greeting::{self, End};
use super::identity::Identity;
use crate::cluster::Marked;
use crate::rpc::{Caller, Method, Role, Router};

/// What all connections of a listener share.
pub(super) struct Shared {
    pub own: Arc<Identity>,
    pub router: Router,
    pub complaints: Complaints,
    /// Where streams are served.
    pub streams: Handle,
}

pub(super) struct Connection {
    pub shared: Arc<Shared>,
    address: SocketAddr,
    state: Mutex<State>,
    /// It is over, or known: whoever waits for the greeting looks again.
    pub changed: Notify,
}

enum State {
    New,
    /// Greeted, but the dialer has to prove itself.
    Asked {
        known: Known,
        expected: blake3::Hash,
    },
    Known(Known),
    /// Refused: nothing is answered any more.
    Over,
}

#[derive(Clone)]
struct Known {
    caller: Caller,
    /// Its cluster, as it said.
    theirs: Option<Marked>,
    /// Ours, as we said.
    said: Option<Marked>,
}

impl Connection {
    pub fn new(shared: Arc<Shared>, address: SocketAddr) -> Connection {
        let state = Mutex::new(State::New);
        Connection { shared, address, state, changed: Notify::new() }
    }

    pub fn is_known(&self) -> bool {
        self.known().is_some()
    }

    fn known(&self) -> Option<Known> {
        match &*self.state() {
            State::Known(known) => Some(known.clone()),
            _ => None,
        }
    }

    pub fn is_over(&self) -> bool {
        matches!(*self.state(), State::Over)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn becomes(&self, state: State) {
        *self.state() = state;
        self.changed.notify_one();
    }

    /// The answer to one greeting.
    pub fn greeted(&self, words: &[u8]) -> Greeting {
        let answer = match Greeting::decode(words) {
            Ok(Greeting::Hello(hello)) => self.hello(&hello),
            Ok(Greeting::Proof(proof)) => self.proof(proof),
            Ok(_) => Err(("?".into(), "this is no way to begin".into())),
            Err(err) => Err(("?".into(), err.to_string())),
        };
        answer.unwrap_or_else(|(who, reason)| {
            self.shared.complaints.say(&who, &self.address.ip().to_string(), &reason);
            self.becomes(State::Over);
            Greeting::Refused(reason)
        })
    }

    fn hello(&self, bytes: &[u8]) -> Result<Greeting, (String, String)> {
        let own = &self.shared.own;
        if !matches!(*self.state(), State::New) {
            return Err(("?".into(), "a second hello on one connection".into()));
        }
        let other = Hello::decode(bytes).map_err(|err| ("?".to_owned(), err.to_string()))?;
        // Before the hello is made: if it changes meanwhile, the connection is already stale.
        let said = own.marked();
        let hello = greeting::own(own);
        let version =
            greeting::judge(&hello, &other).map_err(|reason| (other.name.clone(), reason))?;
        let ours = hello.encode();
        let role = greeting::role(other.role).expect("an unknown role was refused");
        let theirs = greeting::marked(&other);
        let caller = Caller { id: other.id, name: other.name, role, version };
        let known = Known { caller, theirs, said };
        let proof = own.key.as_ref().map(|key| {
            let expected = greeting::proof(key, End::Dialer, bytes, &ours);
            (expected, greeting::proof(key, End::Acceptor, bytes, &ours))
        });
        match proof {
            Some((expected, _)) => self.becomes(State::Asked { known, expected }),
            None => self.becomes(State::Known(known)),
        }
        let proof = proof.map(|(_, proof)| *proof.as_bytes());
        Ok(Greeting::Welcome { hello: ours, version, proof })
    }

    fn proof(&self, proof: [u8; 32]) -> Result<Greeting, (String, String)> {
        let mut state = self.state();
        let State::Asked { known, expected } = &*state else {
            return Err(("?".into(), "nobody asked for a proof".into()));
        };
        if *expected != proof {
            let name = known.caller.name.clone();
            return Err((name.clone(), format!("`{name}` has another key (`encrypt`)")));
        }
        *state = State::Known(known.clone());
        drop(state);
        self.changed.notify_one();
        Ok(Greeting::Done)
    }

    /// Waits until this node belongs to a cluster that it could not name in its greeting; for ever
    /// if it named one or has nothing to name.
    pub async fn outdated(&self) {
        let unsaid = self.known().is_some_and(|known| known.said.is_none());
        if let Some(mark) = self.shared.own.mark.as_ref().filter(|_| unsaid)
            && mark.changes().wait_for(Option::is_some).await.is_ok()
        {
            return;
        }
        std::future::pending().await
    }

    /// Who asks; whoever was not greeted, or must be greeted again, is told so.
    pub async fn caller(&self, method: Method) -> Result<Caller, Status> {
        let Some(known) = self.known() else {
            return Err(Status::unauthenticated("this node wants to be greeted first"));
        };
        if known.said != self.shared.own.marked() {
            return Err(Status::aborted("this node has joined a cluster: greet it again"));
        }
        if known.said.is_none() {
            self.adopt(&known, method).await?;
        }
        Ok(known.caller)
    }

    /// Consensus with a server that belongs to a cluster makes this node a part of it.
    async fn adopt(&self, known: &Known, method: Method) -> Result<(), Status> {
        let binds = matches!(method, Method::Consensus | Method::Snapshot | Method::Session)
            && known.caller.role == Role::Server;
        let (true, Some(marked), Some(mark)) = (binds, known.theirs, self.shared.own.mark.clone())
        else {
            return Ok(());
        };
        let adopted = tokio::task::spawn_blocking(move || mark.adopt(marked)).await;
        adopted
            .unwrap_or_else(|err| Err(std::io::Error::other(err)))
            .map_err(|err| Status::failed_precondition(format!("failed to join: {err}")))?;
        tracing::info!(cluster = %marked.cluster, from = known.caller.name, "joined a cluster");
        Ok(())
    }
}
