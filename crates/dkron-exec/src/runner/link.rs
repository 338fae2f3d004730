//! One connection to an agent, from the runner's side: greeting first, then frames both ways.
//! Nothing here ever waits.

use std::io;
use std::os::fd::{AsFd, OwnedFd};

use rustix::io::Errno;
use rustix::net::sockopt::socket_peercred;
use rustix::net::{RecvFlags, SendFlags, SocketFlags, accept_with, recv, send};
use rustix::process::geteuid;
use serde::Serialize;

use super::frame;
use super::hello::{ATTACH, HELLO_BYTES, Hello, RETIRE};
use super::poll::{Key, Poll};
use super::protocol::ToRunner;

const READ_BYTES: usize = 128 << 10;
/// Beyond this nothing more is said, and no order is taken, until the agent has read.
const OUTPUT_FULL: usize = 2 << 20;

/// See the module.
pub struct Link {
    socket: OwnedFd,
    key: Key,
    input: Vec<u8>,
    output: Vec<u8>,
    sent: usize,
    greeted: bool,
    waits_to_write: bool,
    pub broken: bool,
}

/// What the agent wants after the greeting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    Attach,
    Retire,
}

impl Link {
    /// The next connection, greeted, if there is one of this user's.
    pub fn accept(listener: &OwnedFd, number: u64, own: Hello, poll: &Poll) -> Option<Self> {
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        let socket = accept_with(listener, flags).ok()?;
        // Whoever may use this socket may run anything as this user.
        if socket_peercred(&socket).ok()?.uid != geteuid() {
            return None;
        }
        let key = Key::Link(number);
        poll.readable(&socket, key).ok()?;
        let (input, output) = (Vec::new(), own.encode().to_vec());
        let (sent, greeted) = (0, false);
        let (waits_to_write, broken) = (false, false);
        Some(Self { socket, key, input, output, sent, greeted, waits_to_write, broken })
    }

    /// Takes what has come in.
    pub fn receive(&mut self) {
        let at = self.input.len();
        self.input.resize(at + READ_BYTES, 0);
        let received = recv(&self.socket, &mut self.input[at..], RecvFlags::empty());
        let count = match received {
            Ok((0, _)) => {
                self.broken = true;
                0
            }
            Ok((count, _)) => count,
            Err(Errno::AGAIN | Errno::INTR) => 0,
            Err(_) => {
                self.broken = true;
                0
            }
        };
        self.input.truncate(at + count);
    }

    /// The agent's answer to the greeting, once it is there.
    ///
    /// # Errors
    /// If this is no agent.
    pub fn verdict(&mut self) -> io::Result<Option<Verdict>> {
        if self.greeted {
            return Ok(None);
        }
        let Some((hello, [verdict, ..])) = self.input.split_first_chunk::<HELLO_BYTES>() else {
            return Ok(None);
        };
        let known = Hello::decode(*hello).is_some();
        let verdict = match *verdict {
            ATTACH if known => Verdict::Attach,
            RETIRE if known => Verdict::Retire,
            _ => return Err(io::ErrorKind::InvalidData.into()),
        };
        self.input.drain(..=HELLO_BYTES);
        self.greeted = true;
        Ok(Some(verdict))
    }

    /// The orders that are there as a whole, as long as there is room for answers.
    ///
    /// # Errors
    /// If the agent breaks the protocol.
    pub fn orders(&mut self) -> io::Result<Vec<ToRunner>> {
        let mut orders = Vec::new();
        let mut taken = 0;
        while self.greeted && self.has_room() {
            let Some((order, bytes)) = frame::decode(&self.input[taken..])? else { break };
            orders.push(order);
            taken += bytes;
        }
        self.input.drain(..taken);
        self.input.shrink_to(READ_BYTES * 4);
        Ok(orders)
    }

    pub fn say<T: Serialize>(&mut self, message: &T) {
        // Too large a message is none that this program makes.
        self.broken |= frame::encode(message, &mut self.output).is_err();
    }

    /// Whether more may be said.
    pub fn has_room(&self) -> bool {
        self.output.len() - self.sent < OUTPUT_FULL
    }

    /// Sends as much as the socket takes.
    pub fn flush(&mut self, poll: &Poll) {
        while self.sent < self.output.len() && !self.broken {
            match send(&self.socket, &self.output[self.sent..], SendFlags::NOSIGNAL) {
                Ok(count) => self.sent += count,
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => break,
                Err(_) => self.broken = true,
            }
        }
        if self.sent == self.output.len() {
            self.output.clear();
            self.output.shrink_to(READ_BYTES);
            self.sent = 0;
        }
        let waits = self.sent < self.output.len();
        if waits != self.waits_to_write {
            self.waits_to_write = waits;
            let reads = self.has_room();
            self.broken |= poll.wanted(self.socket.as_fd(), self.key, reads, waits).is_err();
        }
    }

    /// Whether orders wait here for room that is there now.
    pub fn has_orders(&self) -> bool {
        !self.input.is_empty()
    }
}
