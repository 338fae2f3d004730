//! Settings in a body: each value is checked for its type and its words here; whether they go
//! together is for the conductor to say.

use std::time::Duration;

use dkron_core::domain::Settings;
use serde_json::{Map, Value};

use crate::nearest::nearest;
use crate::words::{self, shown};

/// All keys, in the order in which they are shown.
pub const KEYS: [&str; 9] = [
    "zone",
    "keep_executions",
    "keep_for",
    "misfire",
    "misfire_threshold",
    "start_deadline",
    "lost_after",
    "catch_up_rate",
    "output_limit",
];

/// All settings, every key said.
pub fn whole(body: &[u8]) -> Result<Settings, String> {
    let fields = object(body)?;
    if let Some(missing) = KEYS.iter().find(|key| !fields.contains_key(**key)) {
        return Err(format!("{missing}: it is missing: PUT replaces all settings, PATCH some"));
    }
    merge(Settings::default(), fields)
}

/// Some settings over those that are in force; null takes the built-in default.
pub fn patch(now: Settings, body: &[u8]) -> Result<Settings, String> {
    merge(now, object(body)?)
}

fn object(body: &[u8]) -> Result<Map<String, Value>, String> {
    match serde_json::from_slice(body) {
        Ok(Value::Object(fields)) => Ok(fields),
        Ok(_) => Err("settings are a JSON object".to_owned()),
        Err(err) => Err(format!("settings are a JSON object: {err}")),
    }
}

fn merge(mut settings: Settings, fields: Map<String, Value>) -> Result<Settings, String> {
    for (key, value) in &fields {
        set(&mut settings, key, value).map_err(|said| format!("{key}: {said}"))?;
    }
    Ok(settings)
}

fn set(settings: &mut Settings, key: &str, value: &Value) -> Result<(), String> {
    let default = Settings::default;
    match key {
        "zone" => settings.zone = text(value, || default().zone, |zone| Ok(zone.to_owned()))?,
        "keep_executions" => {
            settings.keep_executions = number(value, || default().keep_executions)?;
        }
        "keep_for" => settings.keep_for = text(value, || None, |span| words::span(span).map(Some))?,
        "misfire" => settings.misfire = text(value, || default().misfire, words::misfire)?,
        "misfire_threshold" => {
            settings.misfire_threshold = span(value, || default().misfire_threshold)?;
        }
        "start_deadline" => settings.start_deadline = span(value, || default().start_deadline)?,
        "lost_after" => settings.lost_after = span(value, || default().lost_after)?,
        "catch_up_rate" => settings.catch_up_rate = number(value, || default().catch_up_rate)?,
        "output_limit" => settings.output_limit = number(value, || default().output_limit)?,
        other => {
            let cut: String = other.chars().take(64).collect();
            let near = nearest(&cut, KEYS.into_iter());
            return Err(format!("there is no such setting, did you mean \"{near}\"?"));
        }
    }
    Ok(())
}

fn span(value: &Value, default: impl FnOnce() -> Duration) -> Result<Duration, String> {
    text(value, default, words::span)
}

fn text<T>(
    value: &Value,
    default: impl FnOnce() -> T,
    read: impl FnOnce(&str) -> Result<T, String>,
) -> Result<T, String> {
    match value {
        Value::Null => Ok(default()),
        Value::String(text) => read(text),
        Value::Number(number) => Err(words::unitless(&number.to_string())),
        other => Err(format!("it wants a text, not {}", shown(&other.to_string()))),
    }
}

fn number(value: &Value, default: impl FnOnce() -> u32) -> Result<u32, String> {
    if value.is_null() {
        return Ok(default());
    }
    let number = value.as_u64().and_then(|number| u32::try_from(number).ok());
    let most = u32::MAX;
    number
        .ok_or_else(|| format!("{} is no whole number from 0 to {most}", shown(&value.to_string())))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rest::dto::SettingsDto;

    #[test]
    fn what_is_shown_can_be_put_back() {
        let mut settings = Settings { zone: "Europe/Berlin".into(), ..Settings::default() };
        for keep_for in [None, Some(Duration::from_secs(86_400))] {
            settings.keep_for = keep_for;
            let shown = serde_json::to_vec(&SettingsDto::from(&settings)).unwrap();
            assert_eq!(whole(&shown).unwrap(), settings);
        }
    }

    #[test]
    fn some_over_the_others() {
        let now = Settings { keep_executions: 7, ..Settings::default() };
        let body = br#"{"misfire":"run_all(3)","keep_for":"48h","keep_executions":null}"#;
        let patched = patch(now, body).unwrap();
        assert_eq!((patched.keep_executions, patched.keep_for.unwrap().as_secs()), (100, 172_800));
        assert_eq!(words::misfire_text(patched.misfire), "run_all(3)");
    }

    #[test]
    fn mistakes_name_the_key() {
        let said = |body: &str| patch(Settings::default(), body.as_bytes()).unwrap_err();
        for (body, text) in [
            ("[]", "settings are a JSON object"),
            (r#"{"keep":1}"#, r#"keep: there is no such setting, did you mean "keep_for"?"#),
            (r#"{"lost_after":60}"#, r#"lost_after: 60 has no unit, write "60s" for seconds"#),
            (
                r#"{"misfire":"x"}"#,
                r#"misfire: "x" is unknown, use "skip", "run_once", "run_all" or "run_all(5)""#,
            ),
            (
                r#"{"catch_up_rate":-1}"#,
                r#"catch_up_rate: "-1" is no whole number from 0 to 4294967295"#,
            ),
            (r#"{"zone":{}}"#, r#"zone: it wants a text, not "{}""#),
        ] {
            assert_eq!(said(body), text, "{body}");
        }
        assert!(said("{").starts_with("settings are a JSON object: "));
        let missing = whole(br#"{"zone":"UTC"}"#).unwrap_err();
        assert!(missing.starts_with("keep_executions: it is missing"), "{missing}");
    }
}
