//! Text to text in key order, for the small maps that a job has many of: a sorted list takes a
//! fifth of the memory of a tree, and a scheduler holds hundreds of thousands of them.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;
use core::ops::Index;

/// A map of few entries.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct TextMap {
    /// Sorted by key, each key once.
    entries: Vec<(String, String)>,
}

impl TextMap {
    pub const fn new() -> Self {
        TextMap { entries: Vec::new() }
    }

    pub fn len(&self) -> usize {
        self.entries.len()
    }

    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    pub fn get(&self, key: &str) -> Option<&String> {
        self.find(key).ok().map(|at| &self.entries[at].1)
    }

    pub fn contains_key(&self, key: &str) -> bool {
        self.find(key).is_ok()
    }

    /// Sets a value; the old one comes back.
    pub fn insert(&mut self, key: String, value: String) -> Option<String> {
        match self.find(&key) {
            Ok(at) => Some(core::mem::replace(&mut self.entries[at].1, value)),
            Err(at) => {
                self.entries.insert(at, (key, value));
                None
            }
        }
    }

    /// In key order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&String, &String)> {
        self.entries.iter().map(|(key, value)| (key, value))
    }

    fn find(&self, key: &str) -> Result<usize, usize> {
        self.entries.binary_search_by(|(known, _)| known.as_str().cmp(key))
    }
}

/// Of two values of one key the later stands.
impl FromIterator<(String, String)> for TextMap {
    fn from_iter<I: IntoIterator<Item = (String, String)>>(pairs: I) -> Self {
        let mut entries: Vec<(String, String)> = pairs.into_iter().collect();
        // Stable, so that equal keys stay in their order, and the last of them is kept.
        entries.sort_by(|a, b| a.0.cmp(&b.0));
        entries.reverse();
        entries.dedup_by(|later, kept| later.0 == kept.0);
        entries.reverse();
        entries.shrink_to_fit();
        TextMap { entries }
    }
}

impl<const N: usize> From<[(String, String); N]> for TextMap {
    fn from(pairs: [(String, String); N]) -> Self {
        pairs.into_iter().collect()
    }
}

impl IntoIterator for TextMap {
    type Item = (String, String);
    type IntoIter = alloc::vec::IntoIter<(String, String)>;

    fn into_iter(self) -> Self::IntoIter {
        self.entries.into_iter()
    }
}

impl Index<&str> for TextMap {
    type Output = String;

    /// # Panics
    /// If there is no such key.
    fn index(&self, key: &str) -> &String {
        self.get(key).expect("no entry of that key")
    }
}

impl fmt::Debug for TextMap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pair(key: &str, value: &str) -> (String, String) {
        (key.into(), value.into())
    }

    #[test]
    fn the_later_value_of_a_key_stands_in_key_order() {
        let pairs = [pair("b", "1"), pair("a", "2"), pair("b", "3")];
        let mut map: TextMap = pairs.into_iter().collect();
        assert_eq!(
            map.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect::<Vec<_>>(),
            [("a", "2"), ("b", "3")]
        );
        assert_eq!(map.insert("b".into(), "4".into()), Some("3".into()));
        assert_eq!(map.insert("aa".into(), "5".into()), None);
        assert_eq!((map["aa"].as_str(), map.get("c"), map.len()), ("5", None, 3));
    }
}
