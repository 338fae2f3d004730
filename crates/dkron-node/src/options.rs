//! What a node is started with: plain values, read from flags and files by the front door.

use dkron_core::domain::Settings;
use dkron_exec::runner::{Held, RunnerClient};
use dkron_exec::{ProcessorRegistry, Registry};
use dkron_store::Durability;
use dkron_store::data_dir::DataDir;

use crate::network::NetworkOptions;
use crate::service::Member;

/// Everything that makes this node.
pub struct Options {
    /// Name, address and tags as others see them.
    pub member: Member,
    pub region: String,
    /// First settings of a new cluster.
    pub settings: Settings,
    /// Version of the bundled zone data.
    pub zone_data: String,
    pub data: DataDir,
    /// Of the journal; the data directory knows its own.
    pub durability: Durability,
    /// Servers that a pristine one waits for before they begin a cluster; 0 = it waits until a
    /// cluster takes it in.
    pub expect: u16,
    pub executors: Registry,
    /// What starts processes and outlives this agent; without it all runs die with the agent.
    pub runner: Option<RunnerClient>,
    /// What it held when it was opened: runs of earlier lives.
    pub held: Vec<Held>,
    pub processors: ProcessorRegistry,
    /// Stretches the timings of consensus, 1 to 10.
    pub raft_multiplier: u32,
    pub network: NetworkOptions,
}
