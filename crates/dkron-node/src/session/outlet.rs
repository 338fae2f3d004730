//! Where a worker's messages go: to the conductor of its own server, into a stream, or nowhere.

use std::sync::{Arc, Mutex, PoisonError};

use dkron_core::domain::NodeName;
use dkron_core::worker::ToLeader;
use tokio::sync::{mpsc, watch};

use crate::event::Event;
use crate::rpc::Target;

/// The worker's end. Clones share the way.
#[derive(Clone)]
pub struct Outlet {
    node: NodeName,
    way: Arc<Mutex<Way>>,
    linked: watch::Sender<Linked>,
}

/// Whom the worker talks to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Linked {
    #[default]
    Nobody,
    /// This server leads.
    Own,
    Leader(Target),
}

pub(super) enum Way {
    Closed,
    Own(mpsc::UnboundedSender<Event>),
    Stream(mpsc::Sender<ToLeader>, Target),
}

impl Outlet {
    /// Leads nowhere, until somebody dials.
    pub fn closed(node: NodeName) -> Outlet {
        let (linked, _) = watch::channel(Linked::Nobody);
        Outlet { node, way: Arc::new(Mutex::new(Way::Closed)), linked }
    }

    /// Whom it leads to, and when that changes.
    pub fn linked(&self) -> watch::Receiver<Linked> {
        self.linked.subscribe()
    }

    /// Says it, or drops it: a gap in the numbers tells the other side.
    pub fn send(&self, message: ToLeader) {
        let mut way = self.way.lock().unwrap_or_else(PoisonError::into_inner);
        match &mut *way {
            Way::Closed => {}
            Way::Own(events) => {
                let (node, message) = (self.node.clone(), Box::new(message));
                // The leader's thread ends before this one.
                let _ = events.send(Event::FromNode { node, message });
            }
            Way::Stream(outbox, _) => {
                if outbox.try_send(message).is_err() {
                    tracing::debug!("the way to the leader is full: the session begins anew");
                }
            }
        }
    }

    pub(super) fn turn(&self, new: Way) {
        let linked = match &new {
            Way::Closed => Linked::Nobody,
            Way::Own(_) => Linked::Own,
            Way::Stream(_, target) => Linked::Leader(target.clone()),
        };
        *self.way.lock().unwrap_or_else(PoisonError::into_inner) = new;
        self.linked.send_replace(linked);
    }
}
