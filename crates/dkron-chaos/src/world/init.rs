//! The first process of a host, in namespaces of its own: sets it up, starts and signals its
//! processes, and takes care of orphans. With it the whole host dies. It is told what to do by
//! lines of JSON, and answers each with one.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{BufRead as _, Write as _};
use std::os::unix::process::ExitStatusExt as _;
use std::process::{Command, ExitStatus, Stdio};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context as _, bail};
use rustix::process::{Pid, Signal, WaitOptions};
use serde::{Deserialize, Serialize};

#[derive(Debug, Serialize, Deserialize)]
pub enum Order {
    /// A script, to its end.
    Shell(String),
    /// The agent, with its log appended to a file.
    Start {
        command: Vec<String>,
        env: Vec<(String, String)>,
        log: String,
    },
    Signal {
        whom: Whom,
        signal: i32,
    },
    /// Is the agent there, or how did it end?
    Agent,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Whom {
    Agent,
    Runner,
    /// Every process of the host but the first.
    All,
}

#[derive(Debug, Serialize, Deserialize)]
pub struct Told {
    pub ok: bool,
    pub text: String,
}

/// Raw wait statuses of processes that ended, by their number.
#[derive(Clone, Default)]
struct Ended(Arc<(Mutex<BTreeMap<i32, i32>>, Condvar)>);

/// Serves until whoever started it goes.
pub fn serve() -> anyhow::Result<()> {
    let ended = Ended::default();
    let reaper = ended.clone();
    std::thread::Builder::new().name("reaper".into()).spawn(move || reaper.reap())?;
    let mut init = Init { ended, agent: None };
    answer(&Told { ok: true, text: "up".into() })?;
    for line in std::io::stdin().lock().lines() {
        let line = line.context("reading orders")?;
        let order: Order = serde_json::from_str(&line).with_context(|| line.clone())?;
        let told = match init.obey(order) {
            Ok(text) => Told { ok: true, text },
            Err(e) => Told { ok: false, text: format!("{e:#}") },
        };
        answer(&told)?;
    }
    Ok(())
}

fn answer(told: &Told) -> anyhow::Result<()> {
    let mut line = serde_json::to_vec(told)?;
    line.push(b'\n');
    let mut out = std::io::stdout().lock();
    out.write_all(&line).and_then(|()| out.flush()).context("answering")
}

struct Init {
    ended: Ended,
    agent: Option<i32>,
}

impl Init {
    fn obey(&mut self, order: Order) -> anyhow::Result<String> {
        match order {
            Order::Shell(script) => self.shell(&script),
            Order::Start { command, env, log } => self.start(&command, &env, &log),
            Order::Signal { whom, signal } => self.signal(whom, signal),
            Order::Agent => self.agent(),
        }
    }

    fn shell(&self, script: &str) -> anyhow::Result<String> {
        let (mut reader, writer) = std::io::pipe().context("no pipe")?;
        let mut command = Command::new("sh");
        command.args(["-ec", script]).stdin(Stdio::null());
        command.stdout(writer.try_clone()?).stderr(writer);
        let child = command.spawn().context("starting sh")?;
        // Our own ends of the pipe would keep it open.
        drop(command);
        let mut text = String::new();
        std::io::Read::read_to_string(&mut reader, &mut text).context("reading its output")?;
        let status = self.ended.wait(child.id() as i32);
        if !status.success() {
            bail!("`{script}`: {status}: {}", text.trim());
        }
        Ok(text)
    }

    fn start(
        &mut self,
        command: &[String],
        env: &[(String, String)],
        log: &str,
    ) -> anyhow::Result<String> {
        let (program, args) = command.split_first().context("no program")?;
        let log = File::options().create(true).append(true).open(log).context("its log")?;
        let mut start = Command::new(program);
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("DKRON_") {
                start.env_remove(name);
            }
        }
        start.args(args).envs(env.iter().map(|(k, v)| (k, v))).stdin(Stdio::null());
        let child = start.stdout(log.try_clone()?).stderr(log).spawn();
        let child = child.with_context(|| format!("starting {program}"))?;
        self.agent = Some(child.id() as i32);
        Ok(child.id().to_string())
    }

    fn signal(&self, whom: Whom, signal: i32) -> anyhow::Result<String> {
        let pids = match whom {
            Whom::Agent => self.agent.into_iter().collect(),
            Whom::Runner => processes(|line| line.split('\0').nth(1) == Some("runner")),
            Whom::All => processes(|_| true),
        };
        let signal = Signal::from_named_raw(signal).context("no such signal")?;
        for pid in &pids {
            if let Some(pid) = Pid::from_raw(*pid) {
                // One that has ended meanwhile needs none.
                let _ = rustix::process::kill_process(pid, signal);
            }
        }
        Ok(pids.len().to_string())
    }

    /// `there`, or its end.
    fn agent(&self) -> anyhow::Result<String> {
        let pid = self.agent.context("no agent was started")?;
        Ok(self.ended.find(pid).map_or("there".into(), |status| status.to_string()))
    }
}

/// All but the first, by their command line.
fn processes(wanted: impl Fn(&str) -> bool) -> Vec<i32> {
    let all = fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = all.filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok());
    let is = |pid: &i32| {
        let line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        wanted(&String::from_utf8_lossy(&line))
    };
    pids.filter(|pid| *pid != 1).filter(is).collect()
}

impl Ended {
    fn reap(&self) {
        loop {
            match rustix::process::wait(WaitOptions::empty()) {
                Ok(Some((pid, status))) => {
                    self.lock().insert(pid.as_raw_nonzero().get(), status.as_raw());
                    self.0.1.notify_all();
                }
                // There is nobody to wait for.
                _ => std::thread::sleep(Duration::from_millis(5)),
            }
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<i32, i32>> {
        self.0.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn find(&self, pid: i32) -> Option<ExitStatus> {
        self.lock().get(&pid).map(|raw| ExitStatus::from_raw(*raw))
    }

    fn wait(&self, pid: i32) -> ExitStatus {
        let mut all = self.lock();
        loop {
            if let Some(raw) = all.get(&pid) {
                return ExitStatus::from_raw(*raw);
            }
            all = self.0.1.wait(all).unwrap_or_else(PoisonError::into_inner);
        }
    }
}
