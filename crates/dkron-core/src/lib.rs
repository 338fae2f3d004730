//! The ground floor: plain words and three pure machines.
//!
//! It has no clock, no dice, no threads, no files: time and identity arrive as values. What a
//! machine decides, somebody above carries out.
#![no_std]

extern crate alloc;

pub mod conductor;
pub mod domain;
pub mod ledger;
pub mod schedule;
pub mod worker;
