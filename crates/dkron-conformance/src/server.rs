//! The real `dkron` binary as a child process on a free loopback port, with a folder of its own.
//! Waits for conditions, never for time; its log is there when something goes wrong.

use std::fs::{self, File};
use std::net::{TcpListener, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use anyhow::{Context as _, bail};

use crate::http::{self, Request};
use crate::wait;

const READY: Duration = Duration::from_secs(60);
const STOP: Duration = Duration::from_secs(10);
/// Between picking a free port and the server's own bind somebody else may take it.
const TRIES: u32 = 5;

/// The binary beside a test's own target folder.
pub fn binary() -> anyhow::Result<PathBuf> {
    let own = std::env::current_exe().context("no path to this program")?;
    let folders = own.ancestors().skip(1).take(2);
    let found = folders.map(|folder| folder.join("dkron")).find(|path| path.is_file());
    found.context("no dkron binary beside this test: run `cargo build -p dkron` first")
}

/// Runs a command of the binary to its end: whether it says yes, and all that it says.
pub fn command(bin: &Path, args: &[&str]) -> anyhow::Result<(bool, String)> {
    let output = Command::new(bin).args(args).output().with_context(|| format!("{bin:?}"))?;
    let said = [output.stdout, output.stderr].concat();
    Ok((output.status.success(), String::from_utf8_lossy(&said).into_owned()))
}

fn owned(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

/// Stopped when dropped, and its folder removed.
pub struct Server {
    pub url: String,
    pub dir: PathBuf,
    bin: PathBuf,
    args: Vec<String>,
    env: Vec<(String, String)>,
    child: Child,
}

impl Server {
    /// Starts `dkron agent` with `args` and its address, and waits until it leads.
    pub fn start(bin: &Path, args: &[&str]) -> anyhow::Result<Server> {
        Server::start_with(bin, args, &[])
    }

    /// The same with variables of its environment.
    pub fn start_with(bin: &Path, args: &[&str], env: &[(&str, &str)]) -> anyhow::Result<Server> {
        for attempt in 1.. {
            let mut server = Server::launch(bin, args, env)?;
            match server.wait_ready() {
                Ok(()) => return Ok(server),
                Err(e) if attempt >= TRIES || !server.log().contains("in use") => return Err(e),
                // The folder is needed for the next try.
                Err(_) => server.dir = PathBuf::new(),
            }
        }
        unreachable!("the loop above returns")
    }

    /// Starts the process alone, in a folder of its own: it may wait for others.
    pub fn launch(bin: &Path, args: &[&str], env: &[(&str, &str)]) -> anyhow::Result<Server> {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let dir = std::env::temp_dir().join(format!("dkron-{}-{number}", std::process::id()));
        fs::create_dir_all(&dir).with_context(|| format!("creating {dir:?}"))?;
        let env = owned(env);
        let args: Vec<String> = args.iter().map(|a| (*a).to_owned()).collect();
        let url = format!("http://{}", free_address()?);
        let child = spawn(bin, &args, &env, &url, &dir)?;
        Ok(Server { url, dir, bin: bin.to_owned(), args, env, child })
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// kill -9.
    pub fn kill(&mut self) -> anyhow::Result<()> {
        self.child.kill().context("killing the agent")?;
        self.child.wait().context("waiting for the agent")?;
        Ok(())
    }

    /// The same command in the same folder, once the former process has ended.
    pub fn restart(&mut self) -> anyhow::Result<()> {
        self.spawn_again()?;
        self.wait_ready()
    }

    /// Like `restart`, without waiting until it leads.
    pub fn spawn_again(&mut self) -> anyhow::Result<()> {
        self.child = spawn(&self.bin, &self.args, &self.env, &self.url, &self.dir)?;
        Ok(())
    }

    /// An option of its next life, in the place of any that has the name.
    pub fn set_option(&mut self, name: &str, value: &str) {
        self.drop_option(name);
        self.args.push(format!("--{name}={value}"));
    }

    /// Its next life is without an option.
    pub fn drop_option(&mut self, name: &str) {
        let begin = format!("--{name}=");
        self.args.retain(|arg| !arg.starts_with(&begin));
    }

    /// The variables of its next life.
    pub fn set_env(&mut self, env: &[(&str, &str)]) {
        self.env = owned(env);
    }

    /// Sends a signal by its name, such as STOP.
    pub fn signal(&self, name: &str) -> anyhow::Result<()> {
        let pid = self.pid().to_string();
        let sent = Command::new("kill").args([&format!("-{name}"), &pid]).status()?;
        anyhow::ensure!(sent.success(), "kill -{name} {pid}: {sent}");
        Ok(())
    }

    /// Waits until the process has ended by itself, and tells its exit code.
    pub fn ended(&mut self) -> anyhow::Result<Option<i32>> {
        wait::until("end of the agent", READY, || !self.is_alive())?;
        Ok(self.child.wait().context("waiting for the agent")?.code())
    }

    /// Waits until the log says it.
    pub fn says(&self, text: &str) -> anyhow::Result<()> {
        let said = wait::until(text, READY, || self.log().contains(text));
        said.with_context(|| format!("the log of {}:\n{}", self.url, self.log_tail()))
    }

    /// Whether the process still runs.
    pub fn is_alive(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    pub fn log(&self) -> String {
        fs::read(self.dir.join("agent.log"))
            .map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
            .unwrap_or_default()
    }

    /// The end of the log, for a message.
    pub fn log_tail(&self) -> String {
        let log = self.log();
        let lines: Vec<&str> = log.lines().collect();
        lines[lines.len().saturating_sub(30)..].join("\n")
    }

    pub fn wait_ready(&mut self) -> anyhow::Result<()> {
        let begun = wait::until("leader", READY, || {
            !self.is_alive() || (self.answers("/health") && self.answers("/v1/leader"))
        });
        if !self.is_alive() {
            bail!("the agent ended at its start; its log:\n{}", self.log_tail());
        }
        begun.with_context(|| format!("at {}; its log:\n{}", self.url, self.log_tail()))
    }

    fn answers(&self, path: &str) -> bool {
        let got = http::send(&self.url, &Request::new("GET", path), Duration::from_secs(5));
        got.is_ok_and(|response| response.status == 200)
    }

    /// SIGTERM, and its end.
    pub fn stop(&mut self) {
        if self.is_alive() {
            let pid = self.pid().to_string();
            let _ = Command::new("kill").args(["-TERM", &pid]).status();
            // One that does not end in time is killed below.
            let _ = wait::until("end of the agent", STOP, || !self.is_alive());
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop();
        if !self.dir.as_os_str().is_empty() {
            let _ = fs::remove_dir_all(&self.dir);
        }
    }
}

/// Below those that the system gives to whoever asks for any port, or connects.
const PORTS: std::ops::Range<u32> = 12_000..32_000;

/// An address on loopback that nothing has at this moment, and that neither another call nor
/// anybody else's connection gets before it is used.
pub fn free_address() -> anyhow::Result<String> {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    let many = PORTS.len() as u32;
    // Processes side by side begin in different places.
    let first = std::process::id().wrapping_mul(997);
    for _ in PORTS {
        let number = first.wrapping_add(NUMBER.fetch_add(1, Ordering::Relaxed));
        let address = format!("127.0.0.1:{}", PORTS.start + number % many);
        if TcpListener::bind(&address).is_ok() && UdpSocket::bind(&address).is_ok() {
            return Ok(address);
        }
    }
    bail!("no free port")
}

fn spawn(
    bin: &Path,
    args: &[String],
    env: &[(String, String)],
    url: &str,
    dir: &Path,
) -> anyhow::Result<Child> {
    let log = File::options().create(true).append(true).open(dir.join("agent.log"))?;
    let mut command = Command::new(bin);
    // Settings of whoever runs the tests are not settings of the server under test.
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("DKRON_") {
            command.env_remove(name);
        }
    }
    command
        .envs(env.iter().map(|(name, value)| (name, value)))
        .args(["agent", "--http-addr"])
        .arg(http::authority(url)?)
        // Many servers run side by side; what a test says itself comes later and counts.
        .args(["--bind-addr=127.0.0.1:0", "--rpc-port=0"])
        .args(args)
        .current_dir(dir)
        .stdin(Stdio::null())
        .stdout(log.try_clone()?)
        .stderr(log)
        .spawn()
        .with_context(|| format!("starting {bin:?}"))
}
