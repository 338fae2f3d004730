//! Somebody wants nothing to start by itself for a while: all jobs, or some.

use alloc::string::String;
use alloc::vec::Vec;

use super::{Job, JobName, PauseNo, TextMap, Timestamp};

/// What its jobs owe by schedule, parent or retry does not start as long as it lasts.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub struct SchedulingPause {
    pub id: PauseNo,
    pub since: Timestamp,
    /// What falls due from here on is not its business any more; `None` = until somebody resumes.
    pub until: Option<Timestamp>,
    /// Somebody ended it: it stays only until what fell due before `until` is decided.
    pub resumed: bool,
    pub scope: Scope,
    /// Who wants it, and why; at most `limits::DETAIL_BYTES`.
    pub by: String,
    pub reason: String,
}

impl SchedulingPause {
    /// Whether it stops what of the job falls due at that instant.
    pub fn stops(&self, job: &Job, at: Timestamp) -> bool {
        self.until.is_none_or(|until| at < until) && self.scope.covers(job)
    }
}

/// Which jobs are meant: those for which all holds that it says. Nothing said = all jobs.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub struct Scope {
    /// By name, sorted; empty = whatever the name.
    pub jobs: Vec<JobName>,
    /// How the name begins.
    pub prefix: String,
    /// What the metadata hold, among others.
    pub metadata: TextMap,
}

impl Scope {
    pub fn is_all(&self) -> bool {
        self.jobs.is_empty() && self.prefix.is_empty() && self.metadata.is_empty()
    }

    pub fn covers(&self, job: &Job) -> bool {
        let named = self.jobs.is_empty() || self.jobs.binary_search(&job.name).is_ok();
        named
            && job.name.as_str().starts_with(&self.prefix)
            && self.metadata.iter().all(|(key, value)| job.metadata.get(key) == Some(value))
    }

    /// How much memory it takes, more or less.
    pub fn bytes(&self) -> usize {
        let names: usize = self.jobs.iter().map(|name| name.as_str().len()).sum();
        let pairs: usize = self.metadata.iter().map(|(key, value)| key.len() + value.len()).sum();
        names + self.prefix.len() + pairs
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scope_means_jobs_for_which_all_of_it_holds() {
        let job = |name: &str, team: &str| {
            let metadata = [(String::from("team"), String::from(team))].into_iter().collect();
            Job { name: name.into(), metadata, ..Job::default() }
        };
        let all = Scope::default();
        assert!(all.is_all() && all.covers(&job("a", "x")));
        let jobs = Scope { jobs: Vec::from(["a".into(), "b".into()]), ..Scope::default() };
        assert!(jobs.covers(&job("b", "x")) && !jobs.covers(&job("bb", "x")));
        let prefix = Scope { prefix: "db-".into(), ..Scope::default() };
        assert!(prefix.covers(&job("db-1", "x")) && !prefix.covers(&job("d", "x")));
        let red = job("", "red").metadata;
        let both = Scope { metadata: red, ..prefix };
        assert!(both.covers(&job("db-1", "red")));
        assert!(!both.covers(&job("db-1", "blue")) && !both.covers(&job("web", "red")));
        assert_eq!(both.bytes(), 10);
    }
}
