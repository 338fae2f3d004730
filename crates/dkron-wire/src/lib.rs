//! The language: what stands on a disk or crosses a wire, as bytes and back as words.
//!
//! `envelope` is an entry of the log, `row` a row of state or history, `journal` a record of a
//! node's journal, `hello` what nodes say first on a connection, `session` what leader and nodes
//! say to each other from then on. Bodies are postcard. The
//! words of `dkron-core` are not serialisable themselves: `words` lists the fields that are
//! stored, in the order in which they are stored, and the compiler refuses a list that misses one.
//!
//! Rules of the format, tested against recorded bytes:
//! - a number once given to a kind, a table or a row is never given to another;
//! - enums grow only at the end; any other change of a body is a new version of its kind;
//! - unknown kinds and versions are errors with a text that names them, never skipped.
//!
//! It opens no socket and no file, and it decides nothing.

mod body;
pub mod envelope;
mod error;
pub mod forward;
pub mod hello;
pub mod journal;
mod kind;
mod reads;
pub mod row;
pub mod server;
pub mod session;
mod table;
mod word;
mod words;

pub use envelope::{decode_entry, encode_entry};
pub use error::Error;
pub use journal::{decode_journal, encode_journal};
pub use kind::{Family, Kind};
pub use reads::{decode_read_index, encode_read_index};
pub use table::Table;

/// The layout around the bodies; another one is another number.
pub const FORMAT: u8 = 1;
