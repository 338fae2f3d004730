//! The shared memory of the cluster: one deterministic state machine.
//!
//! `apply(entry)` is a function of the entry and the ledger alone. It never sees cron text, zone
//! data, members or a clock: the leader computed what those say and put it into the command.
//! It keeps the working set only; finished executions leave as rows and are never read back.
//!
//! ```text
//!   Entry ──▶ apply ──▶ reply    to whoever proposed it
//!                  ├──▶ rows     to the store of every replica
//!                  └──▶ effects  to the leader; `outstanding` derives them from state again
//! ```

mod activity;
mod apply;
mod command;
mod hash;
mod keyed;
mod load;
mod outcome;
mod outstanding;
mod read;
mod recent;
mod rollup;
mod row;
mod state;
mod versions;

pub use activity::Activity;
pub use command::{
    Account, Base, Cancel, Command, Decision, End, Entry, Expire, Fire, Note, OfJob,
    PauseScheduling, Place, Prune, PutJob, PutOutput, RaiseVersion, Report, ResumeScheduling,
    SetEligibility, TakeOffice, ToggleJob, Trigger, Write,
};
pub use keyed::{Again, Answered, Keyed, Known};
pub use load::{LoadError, Loader};
pub use outcome::{Effect, Fired, JobSnapshot, Outcome, Rejection, Reply, RowOp};
pub use outstanding::outstanding;
pub use recent::{Pointer, Recent};
pub use rollup::{BucketKey, Rollup, Series, SeriesNo};
pub use row::{Row, RowKey};
pub use state::{
    JobState, Ledger, LiveGroup, Lost, Office, Phase, Processing, Queued, Runtime, Slot,
};
pub use versions::{Gone, JobVersion};
