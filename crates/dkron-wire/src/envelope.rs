//! An entry of the replicated log.
//!
//! ```text
//!   format u8 | kind u16 | kind_version u8 | at (secs i64, nanos u32) | tenure u64
//!   | 0, or 1 and request_id (16 bytes) | body (postcard)
//! ```
//!
//! The body of a write is who wants it and the body of another command behind its `kind u16 |
//! kind_version u8`.
//!
//! Numbers of the header are big-endian and of fixed width, so that any server can tell which
//! kind it cannot read. The index is not stored: it is where the entry stands.

use dkron_core::domain::{LogIndex, RequestId, Tenure, Timestamp};
use dkron_core::ledger::{Command, Entry, Write};

use crate::error::Error;
use crate::kind::{Family, Kind};
use crate::word::Word;
use crate::{FORMAT, body};

/// Bytes up to the mark of the request id, which is included.
const HEADER: usize = 25;
/// Room for most entries, so that the buffer seldom grows.
const ROOM: usize = 256;

/// An entry as bytes; its index is where it will stand.
pub fn encode_entry(
    at: Timestamp,
    tenure: Tenure,
    request: Option<RequestId>,
    command: &Command,
) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(ROOM);
    start(&mut bytes, kind_of(command));
    bytes.extend_from_slice(&at.secs().to_be_bytes());
    bytes.extend_from_slice(&at.nanos().to_be_bytes());
    bytes.extend_from_slice(&tenure.0.to_be_bytes());
    match request {
        None => bytes.push(0),
        Some(id) => {
            bytes.push(1);
            bytes.extend_from_slice(&id.0);
        }
    }
    write(bytes, command)
}

fn write(mut bytes: Vec<u8>, command: &Command) -> Vec<u8> {
    match command {
        Command::TakeOffice(word) => body::write(bytes, &word.form()),
        Command::PutSettings(word) => body::write(bytes, &word.form()),
        Command::PutJob(word) | Command::Restore(word) => body::write(bytes, &word.form()),
        Command::DeleteJob(word) => body::write(bytes, &word.form()),
        Command::ToggleJob(word) => body::write(bytes, &word.form()),
        Command::Pause(word) => body::write(bytes, &word.form()),
        Command::Fire(word) => body::write(bytes, &word.form()),
        Command::Report(word) => body::write(bytes, &word.form()),
        Command::PutOutput(word) => body::write(bytes, &word.form()),
        Command::ClearExecutions(word) => body::write(bytes, &word.form()),
        Command::Expire(word) => body::write(bytes, &word.form()),
        Command::Cancel(word) => body::write(bytes, &word.form()),
        Command::Prune(word) => body::write(bytes, &word.form()),
        Command::SetEligibility(word) => body::write(bytes, &word.form()),
        Command::RaiseVersion(word) => body::write(bytes, &word.form()),
        Command::EndPause(word) => body::write(bytes, &word.form()),
        Command::ResumeScheduling(word) => body::write(bytes, &word.form()),
        Command::PauseScheduling(word) => body::write(bytes, &word.form()),
        Command::Note(word) => body::write(bytes, &word.form()),
        Command::Write(write) => {
            let Write { origin, verb, command } = &**write;
            bytes = body::write(bytes, &(origin.form(), verb.form()));
            let kind = kind_of(command);
            bytes.extend_from_slice(&kind.code().to_be_bytes());
            bytes.push(kind.version());
            self::write(bytes, command)
        }
    }
}

/// The entry at `index`. An error means that it must not be applied and not be passed over.
pub fn decode_entry(index: LogIndex, bytes: &[u8]) -> Result<Entry, Error> {
    let (kind, rest) = open(Family::Command, bytes)?;
    let short = Error::Short { what: Family::Command, len: bytes.len(), least: HEADER };
    let (secs, rest) = rest.split_first_chunk().ok_or(short.clone())?;
    let (nanos, rest) = rest.split_first_chunk().ok_or(short.clone())?;
    let (tenure, rest) = rest.split_first_chunk().ok_or(short.clone())?;
    let (mark, rest) = rest.split_first().ok_or(short)?;
    let (request, rest) = match mark {
        0 => (None, rest),
        1 => {
            let (id, rest) = rest.split_first_chunk().ok_or(Error::Short {
                what: Family::Command,
                len: bytes.len(),
                least: HEADER + 16,
            })?;
            (Some(RequestId(*id)), rest)
        }
        _ => return Err(Error::Mark { mark: *mark }),
    };
    Ok(Entry {
        index,
        at: Timestamp::new(i64::from_be_bytes(*secs), u32::from_be_bytes(*nanos)),
        tenure: Tenure(u64::from_be_bytes(*tenure)),
        request,
        command: command(kind, rest)?,
    })
}

fn command(kind: Kind, bytes: &[u8]) -> Result<Command, Error> {
    Ok(match kind {
        Kind::TakeOffice => Command::TakeOffice(body::read(kind, bytes)?),
        Kind::PutSettings => Command::PutSettings(body::read(kind, bytes)?),
        Kind::PutJob => Command::PutJob(body::read(kind, bytes)?),
        Kind::DeleteJob => Command::DeleteJob(body::read(kind, bytes)?),
        Kind::ToggleJob => Command::ToggleJob(body::read(kind, bytes)?),
        Kind::Pause => Command::Pause(body::read(kind, bytes)?),
        Kind::Fire => Command::Fire(body::read(kind, bytes)?),
        Kind::Report => Command::Report(body::read(kind, bytes)?),
        Kind::PutOutput => Command::PutOutput(body::read(kind, bytes)?),
        Kind::Restore => Command::Restore(body::read(kind, bytes)?),
        Kind::ClearExecutions => Command::ClearExecutions(body::read(kind, bytes)?),
        Kind::Expire => Command::Expire(body::read(kind, bytes)?),
        Kind::Cancel => Command::Cancel(body::read(kind, bytes)?),
        Kind::Prune => Command::Prune(body::read(kind, bytes)?),
        Kind::SetEligibility => Command::SetEligibility(body::read(kind, bytes)?),
        Kind::RaiseVersion => Command::RaiseVersion(body::read(kind, bytes)?),
        Kind::EndPause => Command::EndPause(body::read(kind, bytes)?),
        Kind::ResumeScheduling => Command::ResumeScheduling(body::read(kind, bytes)?),
        Kind::PauseScheduling => Command::PauseScheduling(body::read(kind, bytes)?),
        Kind::Note => Command::Note(body::read(kind, bytes)?),
        Kind::Write => {
            let ((origin, verb), rest) = body::take(kind, bytes)?;
            let command = inner(bytes.len(), rest)?;
            Command::Write(Box::new(Write { origin, verb, command }))
        }
        other => return Err(other.unknown()),
    })
}

/// A command within a write.
fn inner(len: usize, bytes: &[u8]) -> Result<Command, Error> {
    let what = Family::Command;
    let short = Error::Short { what, len, least: len - bytes.len() + 3 };
    let (&[high, low, version], rest) = bytes.split_first_chunk().ok_or(short)?;
    let kind = known(what, u16::from_be_bytes([high, low]), version)?;
    if kind == Kind::Write { Err(kind.unknown()) } else { command(kind, rest) }
}

/// The number of a command.
pub const fn kind_of(command: &Command) -> Kind {
    match command {
        Command::TakeOffice(_) => Kind::TakeOffice,
        Command::PutSettings(_) => Kind::PutSettings,
        Command::PutJob(_) => Kind::PutJob,
        Command::DeleteJob(_) => Kind::DeleteJob,
        Command::ToggleJob(_) => Kind::ToggleJob,
        Command::Pause(_) => Kind::Pause,
        Command::Fire(_) => Kind::Fire,
        Command::Report(_) => Kind::Report,
        Command::PutOutput(_) => Kind::PutOutput,
        Command::Restore(_) => Kind::Restore,
        Command::ClearExecutions(_) => Kind::ClearExecutions,
        Command::Expire(_) => Kind::Expire,
        Command::Cancel(_) => Kind::Cancel,
        Command::Prune(_) => Kind::Prune,
        Command::SetEligibility(_) => Kind::SetEligibility,
        Command::RaiseVersion(_) => Kind::RaiseVersion,
        Command::EndPause(_) => Kind::EndPause,
        Command::ResumeScheduling(_) => Kind::ResumeScheduling,
        Command::PauseScheduling(_) => Kind::PauseScheduling,
        Command::Write(_) => Kind::Write,
        Command::Note(_) => Kind::Note,
    }
}

/// Begins a header: format, kind, version of the kind.
pub(crate) fn start(bytes: &mut Vec<u8>, kind: Kind) {
    bytes.push(FORMAT);
    bytes.extend_from_slice(&kind.code().to_be_bytes());
    bytes.push(kind.version());
}

/// Reads what `start` wrote: a kind of this family that this server can read, and what follows.
pub(crate) fn open(what: Family, bytes: &[u8]) -> Result<(Kind, &[u8]), Error> {
    let (format, rest) = bytes.split_first().ok_or(Error::Short { what, len: 0, least: 4 })?;
    if *format != FORMAT {
        let format = *format;
        return Err(Error::UnknownFormat { what, format });
    }
    let (&[high, low, version], rest) =
        rest.split_first_chunk().ok_or(Error::Short { what, len: bytes.len(), least: 4 })?;
    Ok((known(what, u16::from_be_bytes([high, low]), version)?, rest))
}

fn known(what: Family, code: u16, version: u8) -> Result<Kind, Error> {
    let kind = Kind::from_code(code).filter(|kind| kind.family() == what);
    let kind = kind.ok_or(Error::UnknownKind { family: what, code, version })?;
    if version == kind.version() { Ok(kind) } else { Err(Error::UnknownVersion { kind, version }) }
}
