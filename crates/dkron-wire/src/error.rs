//! Why bytes are not words.

use crate::kind::{Family, Kind};

/// Bytes that this server can't read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    #[error("{what} is cut short: {len} bytes, at least {least} are needed")]
    Short { what: Family, len: usize, least: usize },
    #[error("this server does not know {what} format {format}: upgrade it")]
    UnknownFormat { what: Family, format: u8 },
    #[error("this server does not know {family} kind {code} version {version}: upgrade it")]
    UnknownKind { family: Family, code: u16, version: u8 },
    #[error("this server does not know {kind} version {version}: upgrade it")]
    UnknownVersion { kind: Kind, version: u8 },
    #[error("this server does not know table {code}: upgrade it")]
    UnknownTable { code: u8 },
    #[error("this server does not know row {code} of table meta: upgrade it")]
    UnknownSingle { code: u8 },
    #[error("this server does not know ring {code} of table ring: upgrade it")]
    UnknownRing { code: u8 },
    #[error("mark of the request id is {mark}, must be 0 or 1")]
    Mark { mark: u8 },
    #[error("body of {kind} is damaged")]
    Body {
        kind: Kind,
        #[source]
        source: postcard::Error,
    },
    #[error("{extra} bytes too many after {kind}")]
    Trailing { kind: Kind, extra: usize },
    #[error("key of table {table} has {len} bytes, must have {must}")]
    KeyLength { table: &'static str, len: usize, must: usize },
    #[error("value of {kind} belongs to another key")]
    WrongKey { kind: Kind },
    #[error("{what} of another node is damaged")]
    Message {
        what: &'static str,
        #[source]
        source: postcard::Error,
    },
    #[error("{extra} bytes too many after {what} of another node")]
    TrailingMessage { what: &'static str, extra: usize },
    #[error("this program does not speak version {version} between nodes: upgrade it")]
    UnknownProtocol { version: u32 },
}
