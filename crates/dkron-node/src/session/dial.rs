//! The node's side: keeps the worker connected to whoever leads.

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use dkron_core::worker::Order;
use dkron_wire::session::{Arrived, decode_orders, encode_news};
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;

use super::find::{Guide, Link, find};
use super::lent::Borrowed;
use super::outlet::{Outlet, Way};
use super::{Inbound, OUTBOX, PATIENCE, frames};
use crate::cluster::Leader;
use crate::rpc::{CallError, Frames, Target, Wire};

/// A leader answers a beat each second: after so much silence it is looked for again, and the
/// stream is kept until that was successful.
const SILENCE: Duration = Duration::from_millis(1500);

/// What dialling needs.
pub struct Parts {
    /// Of the data directory.
    pub shard: u32,
    pub guide: Guide,
    pub wire: Arc<dyn Wire>,
    /// Where the worker's messages come from.
    pub outlet: Outlet,
    /// Where orders go to.
    pub hands: mpsc::Sender<Inbound>,
}

/// Runs for as long as the worker's thread does.
pub async fn run(parts: Parts) {
    let Parts { shard, guide, wire, outlet, hands } = parts;
    let borrowed = Borrowed::new(Arc::clone(&wire));
    let mut own = Dialler { shard, guide, wire, outlet, hands, borrowed };
    let mut link = None;
    while !own.hands.is_closed() {
        link = match link.take() {
            Some(link) => own.converse(link).await,
            None => own.connect().await,
        };
    }
}

struct Dialler {
    shard: u32,
    guide: Guide,
    wire: Arc<dyn Wire>,
    outlet: Outlet,
    hands: mpsc::Sender<Inbound>,
    borrowed: Borrowed,
}

impl Dialler {
    /// Finds the leader. A server that leads itself talks to itself, for as long as that lasts.
    async fn connect(&mut self) -> Option<Link> {
        self.outlet.turn(Way::Closed);
        let own = self.guide.own();
        let tenure = tokio::select! {
            biased;
            tenure = own => tenure,
            link = find(&mut self.guide, &self.wire, self.shard) => return Some(link),
            () = self.hands.closed() => return None,
        };
        if let Guide::Server { leader, events } = &self.guide {
            let mut leader = leader.clone();
            self.outlet.turn(Way::Own(events.clone()));
            self.link().await;
            // An end of the watch is the end of the server.
            let over = leader.wait_for(|leader| *leader != Leader::Own { tenure });
            tokio::select! {
                biased;
                _ = over => {}
                () = self.hands.closed() => {}
            }
        }
        None
    }

    /// Carries messages both ways until the stream ends, or there is a better one.
    async fn converse(&mut self, link: Link) -> Option<Link> {
        let Link { frames: Frames { to, from }, target, version } = link;
        let (outbox, inbox) = mpsc::channel(OUTBOX);
        self.outlet.turn(Way::Stream(outbox, target.clone()));
        self.link().await;
        tracing::debug!(leader = target.address, "connected to the leader");
        let (heard, hearing) = watch::channel(Instant::now());
        let inward = Inward { from, leader: &target, version, heard };
        let mut elsewhere = pin!(self.guide.elsewhere(target.id));
        let is_asking = AtomicBool::new(false);
        let doubt = doubt(hearing, &is_asking, &mut self.guide, &self.wire, self.shard);
        let mut doubt = pin!(doubt);
        let reason = tokio::select! {
            biased;
            reason = inward.listen(&mut self.borrowed, &self.hands) => reason,
            () = frames::pump(to, inbox, encode_news) => return None,
            () = &mut elsewhere => return None,
            link = &mut doubt => return Some(link),
        };
        tracing::debug!(leader = target.address, reason, "the way to the leader ended");
        if !is_asking.load(Ordering::Relaxed) {
            return None;
        }
        // A leader ends a node's stream for a newer one: that which was asked for. To ask once
        // more would end that one, too, and so on.
        self.outlet.turn(Way::Closed);
        tokio::select! {
            biased;
            () = elsewhere => None,
            link = doubt => Some(link),
            () = self.hands.closed() => None,
        }
    }

    async fn link(&self) {
        // Hands that are gone end the loop.
        let _ = self.hands.send(Inbound::Linked).await;
    }
}

/// What comes from the leader.
struct Inward<'a> {
    from: mpsc::Receiver<Result<Bytes, CallError>>,
    leader: &'a Target,
    version: u32,
    /// When something came last.
    heard: watch::Sender<Instant>,
}

impl Inward<'_> {
    /// Hands orders on until the stream ends; the answer says why it did.
    async fn listen(mut self, borrowed: &mut Borrowed, hands: &mpsc::Sender<Inbound>) -> String {
        loop {
            let frame = match self.from.recv().await {
                Some(Ok(frame)) => frame,
                Some(Err(err)) => return err.to_string(),
                None => return "the leader ended it".into(),
            };
            self.heard.send_replace(Instant::now());
            let orders = match decode_orders(self.version, &frame) {
                Ok(orders) => orders,
                Err(err) => return err.to_string(),
            };
            for Arrived { mut message, lacks } in orders {
                if let (Some(digest), Order::Run(run)) = (lacks, &mut message.body) {
                    // Nothing is read meanwhile: that is no silence of the leader.
                    self.heard.send_replace(Instant::now() + PATIENCE);
                    match borrowed.get(self.leader, digest).await {
                        Ok(job) => run.job = job,
                        Err(reason) => return reason,
                    }
                    self.heard.send_replace(Instant::now());
                }
                if hands.send(Inbound::Order(message)).await.is_err() {
                    return "the node ends".into();
                }
            }
        }
    }
}

/// Looks for the leader anew for as long as nothing is heard of it.
async fn doubt(
    mut hearing: watch::Receiver<Instant>,
    is_asking: &AtomicBool,
    guide: &mut Guide,
    wire: &Arc<dyn Wire>,
    shard: u32,
) -> Link {
    loop {
        let heard = *hearing.borrow_and_update();
        tokio::time::sleep_until(heard + SILENCE).await;
        if *hearing.borrow() != heard {
            continue;
        }
        is_asking.store(true, Ordering::Relaxed);
        tokio::select! {
            biased;
            link = find(guide, wire, shard) => return link,
            // After the end of the stream nothing is heard any more.
            Ok(()) = hearing.changed() => {}
        }
        is_asking.store(false, Ordering::Relaxed);
    }
}
