//! Versions of a job as HTTP knows them: the tag of an answer, and what a write demands
//! (RFC 9110, 13.1).

use axum::http::header::{ETAG, HeaderMap, HeaderName, HeaderValue, IF_MATCH, IF_NONE_MATCH};
use dkron_core::domain::Version;
use dkron_node::service::{Demand, Versions};

use super::respond::Answer;

/// The answer shows the job in this version.
pub fn tag(answer: &mut Answer, version: Version) {
    if let Ok(value) = HeaderValue::try_from(format!("\"v{version}\"")) {
        answer.headers_mut().insert(ETAG, value);
    }
}

/// What the headers of a write demand; the error is a text for the client.
pub fn demanded(headers: &HeaderMap) -> Result<Demand, String> {
    let some_of = versions(headers, &IF_MATCH, Compared::Strong)?;
    let none_of = versions(headers, &IF_NONE_MATCH, Compared::Weak)?;
    Ok(Demand { some_of, none_of, from: None })
}

/// A weak tag is equal to the strong one only where that is enough.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Compared {
    Strong,
    Weak,
}

fn versions(
    headers: &HeaderMap,
    name: &HeaderName,
    compared: Compared,
) -> Result<Option<Versions>, String> {
    let lines: Vec<&HeaderValue> = headers.get_all(name).iter().collect();
    if lines.is_empty() {
        return Ok(None);
    }
    let wrong = || format!("{name}: it wants tags such as \"v3\", a list of them, or *");
    let text = lines.iter().map(|line| line.to_str()).collect::<Result<Vec<_>, _>>();
    let text = text.map_err(|_| wrong())?.join(",");
    if text.trim() == "*" {
        return Ok(Some(Versions::Any));
    }
    let tags = tags(&text).filter(|tags| !tags.is_empty()).ok_or_else(wrong)?;
    let held = tags.into_iter().filter(|(weak, _)| !weak || compared == Compared::Weak);
    // A tag that is none of ours is that of no version.
    Ok(Some(Versions::These(held.filter_map(|(_, tag)| version(tag)).collect())))
}

/// Tags between commas, and whether they are weak.
fn tags(text: &str) -> Option<Vec<(bool, &str)>> {
    let mut tags = Vec::new();
    let mut rest = text.trim_start_matches([' ', '\t', ',']);
    while !rest.is_empty() {
        let (weak, quoted) = match rest.strip_prefix("W/") {
            Some(quoted) => (true, quoted),
            None => (false, rest),
        };
        let (tag, behind) = quoted.strip_prefix('"')?.split_once('"')?;
        if tag.contains(|letter: char| !letter.is_ascii_graphic()) {
            return None;
        }
        tags.push((weak, tag));
        let behind = behind.trim_start_matches([' ', '\t']);
        if !behind.is_empty() && !behind.starts_with(',') {
            return None;
        }
        rest = behind.trim_start_matches([' ', '\t', ',']);
    }
    Some(tags)
}

fn version(tag: &str) -> Option<Version> {
    let digits = tag.strip_prefix('v')?;
    let number: u64 = digits.parse().ok()?;
    (number.to_string() == digits).then_some(Version(number))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(name: &str, lines: &[&str]) -> Result<Demand, String> {
        let mut headers = HeaderMap::new();
        for line in lines {
            let name = HeaderName::try_from(name).unwrap();
            headers.append(name, HeaderValue::try_from(*line).unwrap());
        }
        demanded(&headers)
    }

    fn some(lines: &[&str]) -> Option<Versions> {
        read("if-match", lines).unwrap().some_of
    }

    fn these(all: &[u64]) -> Option<Versions> {
        Some(Versions::These(all.iter().copied().map(Version).collect()))
    }

    #[test]
    fn what_a_write_demands() {
        assert_eq!(some(&[]), None);
        assert_eq!(some(&[" * "]), Some(Versions::Any));
        assert_eq!(some(&["\"v3\""]), these(&[3]));
        assert_eq!(some(&["\"v3\" ,, \"v4\"", "\"v5\""]), these(&[3, 4, 5]));
        // Tags that are not ours, and a comma within one.
        assert_eq!(
            some(&["\"v03\", \"x,v4\", \"\", \"v-1\", \"v99999999999999999999\""]),
            these(&[])
        );
        // If-Match compares strongly, If-None-Match weakly.
        assert_eq!(some(&["W/\"v3\", \"v4\""]), these(&[4]));
        let none = read("if-none-match", &["W/\"v3\", \"v4\""]).unwrap();
        assert_eq!((none.some_of, none.none_of), (None, these(&[3, 4])));
        assert_eq!(read("if-none-match", &["*"]).unwrap().none_of, Some(Versions::Any));
    }

    #[test]
    fn what_is_no_demand_is_told() {
        for line in
            ["v3", "\"v3", "\"v3\" \"v4\"", "*, \"v3\"", "w/\"v3\"", "", ",", "\"a b\"", "\"ü\""]
        {
            let said = read("if-match", &[line]).unwrap_err();
            assert!(said.starts_with("if-match: it wants tags such as \"v3\""), "{line}: {said}");
        }
    }
}
