//! Reads the configuration of an HTTP job into a request and what is expected of its answer.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use regex::bytes::{Regex, RegexBuilder};
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use reqwest::{Method, Url};

use crate::config::{ConfigMap, text};
use crate::executor::Run;

const DEFAULT_TIMEOUT_SECONDS: u64 = 30;
const PATTERNS_MAX: usize = 256;
/// Compiled size of a pattern; more is refused, which counts as "no match".
const PATTERN_BYTES_MAX: usize = 1 << 20;
/// Values of these headers are never shown.
const SECRET_HEADERS: [&str; 4] = ["authorization", "proxy-authorization", "cookie", "x-api-key"];

/// A request that can be sent.
pub struct Request {
    pub method: Method,
    pub url: Url,
    pub headers: HeaderMap,
    pub body: String,
    /// Nothing means no limit.
    pub timeout_seconds: Option<u64>,
    /// Whole lines that stand before the response body.
    pub warnings: Vec<String>,
}

impl Request {
    /// Reads it; a problem names the key and what to do.
    pub fn read(run: &Run) -> Result<Self, String> {
        let config = &run.executor_config;
        let mut warnings = Vec::new();
        let url = read_url(config)?;
        let method = read_method(config)?;
        let mut headers = context_headers(run);
        read_headers(text(config, "headers"), &mut headers, &mut warnings)?;
        let timeout_seconds = match read_timeout(text(config, "timeout"), &mut warnings) {
            0 => None,
            seconds => Some(seconds),
        };
        let body = text(config, "body").to_owned();
        Ok(Self { method, url, headers, body, timeout_seconds, warnings })
    }
}

fn read_url(config: &ConfigMap) -> Result<Url, String> {
    let value = text(config, "url");
    if value.is_empty() {
        return Err("url is empty".to_owned());
    }
    let unsupported = |scheme: &str| {
        let fix = "begin `url` with http:// or https://";
        format!("\"{value}\": unsupported protocol scheme \"{scheme}\" ({fix})")
    };
    match Url::parse(value) {
        Ok(url) if matches!(url.scheme(), "http" | "https") => Ok(url),
        Ok(url) => Err(unsupported(url.scheme())),
        Err(err) if err.to_string().starts_with("relative URL") => Err(unsupported("")),
        Err(err) => Err(format!("parse \"{value}\": {err} (correct `url`)")),
    }
}

fn read_method(config: &ConfigMap) -> Result<Method, String> {
    let value = text(config, "method");
    if value.is_empty() {
        return Err("method is empty".to_owned());
    }
    Method::from_bytes(value.as_bytes())
        .map_err(|_| format!("net/http: invalid method \"{value}\" (correct `method`)"))
}

/// Names without `x-`: servers and recordings that list `x-` headers stay as they are with Dkron.
fn context_headers(run: &Run) -> HeaderMap {
    let context = &run.context;
    let mut headers = HeaderMap::with_capacity(12);
    let mut put = |name: &'static str, value: &[u8]| {
        // A value that a header cannot carry is left out; names and ids never have one.
        if let Ok(value) = HeaderValue::from_bytes(value) {
            headers.insert(HeaderName::from_static(name), value);
        }
    };
    put("dkron-job", run.job_name.as_bytes());
    put("dkron-execution", run.execution_id.as_bytes());
    put("idempotency-key", run.execution_id.as_bytes());
    put("dkron-group", context.group.to_string().as_bytes());
    put("dkron-attempt", context.attempt.to_string().as_bytes());
    if let Some(at) = &context.scheduled_at {
        put("dkron-scheduled-at", at.as_bytes());
    }
    put("dkron-node", context.node.as_bytes());
    put("dkron-fence", context.fence.to_string().as_bytes());
    put("user-agent", concat!("dkron/", env!("CARGO_PKG_VERSION")).as_bytes());
    headers
}

fn read_headers(
    value: &str,
    headers: &mut HeaderMap,
    warnings: &mut Vec<String>,
) -> Result<(), String> {
    if value.is_empty() {
        return Ok(());
    }
    // COMPAT(dkron): a value that is no JSON array is reported and the request goes out without.
    let Ok(entries) = serde_json::from_str::<Vec<String>>(value) else {
        warnings.push("Error: parsing headers failed\n".to_owned());
        return Ok(());
    };
    for entry in entries {
        let fix = "write each entry of `headers` as \"Name: value\"";
        let (name, value) = entry
            .split_once(':')
            .ok_or_else(|| format!("header \"{entry}\" has no colon ({fix})"))?;
        let name: HeaderName =
            name.trim().parse().map_err(|_| format!("invalid header name \"{name}\" ({fix})"))?;
        let value = HeaderValue::from_bytes(value.trim().as_bytes())
            .map_err(|_| format!("invalid value of header \"{name}\" ({fix})"))?;
        headers.insert(name, value);
    }
    Ok(())
}

fn read_timeout(value: &str, warnings: &mut Vec<String>) -> u64 {
    if value.is_empty() {
        return DEFAULT_TIMEOUT_SECONDS;
    }
    value.parse().unwrap_or_else(|_| {
        let used = format!("using {DEFAULT_TIMEOUT_SECONDS} seconds");
        warnings.push(format!("Warning: invalid timeout \"{value}\", {used}.\n"));
        DEFAULT_TIMEOUT_SECONDS
    })
}

/// What makes an answer a success.
pub struct Expectations<'a> {
    codes: &'a str,
    pattern: &'a str,
}

impl<'a> Expectations<'a> {
    pub fn read(config: &'a ConfigMap) -> Self {
        Self { codes: text(config, "expectCode"), pattern: text(config, "expectBody") }
    }

    pub fn wants_body(&self) -> bool {
        !self.pattern.is_empty()
    }

    // COMPAT(dkron): without a list any status is a success, 500 too.
    pub fn accept_code(&self, status: u16) -> bool {
        self.codes.is_empty() || self.codes.split(',').any(|code| code.trim().parse() == Ok(status))
    }

    pub fn accept_body(&self, body: &[u8], patterns: &PatternCache) -> bool {
        self.pattern.is_empty() || patterns.matches(self.pattern, body)
    }
}

/// Compiled patterns; compiling one costs more than a whole request.
#[derive(Default)]
pub struct PatternCache {
    compiled: Mutex<HashMap<String, Option<Regex>>>,
}

impl PatternCache {
    /// A pattern that cannot be compiled matches nothing.
    fn matches(&self, pattern: &str, body: &[u8]) -> bool {
        let compiled = {
            let mut cache = self.compiled.lock().unwrap_or_else(PoisonError::into_inner);
            if cache.len() >= PATTERNS_MAX && !cache.contains_key(pattern) {
                cache.clear();
            }
            cache.entry(pattern.to_owned()).or_insert_with(|| compile(pattern)).clone()
        };
        compiled.is_some_and(|regex| regex.is_match(body))
    }
}

fn compile(pattern: &str) -> Option<Regex> {
    RegexBuilder::new(pattern).size_limit(PATTERN_BYTES_MAX).build().ok()
}

/// One line with the configuration, without the values that are secret.
pub fn describe(config: &ConfigMap) -> String {
    let mut shown = config.clone();
    if let Some(headers) = shown.get_mut("headers") {
        *headers = describe_headers(headers);
    }
    let json = serde_json::to_string(&shown).expect("a map of texts is always JSON");
    format!("Config: {json}\n")
}

fn describe_headers(value: &str) -> String {
    let Ok(entries) = serde_json::from_str::<Vec<String>>(value) else {
        return "(unreadable)".to_owned();
    };
    let shown: Vec<String> = entries.into_iter().map(describe_header).collect();
    serde_json::to_string(&shown).expect("a list of texts is always JSON")
}

fn describe_header(entry: String) -> String {
    match entry.split_once(':') {
        Some((name, _)) if SECRET_HEADERS.contains(&name.trim().to_lowercase().as_str()) => {
            format!("{name}: ***")
        }
        _ => entry,
    }
}
