//! The runner: one small process per node that starts all others, and outlives its agents.
//!
//! ```text
//!   agent: RunnerClient  <-- Unix socket, length-prefixed frames -->  runner: serve
//!     open              ---- greeting, Attach -->  what it holds from earlier agents
//!     start(.., sink)   ---- Start ---->   clone, exec, own the pipes
//!     sink.started      <--- Started ---   process group and start time
//!     reader.read       ---- Read ----->   a piece of the output, from memory or its spool
//!     wait              <--- Ended -----   how it ended, with the output if it is small
//!     forget            ---- Forget --->   the result is in the agent's journal
//! ```
//! The runner never waits for the agent: what does not fit a run's bounded tail is dropped and
//! counted, and what was not told is found in the table of runs.

mod client;
mod connection;
mod forks;
mod frame;
mod going;
mod held;
mod hello;
mod link;
mod poll;
mod protocol;
mod run;
mod serve;

pub use client::{RunnerClient, RunnerError, RunnerOptions, RunningProcess};
pub use held::{Ended, Held};
pub use hello::Hello;
pub use protocol::{Credentials, End, Exit, Start};
pub use serve::{RunnerSettings, runner_main};
