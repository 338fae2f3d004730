//! Which of the known words somebody may have meant.

use std::cmp::Reverse;

/// The nearest by letters to insert, delete or change; of equals the one that begins alike.
pub fn nearest<'a>(word: &str, known: impl Iterator<Item = &'a str>) -> &'a str {
    let alike = |name: &str| word.bytes().zip(name.bytes()).take_while(|(a, b)| a == b).count();
    known.min_by_key(|name| (distance(word, name), Reverse(alike(name)))).unwrap_or("")
}

/// Long words are compared by their beginning.
fn distance(one: &str, other: &str) -> usize {
    let other: Vec<char> = other.chars().take(64).collect();
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (i, a) in one.chars().take(64).enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, b) in other.iter().enumerate() {
            let change = diagonal + usize::from(a != *b);
            diagonal = row[j + 1];
            row[j + 1] = change.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[other.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_meant() {
        let known = || ["zone", "misfire", "keep_for"].into_iter();
        assert_eq!(nearest("missfire", known()), "misfire");
        assert_eq!(nearest("keep", known()), "keep_for");
        assert_eq!(nearest("Zone", known()), "zone");
        assert_eq!(nearest("", std::iter::empty()), "");
    }
}
