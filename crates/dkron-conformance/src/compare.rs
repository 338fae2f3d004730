//! The matching rules: what may differ between two answers that mean the same.
//! Pure: values in, the first difference out. It knows neither sockets nor cases.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use regex::Regex;
use serde_json::Value;

use crate::case::{Status, Want};
use crate::{encoding, instant};

/// Names that a run knows: `echo_url`, `node` and what steps captured.
pub type Names = BTreeMap<String, String>;

const TIME: &str = r"^202[5-9]-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$";
const EXECUTION: &str = r"\b\d{16,20}-[A-Za-z0-9_.-]+";
const UUID: &str = r"^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$";

static IS_TIME: LazyLock<Regex> = LazyLock::new(|| fixed(TIME));
static AN_EXECUTION: LazyLock<Regex> = LazyLock::new(|| fixed(EXECUTION));
static IS_UUID: LazyLock<Regex> = LazyLock::new(|| fixed(UUID));

fn fixed(pattern: &str) -> Regex {
    Regex::new(pattern).expect("a pattern written here compiles")
}

/// An answer as the rules see it.
#[derive(Debug, Clone)]
pub struct Answer {
    pub status: u16,
    pub headers: BTreeMap<String, String>,
    pub body: Value,
    pub text: String,
}

impl Answer {
    /// The same answer with words in angle brackets for what differs from run to run.
    pub fn plain(&self, names: &Names) -> Answer {
        let headers = self.headers.iter();
        Answer {
            status: self.status,
            headers: headers.map(|(k, v)| (k.clone(), plain_text(v, names))).collect(),
            body: plain(&self.body, None, names),
            text: self.text.clone(),
        }
    }
}

fn plain(value: &Value, key: Option<&str>, names: &Names) -> Value {
    match value {
        Value::Object(map) => {
            map.iter().map(|(k, v)| (k.clone(), plain(v, Some(k), names))).collect()
        }
        Value::Array(list) => list.iter().map(|v| plain(v, key, names)).collect(),
        Value::Number(_) if key == Some("group") => Value::from("<group>"),
        Value::String(text) => Value::from(plain_text(text, names)),
        other => other.clone(),
    }
}

fn plain_text(text: &str, names: &Names) -> String {
    if IS_TIME.is_match(text) {
        return text.to_owned();
    }
    if IS_UUID.is_match(text) {
        return "<id>".to_owned();
    }
    let mut text = AN_EXECUTION.replace_all(text, "<execution>").into_owned();
    if let Some(echo) = names.get("echo_url").filter(|v| !v.is_empty()) {
        text = text.replace(echo, "<echo>");
    }
    if names.get("node").is_some_and(|node| !node.is_empty() && *node == text) {
        text = "<node>".to_owned();
    }
    text
}

/// The value at a pointer; `None` where any part is missing.
pub fn pointer<'a>(value: &'a Value, path: &str) -> Option<&'a Value> {
    path.split('/').filter(|part| !part.is_empty()).try_fold(value, |at, part| match at {
        Value::Array(list) => list.get(part.parse::<usize>().ok()?),
        Value::Object(map) => map.get(part),
        _ => None,
    })
}

/// Whether two values are the same; `1` and `1.0` are.
pub fn same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number(x), Value::Number(y)) => x == y || x.as_f64() == y.as_f64(),
        (Value::Array(x), Value::Array(y)) => {
            x.len() == y.len() && x.iter().zip(y).all(|(p, q)| same(p, q))
        }
        (Value::Object(x), Value::Object(y)) => {
            x.len() == y.len()
                && x.iter().all(|(k, v)| y.get(k).is_some_and(|other| same(v, other)))
        }
        _ => a == b,
    }
}

/// The first thing in an answer that is not as wanted.
pub fn check(want: &Want, got: &Answer) -> Option<String> {
    if !want.status.allows(got.status) {
        let wanted = match &want.status {
            Status::One(one) => one.to_string(),
            Status::Several(several) => format!("{several:?}"),
        };
        let shown = short(&got.body, 160);
        return Some(format!("status: wanted {wanted}, got {} {shown}", got.status));
    }
    if let Some(problem) = want.headers.iter().find_map(|(k, v)| header(k, v, got)) {
        return Some(problem);
    }
    let shown = match &got.body {
        Value::String(text) => text.clone(),
        other => encoding::spaced(other),
    };
    let lacks = |part: &&String| !shown.contains(part.as_str());
    if let Some(part) = want.contains.iter().find(lacks) {
        return Some(format!("body: {part:?} not in {:?}", cut(&shown, 160)));
    }
    if let Some(part) = want.text.iter().find(|part| !got.text.contains(part.as_str())) {
        return Some(format!("text: {part:?} not in {:?}", cut(&got.text, 160)));
    }
    want.body.as_ref().and_then(|body| difference(body, &got.body, ""))
}

fn header(name: &str, want: &str, answer: &Answer) -> Option<String> {
    let got = answer.headers.get(name).map_or("", String::as_str);
    let bare = |text: &str| match name {
        "location" => encoding::address(text),
        _ => text.to_owned(),
    };
    let even = |text: &str| bare(text).replace(' ', "").to_lowercase();
    if want == "<any>" || even(got) == even(want) {
        return None;
    }
    Some(format!("header {name}: wanted {want:?}, got {:?}", answer.headers.get(name)))
}

/// The first place where `got` is not at least `want`; extra object keys are allowed.
pub fn difference(want: &Value, got: &Value, path: &str) -> Option<String> {
    if let Value::String(rule) = want
        && fits(rule, got)
    {
        return None;
    }
    let here = if path.is_empty() { "/" } else { path };
    match want {
        Value::Object(wanted) => {
            let Value::Object(map) = got else {
                return Some(format!("{here}: wanted an object, got {}", short(got, 120)));
            };
            wanted.iter().find_map(|(k, v)| {
                let below = format!("{path}/{k}");
                match map.get(k) {
                    Some(other) => difference(v, other, &below),
                    None => Some(format!("{below}: missing")),
                }
            })
        }
        Value::Array(wanted) => match got {
            Value::Array(list) if list.len() == wanted.len() => (wanted.iter().zip(list))
                .enumerate()
                .find_map(|(i, (v, other))| difference(v, other, &format!("{path}/{i}"))),
            _ => Some(format!("{here}: wanted {} items, got {}", wanted.len(), short(got, 160))),
        },
        _ if same(want, got) => None,
        _ => Some(format!("{here}: wanted {}, got {}", short(want, 160), short(got, 160))),
    }
}

/// Whether a wanted text is a rule that the value obeys; equal texts are judged elsewhere.
fn fits(rule: &str, got: &Value) -> bool {
    if rule == "<any>" {
        return true;
    }
    let Value::String(got) = got else {
        return false;
    };
    match rule {
        "<time>" => IS_TIME.is_match(got),
        "<id>" => !got.is_empty(),
        _ => match argument(rule) {
            Some(("at", moment)) => instant::parse(moment) == instant::parse(got),
            Some(("match", pattern)) => {
                Regex::new(&format!(r"\A(?:{pattern})\z")).is_ok_and(|r| r.is_match(got))
            }
            _ => false,
        },
    }
}

fn argument(rule: &str) -> Option<(&str, &str)> {
    rule.strip_prefix('<')?.strip_suffix('>')?.split_once(' ')
}

fn short(value: &Value, most: usize) -> String {
    cut(&encoding::spaced(value), most).to_owned()
}

fn cut(text: &str, most: usize) -> &str {
    text.char_indices().nth(most).map_or(text, |(end, _)| &text[..end])
}

#[cfg(test)]
mod tests;
