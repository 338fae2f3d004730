//! The stairwell: one loop takes events to the machines of `dkron-core` and acts out what they
//! decide. It decides nothing about jobs itself.

#[expect(dead_code, reason = "wired with the cluster")]
pub(crate) mod agent;
mod clocks;
#[expect(dead_code, reason = "wired with the cluster")]
#[cfg_attr(not(test), expect(unused_imports, reason = "wired with the cluster"))]
pub(crate) mod cluster;
#[allow(dead_code, reason = "wired with the cluster")]
mod consensus;
pub mod console;
mod disk;
mod error;
mod event;
#[cfg_attr(not(test), expect(dead_code, unused_imports, reason = "wired with the cluster"))]
pub mod forward;
mod hands;
mod identity;
mod node;
mod options;
mod outputs;
mod processing;
mod reader;
#[cfg_attr(not(test), expect(dead_code, reason = "wired with the cluster"))]
mod reads;
mod retention;
mod rows;
#[expect(dead_code, unused_imports, reason = "wired with the cluster")]
pub(crate) mod rpc;
mod scheduling;
pub mod service;
#[cfg_attr(not(test), expect(dead_code, reason = "wired with the cluster"))]
mod session;
mod snapshot;
pub mod telemetry;
mod threads;

#[cfg(debug_assertions)]
pub use clocks::staged;
pub use error::Error;
pub use hands::Farewell;
pub use node::{End, Node, start};
pub use options::Options;
#[cfg(debug_assertions)]
pub use rpc::grpc::stage_protocol;
