//! Starts a process in a group of its own that dies with the runner.
//!
//! The only place with `unsafe`: what must happen between clone and exec cannot be said otherwise.
//! The child borrows the runner's memory until it has its own program, as with `vfork`, so a start
//! costs no copy of page tables. One that changes its user gets a copy: nobody but the runner's
//! user may touch the runner's memory.
#![allow(unsafe_code)]

use std::collections::BTreeMap;
use std::env;
use std::ffi::{CStr, CString, OsString, c_char, c_int, c_void};
use std::io;
use std::os::fd::{AsFd, FromRawFd, OwnedFd};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::Path;
use std::ptr;
use std::sync::atomic::{AtomicI32, AtomicU64, Ordering};
use std::time::SystemTime;

use dkron_core::domain::Timestamp;
use rustix::fs::{Mode, OFlags, fcntl_setfl};
use rustix::process::{
    Gid, Pid, Resource, Rlimit, Signal, Uid, WaitId, WaitIdOptions, chdir, getpid, getppid,
    set_parent_process_death_signal, setpgid, setrlimit, umask, waitid,
};
use rustix::stdio::{dup2_stderr, dup2_stdin, dup2_stdout};
use rustix::thread::{set_thread_gid, set_thread_groups, set_thread_uid};
use rustix::time::{ClockId, clock_gettime};

use crate::output::StartedProcess;
use crate::runner::{Credentials, Start};

use super::{kernel, lookup};

/// The child needs no more than a few calls' worth.
const STACK_BYTES: usize = 64 << 10;
const NANOS_PER_SEC: u64 = 1_000_000_000;
const CANNOT_EXEC: c_int = 127;

/// A process that runs, with the ends of its pipes that stay here.
#[derive(Debug)]
pub struct Spawned {
    /// Becomes readable when the process has ended; it stays a zombie until it is waited for, so
    /// that its number cannot be given away meanwhile.
    pub pidfd: OwnedFd,
    pub process: StartedProcess,
    /// Standard output and standard error, in the order of the writes. Reading never waits.
    pub output: OwnedFd,
    /// Writing never waits.
    pub stdin: Option<OwnedFd>,
}

/// What one thread that starts processes has at hand. The thread must live as long as the runner:
/// the parent-death signal of a child follows the thread that made it.
pub struct Launcher {
    stack: Vec<u8>,
    verdict: &'static Verdict,
    null: OwnedFd,
    environment: BTreeMap<OsString, CString>,
    /// The limit that started processes get.
    open_files: Option<Rlimit>,
}

/// Written by the child, in memory that is shared even if nothing else is.
struct Verdict {
    error: AtomicI32,
    /// When the child began, in the kernel's ticks since boot.
    born: AtomicU64,
}

/// Everything that the child needs, made before it is there.
struct Plan<'a> {
    file: &'a CStr,
    argv: *const *const c_char,
    environment: *const *const c_char,
    directory: Option<&'a CStr>,
    stdin: &'a OwnedFd,
    output: &'a OwnedFd,
    user: Option<Ids>,
    mask: Option<Mode>,
    open_files: Option<Rlimit>,
    runner: Pid,
    verdict: &'static Verdict,
}

struct Ids {
    uid: Uid,
    gid: Gid,
    groups: Vec<Gid>,
}

impl Launcher {
    /// # Errors
    /// If there is no memory to share or no `/dev/null`.
    pub fn new(open_files: Option<Rlimit>) -> io::Result<Self> {
        let variables = env::vars_os().map(|(name, value)| {
            let text = [name.as_bytes(), b"=", value.as_bytes()].concat();
            (name, CString::new(text).expect("the environment holds texts without zero bytes"))
        });
        Ok(Self {
            stack: vec![0; STACK_BYTES],
            verdict: shared_verdict()?,
            null: std::fs::OpenOptions::new().read(true).open("/dev/null")?.into(),
            environment: variables.collect(),
            open_files,
        })
    }

    /// Starts it; the error is a text for people.
    ///
    /// # Errors
    /// Anything that keeps the program from running.
    pub fn start(&mut self, start: &Start) -> Result<Spawned, String> {
        let name = start.argv.first().ok_or("shell: Command missing")?;
        let file = lookup::find(name)?;
        check_directory(&start.cwd)?;
        let failed =
            |err: io::Error| format!("fork/exec {}: {}", file.display(), lookup::reason(&err));
        self.start_file(start, &file).map_err(failed)
    }

    fn start_file(&mut self, start: &Start, file: &Path) -> io::Result<Spawned> {
        let file = CString::new(file.as_os_str().as_bytes())?;
        let words: Vec<CString> =
            start.argv.iter().map(|word| CString::new(word.as_str())).collect::<Result<_, _>>()?;
        let own = self.own_variables(start)?;
        let inherited = self.environment.iter().filter(|(name, _)| !own.contains_key(*name));
        let environment: Vec<&CString> =
            inherited.map(|(_, text)| text).chain(own.values()).collect();
        let directory = (!start.cwd.is_empty()).then(|| CString::new(start.cwd.as_str()));
        let directory = directory.transpose()?;
        let (output, writer) = io::pipe()?;
        let (reader, feeder) = match start.stdin.is_empty() {
            true => (None, None),
            false => io::pipe().map(|(reader, feeder)| (Some(reader.into()), Some(feeder)))?,
        };
        // Lists end with nothing, and stay where they are until the child has read them.
        let argv = ended(words.iter().map(|word| word.as_ptr()));
        let environment = ended(environment.iter().map(|text| text.as_ptr()));
        let writer = OwnedFd::from(writer);
        let plan = Plan {
            file: &file,
            argv: argv.as_ptr(),
            environment: environment.as_ptr(),
            directory: directory.as_deref(),
            stdin: reader.as_ref().unwrap_or(&self.null),
            output: &writer,
            user: start.user.as_ref().map(Ids::new),
            mask: start.umask.map(Mode::from_raw_mode),
            open_files: self.open_files,
            runner: getpid(),
            verdict: self.verdict,
        };
        let output = OwnedFd::from(output);
        fcntl_setfl(&output, OFlags::NONBLOCK)?;
        let stdin = feeder.map(OwnedFd::from);
        if let Some(stdin) = &stdin {
            fcntl_setfl(stdin, OFlags::NONBLOCK)?;
        }
        let (pidfd, process) = clone(&mut self.stack, &plan)?;
        Ok(Spawned { pidfd, process, output, stdin })
    }

    /// What the order adds to the environment; of two with one name the later stands.
    fn own_variables(&self, start: &Start) -> io::Result<BTreeMap<OsString, CString>> {
        let mut own = BTreeMap::new();
        for (name, value) in &start.env {
            let text = CString::new([name.as_bytes(), b"=", value.as_bytes()].concat())?;
            own.insert(OsString::from_vec(name.clone().into_bytes()), text);
        }
        Ok(own)
    }
}

fn ended(texts: impl Iterator<Item = *const c_char>) -> Vec<*const c_char> {
    texts.chain([ptr::null()]).collect()
}

/// Keeps the signals that people and service managers send to a whole group or session away from
/// the runner; the agent decides when jobs end. Started processes get them again. To be called
/// before there are other threads, which take it over.
pub fn block_signals() {
    // SAFETY: the set is initialised by `sigfillset` before it is used, and both pointers are to
    // live values or null. Faults that the program itself causes stay deliverable.
    unsafe {
        let mut set = std::mem::zeroed::<libc::sigset_t>();
        libc::sigfillset(&raw mut set);
        for fault in [libc::SIGSEGV, libc::SIGBUS, libc::SIGILL, libc::SIGFPE, libc::SIGABRT] {
            libc::sigdelset(&raw mut set, fault);
        }
        libc::pthread_sigmask(libc::SIG_SETMASK, &raw const set, ptr::null_mut());
    }
}

fn shared_verdict() -> io::Result<&'static Verdict> {
    let (protection, flags) =
        (libc::PROT_READ | libc::PROT_WRITE, libc::MAP_SHARED | libc::MAP_ANONYMOUS);
    // SAFETY: a fresh mapping is page-aligned, larger than the value, and zeroed, which is a valid
    // `Verdict`; it is never unmapped.
    unsafe {
        let size = size_of::<Verdict>();
        let page = libc::mmap(ptr::null_mut(), size, protection, flags, -1, 0);
        if page == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        Ok(&*page.cast::<Verdict>())
    }
}

fn clone(stack: &mut [u8], plan: &Plan<'_>) -> io::Result<(OwnedFd, StartedProcess)> {
    let mut flags = libc::CLONE_VFORK | libc::CLONE_PIDFD | libc::SIGCHLD;
    if plan.user.is_none() {
        flags |= libc::CLONE_VM;
    }
    plan.verdict.error.store(0, Ordering::Relaxed);
    plan.verdict.born.store(0, Ordering::Relaxed);
    let (before, started_at) = (ticks_since_boot(), wall());
    let mut pidfd: c_int = -1;
    // SAFETY: the stack belongs to this call alone and is aligned below its end. With CLONE_VFORK
    // this thread sleeps until the child has left this memory, by exec or by its end, so
    // everything that `plan` points to outlives the child's use. The child runs `child`, which
    // keeps to what is allowed there. With CLONE_PIDFD the kernel writes a descriptor, owned by
    // nobody else, to where the first extra argument points.
    let pid = unsafe {
        let top = stack.as_mut_ptr_range().end;
        let top = top.wrapping_sub(top as usize % 64);
        let argument = ptr::from_ref(plan).cast_mut().cast::<c_void>();
        libc::clone(child, top.cast(), flags, argument, &raw mut pidfd)
    };
    if pid < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: see above; the clone has succeeded.
    let pidfd = unsafe { OwnedFd::from_raw_fd(pidfd) };
    let error = plan.verdict.error.load(Ordering::Relaxed);
    if error != 0 {
        let _ = waitid(WaitId::PidFd(pidfd.as_fd()), WaitIdOptions::EXITED);
        return Err(io::Error::from_raw_os_error(error));
    }
    let group = pid.unsigned_abs();
    // The kernel notes the start between these two looks; where they differ, it must be asked.
    let start_time = match plan.verdict.born.load(Ordering::Relaxed) {
        born if born == before => born,
        _ => kernel::stat(group).map_or(0, |stat| stat.start_time),
    };
    Ok((pidfd, StartedProcess { process_group: group, start_time, started_at }))
}

/// The child's side, in the runner's memory. Between here and exec only plain system calls are
/// made on values that were prepared before: nothing is allocated, no lock taken, nothing panics.
extern "C" fn child(plan: *mut c_void) -> c_int {
    // SAFETY: the pointer is to the plan of `clone`, which sleeps meanwhile.
    let plan = unsafe { &*plan.cast::<Plan<'_>>() };
    plan.verdict.born.store(ticks_since_boot(), Ordering::Relaxed);
    let error = match prepare(plan) {
        Ok(()) => {
            // SAFETY: all three are texts or lists of texts that end with zero, made by the
            // parent. It returns only if it fails.
            unsafe { libc::execve(plan.file.as_ptr(), plan.argv, plan.environment) };
            io::Error::last_os_error().raw_os_error().unwrap_or(libc::EINVAL)
        }
        Err(err) => err.raw_os_error(),
    };
    plan.verdict.error.store(error, Ordering::Relaxed);
    // SAFETY: ends this process only, without running anything of the runner's.
    unsafe { libc::_exit(CANNOT_EXEC) }
}

fn prepare(plan: &Plan<'_>) -> rustix::io::Result<()> {
    setpgid(None, None)?;
    dup2_stdin(plan.stdin)?;
    dup2_stdout(plan.output)?;
    dup2_stderr(plan.output)?;
    // SAFETY: sets the disposition and the mask of this process only; they are copies. Zero is a
    // valid empty action and, after `sigemptyset`, mask.
    unsafe {
        // Ignored by this program, which started ones must not inherit.
        let mut action = std::mem::zeroed::<libc::sigaction>();
        action.sa_sigaction = libc::SIG_DFL;
        libc::sigaction(libc::SIGPIPE, &raw const action, ptr::null_mut());
        let mut set = std::mem::zeroed::<libc::sigset_t>();
        libc::sigemptyset(&raw mut set);
        libc::sigprocmask(libc::SIG_SETMASK, &raw const set, ptr::null_mut());
    }
    if let Some(limit) = plan.open_files {
        setrlimit(Resource::Nofile, limit)?;
    }
    if let Some(mask) = plan.mask {
        umask(mask);
    }
    if let Some(directory) = plan.directory {
        chdir(directory)?;
    }
    if let Some(user) = &plan.user {
        set_thread_groups(&user.groups)?;
        set_thread_gid(user.gid)?;
        set_thread_uid(user.uid)?;
    }
    // Behind the change of user, which takes it away again.
    set_parent_process_death_signal(Some(Signal::KILL))?;
    // The runner may have died before the line above.
    if getppid() != Some(plan.runner) {
        return Err(rustix::io::Errno::PIPE);
    }
    Ok(())
}

/// Checked before, because afterwards it reads like a missing command.
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

fn ticks_since_boot() -> u64 {
    let time = clock_gettime(ClockId::Boottime);
    let nanos = time.tv_sec.unsigned_abs() * NANOS_PER_SEC + time.tv_nsec.unsigned_abs();
    nanos / (NANOS_PER_SEC / rustix::param::clock_ticks_per_second())
}

fn wall() -> Timestamp {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    Timestamp::new(i64::try_from(since.as_secs()).unwrap_or(i64::MAX), since.subsec_nanos())
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

#[cfg(test)]
mod tests {
    use super::*;

    fn order(argv: &[&str]) -> Start {
        Start { argv: argv.iter().map(ToString::to_string).collect(), ..Start::default() }
    }

    #[test]
    fn the_start_time_is_the_kernels() {
        let mut launcher = Launcher::new(None).unwrap();
        for _ in 0..50 {
            let spawned = launcher.start(&order(&["/bin/sleep", "1000"])).unwrap();
            let group = spawned.process.process_group;
            let stat = kernel::stat(group).unwrap();
            assert_eq!((stat.start_time, stat.group), (spawned.process.start_time, group));
            assert!(kernel::kill_left_over(group, stat.start_time));
            assert!(!kernel::kill_left_over(group, stat.start_time + 1));
            waitid(WaitId::PidFd(spawned.pidfd.as_fd()), WaitIdOptions::EXITED).unwrap();
        }
    }

    #[test]
    fn signals_reach_what_was_started() {
        // The mask of a thread is all that starting takes from it.
        let caught = std::thread::spawn(|| {
            block_signals();
            let mut launcher = Launcher::new(None).unwrap();
            let script = "grep -E '^Sig(Blk|Ign)' /proc/self/status";
            let spawned = launcher.start(&order(&["/bin/sh", "-c", script])).unwrap();
            waitid(WaitId::PidFd(spawned.pidfd.as_fd()), WaitIdOptions::EXITED).unwrap();
            let mut text = vec![0; 1000];
            let count = rustix::io::read(&spawned.output, &mut text).unwrap();
            String::from_utf8_lossy(&text[..count]).into_owned()
        });
        let text = caught.join().unwrap();
        assert!(text.contains("SigBlk:\t0000000000000000\n"), "{text}");
        // What whoever ran this test ignored stays ignored; a closed pipe does not.
        let ignored = text.lines().find_map(|line| line.strip_prefix("SigIgn:\t")).unwrap();
        let ignored = u64::from_str_radix(ignored, 16).unwrap();
        assert_eq!(ignored & 1 << (libc::SIGPIPE - 1), 0, "{text}");
    }
}
