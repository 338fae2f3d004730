//! The runner: one small process per node that starts all others.
//!
//! ```text
//!   agent: RunnerClient  <-- Unix socket, length-prefixed frames -->  runner: serve
//!     start(.., sink)   ---- Start ---->   fork, exec, own the pipes
//!     sink.started      <--- Started ---   process group and start time, before any output
//!     sink.write        <--- Output ----   the tail so far, at most every 100 ms
//!     wait              <--- Exited ----   how it ended, with the rest of the output
//! ```
//! The runner never waits for the agent with a job's pipe full: what does not fit its bounded tail
//! is dropped and counted. When the socket closes, it kills all groups and ends.

mod client;
mod connection;
mod forks;
mod frame;
mod protocol;
mod serve;
mod supervise;

pub use client::{RunnerClient, RunnerError, RunnerOptions, RunningProcess};
pub use protocol::{Credentials, End, Exit, Listed, Start};
pub use serve::runner_main;
