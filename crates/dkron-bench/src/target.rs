//! What is under load: a server in a folder of its own, three of them, or any address.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use dkron_conformance::cluster::Cluster;
use dkron_conformance::server::{Server, binary};
use serde_json::{Value, json};

use crate::args::Args;

pub struct Target {
    pub url: String,
    /// Ours to kill and restart; `None` behind `--url`.
    pub server: Option<Server>,
    /// Ours as well; `url` is that of its leader.
    cluster: Option<Cluster>,
    pid: Option<u32>,
}

impl Target {
    pub fn open(args: &Args) -> anyhow::Result<Target> {
        if let Some(url) = args.text("url") {
            let pid = args.text("pid").map(str::parse).transpose().context("--pid")?;
            return Ok(Target { url: url.to_owned(), server: None, cluster: None, pid });
        }
        let bin = match args.text("bin") {
            Some(path) => PathBuf::from(path).canonicalize().context("--bin")?,
            None => binary().context("name a binary with --bin, or a server with --url")?,
        };
        match args.number("servers", 1)? {
            1 => {}
            3 => return Target::three(&bin, args.number("agents", 0)?),
            _ => anyhow::bail!("--servers: 1 or 3"),
        }
        let server = Server::start(
            &bin,
            &["--server", "--bootstrap-expect=1", "--data-dir", "data", "--log-level", "warn"],
        )?;
        println!("== dkron at {}, data in {}", server.url, server.dir.display());
        Ok(Target { url: server.url.clone(), server: Some(server), cluster: None, pid: None })
    }

    fn three(bin: &Path, agents: usize) -> anyhow::Result<Target> {
        anyhow::ensure!(agents <= 16, "--agents: at most 16");
        let cluster = Cluster::start_with(bin, agents, &["--log-level=warn"])?;
        let leader = &cluster.servers[cluster.led()?];
        let (url, pid) = (leader.url.clone(), Some(leader.pid()));
        println!("== three servers of dkron, the leader at {url}");
        Ok(Target { url, server: None, cluster: Some(cluster), pid })
    }

    /// Tags that have a job run on one node: of the agents, if there are any.
    pub fn one_node(&self) -> Value {
        let has_agents = self.cluster.as_ref().is_some_and(|cluster| !cluster.agents.is_empty());
        if has_agents { json!({"kind": "agent:1"}) } else { json!({"dc": "dc1:1"}) }
    }

    /// The processes of the servers that follow.
    pub fn followers(&self) -> Vec<u32> {
        let servers = self.cluster.iter().flat_map(|cluster| &cluster.servers);
        servers.map(Server::pid).filter(|pid| Some(*pid) != self.pid).collect()
    }

    /// The process to look at, if it is known.
    pub fn pid(&self) -> Option<u32> {
        self.server.as_ref().map(Server::pid).or(self.pid)
    }

    pub fn own(&mut self) -> anyhow::Result<&mut Server> {
        self.server.as_mut().context("needs a server of its own: leave --url out")
    }
}
