//! Many agents in one process, for `bench agents`: each has its own sockets, journal and session,
//! and runs `noop` jobs.
//!
//! `agents COUNT DIRECTORY HOST:PORT`, the last one the gossip of a server; ends with its input.
//! What they log goes to stderr, as `RUST_LOG` says.

use std::collections::BTreeMap;
use std::io::Read as _;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use dkron_core::domain::NodeName;
use dkron_exec::executors::NoopExecutor;
use dkron_exec::{Executor, Registry};
use dkron_node::network::{NetworkOptions, Profile};
use dkron_node::{Agent, AgentOptions, start_agent};
use dkron_store::Durability;
use dkron_store::data_dir::{DataDir, Options as DataOptions};

fn main() -> anyhow::Result<()> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let [count, directory, join] = words.as_slice() else {
        anyhow::bail!("usage: agents COUNT DIRECTORY HOST:PORT");
    };
    let count: u16 = count.parse().context("COUNT")?;
    let filter = tracing_subscriber::EnvFilter::from_default_env();
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let agents = runtime.block_on(async {
        let mut agents = Vec::new();
        for no in 1..=count {
            agents.push(start(no, Path::new(directory), join).await?);
        }
        anyhow::Ok(agents)
    })?;
    // Whoever started this process closes its input, also by dying.
    let _ = std::io::stdin().read_to_end(&mut Vec::new());
    drop(agents);
    Ok(())
}

async fn start(no: u16, directory: &Path, join: &str) -> anyhow::Result<Agent> {
    let (name, free) = (format!("agent-{no}"), "127.0.0.1:0".parse()?);
    let mut id = [0; 16];
    id[..2].copy_from_slice(&no.to_be_bytes());
    id[15] = 1;
    // Real ones have disks of their own.
    let mut options = DataOptions::new(id, env!("CARGO_PKG_VERSION"));
    options.durability = Durability::None;
    let data = DataDir::open(&directory.join(&name), options)
        .map_err(|err| anyhow::anyhow!("{}", err.chain()))?;
    let tag = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    let tags = BTreeMap::from([
        tag("role", "dkron"),
        tag("region", "global"),
        tag("dc", "dc1"),
        tag("kind", "agent"),
    ]);
    let agent = start_agent(AgentOptions {
        name: NodeName::from(name.as_str()),
        region: "global".into(),
        tags,
        data,
        durability: Durability::None,
        executors: Registry::new([Arc::new(NoopExecutor) as Arc<dyn Executor>]),
        runner: None,
        held: Vec::new(),
        network: NetworkOptions {
            bind: free,
            advertise: free,
            rpc_bind: free,
            rpc_advertise: free,
            key: None,
            profile: Profile::Lan,
            join: Vec::new(),
            retry_join: vec![join.to_owned()],
            retry_max: None,
            retry_interval: Duration::from_secs(1),
            reconnect_timeout: Duration::from_secs(60),
        },
    });
    agent.await.with_context(|| name)
}
