//! What a node knows of the others: who is there, who leads, and which cluster this is.

pub mod autopilot;
mod book;
pub mod bootstrap;
pub mod depart;
mod leader;
pub mod leading;
mod mark;

pub mod peers;
pub mod recover;
mod servers;

#[cfg(test)]
pub mod stage;

pub use book::{Book, CLUSTER_TAG, Entry};
pub use leader::Leader;
pub use mark::{ClusterId, Mark, Marked};
pub use servers::Servers;
