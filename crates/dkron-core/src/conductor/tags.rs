//! Which members a job's tags mean: `value`, or `value:count`.

use alloc::collections::BTreeMap;
use alloc::string::String;

use crate::domain::{ByHand, Cause, Job, NodeName, TextMap};

/// A job, and what is different about the run that is to be placed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Whom<'a> {
    pub job: &'a Job,
    pub by_hand: Option<&'a ByHand>,
}

impl<'a> Whom<'a> {
    pub fn new(job: &'a Job, cause: &'a Cause) -> Self {
        Whom { job, by_hand: cause.by_hand() }
    }

    pub fn wanted(&self) -> Wanted<'a> {
        match self.by_hand {
            Some(by_hand) if !by_hand.nodes.is_empty() => {
                Wanted { tags: BTreeMap::new(), nodes: &by_hand.nodes, limit: None }
            }
            Some(ByHand { tags: Some(tags), .. }) => Wanted::new(tags),
            _ => Wanted::new(&self.job.tags),
        }
    }
}

impl<'a> From<&'a Job> for Whom<'a> {
    fn from(job: &'a Job) -> Self {
        Whom { job, by_hand: None }
    }
}

/// What a job asks of its nodes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Wanted<'a> {
    /// Only these; empty = any of them.
    nodes: &'a [NodeName],
    tags: BTreeMap<&'a str, &'a str>,
    /// At most so many nodes; `None` = all that match.
    pub limit: Option<usize>,
}

impl<'a> Wanted<'a> {
    pub fn new(tags: &'a TextMap) -> Self {
        let mut wanted = Wanted { nodes: &[], tags: BTreeMap::new(), limit: None };
        for (key, text) in tags.iter() {
            let (value, count) = split(text);
            wanted.tags.insert(key, value);
            if let Some(count) = count {
                wanted.limit = Some(wanted.limit.map_or(count, |least| least.min(count)));
            }
        }
        wanted
    }

    pub fn matches(&self, name: &NodeName, tags: &BTreeMap<String, String>) -> bool {
        let named = self.nodes.is_empty() || self.nodes.contains(name);
        named && self.tags.iter().all(|(key, value)| tags.get(*key).is_some_and(|has| has == value))
    }
}

/// Exactly two parts make a count; one that is no number, or below zero, means no node.
fn split(text: &str) -> (&str, Option<usize>) {
    let mut parts = text.split(':');
    let value = parts.next().unwrap_or("");
    match (parts.next(), parts.next()) {
        (Some(count), None) => {
            let count: i64 = count.parse().unwrap_or(0);
            (value, Some(usize::try_from(count).unwrap_or(0)))
        }
        _ => (value, None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limit(tags: &[(&str, &str)]) -> Option<usize> {
        let tags = tags.iter().map(|(key, value)| ((*key).into(), (*value).into())).collect();
        Wanted::new(&tags).limit
    }

    #[test]
    fn counts() {
        assert_eq!(limit(&[("role", "web")]), None);
        assert_eq!(limit(&[("role", "web:2"), ("x", "y:5")]), Some(2));
        assert_eq!(limit(&[("role", "web:foo")]), Some(0));
        assert_eq!(limit(&[("role", "web:-1")]), Some(0));
        assert_eq!(limit(&[("addr", "10.0.0.1:6868")]), Some(6868));
        assert_eq!(limit(&[("role", "a:b:c")]), None);
    }
}
