//! A run that somebody asked for in another way than its definition says. It belongs to the
//! occurrence: attempts, the queue and the record have it, the definition stays as it is.

use alloc::string::{String, ToString};
use alloc::sync::Arc;
use alloc::vec::Vec;

use super::{Job, NodeName, RequestId, TextMap};

/// What is different about one run, who asked for it and why.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct ByHand {
    pub id: RequestId,
    /// Laid over the executor's configuration.
    pub config: TextMap,
    /// Instead of the job's.
    pub tags: Option<TextMap>,
    /// Only these, whatever the tags; empty = whom the tags mean.
    pub nodes: Vec<NodeName>,
    /// At most `limits::DETAIL_BYTES` each.
    pub by: String,
    pub reason: String,
}

impl ByHand {
    /// The job as this run has it.
    pub fn of(&self, job: &Arc<Job>) -> Arc<Job> {
        if self.config.is_empty() && self.tags.is_none() {
            return Arc::clone(job);
        }
        let own = job.executor_config.iter().chain(self.config.iter());
        let own = own.map(|(key, value)| (key.to_string(), value.to_string()));
        let tags = self.tags.clone().unwrap_or_else(|| job.tags.clone());
        Arc::new(Job { executor_config: own.collect(), tags, ..Job::clone(job) })
    }

    /// How much memory it takes, more or less.
    pub fn bytes(&self) -> usize {
        let pairs = self.config.iter().chain(self.tags.iter().flat_map(TextMap::iter));
        let pairs: usize = pairs.map(|(key, value)| key.len() + value.len()).sum();
        let nodes: usize = self.nodes.iter().map(|name| name.as_str().len()).sum();
        pairs + nodes + self.by.len() + self.reason.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(pairs: &[(&str, &str)]) -> TextMap {
        pairs.iter().map(|(key, value)| ((*key).into(), (*value).into())).collect()
    }

    #[test]
    fn what_it_says_is_laid_over_the_definition() {
        let executor_config = map(&[("command", "true"), ("cwd", "/tmp")]);
        let job =
            Arc::new(Job { executor_config, tags: map(&[("role", "web")]), ..Job::default() });
        assert!(Arc::ptr_eq(&ByHand::default().of(&job), &job));
        let config = map(&[("command", "false"), ("user", "ann")]);
        let by_hand = ByHand { config, tags: Some(TextMap::new()), ..ByHand::default() };
        let own = by_hand.of(&job);
        let wanted = map(&[("command", "false"), ("cwd", "/tmp"), ("user", "ann")]);
        assert_eq!(own.executor_config, wanted);
        assert!(own.tags.is_empty() && by_hand.bytes() == 19);
    }
}
