//! The disk of a node: log and vote, rows of state and history, output blobs, append-only files.
//!
//! The only room that names storage engines. It moves bytes and keeps them in order and whole;
//! what they mean (jobs, executions, terms) it doesn't know.

pub mod appendfile;
pub mod blob;
pub mod data_dir;
pub mod durable;
pub mod error;
mod files;
pub mod log;
#[cfg(test)]
mod power_loss;
pub mod state;

pub use data_dir::DataDir;
pub use error::Error;

/// How hard a write is pushed towards the disk.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Durability {
    /// What is acknowledged survives a power loss.
    #[default]
    Fsync,
    /// What is acknowledged survives the death of the process, not of the machine.
    None,
}
