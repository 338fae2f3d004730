//! Processes as the kernel knows them: starting, killing, looking at them.
//!
//! Only the runner starts processes; the node above uses this to clean up after a dead runner.

pub mod kernel;
pub mod look;
mod lookup;
pub mod spawn;

pub use kernel::kill_left_over;
