//! A few threads that start processes: each start waits until its child has reached the new
//! program, and on a busy machine that is mostly waiting.
//!
//! The threads live as long as the process, because the parent-death signal of a child follows the
//! thread that started it.

use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;

use rustix::event::{EventfdFlags, eventfd};
use rustix::process::Rlimit;

use crate::process::spawn::{Launcher, Spawned};

use super::protocol::Start;

/// More than this gains nothing even on machines with many cores: starts of one process exclude
/// each other for much of their time.
const THREADS: usize = 4;
const STACK_BYTES: usize = 256 << 10;

/// What became of a start.
pub struct Forked {
    pub seq: u64,
    pub stdin: bytes::Bytes,
    pub spawned: Result<Spawned, String>,
}

/// The threads. How many starts may wait is for the agent to keep in bounds.
pub struct Forks {
    shared: Arc<Shared>,
}

struct Shared {
    orders: Mutex<VecDeque<Start>>,
    more: Condvar,
    done: Mutex<Vec<Forked>>,
    /// Becomes readable when something is done.
    bell: std::os::fd::OwnedFd,
}

impl Forks {
    /// `open_files` is the limit that started processes get.
    ///
    /// # Errors
    /// If the system gives no threads or descriptors.
    pub fn new(open_files: Option<Rlimit>) -> io::Result<Self> {
        let shared = Arc::new(Shared {
            orders: Mutex::default(),
            more: Condvar::new(),
            done: Mutex::default(),
            bell: eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?,
        });
        for number in 0..THREADS {
            let shared = Arc::clone(&shared);
            let launcher = Launcher::new(open_files)?;
            thread::Builder::new()
                .name(format!("fork-{number}"))
                .stack_size(STACK_BYTES)
                .spawn(move || shared.work(launcher))?;
        }
        Ok(Self { shared })
    }

    /// Starts a process on one of the threads.
    pub fn start(&self, start: Start) {
        lock(&self.shared.orders).push_back(start);
        self.shared.more.notify_one();
    }

    /// Readable when there are answers.
    pub fn bell(&self) -> &std::os::fd::OwnedFd {
        &self.shared.bell
    }

    /// What is done by now.
    pub fn take(&self) -> Vec<Forked> {
        // Silenced before the look, so that what comes after it rings again.
        let _ = rustix::io::read(&self.shared.bell, &mut [0; 8]);
        std::mem::take(&mut *lock(&self.shared.done))
    }
}

impl Shared {
    fn work(&self, mut launcher: Launcher) {
        loop {
            let start = self.next();
            let spawned = launcher.start(&start);
            let forked = Forked { seq: start.seq, stdin: start.stdin, spawned };
            let mut done = lock(&self.done);
            done.push(forked);
            if done.len() == 1 {
                // It cannot be full: it is rung once for each look.
                let _ = rustix::io::write(&self.bell, &1_u64.to_ne_bytes());
            }
        }
    }

    fn next(&self) -> Start {
        let mut orders = lock(&self.orders);
        loop {
            match orders.pop_front() {
                Some(start) => return start,
                None => orders = self.more.wait(orders).unwrap_or_else(PoisonError::into_inner),
            }
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
