//! Real servers and agents on hosts of this program's own making, things that break them, and a
//! checker that compares what was due, what the cluster says and what the processes wrote.
//! Black box: it links none of the product's crates and never ships.

#![allow(clippy::print_stdout, reason = "a tool that talks to whoever started it")]

mod archive;
pub mod case;
pub mod check;
mod collect;
mod dice;
mod faults;
pub mod lines;
mod load;
pub mod outer;
pub mod picture;
mod planted;
pub mod report;
pub mod run;
pub mod trial;
pub mod world;
