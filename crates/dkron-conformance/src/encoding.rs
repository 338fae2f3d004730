//! Texts in the spelling that the recordings were made with: spaced JSON, quoted paths, addresses.
//! Pure functions over strings.

use serde_json::Value;

/// JSON with `, ` and `: ` between its parts and letters beyond ASCII as they are.
pub fn spaced(value: &Value) -> String {
    match value {
        Value::Array(list) => {
            let parts: Vec<_> = list.iter().map(spaced).collect();
            format!("[{}]", parts.join(", "))
        }
        Value::Object(map) => {
            let parts = map.iter().map(|(k, v)| format!("{}: {}", quoted(k), spaced(v)));
            format!("{{{}}}", parts.collect::<Vec<_>>().join(", "))
        }
        other => other.to_string(),
    }
}

fn quoted(text: &str) -> String {
    Value::from(text).to_string()
}

/// The same text with `\uXXXX` for everything beyond ASCII.
pub fn ascii(json: &str) -> String {
    let mut out = String::with_capacity(json.len());
    for c in json.chars() {
        if c.is_ascii() {
            out.push(c);
        } else {
            for unit in c.encode_utf16(&mut [0; 2]) {
                out.push_str(&format!("\\u{unit:04x}"));
            }
        }
    }
    out
}

/// A path as it goes onto the wire: what a request line may hold stays, other bytes become `%XX`.
pub fn path(text: &str) -> String {
    quote(text, b"/?&=%[]:~@,+*_.-")
}

/// One value of a query: everything but letters, digits and `_.-~` becomes `%XX`.
pub fn query_value(text: &str) -> String {
    quote(text, b"_.-~")
}

fn quote(text: &str, safe: &[u8]) -> String {
    let mut out = String::with_capacity(text.len());
    for &byte in text.as_bytes() {
        if byte.is_ascii_alphanumeric() || safe.contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

/// A `Location` as a person reads it, whether it came as raw bytes or percent-encoded.
/// Header values are held one byte a character.
pub fn address(text: &str) -> String {
    let bytes: Option<Vec<u8>> = text.chars().map(|c| u8::try_from(u32::from(c)).ok()).collect();
    let read = bytes.and_then(|b| String::from_utf8(b).ok());
    unquote(read.as_deref().unwrap_or(text))
}

fn unquote(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let pair = bytes.get(at + 1..at + 3).filter(|pair| pair.iter().all(u8::is_ascii_hexdigit));
        let byte = pair
            .filter(|_| bytes[at] == b'%')
            .and_then(|pair| std::str::from_utf8(pair).ok())
            .and_then(|pair| u8::from_str_radix(pair, 16).ok());
        out.push(byte.unwrap_or(bytes[at]));
        at += if byte.is_some() { 3 } else { 1 };
    }
    String::from_utf8_lossy(&out).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_is_spaced() {
        let value: Value = serde_json::from_str(r#"{"b":[1,"é\n"],"a":{}}"#).unwrap();
        assert_eq!(spaced(&value), r#"{"a": {}, "b": [1, "é\n"]}"#);
        assert_eq!(ascii("é😀a"), r"\u00e9\ud83d\ude00a");
    }

    #[test]
    fn addresses_are_read_in_both_spellings() {
        let raw: String = "/v1/jobs/zürich".bytes().map(char::from).collect();
        assert_eq!(address(&raw), "/v1/jobs/zürich");
        assert_eq!(address("/v1/jobs/z%C3%BCrich"), "/v1/jobs/zürich");
        assert_eq!(address("/v1/%zz%"), "/v1/%zz%");
    }

    #[test]
    fn paths_keep_what_they_may() {
        assert_eq!(path("/v1/jobs/ß x?q=%20&m[a]=b"), "/v1/jobs/%C3%9F%20x?q=%20&m[a]=b");
        assert_eq!(query_value("*/5 0+"), "%2A%2F5%200%2B");
    }
}
