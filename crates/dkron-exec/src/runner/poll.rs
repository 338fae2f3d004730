//! What the runner's one loop waits for: descriptors by key, and the clock.

use std::io;
use std::os::fd::{AsFd, OwnedFd};

use rustix::event::Timespec;
use rustix::event::epoll::{self, CreateFlags, Event, EventData, EventFlags};
use rustix::time::{ClockId, clock_gettime};

/// Looks taken in one wait.
const EVENTS: usize = 512;
const KINDS: u64 = 8;
/// A wait ends at least so often while something is due later: the kernel does not count a
/// suspension of the machine as waiting, and alarms do.
const WAIT_MAX: Nanos = SECOND;

/// Nanoseconds of the clock that goes on while the machine is suspended.
pub type Nanos = u64;
pub const SECOND: Nanos = 1_000_000_000;
pub const MILLISECOND: Nanos = 1_000_000;

/// The largest number that a key can carry.
pub const NUMBER_MAX: u64 = u64::MAX / KINDS;

/// What a descriptor is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Key {
    Listener,
    /// Answers of the threads that start processes.
    Bell,
    /// A connection, by its number.
    Link(u64),
    /// The end, the output and the input of a run, by its seq.
    Process(u64),
    Output(u64),
    Input(u64),
}

impl Key {
    fn encode(self) -> u64 {
        let (kind, number) = match self {
            Key::Listener => (0, 0),
            Key::Bell => (1, 0),
            Key::Link(number) => (2, number),
            Key::Process(seq) => (3, seq),
            Key::Output(seq) => (4, seq),
            Key::Input(seq) => (5, seq),
        };
        number * KINDS + kind
    }

    fn decode(code: u64) -> Self {
        let number = code / KINDS;
        match code % KINDS {
            0 => Key::Listener,
            1 => Key::Bell,
            2 => Key::Link(number),
            3 => Key::Process(number),
            4 => Key::Output(number),
            _ => Key::Input(number),
        }
    }
}

/// The clock of all alarms.
pub fn now() -> Nanos {
    let time = clock_gettime(ClockId::Boottime);
    time.tv_sec.unsigned_abs() * SECOND + time.tv_nsec.unsigned_abs()
}

/// The set of descriptors.
pub struct Poll {
    epoll: OwnedFd,
    events: Vec<Event>,
}

impl Poll {
    /// # Errors
    /// If the system gives no descriptor.
    pub fn new() -> io::Result<Self> {
        let epoll = epoll::create(CreateFlags::CLOEXEC)?;
        Ok(Self { epoll, events: Vec::with_capacity(EVENTS) })
    }

    /// Tells while there is something to read.
    pub fn readable(&self, fd: impl AsFd, key: Key) -> io::Result<()> {
        self.add(fd, key, EventFlags::IN)
    }

    /// Tells once that a process has ended.
    pub fn once(&self, fd: impl AsFd, key: Key) -> io::Result<()> {
        self.add(fd, key, EventFlags::IN | EventFlags::ONESHOT)
    }

    /// Tells while there is room to write.
    pub fn writable(&self, fd: impl AsFd, key: Key) -> io::Result<()> {
        self.add(fd, key, EventFlags::OUT)
    }

    /// For a connection: whether reading and writing are wanted.
    pub fn wanted(&self, fd: impl AsFd, key: Key, read: bool, write: bool) -> io::Result<()> {
        let mut flags = EventFlags::empty();
        flags.set(EventFlags::IN, read);
        flags.set(EventFlags::OUT, write);
        Ok(epoll::modify(&self.epoll, fd, EventData::new_u64(key.encode()), flags)?)
    }

    /// Listens no more: whoever comes is refused.
    pub fn retire(&self, listener: &OwnedFd) {
        // Standard input is the same socket, so closing this one is not enough.
        let _ = epoll::delete(&self.epoll, listener);
        let _ = rustix::net::shutdown(listener, rustix::net::Shutdown::Both);
    }

    fn add(&self, fd: impl AsFd, key: Key, flags: EventFlags) -> io::Result<()> {
        Ok(epoll::add(&self.epoll, fd, EventData::new_u64(key.encode()), flags)?)
    }

    /// Waits until something happens or `until` has come.
    ///
    /// # Errors
    /// If waiting itself fails.
    pub fn wait(&mut self, until: Option<Nanos>) -> io::Result<Vec<Key>> {
        let patience = until.map(|at| {
            let wait = at.saturating_sub(now()).min(WAIT_MAX);
            let (seconds, nanos) = (wait / SECOND, wait % SECOND);
            Timespec { tv_sec: seconds.cast_signed(), tv_nsec: nanos.cast_signed() }
        });
        self.events.clear();
        let buffer = rustix::buffer::spare_capacity(&mut self.events);
        match epoll::wait(&self.epoll, buffer, patience.as_ref()) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(err) => return Err(err.into()),
        }
        Ok(self.events.iter().map(|event| Key::decode(event.data.u64())).collect())
    }
}
