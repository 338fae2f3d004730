//! The start of a node and its end: everything that can refuse refuses before anything is
//! announced, and whatever ends first ends the rest in order.

mod agent;
mod connections;
mod data;
mod equipment;
mod listen;
mod node;
mod reload;
mod signals;
mod socket;
mod summary;

#[cfg(test)]
mod tests;

use std::future::Future;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context;
use dkron_node::network::Listens;
use dkron_node::service::{Error, Service};
use tokio::net::TcpListener;
use tokio::sync::watch;

use crate::config::{FirstSettings, Options};
use crate::{metrics, rest};

pub use node::Running;
use summary::Summary;

pub use reload::{Reload, Retag, Source};

/// Requests in flight have this long to end after the word to stop.
const DRAIN: Duration = Duration::from_secs(5);
/// The node has this long to leave its work in order.
const STOP: Duration = Duration::from_secs(20);

/// How soon the cluster is asked again for its settings.
const AGAIN: Duration = Duration::from_millis(500);
/// Without a leader for so long, a person is told all the same how this server is.
const ALONE: Duration = Duration::from_secs(10);

/// Runs a node until it is told to stop, or stops by itself.
pub async fn run(mut options: Options, mut reload: Reload) -> anyhow::Result<()> {
    tracing::info!(version = env!("CARGO_PKG_VERSION"), "agent: Dkron agent starting");
    #[cfg(debug_assertions)]
    stage();
    for warning in &options.warnings {
        tracing::warn!("config: {warning}");
    }
    raise_open_files();
    if !options.node.server {
        return agent::run(options, reload).await;
    }
    let listener = listen::bind(&options.http.addr).await?;
    let data = data::Directory::prepare(&options.node)?;
    let metrics = match options.http.prometheus {
        true => Some(metrics::install().context("failed to start the metrics")?),
        false => None,
    };
    if let Some(handle) = metrics.clone() {
        tokio::spawn(metrics::upkeep(handle));
    }
    let node = node::start(&options, data.path()).await?;
    let app = rest::App {
        service: node.service.clone(),
        node: options.node.name.clone(),
        http: options.http.clone(),
        executors: node.executors.clone(),
        processors: node.processors.clone(),
        metrics,
        forward: Some(Arc::clone(&node.forward)),
        encrypted: options.network.key.is_some(),
        command_line: data::command_line(std::env::args_os()),
        batches: rest::batch::Batches::default(),
    };
    announce(&options, &listener, &data, &node);
    let http = listener.local_addr().context("the listener has no address")?;
    let summary = Summary::new(&options, http, &data, node.between);
    tokio::spawn(compare(options.settings.clone(), node.service.clone(), summary));
    let retag = node.retag.clone();
    let stop = signals::stop(move || reload.again(&mut options, &retag))?;
    serve(listener, app, node, stop).await
}

/// Tests set the wall clock of a build with debug assertions through a file, and the versions that
/// it announces: of the protocol between nodes, and of a cluster that it can be a part of.
#[cfg(debug_assertions)]
fn stage() {
    let highest = std::env::var("DKRON_TEST_PROTOCOL").ok().and_then(|text| text.parse().ok());
    if let Some(highest) = highest {
        tracing::warn!(highest, "the protocol's version is staged by a test");
        dkron_node::stage_protocol(highest);
    }
    let newest = std::env::var("DKRON_TEST_CLUSTER_VERSION").ok();
    if let Some(newest) = newest.and_then(|text| text.parse().ok()) {
        tracing::warn!(newest, "the version of a cluster that is known is staged by a test");
        dkron_node::stage_cluster_version(newest);
    }
    if let Some(file) = std::env::var_os("DKRON_TEST_CLOCK") {
        tracing::warn!(?file, "the wall clock is staged by a test");
        dkron_node::staged::follow(file.into());
    }
}

/// Tells who leads, and of options that the cluster's own settings overrule. Before there is a
/// leader the stored ones may not be the last.
async fn compare(options: FirstSettings, service: Service, summary: Summary) {
    let mut is_told = false;
    let begun = Instant::now();
    let mut is_shown = false;
    loop {
        let found = match service.leader().await {
            Ok(None) => Err(Error::NoLeader),
            Ok(Some(leader)) => {
                if !std::mem::replace(&mut is_told, true) {
                    summary.print(Some(leader.name.as_str()));
                    tracing::info!(leader = %leader.name, "agent: the cluster has a leader");
                }
                service.settings().await
            }
            Err(err) => Err(err),
        };
        match found {
            Ok(stored) => {
                for line in options.differences(&stored) {
                    tracing::warn!("config: {line}");
                }
                return;
            }
            Err(Error::Stopping) => return,
            Err(_) => {
                if !is_told && !is_shown && begun.elapsed() > ALONE {
                    summary.print(None);
                    is_shown = true;
                }
                tokio::time::sleep(AGAIN).await;
            }
        }
    }
}

/// Connections and files of a busy server are many: the soft limit is raised to the hard one.
fn raise_open_files() {
    let mut limit = rustix::process::getrlimit(rustix::process::Resource::Nofile);
    limit.current = limit.maximum;
    if let Err(err) = rustix::process::setrlimit(rustix::process::Resource::Nofile, limit) {
        tracing::warn!(%err, "agent: the limit of open files could not be raised");
    }
}

/// What is open, where, and to whom.
fn announce(options: &Options, listener: &TcpListener, data: &data::Directory, node: &Running) {
    let http = listener.local_addr().map(|addr| addr.to_string()).unwrap_or_default();
    tracing::info!(
        %http,
        ui = options.http.ui,
        metrics = options.http.prometheus,
        data = %data.path().display(),
        temporary = data.is_temporary(),
        region = options.node.region,
        "agent: listening"
    );
    announce_between(options, node.between);
    if !listener.local_addr().is_ok_and(|addr| addr.ip().is_loopback()) {
        tracing::warn!(
            %http,
            "agent: the API is open to everybody who reaches this address, jobs can run any \
             command: keep it behind a firewall or listen on 127.0.0.1 (--http-addr)"
        );
    }
    if options.node.bootstrap_expect == 0 {
        tracing::warn!(
            "agent: bootstrap-expect is not set: a server without data waits for a cluster to \
             join; add --bootstrap-expect=1 to make it one of its own"
        );
    }
}

/// Where other nodes are listened for, and what that means.
fn announce_between(options: &Options, Listens { gossip, rpc }: Listens) {
    tracing::info!(%gossip, %rpc, "agent: listening for other nodes");
    match &options.network.key {
        None if gossip.ip().is_loopback() && rpc.ip().is_loopback() => {}
        None => tracing::warn!(
            %gossip, %rpc,
            "agent: whoever reaches these ports can join the cluster, run commands and read \
             what nodes say to each other: keep them behind a firewall, or set --encrypt on \
             all nodes"
        ),
        Some(_) => tracing::warn!(
            "agent: the key proves nodes to each other and hides the membership; what goes \
             over the RPC port, jobs and outputs, can still be read on its way"
        ),
    }
}

/// Serves until `stop` comes or the node has stopped, then ends both in order.
pub async fn serve(
    listener: TcpListener,
    app: rest::App,
    node: Running,
    stop: impl Future<Output = ()>,
) -> anyhow::Result<()> {
    let Running { mut stopped, stop: tell, front, .. } = node;
    let (drain, closing) = watch::channel(false);
    let router = rest::router(app);
    // Nobody else sets it.
    let _ = front.set(rest::front(router.clone()));
    let mut server = tokio::spawn(connections::serve(listener, router, closing));
    let ended = tokio::select! {
        () = stop => None,
        result = &mut stopped => Some(result),
        _ = &mut server => anyhow::bail!("the HTTP server ended by itself"),
    };
    drain.send_replace(true);
    if tokio::time::timeout(DRAIN, &mut server).await.is_err() {
        server.abort();
    }
    let result = match ended {
        Some(result) => result,
        None => {
            tell();
            let limit = tokio::time::timeout(STOP, stopped).await;
            limit.unwrap_or_else(|_| Err(anyhow::anyhow!("the node did not stop in time")))
        }
    };
    if result.is_ok() {
        tracing::info!("agent: stopped");
    }
    result
}
