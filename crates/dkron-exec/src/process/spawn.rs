//! Starts a process in a group of its own that dies with the runner.
//!
//! The only place with `unsafe`: what must happen between fork and exec cannot be said otherwise.
//! The standard library then forks instead of spawning, which costs as much as the address space
//! of the caller is large: call this from the small runner only.
#![allow(unsafe_code)]

use std::io::{self, PipeReader, PipeWriter};
use std::os::fd::OwnedFd;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use rustix::fs::Mode;
use rustix::process::{Gid, Uid};
use rustix::process::{
    Pid, PidfdFlags, Resource, Rlimit, Signal, getpid, getppid, pidfd_open,
    set_parent_process_death_signal, setrlimit, umask,
};
use rustix::thread::{set_thread_gid, set_thread_groups, set_thread_uid};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

use crate::output::StartedProcess;
use crate::runner::{Credentials, Start};

use super::{kernel, lookup};

/// A process that runs, with the ends of its pipes that stay here.
pub struct Spawned {
    pub child: Child,
    /// Becomes readable when the process has ended; it stays a zombie until `child` is waited for,
    /// so that its number cannot be given away meanwhile.
    pub pidfd: OwnedFd,
    pub process: StartedProcess,
    /// Standard output and standard error, in the order of the writes.
    pub output: PipeReader,
    pub stdin: Option<PipeWriter>,
}

/// Starts it; the error is a text for people.
pub fn start(start: &Start, open_files: Option<Rlimit>) -> Result<Spawned, String> {
    let name = start.argv.first().ok_or("shell: Command missing")?;
    let file = lookup::find(name)?;
    check_directory(&start.cwd)?;
    let failed = |err: &io::Error| format!("fork/exec {}: {}", file.display(), lookup::reason(err));
    let (output, writer) = io::pipe().map_err(|err| failed(&err))?;
    let writer_again = writer.try_clone().map_err(|err| failed(&err))?;

    let mut command = Command::new(&file);
    command.arg0(name).args(&start.argv[1..]).process_group(0);
    command.envs(start.env.iter().map(|(name, value)| (name, value)));
    command.stdout(writer).stderr(writer_again);
    if !start.cwd.is_empty() {
        command.current_dir(&start.cwd);
    }
    let mut stdin = None;
    if start.stdin.is_empty() {
        command.stdin(Stdio::null());
    } else {
        let (reader, writer) = io::pipe().map_err(|err| failed(&err))?;
        command.stdin(reader);
        stdin = Some(writer);
    }
    before_exec(&mut command, start, open_files);

    let mut child = command.spawn().map_err(|err| failed(&err))?;
    let pid = child.id();
    let handle = i32::try_from(pid).ok().and_then(Pid::from_raw).expect("a child has a number");
    let pidfd = match pidfd_open(handle, PidfdFlags::NONBLOCK) {
        Ok(pidfd) => pidfd,
        Err(err) => {
            kernel::signal_group(pid, Signal::KILL);
            let _ = child.wait();
            return Err(failed(&err.into()));
        }
    };
    let start_time = kernel::stat(pid).map_or(0, |stat| stat.start_time);
    let process = StartedProcess { pid, process_group: pid, start_time };
    Ok(Spawned { child, pidfd, process, output, stdin })
}

/// Waits for the end of a process on the runtime.
pub fn watch(pidfd: OwnedFd) -> io::Result<AsyncFd<OwnedFd>> {
    // SAFETY: the descriptor is owned by the value that is registered, which keeps it open and the
    // same until the registration is taken back; nobody else can close it.
    unsafe { AsyncFd::register_with_interest(pidfd, Interest::READABLE) }.map_err(Into::into)
}

/// Checked before the fork, because afterwards it reads like a missing command.
fn check_directory(cwd: &str) -> Result<(), String> {
    if cwd.is_empty() {
        return Ok(());
    }
    match Path::new(cwd).metadata() {
        Ok(metadata) if metadata.is_dir() => Ok(()),
        Ok(_) => Err(format!("chdir {cwd}: not a directory")),
        Err(err) => Err(format!("chdir {cwd}: {}", lookup::reason(&err))),
    }
}

fn before_exec(command: &mut Command, start: &Start, open_files: Option<Rlimit>) {
    let runner = getpid();
    let mask = start.umask.map(Mode::from_raw_mode);
    let user = start.user.as_ref().map(Ids::new);
    let prepare = move || -> io::Result<()> {
        if let Some(limit) = open_files {
            setrlimit(Resource::Nofile, limit)?;
        }
        if let Some(mask) = mask {
            umask(mask);
        }
        if let Some(user) = &user {
            set_thread_groups(&user.groups)?;
            set_thread_gid(user.gid)?;
            set_thread_uid(user.uid)?;
        }
        // Behind the change of user, which takes it away again.
        set_parent_process_death_signal(Some(Signal::KILL))?;
        // The runner may have died before the line above.
        if getppid() != Some(runner) {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        Ok(())
    };
    // SAFETY: between fork and exec only calls that are safe in a signal handler are allowed. The
    // closure makes plain system calls on values that were made before the fork; it allocates
    // nothing, takes no lock and cannot panic. The ids are set for the calling thread only, which
    // is the only one there is after a fork.
    unsafe {
        command.pre_exec(prepare);
    }
}

struct Ids {
    uid: Uid,
    gid: Gid,
    groups: Vec<Gid>,
}

impl Ids {
    fn new(user: &Credentials) -> Self {
        Self {
            uid: Uid::from_raw(user.uid),
            gid: Gid::from_raw(user.gid),
            groups: user.groups.iter().copied().map(Gid::from_raw).collect(),
        }
    }
}
