//! Words as a shell reads them back.

/// A word that means itself stays as it is.
pub fn word(text: &str) -> String {
    let plain = |letter: char| {
        letter.is_ascii_alphanumeric()
            || matches!(letter, '-' | '_' | '.' | '/' | ':' | '=' | ',' | '@' | '+')
    };
    if !text.is_empty() && text.chars().all(plain) {
        return text.to_owned();
    }
    format!("'{}'", text.replace('\'', r"'\''"))
}

pub fn words<'a>(texts: impl Iterator<Item = &'a str>) -> String {
    texts.map(word).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    #[test]
    fn words_come_back() {
        assert_eq!(
            super::words(["echo", "a b", "it's", "", "$X"].into_iter()),
            r"echo 'a b' 'it'\''s' '' '$X'"
        );
    }
}
