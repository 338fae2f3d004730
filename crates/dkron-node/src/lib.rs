//! The stairwell: one loop takes events to the machines of `dkron-core` and acts out what they
//! decide. It decides nothing about jobs itself.

mod agent;
pub mod chronicle;
mod clocks;
mod cluster;
mod company;
mod consensus;
pub mod console;
mod disk;
mod error;
mod event;
pub mod forward;
mod hands;
mod identity;
pub mod network;
mod node;
mod options;
mod outputs;
mod processing;
mod reader;
mod reads;
mod retention;
mod rows;
mod rpc;
mod scheduling;
pub mod service;
mod session;
#[cfg(test)]
mod sim;
mod snapshot;
pub mod telemetry;
mod threads;
mod versions;

pub use agent::{Agent, AgentOptions, start_agent};
#[cfg(debug_assertions)]
pub use clocks::staged;
pub use cluster::recover::{
    RecoverError, Report as Recovered, Wish as Recovery, offline as recover,
};
pub use error::Error;
pub use hands::Farewell;
pub use node::{End, Node, start};
pub use options::Options;
#[cfg(debug_assertions)]
pub use rpc::grpc::stage_protocol;
#[cfg(debug_assertions)]
pub use versions::stage_cluster_version;
