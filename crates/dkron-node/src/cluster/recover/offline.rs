//! What an operator asks for on the command line, with the server stopped.

use std::path::{Path, PathBuf};

use bytes::Bytes;
use dkron_core::domain::LogIndex;
use dkron_raft::recover::{leave_out, stored_command, stored_members};
use dkron_store::data_dir::{DataDir, Options};

use super::{RecoverError, Report, list, recover, stored};
use crate::cluster::Mark;
use crate::node::node_number;

/// What is to be done.
pub struct Wish {
    pub data_dir: PathBuf,
    /// The servers that are left; none = this one alone.
    pub peers: Option<PathBuf>,
    /// An entry that no server survives: it is not applied any more.
    pub skip: Option<u64>,
}

/// Recovers the data directory of a server that is stopped. Blocks.
///
/// With an entry to leave out the cluster's generation rises first: a server that has applied that
/// entry, or still wants to, must not meet one that never will.
pub fn offline(wish: &Wish) -> Result<Report, RecoverError> {
    let data = open(&wish.data_dir)?;
    let mark = Mark::open(data.path()).map_err(RecoverError::Mark)?;
    let list = match &wish.peers {
        Some(path) => list::read(path)
            .map_err(|err| RecoverError::List { path: path.clone(), reason: err.to_string() })?,
        None => Vec::new(),
    };
    let (log, marker) = stored(&data)?;
    let id = node_number(data.node_id());
    let known = stored_members(&log, marker.as_ref())?;
    if known.is_empty() {
        return Err(dkron_raft::recover::RecoverError::Empty.into());
    }
    let own = known.into_iter().find(|peer| peer.id == id).ok_or(RecoverError::Unknown(id))?;
    // Looked at before anything is changed: a wrong number changes nothing.
    let unwanted = |index| stored_command(&log, marker.as_ref(), index).map(|found| (index, found));
    let unwanted = wish.skip.map(unwanted).transpose()?;
    let mut report = recover(&data, &mark, &own, &list)?;
    if let Some((index, command)) = unwanted {
        leave_out(&log, marker.as_ref(), index)?;
        report.left_out = Some((index, what(index, command.as_ref())));
    }
    Ok(report)
}

/// Nothing is made where nothing is.
fn open(path: &Path) -> Result<DataDir, RecoverError> {
    if !DataDir::is_one(path) {
        return Err(RecoverError::NoData(path.to_owned()));
    }
    DataDir::open(path, Options::new([0; 16], "")).map_err(RecoverError::Open)
}

/// The kind of a command: its content is a user's, and may be secret.
fn what(index: u64, command: Option<&Bytes>) -> String {
    let Some(bytes) = command else { return "it was left out before".into() };
    match dkron_wire::decode_entry(LogIndex(index), bytes) {
        Ok(entry) => {
            let text = format!("{:?}", entry.command);
            text.split(|letter: char| !letter.is_alphanumeric()).next().unwrap_or("").to_owned()
        }
        Err(err) => format!("unreadable: {err}"),
    }
}
