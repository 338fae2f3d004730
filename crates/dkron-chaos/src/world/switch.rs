//! The network between the hosts, as a program: every frame that one of them sends comes here
//! inside a datagram (VXLAN), and is passed on, dropped, delayed or squeezed as the rules of that
//! moment say. So the faults need nothing of the kernel but VXLAN, take every kind of traffic
//! alike, and end with this process.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::io;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::checksum;
use crate::dice::Dice;

pub const PORT: u16 = 4789;
const VXLAN_HEAD: usize = 8;
const FRAME_MAX: usize = 65_536;
/// LIMIT: a squeezed link holds frames for so long; later ones are dropped, as a full router does.
const QUEUE_MOST: Duration = Duration::from_secs(2);

/// What happens to frames from one host to another.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Link {
    /// Share of frames that are dropped; 1: the link is cut.
    pub loss: f64,
    pub delay: Duration,
    /// On top of the delay, up to so much.
    pub jitter: Duration,
    /// Bytes a second; 0: as many as come.
    pub rate: u64,
}

impl Link {
    /// Passes nothing.
    pub const CUT: Link =
        Link { loss: 1.0, delay: Duration::ZERO, jitter: Duration::ZERO, rate: 0 };
}

/// From and to, by the hosts' numbers.
pub type Rules = BTreeMap<(u8, u8), Link>;

#[derive(Clone)]
pub struct Switch {
    shared: Arc<Shared>,
}

struct Shared {
    socket: UdpSocket,
    state: Mutex<State>,
    /// Told when a frame has begun to wait.
    waits: Condvar,
}

#[derive(Default)]
struct State {
    hosts: Vec<u8>,
    rules: Rules,
    /// When a squeezed link is free again.
    free: BTreeMap<(u8, u8), Instant>,
    waiting: BinaryHeap<Reverse<Waiting>>,
    number: u64,
    passed: u64,
    dropped: u64,
}

/// By the instant at which it goes on, then in order.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Waiting {
    at: Instant,
    number: u64,
    to: u8,
    datagram: Vec<u8>,
}

/// Where the outer datagrams of a host come from and go to, and our own end of its cable.
pub fn cable(host: u8, ours: bool) -> IpAddr {
    IpAddr::from([10, 98, host, if ours { 1 } else { 2 }])
}

impl Switch {
    pub fn start(hosts: Vec<u8>) -> io::Result<Switch> {
        let socket = UdpSocket::bind(("0.0.0.0", PORT))?;
        let state = Mutex::new(State { hosts, ..State::default() });
        let shared = Arc::new(Shared { socket, state, waits: Condvar::new() });
        let (one, two) = (Arc::clone(&shared), Arc::clone(&shared));
        std::thread::Builder::new().name("switch".into()).spawn(move || receive(&one))?;
        std::thread::Builder::new().name("delays".into()).spawn(move || release(&two))?;
        Ok(Switch { shared })
    }

    pub fn set(&self, rules: Rules) {
        self.shared.lock().rules = rules;
    }

    /// Frames passed on and dropped so far.
    pub fn counts(&self) -> (u64, u64) {
        let state = self.shared.lock();
        (state.passed, state.dropped)
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn send(&self, to: u8, datagram: &[u8]) {
        // A host that is down has no cable: its frames are lost, as they should be.
        let _ = self.socket.send_to(datagram, SocketAddr::new(cable(to, false), PORT));
    }
}

fn receive(shared: &Shared) {
    let mut buffer = vec![0; FRAME_MAX];
    let mut dice = Dice::new(0);
    loop {
        // Hosts that go away answer "unreachable"; that is no end of the network.
        let Ok((length, from)) = shared.socket.recv_from(&mut buffer) else { continue };
        let IpAddr::V4(from) = from.ip() else { continue };
        let from = from.octets()[2];
        if let Some(frame) = buffer.get_mut(VXLAN_HEAD..length) {
            checksum::fill(frame);
        }
        let datagram = &buffer[..length];
        let mut state = shared.lock();
        for to in targets(datagram, from, &state.hosts) {
            match state.judge((from, to), length, &mut dice, Instant::now()) {
                Fate::Now => {
                    state.passed += 1;
                    shared.send(to, datagram);
                }
                Fate::Later(at) => {
                    state.passed += 1;
                    state.number += 1;
                    let number = state.number;
                    let datagram = datagram.to_vec();
                    state.waiting.push(Reverse(Waiting { at, number, to, datagram }));
                    shared.waits.notify_one();
                }
                Fate::Dropped => state.dropped += 1,
            }
        }
    }
}

/// Sends what has waited long enough.
fn release(shared: &Shared) {
    let mut state = shared.lock();
    loop {
        let now = Instant::now();
        let rest = match state.waiting.peek() {
            Some(Reverse(first)) if first.at <= now => {
                if let Some(Reverse(first)) = state.waiting.pop() {
                    shared.send(first.to, &first.datagram);
                }
                continue;
            }
            Some(Reverse(first)) => first.at - now,
            None => Duration::from_secs(1),
        };
        let waited = shared.waits.wait_timeout(state, rest);
        state = waited.unwrap_or_else(PoisonError::into_inner).0;
    }
}

/// Whom a frame is for: the host in its hardware address, or all others.
fn targets(datagram: &[u8], from: u8, hosts: &[u8]) -> Vec<u8> {
    let Some(address) = datagram.get(VXLAN_HEAD..VXLAN_HEAD + 6) else {
        return Vec::new();
    };
    let is_for_all = address[0] & 1 == 1;
    let others = hosts.iter().filter(|host| **host != from);
    others.filter(|host| is_for_all || address[5] == **host).copied().collect()
}

#[derive(Debug, PartialEq)]
enum Fate {
    Now,
    Later(Instant),
    Dropped,
}

impl State {
    fn judge(&mut self, way: (u8, u8), bytes: usize, dice: &mut Dice, now: Instant) -> Fate {
        let Some(link) = self.rules.get(&way).copied() else { return Fate::Now };
        if link.loss > 0.0 && dice.share() < link.loss {
            return Fate::Dropped;
        }
        let mut at = now;
        if link.rate > 0 {
            let free = self.free.get(&way).copied().unwrap_or(now).max(now);
            if free - now > QUEUE_MOST {
                return Fate::Dropped;
            }
            at = free + Duration::from_secs_f64(bytes as f64 / link.rate as f64);
            self.free.insert(way, at);
        }
        at += link.delay + link.jitter.mul_f64(dice.share());
        if at > now { Fate::Later(at) } else { Fate::Now }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_find_their_hosts() {
        let frame = |last: u8, first: u8| {
            let mut frame = vec![0; VXLAN_HEAD];
            frame.extend([first, 0, 0, 0, 0, last]);
            frame
        };
        assert_eq!(targets(&frame(2, 2), 1, &[1, 2, 3]), [2]);
        assert_eq!(targets(&frame(255, 255), 1, &[1, 2, 3]), [2, 3]);
        assert!(targets(&frame(9, 2), 1, &[1, 2, 3]).is_empty());
        assert!(targets(&[0; 9], 1, &[1, 2, 3]).is_empty());
    }

    #[test]
    fn links_are_cut_lossy_slow_or_narrow() {
        let now = Instant::now();
        let mut dice = Dice::new(1);
        let mut fate = |link: Link, times: usize| {
            let mut state = State { rules: Rules::from([((1, 2), link)]), ..State::default() };
            (0..times).map(|_| state.judge((1, 2), 1_000, &mut dice, now)).collect::<Vec<_>>()
        };
        assert_eq!(fate(Link::default(), 1), [Fate::Now]);
        assert_eq!(fate(Link { loss: 1.0, ..Link::default() }, 1), [Fate::Dropped]);
        let lossy = fate(Link { loss: 0.1, ..Link::default() }, 1_000);
        let dropped = lossy.iter().filter(|fate| **fate == Fate::Dropped).count();
        assert!((50..200).contains(&dropped), "{dropped}");
        let delay = Duration::from_millis(50);
        assert_eq!(fate(Link { delay, ..Link::default() }, 1), [Fate::Later(now + delay)]);
        let narrow = fate(Link { rate: 10_000, ..Link::default() }, 40);
        assert_eq!(narrow[1], Fate::Later(now + Duration::from_millis(200)));
        assert_eq!(narrow[39], Fate::Dropped);
        let mut state = State::default();
        assert_eq!(state.judge((2, 1), 1_000, &mut dice, now), Fate::Now);
    }
}
