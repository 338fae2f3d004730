//! Who belongs to the group, how far each server is, and how that is changed.
//!
//! A change is one step of the library: it passes through a joint membership where voters change,
//! and is refused if the membership is no longer the one that was looked at.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use openraft::async_runtime::watch::WatchReceiver;
use openraft::errors::{ClientWriteError, RaftError};
use openraft::raft::Precondition;
use openraft::{ChangeMembers, Instant};

use crate::config::{Member, StoredMembership, Types};
use crate::proposal::{hint, peer};
use crate::start::Raft;
use crate::transport::Peer;

/// A member of the group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Server {
    pub peer: Peer,
    /// Else it is a learner: it gets everything and is not asked.
    pub voter: bool,
    /// Known to the leader alone: up to which index its log equals the leader's.
    pub matched_index: Option<u64>,
    /// Known to the leader alone: how long ago it was sent what it last acknowledged. None for
    /// the leader itself, and for a server that has never answered this leader.
    pub last_contact: Option<Duration>,
}

/// The group as this server knows it; only the leader's view is fresh.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Membership {
    /// By id.
    pub servers: Vec<Server>,
    /// The entry that made it; none before a cluster has begun.
    pub index: Option<u64>,
    /// Whether a change passes from the old voters to the new ones, both of which must agree.
    pub is_joint: bool,
    /// Whether this membership is committed, and no change is under way.
    pub is_settled: bool,
    /// End of this server's log.
    pub last_index: Option<u64>,
}

impl Membership {
    #[must_use]
    pub fn get(&self, id: u64) -> Option<&Server> {
        self.servers.iter().find(|server| server.peer.id == id)
    }

    pub fn voters(&self) -> impl Iterator<Item = &Server> {
        self.servers.iter().filter(|server| server.voter)
    }
}

/// One change; a leader carries it out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// A new learner, and with the same entry those go whose place it takes.
    AddLearner { peer: Peer, replaces: Vec<u64> },
    /// A learner becomes a voter, and with the same entry voters go.
    Promote { id: u64, replaces: Vec<u64> },
    /// Voters or learners go. A leader may remove itself: it then stops leading.
    Remove { ids: Vec<u64> },
    /// Name or address of a member, as remembered for those who cannot ask gossip.
    Update { peer: Peer },
    /// Completes a change whose leader stopped in the middle of it.
    Settle,
}

/// Why a membership was not changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ChangeError {
    #[error("this server is not the leader")]
    NotLeader { hint: Option<Peer> },
    #[error("the group has no server {0}")]
    UnknownServer(u64),
    #[error("the last voter cannot be removed")]
    LastVoter,
    /// Another change is under way or came first: look again.
    #[error("another change of the membership came first: {0}")]
    Conflict(String),
    /// It may still be carried out: look again.
    #[error("the membership change was not confirmed in time")]
    Unknown,
    #[error("consensus has stopped")]
    Stopped,
}

pub(crate) fn view(raft: &Raft) -> Membership {
    let raft = raft.metrics().borrow_watched().clone();
    let stored = &raft.membership_config;
    let membership = stored.membership();
    let voters: BTreeSet<u64> = membership.voter_ids().collect();
    let own = raft.id;
    let server = |(id, member): (&u64, &Member)| {
        let matched = raft.replication.as_ref().and_then(|all| (*all.get(id)?)?.index.into());
        let acked = raft.heartbeat.as_ref().and_then(|all| all.get(id)?.as_ref().copied());
        Server {
            peer: peer(*id, member),
            voter: voters.contains(id),
            matched_index: matched,
            last_contact: acked.filter(|_| *id != own).map(|at| at.elapsed()),
        }
    };
    let is_joint = membership.get_joint_config().len() > 1;
    Membership {
        servers: membership.nodes().map(server).collect(),
        index: stored.log_id().map(|id| id.index),
        is_joint,
        is_settled: !is_joint && raft.committed_membership_config.log_id() == stored.log_id(),
        last_index: raft.last_log_index,
    }
}

/// Carries a change out, behind one that is not committed yet; may wait for ever without a quorum.
/// With `seen` it is refused if the membership is not that of this entry any more.
pub(crate) async fn change(
    raft: &Raft,
    change: Change,
    seen: Option<u64>,
) -> Result<(), ChangeError> {
    let stored = committed(raft).await?;
    let index = stored.log_id().map(|id| id.index);
    if seen.is_some() && seen != index {
        return Err(ChangeError::Conflict("the membership is another one by now".into()));
    }
    let voters: BTreeSet<u64> = stored.membership().voter_ids().collect();
    let nodes: BTreeMap<u64, Member> =
        stored.membership().nodes().map(|(id, member)| (*id, member.clone())).collect();
    let steps = steps(change, &voters, &nodes)?;
    let seen = Precondition::LastMembershipLogId { last_membership_log_id: *stored.log_id() };
    let changed = raft.change_membership_if(ChangeMembers::Batch(steps), false, [seen]).await;
    changed.map(drop).map_err(failure)
}

/// The membership once no entry that changes it waits for its commit. Asked of the library's core:
/// its figures may be a moment older.
async fn committed(raft: &Raft) -> Result<Arc<StoredMembership>, ChangeError> {
    let mut figures = raft.metrics();
    loop {
        raft.as_leader().map_err(|forward| ChangeError::NotLeader { hint: hint(forward) })?;
        let state = raft.with_raft_state(|state| {
            let state = &state.membership_state;
            (Arc::clone(state.effective()), *state.committed().log_id())
        });
        let (effective, committed) = state.await.map_err(|_| ChangeError::Stopped)?;
        if *effective.log_id() == committed {
            return Ok(effective);
        }
        figures.changed().await.map_err(|_| ChangeError::Stopped)?;
    }
}

type Step = ChangeMembers<u64, Member>;

fn steps(
    change: Change,
    voters: &BTreeSet<u64>,
    nodes: &BTreeMap<u64, Member>,
) -> Result<Vec<Step>, ChangeError> {
    let known =
        |id: u64| nodes.contains_key(&id).then_some(id).ok_or(ChangeError::UnknownServer(id));
    let mut steps = Vec::new();
    let (added, gone) = match change {
        Change::AddLearner { peer, replaces } => {
            steps.push(ChangeMembers::AddNodes([node(peer)].into()));
            (None, replaces)
        }
        Change::Promote { id, replaces } => {
            steps.push(ChangeMembers::AddVoterIds([known(id)?].into()));
            (Some(id), replaces)
        }
        Change::Remove { ids } => (None, ids),
        Change::Update { peer } => {
            known(peer.id)?;
            steps.push(ChangeMembers::SetNodes([node(peer)].into()));
            (None, Vec::new())
        }
        // No voter is added: the library completes what it finds.
        Change::Settle => {
            steps.push(ChangeMembers::AddVoterIds(BTreeSet::new()));
            (None, Vec::new())
        }
    };
    let gone = gone.into_iter().map(known).collect::<Result<BTreeSet<u64>, _>>()?;
    let (voting, learning): (BTreeSet<u64>, BTreeSet<u64>) =
        gone.into_iter().partition(|id| voters.contains(id));
    if added.is_none() && !voting.is_empty() && voters.is_subset(&voting) {
        return Err(ChangeError::LastVoter);
    }
    if !voting.is_empty() {
        steps.push(ChangeMembers::RemoveVoters(voting));
    }
    if !learning.is_empty() {
        steps.push(ChangeMembers::RemoveNodes(learning));
    }
    Ok(steps)
}

fn node(peer: Peer) -> (u64, Member) {
    (peer.id, Member { name: peer.name, address: peer.address })
}

fn failure(err: RaftError<Types, ClientWriteError<Types>>) -> ChangeError {
    match err {
        RaftError::Fatal(_) => ChangeError::Stopped,
        RaftError::APIError(ClientWriteError::ForwardToLeader(forward)) => {
            ChangeError::NotLeader { hint: hint(forward) }
        }
        RaftError::APIError(ClientWriteError::LogEntryDiscarded(_)) => ChangeError::Unknown,
        RaftError::APIError(err) => ChangeError::Conflict(err.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn peer(id: u64) -> Peer {
        Peer { id, name: format!("s{id}"), address: "10.0.0.1:1".into() }
    }

    fn plan(change: Change) -> Result<Vec<Step>, ChangeError> {
        let nodes = [peer(1), peer(2), peer(3)].map(node).into();
        steps(change, &[1, 2].into(), &nodes)
    }

    #[test]
    fn a_learner_may_take_the_place_of_a_voter() {
        let planned = plan(Change::AddLearner { peer: peer(4), replaces: vec![2, 3] }).unwrap();
        let expected = vec![
            ChangeMembers::AddNodes([node(peer(4))].into()),
            ChangeMembers::RemoveVoters([2].into()),
            ChangeMembers::RemoveNodes([3].into()),
        ];
        assert_eq!(planned, expected);
    }

    #[test]
    fn the_last_voter_stays_unless_another_takes_its_place() {
        let all = Change::Remove { ids: vec![1, 2] };
        assert_eq!(plan(all), Err(ChangeError::LastVoter));
        plan(Change::Promote { id: 3, replaces: vec![1, 2] }).unwrap();
        plan(Change::Remove { ids: vec![2] }).unwrap();
    }

    #[test]
    fn unknown_servers_are_named() {
        assert_eq!(plan(Change::Remove { ids: vec![9] }), Err(ChangeError::UnknownServer(9)));
        let promote = Change::Promote { id: 8, replaces: Vec::new() };
        assert_eq!(plan(promote), Err(ChangeError::UnknownServer(8)));
        assert_eq!(plan(Change::Update { peer: peer(7) }), Err(ChangeError::UnknownServer(7)));
    }
}
