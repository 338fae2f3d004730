//! The connection to one peer on one lane: dialled when somebody wants it, by one attempt at a
//! time, again when it broke, and after a pause when nobody answers.

use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::Notify;

use super::complaints::Complaints;
use super::dial::{self, Connection};
use super::identity::Identity;
use crate::rpc::{CallError, Target};

const PAUSE_FIRST: Duration = Duration::from_millis(50);
const PAUSE_MAX: Duration = Duration::from_millis(500);
/// Who does not want us will hardly change its mind.
const PAUSE_REFUSED: Duration = Duration::from_secs(1);

#[derive(Default)]
pub(super) struct Peer {
    slot: Mutex<Slot>,
    /// An attempt ended.
    changed: Notify,
}

#[derive(Default)]
struct Slot {
    connection: Option<Arc<Connection>>,
    is_dialing: bool,
    failed: Option<Failed>,
    /// Attempts in a row.
    failures: u32,
}

enum Look {
    Found(Result<Arc<Connection>, CallError>),
    Dial,
    Wait,
}

struct Failed {
    address: String,
    until: Instant,
    error: CallError,
}

impl Peer {
    /// The connection, as soon as there is one; the last error while a pause lasts. An attempt
    /// goes on when the caller does not wait for it any more.
    pub async fn connection(
        self: &Arc<Self>,
        own: &Arc<Identity>,
        complaints: &Arc<Complaints>,
        target: &Target,
    ) -> Result<Arc<Connection>, CallError> {
        loop {
            let mut changed = pin!(self.changed.notified());
            changed.as_mut().enable();
            match self.look(own, target) {
                Look::Found(found) => return found,
                Look::Dial => self.dial(own, complaints, target),
                Look::Wait => {}
            }
            changed.await;
        }
    }

    /// It was good for nothing: the next caller gets another one.
    pub fn forget(&self, connection: &Arc<Connection>) {
        let mut slot = self.slot();
        if slot.connection.as_ref().is_some_and(|present| Arc::ptr_eq(present, connection)) {
            slot.connection = None;
        }
    }

    /// Neither a connection nor an attempt at one.
    pub fn is_idle(&self) -> bool {
        let slot = self.slot();
        !slot.is_dialing && slot.connection.as_ref().is_none_or(|one| one.is_closed())
    }

    fn slot(&self) -> MutexGuard<'_, Slot> {
        self.slot.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whoever is told to dial must do so.
    fn look(&self, own: &Identity, target: &Target) -> Look {
        let mut slot = self.slot();
        let said = own.marked();
        // A cluster that was joined since then has to be told.
        slot.connection.take_if(|one| one.is_closed() || one.said != said);
        if let Some(connection) = &slot.connection {
            return Look::Found(Ok(Arc::clone(connection)));
        }
        if slot.is_dialing {
            return Look::Wait;
        }
        if let Some(failed) = &slot.failed
            && failed.address == target.address
            && Instant::now() < failed.until
        {
            return Look::Found(Err(failed.error.clone()));
        }
        slot.is_dialing = true;
        Look::Dial
    }

    fn dial(self: &Arc<Self>, own: &Arc<Identity>, complaints: &Arc<Complaints>, target: &Target) {
        let (peer, own, target) = (Arc::clone(self), Arc::clone(own), target.clone());
        let complaints = Arc::clone(complaints);
        tokio::spawn(async move {
            let result = dial::dial(&own, &target).await;
            if let Err(CallError::Refused(reason)) = &result {
                complaints.say(&format!("{:016x}", target.id), &target.address, reason);
            }
            peer.dialled(target.address, result);
        });
    }

    fn dialled(&self, address: String, result: Result<Connection, CallError>) {
        let mut slot = self.slot();
        slot.is_dialing = false;
        match result {
            Ok(connection) => {
                slot.failures = 0;
                slot.failed = None;
                slot.connection = Some(Arc::new(connection));
            }
            Err(error) => {
                let pause = match error {
                    CallError::Refused(_) => PAUSE_REFUSED,
                    _ => PAUSE_MAX.min(PAUSE_FIRST * 2u32.pow(slot.failures.min(8))),
                };
                slot.failures = slot.failures.saturating_add(1);
                slot.failed = Some(Failed { address, until: Instant::now() + pause, error });
            }
        }
        drop(slot);
        self.changed.notify_waiters();
    }
}
