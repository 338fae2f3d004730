//! The node behind the door. The only place that opens its parts and starts it.

use std::collections::BTreeMap;
use std::future::Future;
use std::path::Path;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use anyhow::Context;
use dkron_core::domain::{NodeName, Settings};
use dkron_core::schedule::{Zone, zone_data_version};
use dkron_exec::processors::{FilesProcessor, LogProcessor};
use dkron_exec::runner::RunnerClient;
use dkron_exec::{Processor, ProcessorRegistry};
use dkron_node::forward::{Forward, Front};
use dkron_node::network::Listens;
use dkron_node::service::{Member, Service};
use dkron_node::{End, Farewell, Node};
use tokio::sync::oneshot;

use super::equipment::{Equipment, part};
use super::reload::Retag;
use crate::config::Options;

/// What runs may go on for this long after the word to stop.
pub const PATIENCE: Duration = Duration::from_secs(10);
/// What Dkron's clients know of the membership protocol.
const MEMBER_ALIVE: u8 = 1;

/// A running node, as the door sees it.
pub struct Running {
    pub service: Service,
    /// Names that jobs may use without a warning.
    pub executors: Vec<String>,
    pub processors: Vec<String>,
    /// For requests of this server's clients that the leader carries out.
    pub forward: Arc<dyn Forward>,
    /// Publishes other tags.
    pub retag: Retag,
    /// Where other nodes reach this one, as it was bound.
    pub between: Listens,
    /// What serves requests that arrive from other servers and operators; to be set.
    pub front: Arc<OnceLock<Front>>,
    /// Ends when the node has ended, by itself or because it was told to.
    pub stopped: Pin<Box<dyn Future<Output = anyhow::Result<()>> + Send>>,
    /// Tells the node to end.
    pub stop: Box<dyn FnOnce() + Send>,
}

/// Opens the data directory and starts the node in it.
pub async fn start(options: &Options, path: &Path) -> anyhow::Result<Running> {
    let Equipment { data, durability, executors, runner, held, keep } =
        Equipment::open(options, path).await?;
    let processors = ProcessorRegistry::new([
        Arc::new(FilesProcessor::default()) as Arc<dyn Processor>,
        Arc::new(LogProcessor::default()),
    ]);
    let named = |names: Vec<&'static str>| names.into_iter().map(str::to_owned).collect();
    let (known_executors, known_processors) = (named(executors.names()), named(processors.names()));
    let node = dkron_node::start(dkron_node::Options {
        member: member(options),
        region: options.node.region.clone(),
        settings: Settings { zone: local_zone(), ..options.settings.values.clone() },
        zone_data: zone_data_version().to_owned(),
        data,
        durability,
        expect: options.node.bootstrap_expect,
        executors,
        runner: Some(runner.clone()),
        held,
        processors,
        raft_multiplier: u32::from(options.node.raft_multiplier),
        network: options.network.clone(),
    });
    let node = node.await.context("the node does not start")?;
    let service = node.service.clone();
    let (forward, front) = (node.forward.clone(), Arc::clone(&node.front));
    let (between, retag) = (node.listens, retag(node.retag.clone()));
    let (tell, told) = oneshot::channel();
    let stopped = Box::pin(until_ended(node, told, runner, keep));
    Ok(Running {
        service,
        executors: known_executors,
        processors: known_processors,
        forward,
        front,
        retag,
        between,
        stopped,
        stop: Box::new(move || {
            // It has ended by itself if nobody listens.
            let _ = tell.send(());
        }),
    })
}

/// Publishes tags without waiting for it.
pub fn retag(node: dkron_node::network::Retag) -> Retag {
    Arc::new(move |tags| {
        let node = node.clone();
        tokio::spawn(async move {
            if let Err(err) = node.publish(tags).await {
                tracing::error!(%err, "config: the new tags were not published");
            }
        });
    })
}

/// Waits for the word to stop, or for the node's own end.
async fn until_ended(
    mut node: Node,
    told: oneshot::Receiver<()>,
    runner: RunnerClient,
    keep: bool,
) -> anyhow::Result<()> {
    let farewell = tokio::select! {
        _ = told => if keep { Farewell::HandOver } else { Farewell::Wait },
        end = node.ended() => match end {
            End::Left => Farewell::Leave,
            End::Failed(reason) => {
                node.hand_over().await;
                part(&runner, keep).await;
                anyhow::bail!("the node can not go on: {reason}");
            }
        },
    };
    node.stop(farewell, PATIENCE).await;
    part(&runner, farewell == Farewell::HandOver).await;
    Ok(())
}

/// This node as others see it.
fn member(options: &Options) -> Member {
    let advertised = options.network.advertise;
    Member {
        name: NodeName::new(options.node.name.as_str()),
        addr: advertised.ip().to_string(),
        port: advertised.port(),
        tags: tags(options),
        status: MEMBER_ALIVE,
    }
}

/// The user's tags with those that a node sets itself, which are Dkron's. The RPC port is the
/// wanted one: who binds port 0 knows better.
pub fn tags(options: &Options) -> BTreeMap<String, String> {
    let (node, rpc) = (&options.node, options.network.rpc_advertise);
    let mut tags = node.tags.clone();
    let reserved = [
        ("role", "dkron".to_owned()),
        ("dc", node.datacenter.clone()),
        ("region", node.region.clone()),
        ("version", env!("CARGO_PKG_VERSION").to_owned()),
        ("port", rpc.port().to_string()),
        ("rpc_addr", rpc.to_string()),
    ];
    tags.extend(reserved.map(|(name, value)| (name.to_owned(), value)));
    if node.server {
        tags.insert("server".to_owned(), "true".to_owned());
    }
    if node.bootstrap_expect > 0 {
        tags.insert("expect".to_owned(), node.bootstrap_expect.to_string());
    }
    tags
}

/// The zone of this machine: what a new cluster takes for jobs without one.
fn local_zone() -> String {
    let from_link = || {
        let target = std::fs::read_link("/etc/localtime").ok()?;
        let path = target.to_str()?;
        path.split_once("zoneinfo/").map(|(_, name)| name.to_owned())
    };
    let named = std::env::var("TZ").ok().map(|name| name.trim_start_matches(':').to_owned());
    let name = named.or_else(from_link).unwrap_or_default();
    match Zone::parse(&name) {
        Ok(_) if !name.is_empty() => name,
        Ok(_) => "UTC".to_owned(),
        Err(err) => {
            tracing::warn!(%err, "config: the local time zone is not known, UTC stands for it");
            "UTC".to_owned()
        }
    }
}
