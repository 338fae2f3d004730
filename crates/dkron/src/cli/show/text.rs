//! Values of the API as people read them.

use serde_json::Value;

/// The instant that stands for "never".
const NEVER: &str = "0001-01-01T00:00:00Z";

/// A value on one line; nothing is a dash.
pub fn cell(value: &Value) -> String {
    match value {
        Value::Null => "-".to_owned(),
        Value::String(text) if text.is_empty() => "-".to_owned(),
        Value::String(text) => text.clone(),
        Value::Object(fields) if fields.is_empty() => "-".to_owned(),
        Value::Array(items) if items.is_empty() => "-".to_owned(),
        Value::Object(fields) => {
            let pairs = fields.iter().map(|(key, value)| format!("{key}={}", cell(value)));
            pairs.collect::<Vec<_>>().join(", ")
        }
        Value::Array(items) => items.iter().map(cell).collect::<Vec<_>>().join(", "),
        other => other.to_string(),
    }
}

/// An instant to the second; the zone stays.
pub fn clock(value: &Value) -> String {
    let text = value.as_str().unwrap_or("");
    if text.is_empty() || text == NEVER {
        return "-".to_owned();
    }
    let Some((seconds, rest)) = text.split_once('.') else { return text.to_owned() };
    let zone = rest.trim_start_matches(|letter: char| letter.is_ascii_digit());
    format!("{seconds}{zone}")
}

/// How long something took, from two instants of the API.
pub fn took(from: &Value, to: &Value) -> String {
    let at = |value: &Value| {
        let text = value.as_str().filter(|text| *text != NEVER)?;
        crate::rest::instant::parse(text).ok()
    };
    let (Some(from), Some(to)) = (at(from), at(to)) else { return "-".to_owned() };
    let millis = (to.unix_nanos() - from.unix_nanos()) / 1_000_000;
    match millis {
        ..0 => "-".to_owned(),
        0..10_000 => format!("{}.{:03}s", millis / 1000, millis % 1000),
        10_000..60_000 => format!("{}.{}s", millis / 1000, millis % 1000 / 100),
        60_000..3_600_000 => format!("{}m{:02}s", millis / 60_000, millis / 1000 % 60),
        _ => format!("{}h{:02}m", millis / 3_600_000, millis / 60_000 % 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn instants() {
        assert_eq!(clock(&json!("2026-01-02T03:04:05.123456Z")), "2026-01-02T03:04:05Z");
        assert_eq!(clock(&json!("2026-01-02T03:04:05.1+02:00")), "2026-01-02T03:04:05+02:00");
        assert_eq!(clock(&json!("2026-01-02T03:04:05Z")), "2026-01-02T03:04:05Z");
        assert_eq!(clock(&json!(NEVER)), "-");
        assert_eq!(clock(&Value::Null), "-");
    }

    #[test]
    fn spans() {
        let span = |to: &str| took(&json!("2026-01-02T00:00:00Z"), &json!(to));
        assert_eq!(span("2026-01-02T00:00:01.5Z"), "1.500s");
        assert_eq!(span("2026-01-02T00:00:12.34Z"), "12.3s");
        assert_eq!(span("2026-01-02T00:02:05Z"), "2m05s");
        assert_eq!(span("2026-01-02T03:02:05Z"), "3h02m");
        assert_eq!(span("2026-01-01T00:00:00Z"), "-");
        assert_eq!(span(NEVER), "-");
    }

    #[test]
    fn values() {
        assert_eq!(cell(&json!({"a": "b", "c": 1})), "a=b, c=1");
        assert_eq!(cell(&json!(["a", true])), "a, true");
        for empty in [json!(null), json!(""), json!([]), json!({})] {
            assert_eq!(cell(&empty), "-");
        }
    }
}
