//! One input line: a time in front if the clock goes on, plain words, and `key=value` pairs.
//! A word that nobody asked for is an error, so that a typing mistake can not hide.

use std::collections::{BTreeMap, VecDeque};

use dkron_core::domain::Timestamp;

use super::time::{is_time, parse_time};

pub struct Line {
    place: String,
    text: String,
    pub at: Option<Timestamp>,
    words: VecDeque<String>,
    keys: BTreeMap<String, String>,
}

impl Line {
    pub fn new(text: &str, place: &str) -> Self {
        let mut words = VecDeque::new();
        let mut keys = BTreeMap::new();
        let mut at = None;
        for (place, word) in split(text).into_iter().enumerate() {
            if place == 0 && is_time(&word) {
                at = Some(parse_time(&word));
                continue;
            }
            match word.split_once('=') {
                Some((key, value)) => drop(keys.insert(key.to_string(), value.to_string())),
                None => words.push_back(word),
            }
        }
        Line { place: place.into(), text: text.into(), at, words, keys }
    }

    /// Splits a line of several fires, reports or the like.
    pub fn parts(self) -> Vec<Line> {
        let place = self.place.clone();
        self.text.split(" ; ").map(|part| Line::new(part, &place)).collect()
    }

    /// The next plain word.
    pub fn word(&mut self) -> String {
        self.next().unwrap_or_else(|| panic!("{}: a word is missing: {}", self.place, self.text))
    }

    pub fn next(&mut self) -> Option<String> {
        self.words.pop_front()
    }

    /// The next plain word if it begins so.
    pub fn next_if(&mut self, letter: char) -> Option<String> {
        self.words.pop_front_if(|word| word.starts_with(letter))
    }

    pub fn key(&mut self, key: &str) -> Option<String> {
        self.keys.remove(key)
    }

    /// Whether a plain word stands somewhere.
    pub fn flag(&mut self, word: &str) -> bool {
        let found = self.words.iter().position(|own| own == word);
        found.map(|at| self.words.remove(at)).is_some()
    }

    pub fn time(&mut self, key: &str) -> Option<Timestamp> {
        self.key(key).map(|text| parse_time(&text))
    }

    pub fn number(&mut self, key: &str) -> Option<u64> {
        self.key(key).map(|text| text.parse().unwrap_or_else(|_| self.fail("is no number")))
    }

    /// Takes all pairs whose key begins so, without that beginning.
    pub fn prefixed(&mut self, prefix: &str) -> BTreeMap<String, String> {
        let own: Vec<String> =
            self.keys.keys().filter(|key| key.starts_with(prefix)).cloned().collect();
        let pairs = own.into_iter().map(|key| {
            let value = self.keys.remove(&key).unwrap();
            (key[prefix.len()..].to_string(), value)
        });
        pairs.collect()
    }

    pub fn fail(&self, what: &str) -> ! {
        panic!("{}: {what}: {}", self.place, self.text)
    }

    /// Everything must have been understood.
    pub fn done(self) {
        if let Some(word) = self.words.front().or(self.keys.keys().next()) {
            self.fail(&format!("unknown word {word:?}"));
        }
    }
}

/// Words between blanks; double quotes keep blanks.
fn split(text: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word = String::new();
    let mut quoted = false;
    for letter in text.chars().chain([' ']) {
        match letter {
            '"' => quoted = !quoted,
            ' ' if !quoted => {
                if !word.is_empty() {
                    words.push(std::mem::take(&mut word));
                }
            }
            other => word.push(other),
        }
    }
    words
}
