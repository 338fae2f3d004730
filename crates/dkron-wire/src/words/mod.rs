//! The stored fields of each word, in stored order. This list is the format.

mod domain;
mod ledger;
mod session;
mod worker;
