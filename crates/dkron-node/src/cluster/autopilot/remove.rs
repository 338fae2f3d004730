//! An operator takes a server out of the cluster by hand.

use dkron_raft::{Change, ChangeError, Handle};

/// LIMIT: other changes that may come first.
const TRIES: usize = 10;

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RemoveError {
    /// In Dkron's words, which scripts look for.
    #[error("id \"{0}\" was not found in the Raft configuration")]
    NotFound(String),
    #[error("\"{0}\" is the last voter: without it there is no cluster")]
    LastVoter(String),
    #[error(transparent)]
    Change(ChangeError),
}

/// Removes a voter or learner by its id or name; answered by the leader alone. A server that is
/// alive comes back as a learner.
pub async fn remove_peer(raft: &Handle, key: &str) -> Result<(), RemoveError> {
    let id = find(raft, key).ok_or_else(|| RemoveError::NotFound(key.to_owned()))?;
    remove(raft, id).await.map_err(|err| match err {
        RemoveError::NotFound(_) => RemoveError::NotFound(key.to_owned()),
        RemoveError::LastVoter(_) => RemoveError::LastVoter(key.to_owned()),
        other => other,
    })
}

/// The same for a server that is known by its id.
pub async fn remove(raft: &Handle, id: u64) -> Result<(), RemoveError> {
    let mut tries = 0..TRIES;
    loop {
        match raft.change(Change::Remove { ids: vec![id] }).await {
            Ok(()) => return Ok(()),
            // The autopilot came first.
            Err(ChangeError::Conflict(_)) if tries.next().is_some() => {}
            Err(ChangeError::LastVoter) => return Err(RemoveError::LastVoter(id.to_string())),
            Err(ChangeError::UnknownServer(_)) => {
                return Err(RemoveError::NotFound(id.to_string()));
            }
            Err(other) => return Err(RemoveError::Change(other)),
        }
    }
}

/// A name comes first: one that looks like a number is still a name.
fn find(raft: &Handle, key: &str) -> Option<u64> {
    let membership = raft.membership();
    let by_name = membership.servers.iter().find(|server| server.peer.name == key);
    let id = || key.parse().ok().filter(|id| membership.get(*id).is_some());
    by_name.map(|server| server.peer.id).or_else(id)
}
