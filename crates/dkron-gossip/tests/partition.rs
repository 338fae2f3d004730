//! Two members that can not hear each other for a while: each is alone, and nobody dials.
#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod pool;

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use dkron_gossip::{Gossip, Options, Status};
use pool::*;
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio::sync::watch;

/// The way to a member, which can be cut: its advertised address.
struct Way {
    address: SocketAddr,
    to: watch::Sender<Option<SocketAddr>>,
    is_cut: Arc<AtomicBool>,
}

impl Way {
    async fn new() -> Way {
        let (listener, socket) = loop {
            let listener = TcpListener::bind(loopback()).await.unwrap();
            if let Ok(socket) = UdpSocket::bind(listener.local_addr().unwrap()).await {
                break (listener, socket);
            }
        };
        let address = socket.local_addr().unwrap();
        let is_cut = Arc::new(AtomicBool::new(false));
        let (to, target) = watch::channel(None::<SocketAddr>);
        let (cut, there) = (is_cut.clone(), target.clone());
        tokio::spawn(async move {
            let mut packet = [0; 2048];
            while let Ok((length, _)) = socket.recv_from(&mut packet).await {
                let to = *there.borrow();
                if let Some(to) = to.filter(|_| !cut.load(Ordering::Relaxed)) {
                    socket.send_to(&packet[..length], to).await.unwrap();
                }
            }
        });
        let cut = is_cut.clone();
        tokio::spawn(async move {
            while let Ok((mut from, _)) = listener.accept().await {
                let to = *target.borrow();
                if let Some(to) = to.filter(|_| !cut.load(Ordering::Relaxed)) {
                    let mut there = TcpStream::connect(to).await.unwrap();
                    // Whichever side ends first.
                    let _ = tokio::io::copy_bidirectional(&mut from, &mut there).await;
                }
            }
        });
        Way { address, to, is_cut }
    }

    async fn lead_to(&self, id: u64) -> Gossip {
        let options = Options { advertise: self.address, ..options(id) };
        let gossip = Gossip::start(options).await.unwrap();
        self.to.send_replace(Some(gossip.local_addr()));
        gossip
    }
}

#[tokio::test]
async fn two_halves_find_each_other_when_the_network_is_back() {
    let ways = [Way::new().await, Way::new().await];
    let [a, b] = [ways[0].lead_to(1).await, ways[1].lead_to(2).await];
    b.join(&[ways[0].address]).await.unwrap();
    // The second cut often comes right after a new identity: then the library asks nobody itself.
    for round in 0..2 {
        let seen = until_alive(&a, &[2]).await;
        assert_eq!(member(&seen, 2).address, ways[1].address, "round {round}");
        until_alive(&b, &[1]).await;
        ways.iter().for_each(|way| way.is_cut.store(true, Ordering::Relaxed));
        until_status(&a, 2, Status::Failed).await;
        until_status(&b, 1, Status::Failed).await;
        ways.iter().for_each(|way| way.is_cut.store(false, Ordering::Relaxed));
    }
    until_alive(&a, &[2]).await;
    until_alive(&b, &[1]).await;
    // They changed their turns on the way, and what they say is still heard.
    a.set_tags(tags(&[("port", "1")])).await.unwrap();
    until(&b, "changed tags", |members| member(members, 1).tags == tags(&[("port", "1")])).await;
}

#[tokio::test]
async fn who_hears_nobody_fails_and_comes_back() {
    let ways = [Way::new().await, Way::new().await, Way::new().await];
    let mut members = Vec::new();
    for (way, id) in ways.iter().zip(1..) {
        members.push(way.lead_to(id).await);
    }
    for gossip in &members[1..] {
        gossip.join(&[ways[0].address]).await.unwrap();
    }
    for (gossip, others) in members.iter().zip([[2, 3], [1, 3], [1, 2]]) {
        until_alive(gossip, &others).await;
    }
    // It still talks, and answers nobody.
    ways[2].is_cut.store(true, Ordering::Relaxed);
    until_status(&members[0], 3, Status::Failed).await;
    until_status(&members[1], 3, Status::Failed).await;
    ways[2].is_cut.store(false, Ordering::Relaxed);
    for (gossip, others) in members.iter().zip([[2, 3], [1, 3], [1, 2]]) {
        until_alive(gossip, &others).await;
    }
}
