//! The hands: executors that do a job's work and processors that look at its output.
//!
//! This crate runs things and says how they went. It does not know when something is due, what a
//! retry is, or where a result is stored; those above decide whether a run may start at all.

pub mod config;
pub mod executor;
pub mod executors;
pub mod output;
mod process;
pub mod processor;
pub mod processors;
pub mod runner;

pub use executor::{
    BoxFuture, CancelToken, Context, EndedBy, Executor, Outcome, OutcomeState, Registry, Run, Terms,
};
pub use output::{
    OutputReader, OutputSink, OutputTail, Piece, RunOutput, StartedProcess, StoredOutput,
};
pub use process::kill_left_over;
pub use processor::{ExecutionView, Processed, Processor, ProcessorRegistry, run_processors};
