//! The consensus library's types and settings, chosen for us; nothing here is public.

use std::fmt;

use bytes::Bytes;
use openraft::impls::leader_id_std;
use openraft::{Config, SnapshotPolicy};
use serde::{Deserialize, Serialize};

use crate::error::Error;
use crate::options::Options;
use crate::proposal::Reply;

/// An entry's content; opaque, encoded once by the proposer.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Command(pub Bytes);

impl fmt::Debug for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes", self.0.len())
    }
}

impl fmt::Display for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes", self.0.len())
    }
}

/// What the membership says of a server besides its id.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Member {
    pub name: String,
    pub address: String,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Types;

type LeaderId = leader_id_std::LeaderId<u64, u64>;
/// Only a term, since it has one leader.
pub(crate) type CommittedLeaderId = <LeaderId as openraft::vote::RaftLeaderId>::Committed;

impl openraft::RaftTypeConfig for Types {
    type D = Command;
    type R = ();
    type NodeId = u64;
    type Node = Member;
    type Term = u64;
    // The standard leader id allows one leader in a term; the library's default allows several.
    type LeaderId = LeaderId;
    type Vote = openraft::Vote<LeaderId>;
    type Payload = openraft::EntryPayload<Command, u64, Member>;
    type Entry = openraft::Entry<CommittedLeaderId, Self::Payload>;
    #[cfg(not(feature = "simulation"))]
    type AsyncRuntime = openraft::impls::TokioRuntime;
    #[cfg(feature = "simulation")]
    type AsyncRuntime = crate::simulated::Runtime;
    type Responder<T>
        = Reply<T>
    where
        T: openraft::OptionalSend + 'static;
    type Batch<T>
        = openraft::impls::InlineBatch<T>
    where
        T: openraft::OptionalSend + 'static;
    type ErrorSource = openraft::impls::BoxedErrorSource;
}

pub(crate) type LogId = openraft::alias::LogIdOf<Types>;
pub(crate) type Entry = openraft::alias::EntryOf<Types>;
pub(crate) type Payload = openraft::alias::PayloadOf<Types>;
pub(crate) type Vote = openraft::alias::VoteOf<Types>;
pub(crate) type Membership = openraft::Membership<u64, Member>;
pub(crate) type StoredMembership = openraft::alias::StoredMembershipOf<Types>;
pub(crate) type SnapshotMeta = openraft::alias::SnapshotMetaOf<Types>;

/// Entries that may wait between our lanes and the library's core; more than both lanes hold, so
/// that the hand-over never waits.
const API_CHANNEL: u64 = 65_536;

pub(crate) fn config(options: &Options) -> Result<Config, Error> {
    let millis = |time| u64::try_from(options.scaled(time).as_millis()).unwrap_or(u64::MAX);
    let config = Config {
        cluster_name: "dkron".into(),
        heartbeat_interval: millis(options.heartbeat),
        election_timeout_min: millis(options.election_min),
        election_timeout_max: millis(options.election_max),
        install_snapshot_timeout: millis(options.install_snapshot_timeout),
        quorum_loss_probe_interval: Some(millis(options.quorum_probe)),
        enable_pre_vote: Some(true),
        // A leader that restarts would lead again in its old term with an empty memory: those
        // above could not tell the two leaderships apart.
        enable_leader_restore: Some(false),
        // Purging is ours (retention.rs): the library's rule counts entries, ours bytes and time.
        snapshot_policy: SnapshotPolicy::Never,
        max_in_snapshot_log_to_keep: u64::MAX,
        replication_lag_threshold: u64::MAX,
        max_append_entries: Some(4096),
        max_payload_entries: 1024,
        api_channel_size: Some(API_CHANNEL),
        ..Config::default()
    };
    config.validate().map_err(|err| Error::Options { source: Box::new(err) })
}
