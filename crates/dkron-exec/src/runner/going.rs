//! Watches one process from its start to its end: output, time, memory, and who is left behind.
//!
//! ```text
//!   runs ──ends──▶ its output is open? ──closed──▶ over
//!    │                  └─ 2 s ─▶ SIGKILL to the group ─▶ 0.5 s ─▶ over
//!    ├─asked: SIGTERM──▶ ends ──▶ nobody of the group left? ──▶ over
//!    │                              └─ grace ─▶ SIGKILL to the group ─▶ 0.5 s ─▶ over
//!    └─timeout, memory: SIGKILL to the group ─▶ ends ─▶ 0.5 s at most ─▶ over
//! ```
//! Until the run is over or being ended the process stays a zombie, so that its number names this
//! group or nobody.

use std::os::fd::{AsFd, OwnedFd};

use bytes::Bytes;
use rustix::process::{Signal, WaitId, WaitIdOptions, waitid};

use crate::output::{MEMORY_BYTES, Spool};
use crate::process::kernel;
use crate::process::look::Look;
use crate::process::spawn::Spawned;

use super::poll::{Key, MILLISECOND, Nanos, Poll, SECOND};
use super::protocol::{End, Exit, Instant, Process, Start};

/// How long children may hold the output after the process itself has ended.
const DRAIN: Nanos = 2 * SECOND;
/// How long the output may stay open, and members of the group be seen, after everybody in it was
/// killed: a process that left the group may hold the output for ever.
const DRAIN_AFTER_KILL: Nanos = 500 * MILLISECOND;
/// Most runs are over before their output is looked at for the first time.
const FIRST_LOOK: Nanos = 20 * MILLISECOND;
const MEMORY_CHECK: Nanos = SECOND;
/// Between looks whether a group that was asked to end is gone; doubled each time.
const CLEAR_MIN: Nanos = 4 * MILLISECOND;
const CLEAR_MAX: Nanos = 128 * MILLISECOND;
const READ_BYTES: usize = 64 << 10;
/// Reads in one go, so that one loud run does not keep the others waiting.
const READS: usize = 8;
/// As much as a pipe can hold.
const READS_AT_END: usize = (1 << 20) / READ_BYTES + 1;
/// All outputs together keep so much in memory; beyond it each goes to its file early.
const MEMORY_ALL: usize = 64 << 20;
const MEMORY_SMALL: usize = 4 << 10;

/// What all runs share.
pub struct Tools {
    pub poll: Poll,
    pub look: Look,
    /// When the leader was heard last, as far as the agent has said.
    pub heard_at: Nanos,
    buffer: Vec<u8>,
    /// Bytes of outputs in memory.
    pub in_memory: usize,
}

impl Tools {
    pub fn new(poll: Poll, now: Nanos) -> Self {
        let look = Look::default();
        Self { poll, look, heard_at: now, buffer: vec![0; READ_BYTES], in_memory: 0 }
    }
}

/// See the module.
pub struct Going {
    pub process: Process,
    seq: u64,
    pidfd: OwnedFd,
    output: Option<OwnedFd>,
    /// Whether the loop waits for the output.
    watched: bool,
    input: Option<(OwnedFd, Bytes)>,
    limits: Limits,
    at: Alarms,
    facts: Facts,
    /// How it ended, once it was waited for.
    end: Option<End>,
    clear_step: Nanos,
}

/// What binds the run.
#[derive(Clone, Copy)]
pub struct Limits {
    timeout: Option<Nanos>,
    max_runtime: Option<Nanos>,
    lease: Option<Nanos>,
    grace: Nanos,
    memory: Option<u64>,
}

/// What is due when. Nothing is due for ever less than a deadline that is not set.
#[derive(Default)]
struct Alarms {
    first_look: Option<Nanos>,
    timeout: Option<Nanos>,
    max_runtime: Option<Nanos>,
    lease: Option<Nanos>,
    memory: Option<Nanos>,
    /// The end of the grace of a polite kill.
    kill: Option<Nanos>,
    /// The end of waiting for output after the process has ended.
    drain: Option<Nanos>,
    /// The next look whether the group is gone.
    clear: Option<Nanos>,
}

#[derive(Default)]
struct Facts {
    timed_out: bool,
    max_runtime: bool,
    lease_over: bool,
    memory_exceeded: Option<u64>,
    left_over_killed: bool,
    kill_failed: bool,
    asked: bool,
    killed_at: Option<Nanos>,
    exited: bool,
}

impl Limits {
    pub fn of(start: &Start) -> Self {
        let nanos = |ms: u64| ms.saturating_mul(MILLISECOND);
        Self {
            timeout: start.timeout_ms.map(nanos),
            max_runtime: start.max_runtime_ms.map(nanos),
            lease: start.lease_ms.map(nanos),
            grace: nanos(start.grace_ms),
            memory: start.mem_limit,
        }
    }
}

impl Going {
    /// Takes over a process that has just been started.
    ///
    /// # Errors
    /// If it cannot be watched; it is killed then.
    pub fn new(
        seq: u64,
        limits: Limits,
        spawned: Spawned,
        payload: Bytes,
        now: Nanos,
        tools: &Tools,
    ) -> Result<Self, String> {
        let Spawned { pidfd, process, output, stdin } = spawned;
        let (group, at) = (process.process_group, process.started_at);
        if let Err(err) = tools.poll.once(&pidfd, Key::Process(seq)) {
            kernel::signal_group(group, Signal::KILL);
            let _ = waitid(WaitId::PidFd(pidfd.as_fd()), WaitIdOptions::EXITED);
            return Err(format!("shell: the process was killed, it cannot be watched: {err}"));
        }
        let started_at = (at.secs(), at.nanos());
        let mut going = Self {
            process: Process { group, start_time: process.start_time, started_at },
            seq,
            pidfd,
            output: Some(output),
            watched: false,
            input: None,
            limits,
            at: Alarms {
                first_look: Some(now + FIRST_LOOK),
                timeout: limits.timeout.map(|after| now.saturating_add(after)),
                max_runtime: limits.max_runtime.map(|after| now.saturating_add(after)),
                lease: limits.lease.map(|after| now.saturating_add(after)),
                memory: limits.memory.map(|_| now + MEMORY_CHECK),
                ..Alarms::default()
            },
            facts: Facts::default(),
            end: None,
            clear_step: CLEAR_MIN,
        };
        if let Some(pipe) = stdin
            && let Some(rest) = feed(&pipe, payload)
            && tools.poll.writable(&pipe, Key::Input(seq)).is_ok()
        {
            going.input = Some((pipe, rest));
        }
        Ok(going)
    }

    /// The process has ended.
    pub fn exited(&mut self, now: Nanos, spool: &mut Spool, tools: &mut Tools) {
        self.facts.exited = true;
        self.at.memory = None;
        self.at.max_runtime = None;
        self.at.lease = None;
        self.input = None;
        // All that it wrote is in the pipe by now; others may be writing still, without end.
        let mut reads = 0;
        while reads < READS_AT_END && self.read_once(spool, tools) {
            reads += 1;
        }
        self.watch(tools);
        if self.output.is_some() && !self.facts.asked {
            let killed = self.facts.killed_at.is_some();
            let patience = if killed { DRAIN_AFTER_KILL } else { DRAIN };
            self.at.drain = Some(now + patience);
        }
    }

    /// There is output, or its end.
    pub fn readable(&mut self, spool: &mut Spool, tools: &mut Tools) {
        for _ in 0..READS {
            if self.output.is_none() || !self.read_once(spool, tools) {
                return;
            }
        }
    }

    /// There is room for more input.
    pub fn writable(&mut self) {
        if let Some((pipe, rest)) = self.input.take() {
            self.input = feed(&pipe, rest).map(|rest| (pipe, rest));
        }
    }

    /// Asks the group to end; an earlier end of the grace stands.
    pub fn ask(&mut self, now: Nanos, grace: Nanos) {
        if grace == 0 {
            return self.kill(now);
        }
        if !self.facts.asked {
            self.facts.asked = true;
            self.signal(Signal::TERM);
        }
        let at = now.saturating_add(grace);
        self.at.kill = Some(self.at.kill.map_or(at, |earlier| earlier.min(at)));
    }

    pub fn alarm(&mut self, now: Nanos, tools: &mut Tools) {
        let at = &mut self.at;
        if due(&mut at.first_look, now) {
            self.watch(tools);
        }
        if due(&mut self.at.timeout, now) {
            self.facts.timed_out = true;
            self.kill(now);
        }
        if due(&mut self.at.max_runtime, now) && !self.is_ending() {
            self.facts.max_runtime = true;
            self.ask(now, self.limits.grace);
        }
        if due(&mut self.at.lease, now) && !self.is_ending() {
            let until = self.limits.lease.map(|lease| tools.heard_at.saturating_add(lease));
            if until.is_some_and(|until| until > now) {
                self.at.lease = until;
            } else {
                self.facts.lease_over = true;
                self.ask(now, self.limits.grace);
            }
        }
        if due(&mut self.at.kill, now) {
            self.kill(now);
        }
        if due(&mut self.at.memory, now) {
            self.check_memory(now, tools);
        }
        if due(&mut self.at.drain, now) {
            if self.is_ending() {
                // Who still holds the output has left the group.
                self.output = None;
            } else {
                self.facts.left_over_killed = true;
                self.kill(now);
            }
        }
    }

    /// Whether the run is over; to be asked after everything that happened to it.
    pub fn is_over(&mut self, now: Nanos, tools: &mut Tools) -> bool {
        if !self.facts.exited {
            return false;
        }
        if !self.is_ending() {
            return self.output.is_none();
        }
        self.reap();
        if self.at.clear.is_some_and(|at| at > now) && self.output.is_some() {
            return false;
        }
        let patient = self.facts.killed_at.is_none_or(|at| now < at + DRAIN_AFTER_KILL);
        if patient && tools.look.group_lives(self.process.group) {
            self.at.clear = Some(now + self.clear_step);
            self.clear_step = (self.clear_step * 2).min(CLEAR_MAX);
            return false;
        }
        self.at.clear = None;
        self.at.kill = None;
        if self.output.is_some() && self.at.drain.is_none() {
            self.at.drain = Some(now + DRAIN_AFTER_KILL);
        }
        self.output.is_none()
    }

    /// When `alarm` is to be called next.
    pub fn next_alarm(&self) -> Option<Nanos> {
        let at = &self.at;
        let limits = [at.timeout, at.max_runtime, at.lease, at.memory];
        let steps = [at.first_look, at.kill, at.drain, at.clear];
        limits.into_iter().chain(steps).flatten().min()
    }

    /// How it ended.
    pub fn exit(mut self, ended_at: Instant, spool: &Spool) -> Exit {
        self.reap();
        let facts = self.facts;
        Exit {
            end: self.end.unwrap_or_else(|| End::NotStarted("shell: its end is unknown".into())),
            process: Some(self.process),
            timed_out: facts.timed_out,
            max_runtime: facts.max_runtime,
            lease_over: facts.lease_over,
            memory_exceeded: facts.memory_exceeded,
            left_over_killed: facts.left_over_killed,
            kill_failed: facts.kill_failed,
            ended_at,
            written: spool.total(),
            kept_from: spool.start(),
        }
    }

    /// Kills everybody in the group.
    pub fn kill(&mut self, now: Nanos) {
        self.facts.killed_at.get_or_insert(now);
        self.at.kill = None;
        let reached = self.signal(Signal::KILL);
        self.facts.kill_failed = self.end.is_none() && !reached;
        if self.facts.exited {
            self.at.drain = Some(now + DRAIN_AFTER_KILL);
        }
    }

    /// After the process was waited for, its number is the group's only as long as no other
    /// process has it.
    fn signal(&self, signal: Signal) -> bool {
        let group = self.process.group;
        let taken = self.end.is_some() && kernel::stat(group).is_some();
        !taken && kernel::signal_group(group, signal)
    }

    const fn is_ending(&self) -> bool {
        self.facts.asked || self.facts.killed_at.is_some()
    }

    fn watch(&mut self, tools: &Tools) {
        self.at.first_look = None;
        if let (Some(output), false) = (&self.output, self.watched) {
            self.watched = true;
            if tools.poll.readable(output, Key::Output(self.seq)).is_err() {
                self.output = None;
            }
        }
    }

    /// True if there may be more at once.
    fn read_once(&mut self, spool: &mut Spool, tools: &mut Tools) -> bool {
        let Some(output) = &self.output else { return false };
        match rustix::io::read(output, &mut tools.buffer[..]) {
            Ok(0) => self.output = None,
            Ok(count) => {
                let before = spool.memory();
                let roomy = tools.in_memory < MEMORY_ALL;
                let memory_max = if roomy { MEMORY_BYTES } else { MEMORY_SMALL };
                spool.write(&tools.buffer[..count], memory_max);
                tools.in_memory = tools.in_memory + spool.memory() - before;
                return true;
            }
            Err(rustix::io::Errno::INTR) => return true,
            Err(rustix::io::Errno::AGAIN) => {}
            Err(_) => self.output = None,
        }
        false
    }

    fn check_memory(&mut self, now: Nanos, tools: &mut Tools) {
        let used = tools.look.resident_bytes(self.process.group);
        if self.limits.memory.is_some_and(|limit| used > limit) {
            self.facts.memory_exceeded = Some(used);
            self.kill(now);
        } else {
            self.at.memory = Some(now + MEMORY_CHECK);
        }
    }

    /// Waits for the ended process, which gives its number free once its group is empty.
    fn reap(&mut self) {
        if self.end.is_some() || !self.facts.exited {
            return;
        }
        let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG;
        self.end = Some(match waitid(WaitId::PidFd(self.pidfd.as_fd()), options) {
            Ok(Some(status)) => match (status.exit_status(), status.terminating_signal()) {
                (Some(code), _) => End::Code(code),
                (None, number) => {
                    let number = number.unwrap_or_default();
                    End::Signal { number, core_dumped: status.dumped() }
                }
            },
            Ok(None) => End::NotStarted("shell: it has not ended".to_owned()),
            Err(err) => End::NotStarted(format!("shell: cannot learn how it ended: {err}")),
        });
    }
}

fn due(alarm: &mut Option<Nanos>, now: Nanos) -> bool {
    let due = alarm.is_some_and(|at| at <= now);
    if due {
        *alarm = None;
    }
    due
}

/// Writes what fits; the rest comes back. A process that does not want all of it has closed its
/// end; that is its right.
fn feed(pipe: &OwnedFd, mut payload: Bytes) -> Option<Bytes> {
    while !payload.is_empty() {
        match rustix::io::write(pipe, &payload) {
            Ok(count) => drop(payload.split_to(count)),
            Err(rustix::io::Errno::INTR) => {}
            Err(rustix::io::Errno::AGAIN) => return Some(payload),
            Err(_) => return None,
        }
    }
    None
}
