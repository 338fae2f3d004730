//! A cluster that lost a majority of its servers for ever goes on with those that are left: for
//! `dkron cluster recover`, and for a file `raft/peers.json` in the data directory at start.
//!
//! Everything that this server knows is kept. Servers that are not on the list are not heard any
//! more until they are wiped: the generation of the cluster's mark rises.

mod list;
mod offline;

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::PathBuf;

use bytes::Bytes;
use dkron_raft::Peer;
use dkron_raft::recover::{Recovered, recover as force, stored_members};
use dkron_store::data_dir::DataDir;

use super::Mark;
use crate::rows;
use list::{Listed, read};
pub use offline::{Wish, offline};

/// What was done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    pub kept: Recovered,
    pub voters: Vec<Peer>,
    pub learners: Vec<Peer>,
    /// An entry that is not applied any more, with what it wanted.
    pub left_out: Option<(u64, String)>,
}

impl std::fmt::Display for Report {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let names = |peers: &[Peer]| {
            peers.iter().map(|peer| peer.name.as_str()).collect::<Vec<_>>().join(", ")
        };
        write!(f, "last index kept: {}; voters: {}", self.kept.last_index, names(&self.voters))?;
        if !self.learners.is_empty() {
            write!(f, "; learners: {}", names(&self.learners))?;
        }
        write!(f, "; generation {}", self.kept.generation)?;
        if let Some((index, what)) = &self.left_out {
            write!(f, "; left out: entry {index} ({what})")?;
        }
        Ok(())
    }
}

#[derive(Debug, thiserror::Error)]
pub enum RecoverError {
    #[error("{path}: {reason}")]
    List { path: PathBuf, reason: String },
    #[error("`{0}` is no data directory of a server: name the one with --data-dir")]
    NoData(PathBuf),
    #[error("the cluster does not know this server (id {0}): recover one that belonged to it")]
    Unknown(u64),
    #[error("the list of servers: {0}")]
    Servers(String),
    #[error("failed to open the data directory")]
    Open(#[source] dkron_store::Error),
    #[error("failed to read the stored rows")]
    Read(#[source] io::Error),
    #[error(transparent)]
    Force(#[from] dkron_raft::recover::RecoverError),
    #[error("failed to raise the generation of the cluster")]
    Mark(#[source] io::Error),
}

/// Where a list is looked for at start.
pub fn list_path(data: &DataDir) -> PathBuf {
    data.path().join("raft").join("peers.json")
}

/// Recovers by the list of the data directory, if there is one; it is renamed afterwards. Before
/// consensus starts. Blocks.
pub fn at_start(data: &DataDir, mark: &Mark, own: &Peer) -> Result<Option<Report>, RecoverError> {
    let path = list_path(data);
    let failed = |reason: String| RecoverError::List { path: path.clone(), reason };
    let list = match read(&path) {
        Ok(list) => list,
        Err(err) if err.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(err) => return Err(failed(err.to_string())),
    };
    let report = recover(data, mark, own, &list)?;
    let used = path.with_extension("json.used");
    fs::rename(&path, &used).map_err(|err| failed(format!("failed to rename it: {err}")))?;
    Ok(Some(report))
}

/// Forces the membership to those on the list, or to this server alone if it is empty. Before
/// consensus starts. Blocks.
pub fn recover(
    data: &DataDir,
    mark: &Mark,
    own: &Peer,
    list: &[Listed],
) -> Result<Report, RecoverError> {
    let (log, marker) = stored(data)?;
    let known = stored_members(&log, marker.as_ref())?;
    let (voters, learners) = servers(list, own, &known).map_err(RecoverError::Servers)?;
    let kept = force(own.id, &log, marker.as_ref(), &voters, &learners)?;
    mark.raise_generation(kept.generation).map_err(RecoverError::Mark)?;
    Ok(Report { kept, voters, learners, left_out: None })
}

type Stored = (std::sync::Arc<dkron_store::log::Log>, Option<Bytes>);

/// The log, and the marker beside the rows.
fn stored(data: &DataDir) -> Result<Stored, RecoverError> {
    let (log, state) = (data.log(), data.state());
    let (log, state) = (log.map_err(RecoverError::Open)?, state.map_err(RecoverError::Open)?);
    let marker = rows::stored_marker(&state).map_err(RecoverError::Read)?;
    Ok((log, marker))
}

type Servers = (Vec<Peer>, Vec<Peer>);

/// Voters and learners of a list, by what the cluster knew.
fn servers(list: &[Listed], own: &Peer, known: &[Peer]) -> Result<Servers, String> {
    if list.is_empty() {
        return Ok((vec![own.clone()], Vec::new()));
    }
    let mut seen = BTreeSet::new();
    let (mut voters, mut learners) = (Vec::new(), Vec::new());
    for listed in list {
        let mut peer = find(&listed.key, own, known)?;
        if let Some(address) = &listed.address {
            peer.address.clone_from(address);
        }
        if !seen.insert(peer.id) {
            return Err(format!("`{}` is on it twice", listed.key));
        }
        if listed.voter { voters.push(peer) } else { learners.push(peer) }
    }
    Ok((voters, learners))
}

/// A name comes first: one that looks like a number is still a name.
fn find(key: &str, own: &Peer, known: &[Peer]) -> Result<Peer, String> {
    let all = || std::iter::once(own).chain(known);
    let id = key.parse::<u64>().ok();
    let found = all().find(|peer| peer.name == key).or_else(|| all().find(|p| Some(p.id) == id));
    let names = || known.iter().map(|peer| peer.name.as_str()).collect::<Vec<_>>().join(", ");
    found.cloned().ok_or_else(|| format!("the cluster knows no server `{key}`, but {}", names()))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::cluster::stage::peer;

    fn on_list(key: &str) -> Listed {
        Listed { key: key.into(), address: None, voter: true }
    }

    #[test]
    fn a_list_names_servers_by_name_or_id() {
        let text = br#"[{"id": "s1", "address": "10.0.0.9:6868"},
            {"id": 2, "non_voter": true}, {"id": "3", "non_voter": false, "more": 1}]"#;
        let list = super::list::parse(text).unwrap();
        let own = peer(1);
        let (voters, learners) = servers(&list, &own, &[peer(1), peer(2), peer(3)]).unwrap();
        let moved = Peer { address: "10.0.0.9:6868".into(), ..peer(1) };
        assert_eq!((voters, learners), (vec![moved, peer(3)], vec![peer(2)]));
        assert_eq!(servers(&[], &own, &[]).unwrap(), (vec![own.clone()], vec![]));
        let unknown = servers(&[on_list("s9")], &own, &[peer(1), peer(2)]).unwrap_err();
        assert_eq!(unknown, "the cluster knows no server `s9`, but s1, s2");
        let twice = servers(&[on_list("s1"), on_list("1")], &own, &[peer(1)]).unwrap_err();
        assert_eq!(twice, "`1` is on it twice");
    }

    fn data(directory: &Path) -> DataDir {
        let mut options = dkron_store::data_dir::Options::new([1; 16], "test");
        options.durability = dkron_store::Durability::None;
        DataDir::open(directory, options).unwrap()
    }

    #[test]
    fn a_list_at_start_is_used_once_and_a_bad_one_is_fatal() {
        let directory = tempfile::tempdir().unwrap();
        let (data, mark) = (data(directory.path()), Mark::open(directory.path()).unwrap());
        assert_eq!(at_start(&data, &mark, &peer(1)).unwrap(), None);
        let path = list_path(&data);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, "nonsense").unwrap();
        let fatal = at_start(&data, &mark, &peer(1)).unwrap_err().to_string();
        assert!(fatal.contains("peers.json: expected"), "{fatal}");
        fs::write(&path, r#"[{"id": "s1"}]"#).unwrap();
        let empty = at_start(&data, &mark, &peer(1)).unwrap_err().to_string();
        assert!(empty.contains("never belonged to a cluster"), "{empty}");
    }

    /// Bears T-43.
    #[tokio::test]
    async fn a_server_of_a_cluster_goes_on_alone() {
        let directory = tempfile::tempdir().unwrap();
        let begun = crate::cluster::stage::alone(data(directory.path()), &peer(1)).await;
        let mark = Mark::open(directory.path()).unwrap();
        let cluster = super::super::ClusterId([3; 16]);
        mark.adopt(super::super::Marked { cluster, generation: 0 }).unwrap();
        let path = directory.path().to_path_buf();
        let recovered = tokio::task::spawn_blocking(move || {
            let data = data(&path);
            let path = list_path(&data);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, r#"[{"id": "s1", "address": "10.0.0.9:1"}]"#).unwrap();
            let report = at_start(&data, &mark, &peer(1)).unwrap().unwrap();
            assert!(!path.exists() && path.with_extension("json.used").exists());
            assert_eq!(mark.get().unwrap().generation, 1);
            report
        });
        let report = recovered.await.unwrap();
        assert!(report.kept.last_index >= begun);
        let last = report.kept.last_index;
        assert_eq!(
            report.to_string(),
            format!("last index kept: {last}; voters: s1; generation 1")
        );
        crate::cluster::stage::alone(data(directory.path()), &peer(1)).await;
    }
}
