//! The front door: command line, configuration, Dkron's REST API and the start of a node.
//! Nobody else reads flags, environment or files of configuration, and nobody else knows HTTP.

pub mod boot;
pub mod cli;
mod client;
pub mod config;
mod import;
mod logging;
pub mod metrics;
mod nearest;
pub mod rest;
mod words;
