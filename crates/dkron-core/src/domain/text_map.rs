//! Text to text in key order, for the small maps that a job has many of: the whole map is one
//! piece of memory, and a scheduler holds hundreds of thousands of them.

use alloc::boxed::Box;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt;
use core::ops::Index;

/// A map of few entries; whatever is done to it walks through them.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct TextMap {
    /// Key, value, key, value, sorted by key and each key once; each text as its length in bytes,
    /// a colon, and itself: `7:command9:/bin/true`.
    packed: Box<str>,
}

impl TextMap {
    pub fn new() -> Self {
        TextMap::default()
    }

    pub fn len(&self) -> usize {
        self.iter().len()
    }

    pub fn is_empty(&self) -> bool {
        self.packed.is_empty()
    }

    pub fn get(&self, key: &str) -> Option<&str> {
        self.iter().find(|(known, _)| *known == key).map(|(_, value)| value)
    }

    pub fn contains_key(&self, key: &str) -> bool {
        self.get(key).is_some()
    }

    /// Sets a value; the old one comes back. Packs the map anew: whoever has many entries collects
    /// them.
    pub fn insert(&mut self, key: String, value: String) -> Option<String> {
        let old = self.get(&key).map(ToString::to_string);
        let added = core::iter::once((key, value));
        *self = core::mem::take(self).into_iter().chain(added).collect();
        old
    }

    /// In key order.
    pub fn iter(&self) -> Iter<'_> {
        Iter { rest: &self.packed }
    }
}

/// Entries in key order.
#[derive(Clone)]
pub struct Iter<'a> {
    rest: &'a str,
}

impl<'a> Iter<'a> {
    fn text(&mut self) -> Option<&'a str> {
        let (len, rest) = self.rest.split_once(':')?;
        let (text, rest) = rest.split_at(len.parse().ok()?);
        self.rest = rest;
        Some(text)
    }
}

impl<'a> Iterator for Iter<'a> {
    type Item = (&'a str, &'a str);

    fn next(&mut self) -> Option<Self::Item> {
        Some((self.text()?, self.text()?))
    }

    /// Walks through what is left.
    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = self.clone().fold(0, |left, _| left + 1);
        (left, Some(left))
    }
}

impl ExactSizeIterator for Iter<'_> {}

/// Of two values of one key the later stands.
impl FromIterator<(String, String)> for TextMap {
    fn from_iter<I: IntoIterator<Item = (String, String)>>(pairs: I) -> Self {
        let mut entries: Vec<(String, String)> = pairs.into_iter().collect();
        // Stable, so that equal keys stay in their order, and the last of them is kept.
        entries.sort_by(|a, b| a.0.cmp(&b.0));
        entries.reverse();
        entries.dedup_by(|later, kept| later.0 == kept.0);
        let mut packed = String::new();
        for text in entries.iter().rev().flat_map(|(key, value)| [key, value]) {
            packed.push_str(&text.len().to_string());
            packed.push(':');
            packed.push_str(text);
        }
        TextMap { packed: packed.into_boxed_str() }
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
        let owned = |(key, value): (&str, &str)| (key.to_string(), value.to_string());
        self.iter().map(owned).collect::<Vec<_>>().into_iter()
    }
}

impl Index<&str> for TextMap {
    type Output = str;

    /// # Panics
    /// If there is no such key.
    fn index(&self, key: &str) -> &str {
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
        assert_eq!(map.iter().collect::<Vec<_>>(), [("a", "2"), ("b", "3")]);
        assert_eq!(map.insert("b".into(), "4".into()), Some("3".into()));
        assert_eq!(map.insert("aa".into(), "5".into()), None);
        assert_eq!((&map["aa"], map.get("c"), map.len()), ("5", None, 3));
    }

    #[test]
    fn texts_come_back_whatever_is_in_them() {
        let odd = ["", ":", "1:a", "12:", "7:command9:/bin/true", "ä:€", "\0\n"];
        let pairs = odd.iter().flat_map(|key| odd.iter().map(|value| pair(key, value)));
        for (key, value) in pairs {
            let map: TextMap = [(key.clone(), value.clone()), pair("\u{10ffff}", ":")].into();
            assert_eq!(map.iter().collect::<Vec<_>>(), [(&*key, &*value), ("\u{10ffff}", ":")]);
            assert_eq!(map.into_iter().next(), Some((key, value)));
        }
        assert!(TextMap::new().is_empty() && TextMap::new().iter().next().is_none());
    }
}
