//! The world of one run: hosts, the network between them, names, and what is started on them.

mod checksum;
pub mod dns;
pub mod host;
pub mod init;
pub mod switch;

use std::fs;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use dkron_conformance::http::{self, Request};
use serde_json::Value;

use host::{Host, JOIN_PORT, sh};
use switch::{Link, Rules, Switch};

/// One answer of a server; one that hangs is none.
const ANSWER: Duration = Duration::from_secs(3);
const READY: Duration = Duration::from_secs(60);
const POLL: Duration = Duration::from_millis(100);
/// The disk of the host that is to be filled.
const SMALL_DISK: &str = "size=224m";

pub struct World {
    pub dir: PathBuf,
    bin: PathBuf,
    pub hosts: Vec<Host>,
    pub switch: Switch,
    zone: Arc<Mutex<dns::Zone>>,
    /// The host whose disk is small.
    pub small_disk: Option<String>,
    pub incidents: Vec<String>,
    pub left_out: Vec<String>,
}

impl World {
    /// Servers `s1`…, agents `a1`…; all hosts are up, nothing is started yet.
    pub fn build(dir: &Path, bin: &Path, servers: u8, agents: u8) -> anyhow::Result<World> {
        for folder in ["data", "logs", "clock", "lines", "locks", "resolv"] {
            let path = dir.join(folder);
            fs::create_dir_all(&path).with_context(|| format!("creating {path:?}"))?;
        }
        sh("ip link set lo up")?;
        let named = (1..=servers).map(|n| (format!("s{n}"), true));
        let named = named.chain((1..=agents).map(|n| (format!("a{n}"), false)));
        let hosts: Vec<Host> =
            named.zip(1..).map(|((name, server), n)| Host::new(&name, n, server, dir)).collect();
        let zone = Arc::new(Mutex::new(dns::Zone::default()));
        dns::start(Arc::clone(&zone)).context("the DNS server of the test")?;
        let switch = Switch::start(hosts.iter().map(|host| host.number).collect())
            .context("the network of the test")?;
        let mut world = World {
            dir: dir.to_owned(),
            bin: bin.to_owned(),
            hosts,
            switch,
            zone,
            small_disk: None,
            incidents: Vec::new(),
            left_out: Vec::new(),
        };
        world.mount_small_disk();
        for host in &mut world.hosts {
            fs::create_dir_all(host.data())?;
            host.boot().with_context(|| format!("host {}", host.name))?;
        }
        world.publish();
        Ok(world)
    }

    /// On the last server, before its host takes over the mounts. A server that is alone keeps the
    /// disk of the machine, which can be made slow.
    fn mount_small_disk(&mut self) {
        if self.servers().len() == 1 {
            return;
        }
        let Some(host) = self.hosts.iter().rfind(|host| host.server) else { return };
        let data = host.data();
        let path = data.display();
        let mounted =
            sh(&format!("mkdir -p '{path}'; mount -t tmpfs -o {SMALL_DISK} tmpfs '{path}'"));
        match mounted {
            Ok(_) => self.small_disk = Some(host.name.clone()),
            Err(e) => self.left_out.push(format!("full disk: {e:#}")),
        }
    }

    /// Tells names and addresses as they are now.
    pub fn publish(&self) {
        let mut zone = self.zone.lock().unwrap_or_else(PoisonError::into_inner);
        let address = |host: &Host| Ipv4Addr::new(10, 99, 0, host.address);
        zone.hosts = self.hosts.iter().map(|h| (h.name.clone(), address(h))).collect();
        zone.servers = self.servers();
        zone.join_port = JOIN_PORT;
    }

    pub fn servers(&self) -> Vec<String> {
        self.hosts.iter().filter(|host| host.server).map(|host| host.name.clone()).collect()
    }

    pub fn agents(&self) -> Vec<String> {
        self.hosts.iter().filter(|host| !host.server).map(|host| host.name.clone()).collect()
    }

    /// Where most of the load runs: the agents, or the server that is alone.
    pub fn workers(&self) -> Vec<String> {
        let agents = self.agents();
        if agents.is_empty() { self.servers() } else { agents }
    }

    pub fn host(&mut self, name: &str) -> &mut Host {
        let found = self.hosts.iter_mut().find(|host| host.name == name);
        found.unwrap_or_else(|| panic!("there is no host {name}"))
    }

    pub fn url(&self, name: &str) -> String {
        let found = self.hosts.iter().find(|host| host.name == name);
        found.map(Host::url).unwrap_or_default()
    }

    pub fn start(&mut self, name: &str) -> anyhow::Result<()> {
        let args = self.arguments(name);
        let bin = self.bin.clone();
        let host = self.host(name);
        host.start(&bin, &args).with_context(|| format!("starting the agent of {name}"))
    }

    fn arguments(&self, name: &str) -> Vec<String> {
        let servers = self.servers();
        let Some(host) = self.hosts.iter().find(|host| host.name == name) else {
            return Vec::new();
        };
        let mut args: Vec<String> = Vec::new();
        let mut put = |name: &str, value: String| args.extend([format!("--{name}"), value]);
        put("node-name", host.name.clone());
        put("data-dir", host.data().display().to_string());
        put("bind-addr", format!("{}:{JOIN_PORT}", host.ip()));
        put("http-addr", ":8080".into());
        put("profile", "local".into());
        if self.workers().contains(&host.name) {
            put("tag", "work=yes".into());
        }
        if self.hosts.len() > 1 {
            put("retry-interval", "1s".into());
            // Half of them by name, half by the record of the service.
            if host.number % 2 == 0 {
                put("retry-join", dns::SERVICE.into());
            }
            for server in &servers {
                put("retry-join", format!("{server}.{}", dns::ZONE));
            }
        }
        if host.server {
            put("bootstrap-expect", servers.len().to_string());
            put("tag", "seat=server".into());
            args.push("--server".into());
        }
        args
    }

    pub fn get(&self, name: &str, target: &str) -> anyhow::Result<Value> {
        let got = http::send(&self.url(name), &Request::new("GET", target), ANSWER)?;
        if got.status != 200 {
            bail!("GET {target} at {name}: {} {}", got.status, got.text().trim());
        }
        got.json().with_context(|| format!("GET {target} at {name}"))
    }

    /// Who leads, by the word of any server that answers.
    pub fn leader(&self) -> Option<String> {
        let up = self.hosts.iter().filter(|host| host.server && host.is_meant_up);
        up.filter_map(|host| self.get(&host.name, "/v1/leader").ok())
            .find_map(|told| Some(told["Name"].as_str()?.to_owned()))
    }

    /// Until there is a leader and it shows every host alive.
    pub fn wait_whole(&mut self) -> anyhow::Result<()> {
        let begun = Instant::now();
        while !self.is_whole() {
            self.look_after();
            if let Some(incident) = self.incidents.first() {
                bail!("{incident}");
            }
            if begun.elapsed() > READY {
                bail!("after {READY:?} the cluster is not whole: {}", self.shown());
            }
            std::thread::sleep(POLL);
        }
        Ok(())
    }

    pub fn is_whole(&self) -> bool {
        let Some(leader) = self.leader() else { return false };
        let Ok(members) = self.get(&leader, "/v1/members") else { return false };
        let alive = |member: &&Value| member["Status"].as_i64() == Some(1);
        let alive = members.as_array().map_or(0, |all| all.iter().filter(alive).count());
        alive >= self.hosts.len()
    }

    /// For a message: what each server says.
    fn shown(&self) -> String {
        let told = self.servers().into_iter().map(|server| {
            let members = self.get(&server, "/v1/members").map_or_else(
                |e| format!("{e:#}"),
                |all| {
                    let all = all.as_array().cloned().unwrap_or_default();
                    let one = |m: &Value| format!("{} {}", m["Name"], m["statusText"]);
                    all.iter().map(one).collect::<Vec<_>>().join(", ")
                },
            );
            format!("{server} says {members}")
        });
        told.collect::<Vec<_>>().join("; ")
    }

    /// Notes every agent that ended without being told to, and starts it again.
    pub fn look_after(&mut self) {
        for index in 0..self.hosts.len() {
            let host = &mut self.hosts[index];
            if !host.is_up() || !host.is_meant_up {
                continue;
            }
            let Ok(Some(end)) = host.agent_end() else { continue };
            let name = host.name.clone();
            self.incidents.push(format!("the agent of {name} ended by itself: {end}"));
            if let Err(e) = self.start(&name) {
                self.incidents.push(format!("{e:#}"));
            }
        }
    }

    /// A host loses its power: it is gone before its kernel can say goodbye to anybody.
    pub fn kill_host(&mut self, name: &str) {
        let one = vec![name.to_owned()];
        let all: Vec<String> = self.hosts.iter().map(|host| host.name.clone()).collect();
        let mut rules = self.link(&one, &all, Link::CUT);
        rules.extend(self.link(&all, &one, Link::CUT));
        self.switch.set(rules);
        self.host(name).die();
        self.switch.set(Rules::new());
    }

    /// One rule for every way from one of these to one of those; none for all others.
    pub fn link(&self, from: &[String], to: &[String], link: Link) -> Rules {
        let number = |name: &String| self.hosts.iter().find(|h| h.name == *name).map(|h| h.number);
        let mut rules = Rules::new();
        for one in from.iter().filter_map(number) {
            for two in to.iter().filter_map(number).filter(|two| *two != one) {
                rules.insert((one, two), link);
            }
        }
        rules
    }

    /// Panics in the logs of all hosts.
    pub fn hear_panics(&mut self) {
        for host in &self.hosts {
            let log = fs::read(host.log()).unwrap_or_default();
            let log = String::from_utf8_lossy(&log);
            let panic = log.lines().filter(|line| line.contains("panicked at"));
            self.incidents.extend(panic.map(|line| format!("{}: {line}", host.name)));
        }
    }
}
