//! Where runs happened: on hosts that the job names, no host twice in a group, and on as many as
//! the job wants unless something was broken there.

use std::collections::BTreeSet;

use super::{Verdict, View};
use crate::case::{Execution, Job, SECOND};

/// A host that was away is chosen again only when its session is back.
const AROUND: i64 = 15 * SECOND;

pub fn check(view: &View<'_>, verdict: &mut Verdict) {
    for (job, told) in view.executions() {
        let hosts = view.run(&told.id).into_iter().flat_map(|run| &run.starts);
        for (host, _, start) in hosts {
            let stray = !job.nodes.contains(host);
            if stray || *host != told.node || start.node != told.node {
                let text = format!(
                    "{} ran on {host}, was told {}, its record says {}",
                    told.id, start.node, told.node
                );
                verdict.add("wrong place", &job.name, text);
            }
        }
    }
    for (job, story) in &view.jobs {
        for runs in View::groups(story).values() {
            enough(view, job, runs, verdict);
        }
    }
}

fn enough(view: &View<'_>, job: &Job, runs: &[&Execution], verdict: &mut Verdict) {
    let first: Vec<&Execution> = runs.iter().filter(|run| run.attempt == 1).copied().collect();
    let hosts: BTreeSet<&str> = first.iter().map(|run| run.node.as_str()).collect();
    let Some(run) = first.first() else { return };
    let due = run.scheduled.unwrap_or(0);
    let disturbed = job.nodes.iter().any(|host| view.is_touched(host, due - AROUND, due + AROUND));
    let few = hosts.len() < job.places && !disturbed;
    if hosts.len() < first.len() || hosts.len() > job.places || few {
        let text = format!("group of {}: {hosts:?} for {} places", run.id, job.places);
        verdict.add("wrong place", &job.name, text);
    }
}
