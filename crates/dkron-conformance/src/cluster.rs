//! Three real servers and agents on loopback, each a process with a folder of its own.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, bail};
use serde_json::Value;

use crate::http::{self, Request};
use crate::server::{Server, free_address};
use crate::wait;

const READY: Duration = Duration::from_secs(60);
const PATIENCE: Duration = Duration::from_secs(10);

/// Stopped when dropped.
pub struct Cluster {
    /// `s1`, `s2`, `s3`.
    pub servers: Vec<Server>,
    /// `a1` and so on.
    pub agents: Vec<Server>,
}

impl Cluster {
    /// Three servers that begin a cluster, and agents; returns once there is a leader that all
    /// servers know, and every node is a member.
    pub fn start(bin: &Path, agents: usize) -> anyhow::Result<Cluster> {
        Cluster::start_with(bin, agents, &[])
    }

    /// The same with more options for all nodes. Servers have the tag `kind=server`, agents
    /// `kind=agent`.
    pub fn start_with(bin: &Path, agents: usize, more: &[&str]) -> anyhow::Result<Cluster> {
        Cluster::start_in(bin, agents, more, &[])
    }

    /// The same with variables of their environments.
    pub fn start_in(
        bin: &Path,
        agents: usize,
        more: &[&str],
        env: &[(&str, &str)],
    ) -> anyhow::Result<Cluster> {
        let gossip = (0..3).map(|_| free_address()).collect::<anyhow::Result<Vec<_>>>()?;
        let joins: Vec<String> = gossip.iter().map(|at| format!("--retry-join={at}")).collect();
        let launch = |name: &str, at: Option<&String>| {
            let (name, data) = (format!("--node-name={name}"), "--data-dir=data".to_owned());
            let mut args = vec![name, data];
            match at {
                Some(at) => args.extend([
                    format!("--bind-addr={at}"),
                    "--tag=kind=server".to_owned(),
                    "--server".to_owned(),
                    "--bootstrap-expect=3".to_owned(),
                ]),
                None => args.push("--tag=kind=agent".to_owned()),
            }
            let args = args.iter().chain(&joins).map(String::as_str);
            let args: Vec<&str> = args.chain(more.iter().copied()).collect();
            Server::launch(bin, &args, env)
        };
        let servers = gossip.iter().enumerate();
        let servers = servers.map(|(no, at)| launch(&format!("s{}", no + 1), Some(at)));
        let servers = servers.collect::<anyhow::Result<Vec<_>>>()?;
        let agents = (1..=agents).map(|no| launch(&format!("a{no}"), None));
        let agents = agents.collect::<anyhow::Result<Vec<_>>>()?;
        let mut cluster = Cluster { servers, agents };
        cluster.wait_ready()?;
        Ok(cluster)
    }

    /// Until all servers know who leads and see every node alive.
    pub fn wait_ready(&mut self) -> anyhow::Result<()> {
        let nodes = self.servers.len() + self.agents.len();
        let ready = wait::until("whole cluster", READY, || {
            let whole = |server: &Server| server.members().is_ok_and(|alive| alive == nodes);
            self.leader().is_some() && self.servers.iter().all(whole)
        });
        ready.with_context(|| self.logs())
    }

    /// The place of the server that leads, if all that answer agree on it.
    pub fn leader(&self) -> Option<usize> {
        let named = |server: &Server| server.get("/v1/leader").ok();
        let names: Vec<Value> = self.servers.iter().filter_map(named).collect();
        let name = names.first()?["Name"].as_str()?.to_owned();
        let agree = names.iter().all(|one| one["Name"] == name.as_str());
        let place = name.strip_prefix('s')?.parse::<usize>().ok()?.checked_sub(1)?;
        (agree && names.len() * 2 > self.servers.len()).then_some(place)
    }

    /// Waits until as many servers vote, by what one of them says.
    pub fn wait_voters(&self, asked: usize, voters: usize) -> anyhow::Result<()> {
        let vote = || {
            let health = self.servers[asked].get("/v1/operator/health").unwrap_or_default();
            health["healthy"] == true && health["voters_alive"] == voters
        };
        let waited = wait::until("voters", READY, vote);
        waited.with_context(|| self.logs())
    }

    /// Where a node is reached by others and by operators, as the cluster knows it.
    pub fn rpc(&self, asked: usize, name: &str) -> anyhow::Result<String> {
        let members = self.servers[asked].get("/v1/members")?;
        let members = members.as_array().context("a list")?;
        let named = members.iter().find(|one| one["Name"] == name).context("a member")?;
        Ok(named["Tags"]["rpc_addr"].as_str().context("an address")?.to_owned())
    }

    /// Waits for a leader.
    pub fn led(&self) -> anyhow::Result<usize> {
        let mut found = None;
        let waited = wait::until("leader", READY, || {
            found = self.leader();
            found.is_some()
        });
        waited.with_context(|| self.logs())?;
        found.context("a leader")
    }

    /// The ends of all logs, for a message.
    pub fn logs(&self) -> String {
        let nodes = self.servers.iter().chain(&self.agents);
        nodes.map(|node| format!("{}:\n{}\n", node.url, node.log_tail())).collect()
    }
}

impl Server {
    /// JSON of an answer below 300.
    pub fn get(&self, path: &str) -> anyhow::Result<Value> {
        self.ask(&Request::new("GET", path))
    }

    pub fn post(&self, path: &str, body: &Value) -> anyhow::Result<Value> {
        self.ask(&Request::json("POST", path, body))
    }

    /// The same for what may be done twice: asked again while an election is in the way.
    pub fn insist(&self, path: &str, body: &Value) -> anyhow::Result<Value> {
        let mut answer = self.post(path, body);
        let in_the_way = |answer: &anyhow::Result<Value>| {
            answer.as_ref().is_err_and(|err| err.to_string().contains(": 503 "))
        };
        wait::until("an answer but 503", READY, || {
            if in_the_way(&answer) {
                answer = self.post(path, body);
            }
            !in_the_way(&answer)
        })?;
        answer
    }

    pub fn ask(&self, request: &Request) -> anyhow::Result<Value> {
        let response = http::send(&self.url, request, PATIENCE)?;
        if response.status >= 300 {
            bail!("{}: {} {}", self.url, response.status, response.text());
        }
        Ok(response.json()?)
    }

    /// How many members it sees alive.
    fn members(&self) -> anyhow::Result<usize> {
        let members = self.get("/v1/members")?;
        let alive = |members: &Vec<Value>| members.iter().filter(|one| one["Status"] == 1).count();
        members.as_array().map(alive).context("a list")
    }
}
