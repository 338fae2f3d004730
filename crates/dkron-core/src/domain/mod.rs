//! What the scheduler talks about: plain words without behaviour of their own.

pub mod time;

pub use time::Timestamp;
