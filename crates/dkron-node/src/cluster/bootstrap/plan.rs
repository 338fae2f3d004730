//! What a server does next about the beginning of its cluster; pure.

use std::collections::BTreeMap;

use dkron_wire::server::{Candidate, PromiseAnswer};

use super::pledge::can_be_replaced;
use crate::cluster::Entry;

/// What is known at one moment.
pub struct View<'a> {
    pub own: u64,
    pub expect: u16,
    /// It belongs to a cluster: its log has a membership.
    pub is_member: bool,
    pub marked: Marked,
    /// What this server promised.
    pub promise: Option<&'a Candidate>,
    /// Servers of the region, this one among them.
    pub servers: &'a [Entry],
    /// What the others answered last, as far as that is fresh.
    pub answers: &'a BTreeMap<u64, PromiseAnswer>,
}

/// Whose mark the data directory of a server without entries bears.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Marked {
    No,
    /// Of the cluster that it promised to itself: it was about to begin.
    Own,
    /// Of a cluster that is about to take it in.
    Other,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// There is a cluster, and this server belongs to it.
    Done,
    Wait(Wait),
    /// Ask these how they are.
    Look(Vec<u64>),
    /// Promise this server's cluster to itself, then ask these for theirs.
    Ask(Vec<u64>),
    /// Promised to itself, and it is no longer for this server to begin.
    Withdraw,
    /// All have promised: these are the first voters.
    Begin(Vec<u64>),
}

/// Why nothing can be done at present; shown in the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wait {
    /// Told to wait for a cluster that takes it in.
    TakenIn,
    Servers {
        there: usize,
        expect: u16,
    },
    OtherExpect {
        name: String,
        theirs: u16,
        ours: u16,
    },
    /// Another server is to begin.
    For {
        name: String,
    },
    /// There is a cluster; its leader takes this server in.
    Exists {
        name: String,
    },
    /// Somebody promised another server, which is not there.
    Promised {
        name: String,
        to: String,
    },
}

impl std::fmt::Display for Wait {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Wait::TakenIn => write!(f, "waiting for a cluster that takes this server in"),
            Wait::Servers { there, expect } => {
                write!(f, "waiting for servers: {there} of {expect} are there")
            }
            Wait::OtherExpect { name, theirs, ours } => write!(
                f,
                "server `{name}` has bootstrap-expect {theirs}, this one {ours}: waiting until \
                 they agree, or until a cluster takes this server in"
            ),
            Wait::For { name } => write!(f, "waiting for server `{name}` to begin the cluster"),
            Wait::Exists { name } => write!(
                f,
                "server `{name}` belongs to a cluster: waiting until it takes this server in"
            ),
            Wait::Promised { name, to } => write!(
                f,
                "server `{name}` has promised to begin a cluster with `{to}`: start that one, or \
                 delete the file `promise` in the data directory of `{name}` if it is gone for good"
            ),
        }
    }
}

/// Decides for one server. Two servers may decide differently on what they see; the promises keep
/// them from beginning twice.
pub fn plan(view: &View<'_>) -> Step {
    if view.is_member {
        return Step::Done;
    }
    if view.expect == 0 || view.marked == Marked::Other {
        return withdraw_or(view, Wait::TakenIn);
    }
    if let Some(promise) = other_promise(view).filter(|_| view.expect == 1) {
        return Step::Wait(Wait::Promised { name: own_name(view), to: promise.name.clone() });
    }
    if view.expect == 1 {
        return Step::Begin(vec![view.own]);
    }
    let there: Vec<&Entry> = view.servers.iter().filter(|entry| entry.alive).collect();
    if let Some(entry) = member(view, &there) {
        return withdraw_or(view, Wait::Exists { name: entry.name.clone() });
    }
    let other = there.iter().find(|entry| ![0, view.expect].contains(&entry.expect));
    if let Some(other) = other {
        let (name, theirs, ours) = (other.name.clone(), other.expect, view.expect);
        return withdraw_or(view, Wait::OtherExpect { name, theirs, ours });
    }
    let mut first: Vec<&Entry> =
        there.into_iter().filter(|entry| entry.expect == view.expect).collect();
    first.sort_by_key(|entry| entry.id);
    first.truncate(usize::from(view.expect));
    let Some(smallest) = first.first().filter(|_| first.len() == usize::from(view.expect)) else {
        return withdraw_or(view, Wait::Servers { there: first.len(), expect: view.expect });
    };
    let has_begun = view.marked == Marked::Own;
    if smallest.id != view.own && !has_begun {
        return withdraw_or(view, Wait::For { name: smallest.name.clone() });
    }
    if let Some(promise) = other_promise(view) {
        let name = own_name(view);
        return Step::Wait(Wait::Promised { name, to: promise.name.clone() });
    }
    begin(view, &first)
}

/// A server that is known to belong to a cluster.
fn member<'a>(view: &View<'_>, there: &[&'a Entry]) -> Option<&'a Entry> {
    let is_member =
        |entry: &Entry| matches!(view.answers.get(&entry.id), Some(PromiseAnswer::Member { .. }));
    there.iter().find(|entry| is_member(entry)).copied()
}

/// What this server promised to another one, which still binds it.
fn other_promise<'a>(view: &View<'a>) -> Option<&'a Candidate> {
    let promise = view.promise.filter(|promise| promise.id != view.own)?;
    (!can_be_replaced(promise, view.servers)).then_some(promise)
}

fn own_name(view: &View<'_>) -> String {
    let own = view.servers.iter().find(|entry| entry.id == view.own);
    own.map(|entry| entry.name.clone()).unwrap_or_default()
}

/// A promise to itself that leads to nothing is given back, so that others are free.
fn withdraw_or(view: &View<'_>, wait: Wait) -> Step {
    let has_promised = view.promise.is_some_and(|promise| promise.id == view.own);
    if has_promised && view.marked != Marked::Own { Step::Withdraw } else { Step::Wait(wait) }
}

/// The way from the first look to the last promise.
fn begin(view: &View<'_>, first: &[&Entry]) -> Step {
    let own = view.promise.filter(|promise| promise.id == view.own);
    let others = || first.iter().filter(|entry| entry.id != view.own);
    let mut unseen = Vec::new();
    let mut unbound = Vec::new();
    for entry in others() {
        match view.answers.get(&entry.id) {
            None => unseen.push(entry.id),
            Some(PromiseAnswer::Promised(to)) if Some(to) == own => {}
            // To this server, or to one that may give way: it is asked, and decides itself.
            Some(PromiseAnswer::Promised(to))
                if to.id == view.own || can_be_replaced(to, view.servers) =>
            {
                unbound.push(entry.id);
            }
            Some(PromiseAnswer::Promised(to)) => {
                let (name, to) = (entry.name.clone(), to.name.clone());
                return withdraw_or(view, Wait::Promised { name, to });
            }
            Some(_) => unbound.push(entry.id),
        }
    }
    if !unseen.is_empty() {
        return Step::Look(unseen);
    }
    if own.is_none() || !unbound.is_empty() {
        return Step::Ask(others().map(|entry| entry.id).collect());
    }
    Step::Begin(first.iter().map(|entry| entry.id).collect())
}
