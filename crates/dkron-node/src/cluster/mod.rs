//! What a node knows of the others: who is there, who leads, and which cluster this is.

mod book;
mod leader;
pub mod leading;
mod mark;
mod one_server;

pub use book::{Book, Entry};
pub use leader::Leader;
pub use mark::{ClusterId, Mark, Marked};
pub use one_server::OneServer;
