//! A node's machine: accepting runs, telling doubles, what to state on connecting, resending
//! results, the lease and self-fencing.
//!
//! It knows neither sockets nor processes. Actions must be carried out in their order: the
//! journal is written before anything starts.
//!
//! ```text
//!   leader ──ToNode──▶ Worker ──▶ journal, start, kill     (the shell acts)
//!          ◀─ToLeader──        ◀── started, finished
//! ```

mod held;
mod journal;
mod lease;
mod machine;
mod message;
mod recover;
mod terms;

pub use journal::{JournalRecord, Process, Survivor};
pub use lease::{FENCE_GRACE, FENCE_MARGIN, kept};
pub use machine::{Action, Event, Options, Worker};
pub use message::{Hello, Known, News, Order, Run, SessionNo, Statement, ToLeader, ToNode};
pub use recover::Past;
pub use terms::Terms;
