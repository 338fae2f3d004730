//! One host from outside: its namespaces are there as long as its first process, and its cable
//! ends at the switch.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use anyhow::{Context as _, bail};

use super::dns;
use super::init::{Order, Told, Whom};
use super::switch::{self, cable};

pub const KILL: i32 = 9;
pub const TERM: i32 = 15;
pub const STOP: i32 = 19;
pub const CONT: i32 = 18;

pub const JOIN_PORT: u16 = 8946;
const HTTP_PORT: u16 = 8080;
/// Room for the head that the switch's datagrams add.
const MTU: u32 = 1_400;

pub struct Host {
    pub name: String,
    pub number: u8,
    pub server: bool,
    /// The last part of its address between the hosts; it may move.
    pub address: u8,
    pub dir: PathBuf,
    life: Option<Life>,
    /// Its agent is meant to run.
    pub is_meant_up: bool,
}

struct Life {
    child: Child,
    orders: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Host {
    pub fn new(name: &str, number: u8, server: bool, dir: &Path) -> Host {
        Host {
            name: name.to_owned(),
            number,
            server,
            address: number,
            dir: dir.to_owned(),
            life: None,
            is_meant_up: false,
        }
    }

    /// Where the test reaches its API, whatever the network between the hosts is like.
    pub fn url(&self) -> String {
        format!("http://{}:{HTTP_PORT}", cable(self.number, false))
    }

    pub fn ip(&self) -> String {
        format!("10.99.0.{}", self.address)
    }

    pub fn data(&self) -> PathBuf {
        self.dir.join("data").join(&self.name)
    }

    pub fn log(&self) -> PathBuf {
        self.dir.join("logs").join(format!("{}.log", self.name))
    }

    pub fn clock(&self) -> PathBuf {
        self.dir.join("clock").join(&self.name)
    }

    pub fn boot(&mut self) -> anyhow::Result<()> {
        let own = std::env::current_exe().context("no path to this program")?;
        let mut child = Command::new("unshare")
            .args(["--net", "--mount", "--uts", "--pid", "--fork", "--kill-child", "--mount-proc"])
            .arg(own)
            .arg("init")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .context("starting unshare")?;
        let pid = child.id();
        let orders = child.stdin.take().context("no orders")?;
        let answers = BufReader::new(child.stdout.take().context("no answers")?);
        self.life = Some(Life { child, orders, answers });
        self.answer().context("the host did not come up")?;
        let (number, ours) = (self.number, cable(self.number, true));
        sh(&format!(
            "ip link add c{number} type veth peer name eth0 netns {pid}
            ip addr add {ours}/24 dev c{number}
            ip link set c{number} up"
        ))?;
        let script = self.network();
        self.shell(&script)?;
        Ok(())
    }

    fn network(&self) -> String {
        let (name, number) = (&self.name, self.number);
        let (ours, theirs) = (cable(number, true), cable(number, false));
        let resolv = self.dir.join("resolv").join(name);
        let (resolv, ip, port) = (resolv.display(), self.ip(), switch::PORT);
        format!(
            "echo {name} > /proc/sys/kernel/hostname
            echo 1 > /proc/sys/net/ipv6/conf/all/disable_ipv6 || true
            mkdir -p '{dir}/resolv'
            echo 'nameserver {ours}\noptions timeout:1 attempts:2\nsearch {zone}' > '{resolv}'
            mount --bind '{resolv}' \"$(readlink -f /etc/resolv.conf)\"
            ip link set lo up
            ip addr add {theirs}/24 dev eth0
            ip link set eth0 up
            ip link add net0 address 02:00:00:00:00:{number:02x} type vxlan id 7 \
                local {theirs} remote {ours} dstport {port} nolearning
            ip link set net0 mtu {MTU} gso_max_segs 1 up
            ip addr add {ip}/24 dev net0",
            dir = self.dir.display(),
            zone = dns::ZONE,
        )
    }

    /// Moves to another address; open connections are gone with the old one.
    pub fn move_to(&mut self, address: u8) -> anyhow::Result<()> {
        self.address = address;
        let ip = self.ip();
        self.shell(&format!("ip addr flush dev net0; ip addr add {ip}/24 dev net0"))?;
        Ok(())
    }

    /// Starts the agent with these arguments.
    pub fn start(&mut self, bin: &Path, args: &[String]) -> anyhow::Result<()> {
        let mut command = vec![bin.display().to_string(), "agent".to_owned()];
        command.extend(args.iter().cloned());
        let clock = self.clock().display().to_string();
        let env = vec![("DKRON_TEST_CLOCK".to_owned(), clock)];
        let log = self.log().display().to_string();
        self.order(&Order::Start { command, env, log })?;
        self.is_meant_up = true;
        Ok(())
    }

    pub fn signal(&mut self, whom: Whom, signal: i32) -> anyhow::Result<()> {
        self.order(&Order::Signal { whom, signal })?;
        Ok(())
    }

    /// Asks the agent to end, or makes it.
    pub fn stop(&mut self, signal: i32) -> anyhow::Result<()> {
        self.is_meant_up = false;
        self.signal(Whom::Agent, signal)
    }

    /// How the agent ended, if it did.
    pub fn agent_end(&mut self) -> anyhow::Result<Option<String>> {
        let told = self.order(&Order::Agent)?;
        Ok((told != "there").then_some(told))
    }

    pub fn shell(&mut self, script: &str) -> anyhow::Result<String> {
        self.order(&Order::Shell(script.to_owned()))
    }

    /// Every process, its network, its mounts. Its disk stays.
    pub(super) fn die(&mut self) {
        self.is_meant_up = false;
        if let Some(mut life) = self.life.take() {
            // Killing unshare kills the first process, and that one all others.
            let _ = life.child.kill();
            let _ = life.child.wait();
        }
        // The kernel takes a network apart at its leisure, some ten seconds later.
        let _ = sh(&format!("ip link del c{}", self.number));
    }

    pub fn is_up(&self) -> bool {
        self.life.is_some()
    }

    fn order(&mut self, order: &Order) -> anyhow::Result<String> {
        let life = self.life.as_mut().with_context(|| format!("{} is down", self.name))?;
        let mut line = serde_json::to_vec(order)?;
        line.push(b'\n');
        life.orders.write_all(&line).context("writing an order")?;
        self.answer()
    }

    fn answer(&mut self) -> anyhow::Result<String> {
        let life = self.life.as_mut().context("the host is down")?;
        let mut line = String::new();
        life.answers.read_line(&mut line).context("reading an answer")?;
        let told: Told = serde_json::from_str(&line).context("the host's first process ended")?;
        if !told.ok {
            bail!("{}: {}", self.name, told.text);
        }
        Ok(told.text)
    }
}

/// A script of the test itself.
pub fn sh(script: &str) -> anyhow::Result<String> {
    let output = Command::new("sh").args(["-ec", script]).output().context("starting sh")?;
    if !output.status.success() {
        bail!("`{script}`: {}", String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}
