//! `dev`: three servers and two agents on loopback in one terminal. Each line of their logs has
//! its node's name and colour; Ctrl-C ends all of them, and what they run.

use std::fs;
use std::io::{BufRead as _, BufReader, IsTerminal as _, Read};
use std::net::TcpListener;
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use dkron_bench::Args;
use dkron_conformance::http::{self, Request};

use crate::cargo::{build_dkron, metadata};

/// The hidden verb of the process that outlives a Ctrl-C and tidies up.
pub const KEEP: &str = "dev-keep";

const NODES: [(&str, bool); 5] =
    [("s1", true), ("s2", true), ("s3", true), ("a1", false), ("a2", false)];
const COLOURS: [&str; 5] = ["36", "32", "33", "35", "34"];
const GOSSIP: u16 = 8946;
const RPC: u16 = 6868;
const HTTP: u16 = 8080;
const UP: Duration = Duration::from_secs(60);
const END: Duration = Duration::from_secs(15);
/// A killed node stays away for so long.
const BACK: Duration = Duration::from_secs(10);
const POLL: Duration = Duration::from_millis(100);

/// Becomes two processes: this one waits for Ctrl-C, the other one, in a group that Ctrl-C does
/// not reach, owns the nodes and ends them when this one is gone.
pub fn dev(args: &Args) -> anyhow::Result<()> {
    args.only(0, &["keep", "release"])?;
    for port in ports() {
        if let Err(e) = TcpListener::bind(("127.0.0.1", port)) {
            bail!("127.0.0.1:{port} cannot be used ({e}): stop what listens there");
        }
    }
    let bin = build_dkron(args.text("release").is_some())?;
    let own = std::env::current_exe().context("no path to this program")?;
    let dir = folder()?;
    if args.text("keep").is_none() && dir.exists() {
        fs::remove_dir_all(&dir).with_context(|| format!("emptying {dir:?}"))?;
    }
    let mut keeper = Command::new(own);
    keeper.args([KEEP, "--bin"]).arg(&bin).arg("--dir").arg(&dir);
    // The end of this pipe tells it that we are gone, whatever ended us.
    let mut keeper = keeper.stdin(Stdio::piped()).process_group(0).spawn()?;
    let hold = keeper.stdin.take();
    let status = keeper.wait().context("waiting for the nodes")?;
    drop(hold);
    anyhow::ensure!(status.success(), "the nodes ended: {status}");
    Ok(())
}

fn ports() -> impl Iterator<Item = u16> {
    (0..NODES.len() as u16).flat_map(|n| [GOSSIP + n, RPC + n, HTTP + n])
}

fn folder() -> anyhow::Result<PathBuf> {
    let target = metadata()?;
    let target = target["target_directory"].as_str().context("no target directory")?;
    Ok(Path::new(target).join("dev"))
}

/// Owns the nodes until its input ends or all of them have.
pub fn keep(args: &Args) -> anyhow::Result<()> {
    let path = |name: &str| args.text(name).map(PathBuf::from).context("started by hand?");
    let (bin, dir) = (path("bin")?, path("dir")?);
    let mut nodes = Vec::new();
    for index in 0..NODES.len() {
        nodes.push(start(&bin, &dir, index)?);
    }
    let gone = Arc::new(AtomicBool::new(false));
    let heard = Arc::clone(&gone);
    std::thread::spawn(move || {
        let _ = std::io::stdin().read_to_end(&mut Vec::new());
        heard.store(true, Ordering::Relaxed);
    });
    let begun = Instant::now();
    let mut greeted = false;
    let mut killed = [None; NODES.len()];
    while !gone.load(Ordering::Relaxed) && nodes.iter_mut().any(|n| is_alive(n) || was_killed(n)) {
        if !greeted && (leader().is_some() || begun.elapsed() > UP) {
            greeted = true;
            println!("{}", next(&dir, nodes.iter().map(Child::id).collect::<Vec<_>>().as_slice()));
        }
        for (index, node) in nodes.iter_mut().enumerate() {
            if !was_killed(node) {
                continue;
            }
            let since = *killed[index].get_or_insert_with(|| {
                println!("== {} was killed; it is back in {BACK:?}", NODES[index].0);
                Instant::now()
            });
            if since.elapsed() > BACK {
                killed[index] = None;
                *node = start(&bin, &dir, index)?;
            }
        }
        std::thread::sleep(POLL);
    }
    end(&mut nodes, &dir);
    anyhow::ensure!(gone.load(Ordering::Relaxed), "all nodes have ended; their logs say why");
    Ok(())
}

fn start(bin: &Path, dir: &Path, index: usize) -> anyhow::Result<Child> {
    let (name, server) = NODES[index];
    let offset = index as u16;
    let data = dir.join(name);
    fs::create_dir_all(&data).with_context(|| format!("creating {data:?}"))?;
    let mut agent = Command::new(bin);
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("DKRON_") {
            agent.env_remove(name);
        }
    }
    let address = |port: u16| format!("127.0.0.1:{}", port + offset);
    agent.args(["agent", "--node-name", name, "--data-dir"]).arg(&data);
    agent.args(["--bind-addr", &address(GOSSIP), "--advertise-addr", &address(GOSSIP)]);
    agent.args(["--rpc-port", &(RPC + offset).to_string(), "--http-addr", &address(HTTP)]);
    agent.args(["--profile", "local", "--retry-interval", "1s"]);
    for (other, (_, server)) in NODES.iter().enumerate() {
        if *server && other != index {
            let port = GOSSIP + other as u16;
            agent.args(["--retry-join", &format!("127.0.0.1:{port}")]);
        }
    }
    match server {
        true => agent.args(["--server", "--bootstrap-expect", "3", "--tag", "seat=server"]),
        false => agent.args(["--tag", "work=yes"]),
    };
    // In our group, which no Ctrl-C reaches: we end them one by one.
    agent.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = agent.spawn().with_context(|| format!("starting {bin:?}"))?;
    print_lines(index, child.stdout.take());
    print_lines(index, child.stderr.take());
    Ok(child)
}

/// Every line with its node's name; a thread each, that ends with the node.
fn print_lines<R: Read + Send + 'static>(index: usize, from: Option<R>) {
    let (name, colour) = (NODES[index].0, COLOURS[index]);
    let coloured = std::io::stdout().is_terminal();
    let Some(from) = from else { return };
    std::thread::spawn(move || {
        for line in BufReader::new(from).split(b'\n').map_while(Result::ok) {
            let line = String::from_utf8_lossy(&line);
            match coloured {
                true => println!("\x1b[{colour}m{name}\x1b[0m {line}"),
                false => println!("{name} {line}"),
            }
        }
    });
}

fn is_alive(node: &mut Child) -> bool {
    matches!(node.try_wait(), Ok(None))
}

/// By somebody at another terminal, who wants to see what happens; one that ends by itself has said
/// why.
fn was_killed(node: &mut Child) -> bool {
    matches!(node.try_wait(), Ok(Some(status)) if status.signal().is_some())
}

fn leader() -> Option<String> {
    let request = Request::new("GET", "/v1/leader");
    let servers = (0..NODES.len() as u16).filter(|n| NODES[usize::from(*n)].1);
    let told = servers.filter_map(|n| {
        let url = format!("http://127.0.0.1:{}", HTTP + n);
        let answer = http::send(&url, &request, Duration::from_secs(1)).ok()?;
        answer.json().ok().filter(|_| answer.status == 200)
    });
    told.into_iter().find_map(|leader| Some(leader["Name"].as_str()?.to_owned()))
}

/// Agents first by SIGTERM, then by SIGKILL; then what their runners still hold.
fn end(nodes: &mut [Child], dir: &Path) {
    println!("== ending all nodes");
    for node in nodes.iter_mut().filter_map(|node| is_alive(node).then_some(node)) {
        signal("-TERM", &node.id().to_string());
    }
    let begun = Instant::now();
    while nodes.iter_mut().any(is_alive) && begun.elapsed() < END {
        std::thread::sleep(POLL);
    }
    for node in nodes {
        // One that has ended needs neither.
        let _ = node.kill();
        let _ = node.wait();
    }
    // Runners outlive their agents and keep what they started; signals of others they ignore.
    let processes = processes();
    for (runner, _) in processes.iter().filter(|(pid, _)| is_runner(*pid, dir)) {
        signal("-KILL", &runner.to_string());
        // Each run leads a group of its own.
        let runs = processes.iter().filter(|(_, parent)| parent == runner);
        runs.for_each(|(run, _)| signal("-KILL", &format!("-{run}")));
    }
}

fn signal(name: &str, pid: &str) {
    let _ = Command::new("kill").args([name, "--", pid]).stderr(Stdio::null()).status();
}

/// All of this machine, with their parents.
fn processes() -> Vec<(u32, u32)> {
    let all = fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = all.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    let parent = |pid: u32| {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        // The name in brackets may hold blanks.
        let (_, rest) = stat.rsplit_once(") ")?;
        rest.split(' ').nth(1)?.parse().ok()
    };
    pids.filter_map(|pid| Some((pid, parent(pid)?))).collect()
}

/// Of one of our nodes: its log lies in the data directory.
fn is_runner(pid: u32, dir: &Path) -> bool {
    let line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    let second = line.split(|byte| *byte == 0).nth(1);
    second == Some(b"runner") && holds(pid, dir)
}

/// Whether a process has a file below a folder open.
fn holds(pid: u32, dir: &Path) -> bool {
    let links = fs::read_dir(format!("/proc/{pid}/fd")).into_iter().flatten().flatten();
    let mut paths = links.filter_map(|link| fs::read_link(link.path()).ok());
    paths.any(|path| path.starts_with(dir))
}

fn next(dir: &Path, pids: &[u32]) -> String {
    let head = leader().map_or_else(
        || format!("No leader after {} s; the logs above say why.", UP.as_secs()),
        |leader| format!("Three servers and two agents are up; {leader} leads."),
    );
    let named = NODES.iter().zip(pids).map(|((name, _), pid)| format!("{name} {pid}"));
    let named = named.collect::<Vec<_>>().join(", ");
    format!(
        r#"
{head} Processes: {named}. Data: {}
In another terminal:

  # a job of every second on either agent
  curl -s http://127.0.0.1:8080/v1/jobs -d '{{"name": "hello", "schedule": "* * * * * *",
    "tags": {{"work": "yes:1"}}, "executor": "shell", "executor_config": {{"command": "date"}}}}'
  curl -s 'http://127.0.0.1:8081/v1/jobs/hello/executions?pretty'   # on any server
  curl -s 'http://127.0.0.1:8082/v1/leader?pretty'
  kill -9 PID         # the leader's: jobs go on, nothing is missing; it is back after {BACK:?}
  curl -s 'http://127.0.0.1:8082/v1/jobs/hello/skipped?pretty'

Ctrl-C ends everything. `cargo xtask dev --keep` goes on with the data of the last time.
"#,
        dir.display()
    )
}
