//! The doorbell of the house: recorded answers of Dkron, asked again over HTTP.
//!
//! Black box: it links none of our crates and knows the server only by its address. The cases are
//! data under `data/`; the rules by which answers compare are in `compare`, and stay as loose or
//! strict as the recordings were made. The same client, listener and process serve load tools.

pub mod case;
pub mod cli;
pub mod cluster;
pub mod compare;
pub mod console;
pub mod echo;
pub mod encoding;
pub mod events;
pub mod groups;
pub mod http;
pub mod instant;
pub mod listen;
pub mod runner;
pub mod server;
pub mod wait;

pub use runner::{Failure, Options, Report, run};
