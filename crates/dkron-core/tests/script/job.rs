//! A definition and what else a client posts, from the pairs of a line.

use std::collections::BTreeMap;

use dkron_core::domain::{Concurrency, Job, Status, Submission, TextMap};

use super::{Line, policy};

/// Reads the name and everything that belongs to a definition; other words stay.
pub fn submission(line: &mut Line) -> Submission {
    let name = line.word();
    let job = Job {
        name: name.as_str().into(),
        schedule: line.key("schedule").unwrap_or_default(),
        timezone: line.key("timezone").unwrap_or_default(),
        owner: line.key("owner").unwrap_or_default(),
        disabled: line.flag("disabled"),
        tags: line.prefixed("tag.").into_iter().collect(),
        metadata: line.prefixed("metadata.").into_iter().collect(),
        retries: line.number("retries").unwrap_or(0) as u32,
        parent_job: line.key("parent").map(Into::into),
        processors: processors(line),
        concurrency: concurrency(line),
        executor: line.key("executor").unwrap_or_default(),
        executor_config: line.prefixed("config.").into_iter().collect(),
        ephemeral: line.flag("ephemeral"),
        starts_at: line.time("starts"),
        expires_at: line.time("expires"),
        policy: policy::policy(line),
        ..Job::default()
    };
    Submission {
        job,
        success_count: line.number("successes").unwrap_or(0),
        error_count: line.number("errors").unwrap_or(0),
        last_success: line.time("last_success"),
        last_error: line.time("last_error"),
        status: if line.flag("succeeded") { Status::Success } else { Status::default() },
    }
}

fn concurrency(line: &mut Line) -> Concurrency {
    let words = [Concurrency::Forbid, Concurrency::Queue, Concurrency::Replace];
    words.into_iter().find(|one| line.flag(one.word())).unwrap_or_default()
}

fn processors(line: &mut Line) -> BTreeMap<String, TextMap> {
    let names = line.key("processors").unwrap_or_default();
    let names = names.split(',').filter(|name| !name.is_empty());
    names.map(|name| (name.to_string(), TextMap::new())).collect()
}
