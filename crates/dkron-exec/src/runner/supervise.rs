//! Watches one process from its start to its end: output, time, memory, and who is left behind.

use std::cell::RefCell;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::process::ExitStatusExt;
use std::process::Child;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use rustix::process::Signal;
use tokio::io::AsyncWriteExt;
use tokio::io::unix::AsyncFd;
use tokio::net::unix::pipe::{Receiver, Sender};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};

use crate::output::OutputSink;
use crate::process::kernel;
use crate::process::spawn::{self, Spawned};

use super::protocol::{End, Exit, FromRunner, Start};
use super::serve::Runs;

/// How long children may hold the output after the process itself has ended.
const DRAIN: Duration = Duration::from_secs(2);
/// How long the output may stay open after everybody in the group was killed: a process that
/// left the group may hold it for ever.
const DRAIN_AFTER_KILL: Duration = Duration::from_millis(500);
/// Output is gathered for this long; most runs are over by then and send one message.
const GATHER: Duration = Duration::from_millis(100);
const MEMORY_CHECK: Duration = Duration::from_secs(1);
const READ_BYTES: usize = 64 << 10;

thread_local! {
    /// One thread does all reading, and no read waits with the buffer in hand.
    static BUFFER: RefCell<Vec<u8>> = RefCell::new(vec![0; READ_BYTES]);
}

/// Watches until the end and reports it.
pub async fn run(
    runs: Arc<Runs>,
    start: Start,
    spawned: Spawned,
    kills: mpsc::Receiver<u64>,
    outbox: mpsc::Sender<FromRunner>,
) {
    let id = start.id.clone();
    let exit = match Watch::new(&runs, start, spawned, outbox.clone()) {
        Ok(watch) => watch.until_the_end(kills).await,
        Err(mut lost) => lost.give_up(),
    };
    // Before the report, so that the id is free when the agent sees it.
    runs.remove(&id);
    // Fails only when the socket is gone, and then the runner ends.
    let _ = outbox.send(FromRunner::Exited { id, exit }).await;
}

struct Watch<'a> {
    runs: &'a Runs,
    id: String,
    group: u32,
    child: Child,
    ended: AsyncFd<OwnedFd>,
    output: Receiver,
    tail: OutputSink,
    outbox: mpsc::Sender<FromRunner>,
    mem_limit: Option<u64>,
    at: Alarms,
    facts: Facts,
    stdin: Option<tokio::task::JoinHandle<()>>,
}

/// What is due when. Nothing is due for ever less than a deadline that is not set.
#[derive(Default)]
struct Alarms {
    timeout: Option<Instant>,
    memory: Option<Instant>,
    flush: Option<Instant>,
    /// The end of the grace of a polite kill.
    kill: Option<Instant>,
    /// The end of waiting for output after the process has ended.
    drain: Option<Instant>,
}

#[derive(Default)]
struct Facts {
    timed_out: bool,
    memory_exceeded: Option<u64>,
    left_over_killed: bool,
    kill_failed: bool,
    killed: bool,
    exited: bool,
    closed: bool,
}

/// A process that was started and cannot be watched.
struct Lost {
    child: Child,
    group: u32,
    err: io::Error,
}

impl Lost {
    fn give_up(&mut self) -> Exit {
        kernel::signal_group(self.group, Signal::KILL);
        let _ = self.child.wait();
        let text = format!("shell: the process was killed, it cannot be watched: {}", self.err);
        exit(End::NotStarted(text), &Facts::default(), &OutputSink::new(1))
    }
}

impl<'a> Watch<'a> {
    fn new(
        runs: &'a Runs,
        start: Start,
        spawned: Spawned,
        outbox: mpsc::Sender<FromRunner>,
    ) -> Result<Self, Lost> {
        let Spawned { child, pidfd, process, output, stdin } = spawned;
        let group = process.process_group;
        let watched = spawn::watch(pidfd)
            .and_then(|ended| Ok((ended, Receiver::from_owned_fd(output.into())?)))
            .and_then(|(ended, output)| {
                let stdin = stdin.map(|pipe| Sender::from_owned_fd(pipe.into())).transpose()?;
                Ok((ended, output, stdin))
            });
        let (ended, output, stdin) = match watched {
            Ok(watched) => watched,
            Err(err) => return Err(Lost { child, group, err }),
        };
        let now = Instant::now();
        let at = Alarms {
            timeout: start.timeout_ms.map(|ms| now + Duration::from_millis(ms)),
            memory: start.mem_limit.map(|_| now + MEMORY_CHECK),
            ..Alarms::default()
        };
        let tail = OutputSink::new(start.output_limit as usize);
        let (id, mem_limit) = (start.id, start.mem_limit);
        let stdin = stdin.map(|pipe| tokio::spawn(feed(pipe, start.stdin)));
        let facts = Facts::default();
        Ok(Self {
            runs,
            id,
            group,
            child,
            ended,
            output,
            tail,
            outbox,
            mem_limit,
            at,
            facts,
            stdin,
        })
    }

    async fn until_the_end(mut self, mut kills: mpsc::Receiver<u64>) -> Exit {
        while !(self.facts.exited && self.facts.closed) {
            let next = self.at.next();
            tokio::select! {
                readable = self.output.readable(), if !self.facts.closed => {
                    self.facts.closed = readable.is_err() || self.read();
                }
                // Never cleared: the loop asks no more once it is true.
                _ = self.ended.readable(), if !self.facts.exited => self.exited(),
                Some(grace_ms) = kills.recv() => self.asked_to_end(grace_ms),
                () = sleep_until(next.unwrap_or_else(Instant::now)), if next.is_some() => {
                    self.alarm(Instant::now());
                }
            }
        }
        if let Some(stdin) = &self.stdin {
            stdin.abort();
        }
        let end = match self.child.wait() {
            Ok(status) => match (status.code(), status.signal()) {
                (Some(code), _) => End::Code(code),
                (None, number) => End::Signal {
                    number: number.unwrap_or_default(),
                    core_dumped: status.core_dumped(),
                },
            },
            Err(err) => End::NotStarted(format!("shell: cannot learn how it ended: {err}")),
        };
        exit(end, &self.facts, &self.tail)
    }

    /// Reads once; true at the end of the output.
    fn read(&mut self) -> bool {
        let read = BUFFER.with_borrow_mut(|buffer| {
            let read = self.output.try_read(buffer);
            if let Ok(count) = read {
                self.tail.write(&buffer[..count]);
            }
            read
        });
        match read {
            Ok(0) => true,
            Ok(_) => {
                self.at.flush.get_or_insert_with(|| Instant::now() + GATHER);
                false
            }
            Err(err) => err.kind() != io::ErrorKind::WouldBlock,
        }
    }

    fn exited(&mut self) {
        self.facts.exited = true;
        self.at.memory = None;
        self.at.kill = None;
        let patience = if self.facts.killed { DRAIN_AFTER_KILL } else { DRAIN };
        self.at.drain = Some(Instant::now() + patience);
    }

    fn asked_to_end(&mut self, grace_ms: u64) {
        if grace_ms == 0 {
            self.kill();
        } else {
            kernel::signal_group(self.group, Signal::TERM);
            self.at.kill = Some(Instant::now() + Duration::from_millis(grace_ms));
        }
    }

    fn alarm(&mut self, now: Instant) {
        if due(&mut self.at.timeout, now) {
            self.facts.timed_out = true;
            self.kill();
        }
        if due(&mut self.at.kill, now) {
            self.kill();
        }
        if due(&mut self.at.memory, now) {
            self.check_memory(now);
        }
        if due(&mut self.at.flush, now) {
            self.flush(now);
        }
        if due(&mut self.at.drain, now) {
            if self.facts.killed {
                // Who still holds the output has left the group.
                self.facts.closed = true;
            } else {
                self.facts.left_over_killed = true;
                self.kill();
            }
        }
    }

    fn kill(&mut self) {
        self.facts.killed = true;
        // The ended leader is still there as a zombie, so the number names this group or nobody.
        self.facts.kill_failed = !kernel::signal_group(self.group, Signal::KILL);
        if self.facts.exited {
            self.at.drain = Some(Instant::now() + DRAIN_AFTER_KILL);
        }
    }

    fn check_memory(&mut self, now: Instant) {
        let used = self.runs.memory.resident_bytes(self.group);
        if self.mem_limit.is_some_and(|limit| used > limit) {
            self.facts.memory_exceeded = Some(used);
            self.kill();
        } else {
            self.at.memory = Some(now + MEMORY_CHECK);
        }
    }

    fn flush(&mut self, now: Instant) {
        match self.outbox.try_reserve() {
            Ok(permit) => {
                let tail = self.tail.finish();
                let bytes = Bytes::from(tail.bytes);
                permit.send(FromRunner::Output {
                    id: self.id.clone(),
                    dropped: tail.dropped,
                    bytes,
                });
            }
            // The tail keeps it; it goes with the next try or with the end.
            Err(_) => self.at.flush = Some(now + GATHER),
        }
    }
}

impl Alarms {
    fn next(&self) -> Option<Instant> {
        let all = [self.timeout, self.memory, self.flush, self.kill, self.drain];
        all.into_iter().flatten().min()
    }
}

fn due(alarm: &mut Option<Instant>, now: Instant) -> bool {
    let due = alarm.is_some_and(|at| at <= now);
    if due {
        *alarm = None;
    }
    due
}

/// Writes the payload beside everything else: the process may read it late, or never.
async fn feed(mut pipe: Sender, payload: Bytes) {
    // A process that does not want all of it has closed its end; that is its right.
    let _ = pipe.write_all(&payload).await;
}

fn exit(end: End, facts: &Facts, tail: &OutputSink) -> Exit {
    let tail = tail.finish();
    Exit {
        end,
        timed_out: facts.timed_out,
        memory_exceeded: facts.memory_exceeded,
        left_over_killed: facts.left_over_killed,
        kill_failed: facts.kill_failed,
        dropped: tail.dropped,
        bytes: Bytes::from(tail.bytes),
    }
}
