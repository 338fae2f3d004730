//! How the commands for people ask a server: over HTTP, as any other client does.
//! It knows statuses and texts, and nothing of jobs.

mod address;
mod failure;
mod http;

pub use address::{Address, Contexts, Entry};
pub use failure::{Exit, Failure, usage};
pub use http::{Answer, Ask, Client};
