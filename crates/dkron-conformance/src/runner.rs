//! Runs cases against a server: fills in names, asks, waits where a case says so, compares.
//! Independent groups run side by side; a server that hangs up is a failed case, not the end.

use std::collections::VecDeque;
use std::fmt;
use std::path::PathBuf;
use std::sync::{LazyLock, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use regex::Regex;
use serde_json::Value;

use crate::case::{self, Ask, Case, Until};
use crate::compare::{Answer, Names, check, pointer, same};
use crate::http::{self, Request};
use crate::{echo, encoding, groups};

const TIMEOUT: Duration = Duration::from_secs(60);
const POLL: Duration = Duration::from_millis(100);
const UNTIL_SECONDS: f64 = 10.0;
/// The headers that the recordings kept.
const KEPT: [&str; 4] =
    ["content-type", "x-total-count", "location", "access-control-allow-origin"];

static A_PLACE: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"\$\{(\w+)\}").expect("a pattern written here compiles"));

#[derive(Debug, Clone)]
pub struct Options {
    pub url: String,
    /// Folder of the cases.
    pub dir: PathBuf,
    /// Only cases whose `<file>/<name>` this pattern finds.
    pub only: String,
    /// How many groups of cases run side by side.
    pub jobs: usize,
    /// The address is that of a server among others that does not lead: only cases whose answers
    /// are the same there.
    pub follower: bool,
}

impl Options {
    pub fn new(url: &str) -> Options {
        let dir = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/data/rest"));
        Options { url: url.to_owned(), dir, only: String::new(), jobs: 8, follower: false }
    }
}

#[derive(Debug, Clone)]
pub struct Failure {
    pub case: String,
    pub verdict: String,
    /// Number of the step and what it asked.
    pub step: usize,
    pub asked: String,
    pub problem: String,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Failure { case, verdict, step, asked, problem } = self;
        write!(f, "FAIL {case} [{verdict}] step {step} {asked}: {problem}")
    }
}

#[derive(Debug, Default)]
pub struct Report {
    pub passed: usize,
    pub failed: usize,
    pub failures: Vec<Failure>,
    /// Longest first.
    pub times: Vec<(Duration, String)>,
    pub took: Duration,
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for failure in &self.failures {
            writeln!(f, "{failure}")?;
        }
        let seconds = self.took.as_secs_f64();
        write!(f, "{} passed, {} failed in {seconds:.1} s", self.passed, self.failed)?;
        if let Some((time, name)) = self.times.first() {
            write!(f, "; slowest {name} {:.1} s", time.as_secs_f64())?;
        }
        Ok(())
    }
}

/// Runs every case that the options name.
pub fn run(options: &Options) -> anyhow::Result<Report> {
    let started = Instant::now();
    let only = Regex::new(&options.only).context("--only is not a pattern")?;
    let cases = case::load(&options.dir)?;
    let same = |case: &Case| !options.follower || !(case.counts_runs() || case.asks_for_members());
    let cases = cases.iter().filter(|case| only.is_match(&case.name) && same(case));
    let cases: Vec<&Case> = cases.collect();
    let echo = echo::start().context("no port for the echo server")?;
    let names = names(&options.url, &echo.url)?;
    let groups = groups::split(&cases);
    let mut queue = groups.together;
    queue.sort_by(|a, b| cost(&cases, b).total_cmp(&cost(&cases, a)));
    let queue = Mutex::new(VecDeque::from(queue));
    let report = Mutex::new(Report::default());
    let one = |index: usize| {
        let begun = Instant::now();
        let failures = run_case(&options.url, cases[index], &names);
        let mut report = report.lock().unwrap_or_else(PoisonError::into_inner);
        report.passed += usize::from(failures.is_empty());
        report.failed += usize::from(!failures.is_empty());
        report.failures.extend(failures);
        report.times.push((begun.elapsed(), cases[index].name.clone()));
    };
    let next = || queue.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
    std::thread::scope(|scope| {
        for _ in 0..options.jobs.clamp(1, 64) {
            scope.spawn(|| {
                while let Some(group) = next() {
                    group.into_iter().for_each(one);
                }
            });
        }
    });
    groups.alone.into_iter().for_each(one);
    let mut report = report.into_inner().unwrap_or_else(PoisonError::into_inner);
    report.failures.sort_by(|a, b| (&a.case, a.step).cmp(&(&b.case, b.step)));
    report.times.sort_by(|a, b| b.cmp(a));
    report.took = started.elapsed();
    Ok(report)
}

/// A guess at the seconds that a group takes: the longest start first.
fn cost(cases: &[&Case], group: &[usize]) -> f64 {
    let steps = group.iter().flat_map(|index| &cases[*index].steps);
    steps.map(|s| s.sleep.unwrap_or(if s.until.is_some() { 0.5 } else { 0.01 })).sum()
}

fn names(url: &str, echo_url: &str) -> anyhow::Result<Names> {
    let leader = http::send(url, &Request::new("GET", "/v1/leader"), TIMEOUT)
        .with_context(|| format!("no Dkron answers at {url}"))?;
    let leader = leader.json().unwrap_or_default();
    let node = leader.get("Name").and_then(Value::as_str).unwrap_or_default();
    let pairs = [("echo_url", echo_url), ("node", node)];
    Ok(pairs.into_iter().map(|(k, v)| (k.to_owned(), v.to_owned())).collect())
}

fn run_case(url: &str, case: &Case, names: &Names) -> Vec<Failure> {
    let mut names = names.clone();
    let mut failures = Vec::new();
    for (index, step) in case.steps.iter().enumerate() {
        if let Some(seconds) = step.sleep {
            std::thread::sleep(Duration::from_secs_f64(seconds));
        }
        let Some(ask) = &step.request else { continue };
        let failure = |problem: String| Failure {
            case: case.name.clone(),
            verdict: case.verdict.clone(),
            step: index,
            asked: format!("{} {}", ask.method, ask.path),
            problem,
        };
        let answer = match ask_until(url, ask, step.until.as_ref(), &names) {
            Ok(answer) => answer,
            Err(e) => {
                failures.push(failure(format!("no answer: {e}")));
                return failures;
            }
        };
        for (name, at) in &step.capture {
            names.insert(name.clone(), word(pointer(&answer.body, at)));
        }
        let problem = step.wanted().and_then(|want| check(want, &answer.plain(&names)));
        failures.extend(problem.map(failure));
    }
    failures
}

fn word(value: Option<&Value>) -> String {
    match value {
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
        None => "None".to_owned(),
    }
}

fn ask_until(
    url: &str,
    ask: &Ask,
    until: Option<&Until>,
    names: &Names,
) -> std::io::Result<Answer> {
    let begun = Instant::now();
    loop {
        let answer = send(url, ask, names)?;
        let Some(until) = until else {
            return Ok(answer);
        };
        let limit = Duration::from_secs_f64(until.timeout.unwrap_or(UNTIL_SECONDS));
        if met(until, pointer(&answer.body, &until.at)) || begun.elapsed() > limit {
            return Ok(answer);
        }
        std::thread::sleep(POLL);
    }
}

/// A missing value has no length, equals null, and does not differ.
fn met(until: &Until, at: Option<&Value>) -> bool {
    let at = at.unwrap_or(&Value::Null);
    if let Some(length) = until.length {
        let found = match at {
            Value::Array(list) => list.len(),
            Value::Object(map) => map.len(),
            Value::String(text) => text.chars().count(),
            _ => 0,
        };
        return found >= length;
    }
    if let Some(equals) = &until.equals {
        return same(at, equals);
    }
    let differs = until.differs.as_ref().unwrap_or(&Value::Null);
    !at.is_null() && !same(at, differs)
}

fn send(url: &str, ask: &Ask, names: &Names) -> std::io::Result<Answer> {
    let response = http::send(url, &request(ask, names), TIMEOUT)?;
    let text = response.text();
    let body = serde_json::from_str(&text).unwrap_or_else(|_| Value::from(text.as_str()));
    let kept = KEPT.iter().filter_map(|name| Some((*name, response.header(name)?)));
    let headers = kept.map(|(k, v)| (k.to_owned(), v.to_owned())).collect();
    Ok(Answer { status: response.status, headers, body, text })
}

fn request(ask: &Ask, names: &Names) -> Request {
    let fill = |text: &str| fill(text, names);
    let mut request = Request::new(&ask.method, &encoding::path(&fill(&ask.path)));
    request.headers = ask.headers.iter().map(|(k, v)| (k.clone(), fill(v))).collect();
    if let Some(json) = &ask.json {
        request.body = Some(fill(&json.to_string()).into_bytes());
        if !ask.headers.contains_key("Content-Type") {
            request.headers.push(("Content-Type".into(), "application/json".into()));
        }
    } else if let Some(raw) = &ask.raw {
        request.body = Some(fill(raw).into_bytes());
    } else if let Some(file) = &ask.file {
        let field = ask.field.as_deref().unwrap_or("file");
        let part = format!("name=\"{field}\"; filename=\"f.json\"");
        let text = format!(
            "--b\r\nContent-Disposition: form-data; {part}\r\n\r\n{}\r\n--b--\r\n",
            fill(file)
        );
        request.body = Some(text.into_bytes());
        let kind = "multipart/form-data; boundary=b";
        request.headers.retain(|(name, _)| name != "Content-Type");
        request.headers.push(("Content-Type".into(), kind.into()));
    }
    request
}

/// `${name}` becomes its value; unknown names stay.
fn fill(text: &str, names: &Names) -> String {
    let value = |found: &regex::Captures<'_>| {
        names.get(&found[1]).cloned().unwrap_or_else(|| found[0].to_owned())
    };
    A_PLACE.replace_all(text, value).into_owned()
}

#[cfg(test)]
mod tests;
