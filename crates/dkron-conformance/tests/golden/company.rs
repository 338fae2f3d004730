//! What only a server among others has in its directory: members that came and went, a node that
//! was drained, runs of others, one that was lost and told its end later.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use dkron_conformance::server::{Server, binary, command};
use dkron_conformance::wait::until;
use serde_json::{Value, json};

use super::jobs::{is_finished, send, waited};
use super::{Folder, get};

const PATIENCE: Duration = Duration::from_secs(60);

/// A server and an agent join, work, and leave for good.
pub fn run(server: &Server) -> anyhow::Result<()> {
    let members = get(&server.url, "/v1/members")?;
    let (ip, port) = (&members[0]["Addr"], &members[0]["Port"]);
    let join = format!("--retry-join={}:{port}", ip.as_str().context("an address")?);
    let folder = Folder::new("company");
    let mut other = node("other", &["--server", &join], &folder.0)?;
    let mut worker = node("worker", &["--tag", "lane=two", &join], &folder.0)?;
    let voters = |count: usize| {
        let health = get(&server.url, "/v1/operator/health").unwrap_or_default();
        health["voters_alive"] == count && health["healthy"] == true
    };
    until("two voters", PATIENCE, || voters(2)).with_context(|| other.log_tail())?;
    lost(&server.url, &mut worker)?;
    on_all(&server.url)?;
    let (bin, own) = (binary()?, rpc(&server.url, "golden")?);
    for (args, what) in [
        (vec!["node", "drain", "worker", "--reason=disk"], "a drain"),
        (vec!["node", "drain", "other", "--reason=moves"], "another"),
        (vec!["node", "undrain", "other"], "its end"),
    ] {
        let args = [&args[..], &["--rpc-addr", &own]].concat();
        until(what, PATIENCE, || command(&bin, &args).is_ok_and(|(done, _)| done))?;
    }
    for (name, node) in [("worker", &mut worker), ("other", &mut other)] {
        let (done, said) = command(&bin, &["leave", "--rpc-addr", &rpc(&server.url, name)?])?;
        ensure!(done && node.ended()? == Some(0), "{said}\n{}", node.log_tail());
    }
    until("one voter", PATIENCE, || voters(1))
}

fn rpc(url: &str, name: &str) -> anyhow::Result<String> {
    let members = get(url, "/v1/members")?;
    let named = |member: &&Value| member["Name"] == name;
    let member = members.as_array().and_then(|list| list.iter().find(named)).context("a member")?;
    Ok(member["Tags"]["rpc_addr"].as_str().context("an address")?.to_owned())
}

fn node(name: &str, args: &[&str], folder: &Path) -> anyhow::Result<Server> {
    let (name, data) = (format!("--node-name={name}"), folder.join(name));
    let data = format!("--data-dir={}", data.display());
    Server::launch(&binary()?, &[&[name.as_str(), &data], args].concat(), &[])
}

/// Every node runs it, each with an execution of its own.
fn on_all(url: &str) -> anyhow::Result<()> {
    let job = json!({"name": "on-all", "schedule": "@manually", "executor": "noop"});
    send(url, "POST", "/v1/jobs", Some(&job))?;
    send(url, "POST", "/v1/jobs/on-all", None)?;
    waited(url, "on-all", |list| list.len() == 3 && list.iter().all(is_finished))
}

/// Its agent dies for longer than it may be silent, its process goes on.
fn lost(url: &str, worker: &mut Server) -> anyhow::Result<()> {
    let job = json!({"name": "lost", "schedule": "@manually", "executor": "shell",
        "executor_config": {"command": "sleep 300"}, "tags": {"lane": "two"},
        "lost_after": "20s"});
    send(url, "POST", "/v1/jobs", Some(&job))?;
    let runs = |list: &[Value]| list.iter().any(|one| one["state"] == "running");
    until("a run on the agent", PATIENCE, || {
        // Until the agent has its session there is nobody with its tag.
        let running = get(url, "/v1/jobs/lost/executions");
        let list = running.ok().and_then(|list| list.as_array().cloned()).unwrap_or_default();
        if list.is_empty() {
            let _ = send(url, "POST", "/v1/jobs/lost", None);
        }
        runs(&list)
    })?;
    worker.kill()?;
    waited(url, "lost", |list| list.iter().any(|one| one["state"] == "lost"))?;
    worker.spawn_again()?;
    waited(url, "lost", |list| list.iter().any(|one| !one["late_result"].is_null()))
}
