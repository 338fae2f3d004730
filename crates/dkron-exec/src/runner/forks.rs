//! A few threads that fork: each fork waits until its child has reached the new program, and on a
//! busy machine that is mostly waiting.
//!
//! The threads live as long as the process, because the parent-death signal of a child follows the
//! thread that forked it.

use std::io;
use std::sync::mpsc::{self, Receiver, SyncSender};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use rustix::process::Rlimit;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};

use crate::process::spawn::{self, Spawned};

use super::protocol::Start;

/// More than this gains nothing even on machines with many cores: forks of one process exclude
/// each other for most of their time.
const THREADS: usize = 4;
/// Starts that wait for a thread.
const WAITING: usize = 64;
const STACK_BYTES: usize = 256 << 10;

type Answer = (Start, Result<Spawned, String>);

/// The threads.
pub struct Forks {
    orders: SyncSender<(Start, oneshot::Sender<Answer>)>,
    room: Arc<Semaphore>,
}

/// A start that will have a thread.
pub struct Place {
    orders: SyncSender<(Start, oneshot::Sender<Answer>)>,
    _room: OwnedSemaphorePermit,
}

impl Forks {
    /// `open_files` is the limit that started processes get.
    pub fn new(open_files: Option<Rlimit>) -> io::Result<Self> {
        let (orders, waiting) = mpsc::sync_channel(WAITING);
        let waiting = Arc::new(Mutex::new(waiting));
        for number in 0..THREADS {
            let waiting = Arc::clone(&waiting);
            thread::Builder::new()
                .name(format!("fork-{number}"))
                .stack_size(STACK_BYTES)
                .spawn(move || work(&waiting, open_files))?;
        }
        Ok(Self { orders, room: Arc::new(Semaphore::new(WAITING)) })
    }

    /// Waits until there is room for one more start.
    pub async fn place(&self) -> Place {
        let room = Arc::clone(&self.room);
        let room = room.acquire_owned().await.expect("the semaphore is never closed");
        Place { orders: self.orders.clone(), _room: room }
    }
}

impl Place {
    /// Starts a process; nothing if the threads are gone.
    pub async fn start(self, start: Start) -> Option<Answer> {
        let (answer, receiver) = oneshot::channel();
        // There is room: the channel holds as many as there are places.
        self.orders.try_send((start, answer)).ok()?;
        receiver.await.ok()
    }
}

fn work(waiting: &Mutex<Receiver<(Start, oneshot::Sender<Answer>)>>, open_files: Option<Rlimit>) {
    loop {
        let order = waiting.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok((start, answer)) = order else {
            return;
        };
        let spawned = spawn::start(&start, open_files);
        if let Err((_, Ok(orphan))) = answer.send((start, spawned)) {
            // Nobody will ever watch it; this happens only when the runner is ending.
            let group = orphan.process.process_group;
            crate::process::kernel::signal_group(group, rustix::process::Signal::KILL);
        }
    }
}
