//! The format from outside: what is written is read again, recorded bytes stay what they are, and
//! damaged bytes are errors.

#![allow(clippy::unwrap_used)] // a test says what it expects by failing

mod damage;
mod figures;
mod generate;
mod golden;
mod refusal;
mod round_trip;
mod sample;
mod session;
