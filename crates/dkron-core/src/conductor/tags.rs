//! Which members a job's tags mean: `value`, or `value:count`.

use alloc::collections::BTreeMap;
use alloc::string::String;

use crate::domain::TextMap;

/// What a job asks of its nodes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Wanted<'a> {
    tags: BTreeMap<&'a str, &'a str>,
    /// At most so many nodes; `None` = all that match.
    pub limit: Option<usize>,
}

impl<'a> Wanted<'a> {
    pub fn new(tags: &'a TextMap) -> Self {
        let mut wanted = Wanted { tags: BTreeMap::new(), limit: None };
        for (key, text) in tags.iter() {
            let (value, count) = split(text);
            wanted.tags.insert(key, value);
            if let Some(count) = count {
                wanted.limit = Some(wanted.limit.map_or(count, |least| least.min(count)));
            }
        }
        wanted
    }

    pub fn matches(&self, tags: &BTreeMap<String, String>) -> bool {
        self.tags.iter().all(|(key, value)| tags.get(*key).is_some_and(|has| has == value))
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
