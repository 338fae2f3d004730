//! What operators are shown: the cluster's health, its servers, its nodes.

use dkron_node::service::StateHash;
use dkron_node::service::operator::{Configuration, Health, NodeView, Peer, ServerHealth};
use schemars::JsonSchema;
use serde::Serialize;

use crate::rest::instant::Instant;

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "ClusterHealth")]
pub struct HealthDto<'a> {
    healthy: bool,
    leader: Option<&'a str>,
    tenure: Option<u64>,
    quorum: bool,
    voters: usize,
    voters_alive: usize,
    failure_tolerance: usize,
    if_one_more_dies: String,
    cluster: Option<&'a str>,
    generation: u64,
    servers: Vec<ServerDto<'a>>,
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Server")]
struct ServerDto<'a> {
    name: &'a str,
    /// A text: scripts take large numbers for others.
    id: String,
    address: &'a str,
    leader: bool,
    voter: bool,
    alive: bool,
    last_contact_ms: Option<u64>,
    applied_index: Option<u64>,
    lag: Option<u64>,
    clock_offset_ms: Option<i64>,
    version: &'a str,
}

impl<'a> From<&'a Health> for HealthDto<'a> {
    fn from(health: &'a Health) -> Self {
        let leader = health.leader.as_ref().map(|name| name.as_str());
        HealthDto {
            healthy: health.is_healthy(),
            leader,
            tenure: health.tenure,
            quorum: health.quorum,
            voters: health.voters(),
            voters_alive: health.voters_alive(),
            failure_tolerance: health.spare().unwrap_or(0),
            if_one_more_dies: health.one_more(),
            cluster: health.cluster.as_deref(),
            generation: health.generation,
            servers: health.servers.iter().map(|server| server_dto(server, leader)).collect(),
        }
    }
}

fn server_dto<'a>(server: &'a ServerHealth, leader: Option<&str>) -> ServerDto<'a> {
    let millis = |span: std::time::Duration| u64::try_from(span.as_millis()).unwrap_or(u64::MAX);
    ServerDto {
        name: &server.name,
        id: server.id.to_string(),
        address: &server.address,
        leader: leader == Some(server.name.as_str()),
        voter: server.voter,
        alive: server.alive,
        last_contact_ms: server.last_contact.map(millis),
        applied_index: server.applied,
        lag: server.lag,
        clock_offset_ms: server.clock_offset_ms,
        version: &server.version,
    }
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "RaftConfiguration")]
pub struct ConfigurationDto<'a> {
    servers: Vec<PeerDto<'a>>,
    index: u64,
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Peer")]
struct PeerDto<'a> {
    node: &'a str,
    /// A text: scripts take large numbers for others.
    id: String,
    address: &'a str,
    leader: bool,
    voter: bool,
}

impl<'a> From<&'a Configuration> for ConfigurationDto<'a> {
    fn from(configuration: &'a Configuration) -> Self {
        let peer = |peer: &'a Peer| PeerDto {
            node: &peer.name,
            id: peer.id.to_string(),
            address: &peer.address,
            leader: peer.leader,
            voter: peer.voter,
        };
        let servers = configuration.servers.iter().map(peer).collect();
        ConfigurationDto { servers, index: configuration.index }
    }
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "StateHash")]
pub struct StateDto {
    index: u64,
    /// 16 hex digits.
    hash: String,
}

impl From<StateHash> for StateDto {
    fn from(at: StateHash) -> Self {
        StateDto { index: at.index.0, hash: format!("{:016x}", at.hash) }
    }
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Node")]
pub struct NodeDto<'a> {
    name: &'a str,
    address: &'a str,
    version: &'a str,
    server: bool,
    status: &'static str,
    eligible: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    drain: Option<DrainDto<'a>>,
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Drain")]
struct DrainDto<'a> {
    by: &'a str,
    reason: &'a str,
    since: Instant,
    deadline: Option<Instant>,
}

impl<'a> From<&'a NodeView> for NodeDto<'a> {
    fn from(node: &'a NodeView) -> Self {
        let drain = node.drain.as_ref().map(|drain| DrainDto {
            by: &drain.by,
            reason: &drain.reason,
            since: Instant::utc(drain.since),
            deadline: drain.deadline.map(Instant::utc),
        });
        NodeDto {
            name: node.name.as_str(),
            address: &node.address,
            version: &node.version,
            server: node.server,
            status: super::member::status_text(node.status),
            eligible: node.drain.is_none(),
            drain,
        }
    }
}
