//! The format from outside: what is written is read again, recorded bytes stay what they are, and
//! damaged bytes are errors.

mod damage;
mod generate;
mod golden;
mod refusal;
mod round_trip;
mod sample;
