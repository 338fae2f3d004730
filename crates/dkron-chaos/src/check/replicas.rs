//! All servers tell the same, once they have come to rest.

use std::collections::BTreeMap;

use super::{Verdict, View};
use crate::case::{History, Story};

pub fn check(view: &View<'_>, verdict: &mut Verdict) {
    let histories = &view.case.histories;
    let first = &histories[0];
    for other in &histories[1..] {
        for (job, story) in &first.jobs {
            let theirs = other.jobs.get(job).cloned().unwrap_or_default();
            if theirs != *story {
                let text = difference(first, story, other, &theirs);
                verdict.add("disagreement", job, text);
            }
        }
        for job in other.jobs.keys().filter(|job| !first.jobs.contains_key(*job)) {
            let text = format!("{} knows it, {} does not", other.server, first.server);
            verdict.add("disagreement", job, text);
        }
    }
    let mut hashes: BTreeMap<u64, Vec<(&str, &str)>> = BTreeMap::new();
    for history in histories {
        if let Some((index, hash)) = &history.hash {
            hashes.entry(*index).or_default().push((&history.server, hash));
        }
    }
    for (index, told) in &hashes {
        if told.iter().any(|(_, hash)| *hash != told[0].1) {
            verdict.add("disagreement", "", format!("hashes at {index}: {told:?}"));
        }
    }
    let compared = hashes.values().map(Vec::len).max().unwrap_or(0);
    verdict.put("servers whose histories are compared", histories.len());
    verdict.put("servers whose state hashes are compared", compared);
}

fn difference(first: &History, story: &Story, other: &History, theirs: &Story) -> String {
    let pair = format!("{} and {}", first.server, other.server);
    let odd = story.executions.iter().find(|run| !theirs.executions.contains(run));
    let odd = odd.or_else(|| theirs.executions.iter().find(|r| !story.executions.contains(r)));
    match odd {
        Some(run) => format!("{pair} differ at {} ({})", run.id, run.state),
        None if story.skipped != theirs.skipped => format!("{pair} differ in skipped records"),
        None => format!("{pair} differ in counters"),
    }
}
