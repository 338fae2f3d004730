//! The first words on a connection: do both ends belong together, which version do they speak,
//! and, with a key, are they who they say. Values in, values out.

use dkron_wire::hello::Hello;

use super::identity::Identity;
use crate::cluster::{ClusterId, Marked};
use crate::rpc::Role;

/// Whose proof it is: that of one end is worth nothing in the mouth of the other.
#[derive(Clone, Copy)]
pub(super) enum End {
    Dialer,
    Acceptor,
}

/// What this node says, with a number that is used once.
pub(super) fn own(identity: &Identity) -> Hello {
    let mut nonce = [0; 32];
    getrandom::fill(&mut nonce).expect("the system has random bytes, or nothing is safe");
    Hello {
        protocol: identity.protocol,
        features: 0,
        cluster: identity.marked().map(|marked| (marked.cluster.0, marked.generation)),
        id: identity.id,
        name: identity.name.clone(),
        role: code(identity.role),
        shard: identity.shard,
        keyed: identity.key.is_some(),
        nonce,
    }
}

pub(super) fn code(role: Role) -> u8 {
    match role {
        Role::Server => 1,
        Role::Agent => 2,
        Role::Operator => 3,
    }
}

pub(super) fn role(code: u8) -> Option<Role> {
    [Role::Server, Role::Agent, Role::Operator].into_iter().find(|role| self::code(*role) == code)
}

pub(super) fn marked(hello: &Hello) -> Option<Marked> {
    let (cluster, generation) = hello.cluster?;
    Some(Marked { cluster: ClusterId(cluster), generation })
}

/// Both ends come to the same verdict: the version to speak, or why they do not belong together.
/// The text is for people at either end, so it names the nodes.
pub(super) fn judge(own: &Hello, other: &Hello) -> Result<u16, String> {
    let (name, own_name) = (called(other), called(own));
    if role(other.role).is_none() {
        return Err(format!("{name} has role {}, which {own_name} does not know", other.role));
    }
    if other.shard != own.shard {
        return Err(format!("{name} is of shard {}, {own_name} of {}", other.shard, own.shard));
    }
    if other.keyed != own.keyed {
        let (with, without) = if own.keyed { (own_name, name) } else { (name, own_name) };
        return Err(format!("{with} has a key (`encrypt`), {without} has none"));
    }
    belong(own, other)?;
    let version = own.protocol.1.min(other.protocol.1);
    if version < own.protocol.0.max(other.protocol.0) {
        return Err(format!(
            "{name} speaks protocol {} to {}, {own_name} {} to {}: upgrade one of them",
            other.protocol.0, other.protocol.1, own.protocol.0, own.protocol.1
        ));
    }
    Ok(version)
}

fn called(hello: &Hello) -> String {
    format!("`{}`", hello.name)
}

fn belong(own: &Hello, other: &Hello) -> Result<(), String> {
    let (Some(ours), Some(theirs)) = (marked(own), marked(other)) else { return Ok(()) };
    if ours == theirs {
        return Ok(());
    }
    let (name, own_name) = (called(other), called(own));
    if ours.cluster == theirs.cluster && (follows(own, other) || follows(other, own)) {
        return Ok(());
    }
    if ours.cluster != theirs.cluster {
        return Err(format!(
            "{name} belongs to cluster {}, {own_name} to cluster {}: start one of them with an \
             empty data directory, or let it join its own cluster",
            theirs.cluster, ours.cluster
        ));
    }
    let old = if ours.generation < theirs.generation { &own_name } else { &name };
    Err(format!(
        "{name} is of generation {} of cluster {}, {own_name} of generation {}: it was recovered \
         without {old}; empty the data directory of {old} to let it in again",
        theirs.generation, ours.cluster, ours.generation
    ))
}

/// An agent knows nothing that a recovery could contradict: it goes along with servers that were
/// recovered, and never back.
fn follows(agent: &Hello, server: &Hello) -> bool {
    let generation = |hello| marked(hello).map(|marked| marked.generation);
    role(agent.role) == Some(Role::Agent)
        && role(server.role) == Some(Role::Server)
        && generation(agent) < generation(server)
}

/// Shows that an end has the key; over all that both have said, so that none of it is another's.
pub(super) fn proof(key: &[u8; 32], end: End, dialer: &[u8], acceptor: &[u8]) -> blake3::Hash {
    let mut hasher = blake3::Hasher::new_keyed(key);
    let end: &[u8] = match end {
        End::Dialer => b"dialer",
        End::Acceptor => b"acceptor",
    };
    for part in [end, dialer, acceptor] {
        hasher.update(&(part.len() as u64).to_be_bytes());
        hasher.update(part);
    }
    hasher.finalize()
}
