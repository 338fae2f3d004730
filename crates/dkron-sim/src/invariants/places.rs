//! Tags: an occurrence runs where the definition means that the run keeps, whatever was put while
//! it was on its way; what its leader knew of the members counts.

use std::collections::BTreeMap;

use dkron_core::conductor::RosterMember;
use dkron_core::domain::{NodeName, RequestId};
use dkron_core::ledger::{Command, Decision, Fire, Fired, Ledger, Reply, Trigger};

use super::{Check, Commit, require};
use crate::workload::matches;

/// A cluster of an earlier version may run what was placed by a definition that is gone.
const SINCE: u32 = 3;

type Tags = BTreeMap<String, String>;

#[derive(Debug, Default)]
pub struct Places {
    /// The nodes of a proposal, as its leader knew them, until it is in the log.
    known: BTreeMap<RequestId, BTreeMap<NodeName, Tags>>,
}

impl Places {
    /// `members` are those that its leader knows.
    pub fn proposed(
        &mut self,
        id: RequestId,
        fires: &[Fire],
        members: &BTreeMap<NodeName, RosterMember>,
    ) {
        // A further attempt may go where the last one was, whatever that node says now.
        let fires = fires.iter().filter(|fire| !is_retry(fire));
        let nodes = fires.flat_map(nodes).filter_map(|node| {
            let member = members.get(node)?;
            Some((node.clone(), member.tags.clone()))
        });
        self.known.insert(id, nodes.collect());
    }

    pub fn committed(&mut self, commit: Commit<'_>) -> Check {
        let known = commit.entry.request.and_then(|id| self.known.remove(&id));
        let Some(known) = known.filter(|_| commit.ledger.version() >= SINCE) else { return Ok(()) };
        let (Command::Fire(fires), Reply::Fired(fired)) =
            (commit.entry.command.inner(), &commit.outcome.reply)
        else {
            return Ok(());
        };
        let ran = |fired: &Fired| matches!(fired, Fired::Run { .. });
        let runs = fires.iter().zip(fired).filter(|(fire, fired)| ran(fired) && !is_retry(fire));
        runs.into_iter().try_for_each(|(fire, fired)| meant(fire, fired, &known, commit.ledger))
    }
}

/// The entry that begins a run changes no definition: it keeps the one in force.
fn meant(fire: &Fire, fired: &Fired, known: &BTreeMap<NodeName, Tags>, ledger: &Ledger) -> Check {
    let Some(state) = ledger.job_no(fire.job_no) else { return Ok(()) };
    let group = match fired {
        Fired::Run { group, .. } => ledger.group(*group),
        _ => None,
    };
    if group.is_none() && matches!(fire.trigger, Trigger::Queued(_)) {
        // Born failed and over: what it wanted went with it.
        return Ok(());
    }
    let by_hand = match &fire.trigger {
        Trigger::ByHand(by_hand) => Some(&**by_hand),
        _ => group.and_then(|group| group.cause.by_hand()),
    };
    let wanted = by_hand.and_then(|by_hand| by_hand.tags.as_ref()).unwrap_or(&state.job.tags);
    nodes(fire).try_for_each(|node| {
        let tags = known.get(node);
        let fits = tags.is_some_and(|tags| matches(wanted, tags));
        require(fits, "tags", || {
            let name = &state.job.name;
            format!("{name} wants {wanted:?}, but runs on {node} with {tags:?}: {fire:?}")
        })
    })
}

fn nodes(fire: &Fire) -> impl Iterator<Item = &NodeName> {
    let places = match &fire.decision {
        Decision::Run(places) => places.as_slice(),
        Decision::Skip { .. } => &[],
    };
    places.iter().map(|place| &place.target.node)
}

fn is_retry(fire: &Fire) -> bool {
    matches!(fire.trigger, Trigger::Retry { .. })
}
