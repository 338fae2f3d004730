//! A server that was one of three for a while, and was recovered: its log and rows hold memberships
//! of several servers, its directory the mark of a cluster.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use dkron_conformance::server::{Server, binary, command};
use dkron_conformance::wait::until;
use serde_json::Value;

const PATIENCE: Duration = Duration::from_secs(60);

/// Two servers come, vote and leave; then the one that is left is recovered and starts again.
pub fn pass(server: &mut Server, data: &Path) -> anyhow::Result<()> {
    let own = member(server, "golden")?;
    let gossip = format!("{}:{}", own["Addr"].as_str().context("an address")?, own["Port"]);
    let join = format!("--retry-join={gossip}");
    let launch = |name: &str| {
        let name = format!("--node-name={name}");
        Server::launch(&binary()?, &["--server", &name, "--data-dir=data", &join], &[])
    };
    let mut others = [launch("passing-1")?, launch("passing-2")?];
    voters(server, 3)?;
    for (other, name) in others.iter_mut().zip(["passing-1", "passing-2"]) {
        let tags = member(server, name)?["Tags"].clone();
        let address = tags["rpc_addr"].as_str().context("an address")?;
        let (done, said) = command(&binary()?, &["leave", "--rpc-addr", address])?;
        ensure!(done, "{said}");
        other.ended()?;
    }
    voters(server, 1)?;
    server.kill()?;
    let data = data.to_str().context("a path of plain text")?;
    let (done, said) = command(&binary()?, &["cluster", "recover", "--data-dir", data])?;
    ensure!(done, "{said}");
    server.restart()
}

fn member(server: &Server, name: &str) -> anyhow::Result<Value> {
    let members = server.get("/v1/members")?;
    let found = members.as_array().context("a list")?.iter().find(|one| one["Name"] == name);
    found.cloned().context("a member")
}

fn voters(server: &Server, wanted: usize) -> anyhow::Result<()> {
    until("voters", PATIENCE, || {
        let health = server.get("/v1/operator/health").unwrap_or_default();
        health["healthy"] == true && health["voters"] == wanted && health["voters_alive"] == wanted
    })
}
