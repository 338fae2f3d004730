//! Choosing jobs by their metadata, in the grammar of Kubernetes' label selectors:
//! `team=infra,env!=dev,tier in (a,b),owner,!legacy,prio>3`.
//!
//! Everything is ANDed. As there, `!=` and `notin` also fit where the key is missing. Words with
//! blanks or signs in them may be put in quotation marks.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use super::TextMap;

/// Longer texts are refused, so that a look at a job is bounded.
const MAX_CHARS: usize = 1_024;

/// What a job's metadata must be like; by default anything.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Selector(Vec<Requirement>);

#[derive(Clone, PartialEq, Eq, Debug)]
struct Requirement {
    key: String,
    test: Test,
}

#[derive(Clone, PartialEq, Eq, Debug)]
enum Test {
    Exists,
    Missing,
    In(Vec<String>),
    NotIn(Vec<String>),
    Above(i64),
    Below(i64),
}

/// Why a text is no selector, and at which character, counted from 1.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SelectorError {
    pub message: String,
    pub column: usize,
}

impl fmt::Display for SelectorError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (column {})", self.message, self.column)
    }
}

impl core::error::Error for SelectorError {}

impl Selector {
    /// The empty text chooses everything.
    pub fn parse(text: &str) -> Result<Selector, SelectorError> {
        if text.chars().nth(MAX_CHARS).is_some() {
            let message = format!("longer than {MAX_CHARS} characters");
            return Err(SelectorError { message, column: MAX_CHARS + 1 });
        }
        let mut reader = Reader { chars: text.chars().collect(), at: 0 };
        let mut requirements = Vec::new();
        reader.blanks();
        if reader.peek().is_none() {
            return Ok(Selector::default());
        }
        loop {
            requirements.push(reader.requirement()?);
            if reader.peek().is_none() {
                return Ok(Selector(requirements));
            }
            if !reader.takes(",") {
                return Err(reader.wants("a comma before the next requirement"));
            }
        }
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn matches(&self, metadata: &TextMap) -> bool {
        self.0.iter().all(|requirement| requirement.fits(metadata.get(&requirement.key)))
    }
}

impl Requirement {
    fn fits(&self, value: Option<&str>) -> bool {
        let number = || value.and_then(|value| value.parse::<i64>().ok());
        match &self.test {
            Test::Exists => value.is_some(),
            Test::Missing => value.is_none(),
            Test::In(values) => value.is_some_and(|value| values.iter().any(|each| each == value)),
            Test::NotIn(values) => value.is_none_or(|value| values.iter().all(|it| it != value)),
            Test::Above(limit) => number().is_some_and(|value| value > *limit),
            Test::Below(limit) => number().is_some_and(|value| value < *limit),
        }
    }
}

struct Reader {
    chars: Vec<char>,
    at: usize,
}

impl Reader {
    fn peek(&self) -> Option<char> {
        self.chars.get(self.at).copied()
    }

    fn blanks(&mut self) {
        while self.peek().is_some_and(char::is_whitespace) {
            self.at += 1;
        }
    }

    /// Steps over a sign, and over the blanks behind it, if it is there.
    fn takes(&mut self, sign: &str) -> bool {
        let is_it = (self.at..).zip(sign.chars()).all(|(at, c)| self.chars.get(at) == Some(&c));
        if is_it {
            self.at += sign.chars().count();
            self.blanks();
        }
        is_it
    }

    fn wants(&self, what: &str) -> SelectorError {
        let found = match self.peek() {
            Some(character) => format!("{character:?}"),
            None => String::from("the end"),
        };
        SelectorError { message: format!("{found}: it wants {what}"), column: self.at + 1 }
    }

    /// A run of characters that are no sign, or anything between quotation marks.
    fn word(&mut self) -> Result<Option<String>, SelectorError> {
        let start = self.at;
        let is_end = |c: char| c.is_whitespace() || ",=!()<>\"".contains(c);
        let word = if self.takes_one('"') {
            let len = self.chars[self.at..].iter().position(|c| *c == '"');
            let Some(len) = len else {
                let message = String::from("a quotation mark that is never closed");
                return Err(SelectorError { message, column: start + 1 });
            };
            let word = self.chars[self.at..self.at + len].iter().collect();
            self.at += len + 1;
            word
        } else {
            while self.peek().is_some_and(|c| !is_end(c)) {
                self.at += 1;
            }
            if self.at == start {
                return Ok(None);
            }
            self.chars[start..self.at].iter().collect()
        };
        self.blanks();
        Ok(Some(word))
    }

    fn takes_one(&mut self, sign: char) -> bool {
        let is_it = self.peek() == Some(sign);
        self.at += usize::from(is_it);
        is_it
    }

    fn requirement(&mut self) -> Result<Requirement, SelectorError> {
        self.blanks();
        let missing = self.takes("!");
        let Some(key) = self.word()? else { return Err(self.wants("a metadata key")) };
        let test = if missing { Test::Missing } else { self.test()? };
        Ok(Requirement { key, test })
    }

    fn test(&mut self) -> Result<Test, SelectorError> {
        const OPERATORS: &str = "one of , = == != in notin < >";
        if self.takes("!=") {
            return Ok(Test::NotIn([self.value()?].into()));
        }
        if self.takes("==") || self.takes("=") {
            return Ok(Test::In([self.value()?].into()));
        }
        if self.takes(">") {
            return Ok(Test::Above(self.number()?));
        }
        if self.takes("<") {
            return Ok(Test::Below(self.number()?));
        }
        if matches!(self.peek(), None | Some(',')) {
            return Ok(Test::Exists);
        }
        let before = self.at;
        let operator = self.word()?;
        match operator.as_deref() {
            Some("in") => Ok(Test::In(self.values()?)),
            Some("notin") => Ok(Test::NotIn(self.values()?)),
            _ => {
                self.at = before;
                Err(self.wants(OPERATORS))
            }
        }
    }

    /// Nothing at all is the empty value.
    fn value(&mut self) -> Result<String, SelectorError> {
        Ok(self.word()?.unwrap_or_default())
    }

    fn number(&mut self) -> Result<i64, SelectorError> {
        let before = self.at;
        let number = self.word()?.and_then(|word| word.parse().ok());
        number.ok_or_else(|| {
            self.at = before;
            self.wants("a whole number")
        })
    }

    fn values(&mut self) -> Result<Vec<String>, SelectorError> {
        if !self.takes("(") {
            return Err(self.wants("a list such as (a,b)"));
        }
        let mut values = Vec::new();
        loop {
            values.push(self.value()?);
            if self.takes(")") {
                return Ok(values);
            }
            if !self.takes(",") {
                return Err(self.wants("a comma or a closing bracket"));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn metadata(pairs: &str) -> TextMap {
        let pair = |text: &str| {
            let (key, value) = text.split_once('=').unwrap();
            (key.into(), value.into())
        };
        pairs.split_whitespace().map(pair).collect()
    }

    #[test]
    fn what_fits() {
        let job = metadata("team=infra env=prod tier=b prio=7 empty=");
        for text in [
            "",
            "  ",
            "team=infra",
            "team==infra , env != dev",
            "team = infra,tier in (a, b),prio",
            "owner!=me",
            "owner notin (me,you),!owner",
            "! owner",
            "prio>6,prio<8",
            "empty=",
            "empty in ()",
            "\"team\"=\"infra\"",
            "team in(infra)",
        ] {
            assert!(Selector::parse(text).unwrap().matches(&job), "{text}");
        }
        for text in [
            "team=web",
            "team!=infra",
            "team=infra,owner",
            "!team",
            "tier notin (a,b)",
            "owner in (me)",
            "owner=",
            "prio>7",
            "prio<7",
            "team>1",
            "team=\"in fra\"",
        ] {
            assert!(!Selector::parse(text).unwrap().matches(&job), "{text}");
        }
    }

    #[test]
    fn words_of_the_grammar_may_be_keys() {
        let job = metadata("in=1 notin=2");
        assert!(Selector::parse("in=1,notin in (2),in").unwrap().matches(&job));
    }

    #[test]
    fn what_is_wrong_and_where() {
        for (text, column, said) in [
            (",", 1, "a metadata key"),
            ("a,", 3, "a metadata key"),
            ("a=b,,c", 5, "a metadata key"),
            ("=a", 1, "a metadata key"),
            ("!", 2, "a metadata key"),
            ("a b", 3, "one of , = == != in notin < >"),
            ("a=b c", 5, "a comma"),
            ("a in b", 6, "a list such as (a,b)"),
            ("a in (b", 8, "a closing bracket"),
            ("a in (b c)", 9, "a comma or"),
            ("a in (b) c", 10, "a comma before"),
            ("!a=b", 3, "a comma"),
            ("ä>x", 3, "a whole number"),
            ("a=\"b", 3, "never closed"),
            ("a(", 2, "one of ,"),
        ] {
            let err = Selector::parse(text).unwrap_err();
            assert!(err.message.contains(said), "{text}: {err}");
            assert_eq!(err.column, column, "{text}: {err}");
        }
        let long = "a,".repeat(MAX_CHARS);
        assert_eq!(Selector::parse(&long).unwrap_err().column, MAX_CHARS + 1);
    }
}
