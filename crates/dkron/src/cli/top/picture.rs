//! What a server says at one moment, as far as it says it: an older one leaves parts open.

use dkron_core::domain::Timestamp;
use serde_json::{Value, json};

use crate::cli::execution::COLUMNS;
use crate::cli::remote::query;
use crate::cli::show::{cell, clock, table};
use crate::client::{Ask, Client};
use crate::rest::instant;

/// LIMIT: what runs, failed or comes, shown of each.
const RUNNING: usize = 500;
const FAILED: &str = "8";
const COMING: &str = "8";

/// One look.
#[derive(Debug, Default)]
pub struct Picture {
    pub cluster: String,
    pub rates: String,
    pub pauses: Vec<String>,
    pub running: Vec<Value>,
    pub failed: Vec<Value>,
    pub coming: Vec<Value>,
    /// Why there is nothing to see.
    pub error: Option<String>,
}

impl Picture {
    pub fn take(client: &Client) -> Picture {
        let get = |target: &str| client.get(target).and_then(|answer| answer.json());
        let running = match get("/v1/busy") {
            Ok(busy) => busy,
            Err(err) => {
                return Picture { error: Some(format!("{err:#}")), ..Picture::default() };
            }
        };
        // The rest may be open.
        let part = |target: &str| get(target).unwrap_or_default();
        let states = ["failed", "timed_out", "lost"].map(|state| ("state", Some(state)));
        let failed = [&states[..], &[("limit", Some(FAILED))]].concat();
        let coming = query(&[("window", Some("1h")), ("limit", Some(COMING))]);
        let jobs = client.ask(Ask::get("/v1/jobs?_start=0&_end=0")).ok();
        let jobs = jobs.and_then(|answer| answer.header("x-total-count").map(str::to_owned));
        let mut running = running.as_array().cloned().unwrap_or_default();
        running.truncate(RUNNING);
        Picture {
            cluster: cluster(&part("/v1/operator/health"), jobs.as_deref()),
            rates: figures(client),
            pauses: pauses(&part("/v1/pause"), &part("/v1/scheduling")),
            running,
            failed: list(&part(&format!("/v1/executions{}", query(&failed)))),
            coming: list(&part(&format!("/v1/upcoming{coming}"))["next"]),
            error: None,
        }
    }

    /// For a pipe, and for a single look.
    pub fn text(&self) -> String {
        if let Some(error) = &self.error {
            return error.clone();
        }
        let mut parts = vec![self.cluster.clone(), self.rates.clone()];
        parts.extend(self.pauses.iter().cloned());
        parts.push(format!("\nRunning: {}", self.running.len()));
        parts.push(table(COLUMNS, &self.running, false, false));
        if !self.failed.is_empty() {
            parts.push("\nFailed last:".to_owned());
            parts.push(table(COLUMNS, &self.failed, false, false));
        }
        parts.push("\nComing:".to_owned());
        parts.extend(self.coming.iter().map(coming));
        parts.join("\n")
    }
}

pub fn coming(slot: &Value) -> String {
    format!("{}  {}", clock(&slot["at"]), cell(&slot["job"]))
}

fn list(value: &Value) -> Vec<Value> {
    value.as_array().cloned().unwrap_or_default()
}

fn cluster(health: &Value, jobs: Option<&str>) -> String {
    let jobs = jobs.unwrap_or("?");
    if health.is_null() {
        return format!("{jobs} jobs");
    }
    let (alive, voters) = (cell(&health["voters_alive"]), cell(&health["voters"]));
    format!("{jobs} jobs, leader {}, {alive} of {voters} voters alive", cell(&health["leader"]))
}

/// Minutes in which nothing happened are not told.
fn figures(client: &Client) -> String {
    let minute = instant::now().secs().div_euclid(60) * 60;
    let [before, now] =
        [minute - 60, minute].map(|secs| instant::format(Timestamp::from_secs(secs), 0));
    let asked = query(&[("span", Some("minute")), ("from", Some(&before))]);
    let stats = client.get(format!("/v1/stats{asked}")).and_then(|answer| answer.json());
    rates(&stats.unwrap_or_default(), (&before, &now))
}

/// Of the last minute that is over, and of this one.
fn rates(stats: &Value, (before, now): (&str, &str)) -> String {
    let buckets = list(&stats["buckets"]);
    let nothing = json!({});
    let found = |at: &str| buckets.iter().find(|bucket| bucket["at"] == at).unwrap_or(&nothing);
    let (before, now) = (found(before), found(now));
    let of = |bucket: &Value| {
        let many = |key: &str| bucket[key].as_u64().unwrap_or(0);
        let bad = many("failed") + many("timed_out") + many("lost");
        let lag = bucket["lag"]["max_ms"].as_u64().unwrap_or(0);
        let p90 = bucket["duration"]["p90_ms"].as_u64().unwrap_or(0);
        format!(
            "{} good, {bad} bad, {} skipped, late at most {lag} ms, 9 of 10 took at most {p90} ms",
            many("success"),
            many("skipped")
        )
    };
    format!("this minute: {}\nbefore:      {}", of(now), of(before))
}

fn pauses(paused: &Value, scheduling: &Value) -> Vec<String> {
    let mut said = Vec::new();
    if paused["paused"] == true || *paused == true {
        said.push("paused: changes and runs are refused".to_owned());
    }
    for pause in list(&scheduling["pauses"]) {
        let until = match clock(&pause["until"]).as_str() {
            "-" => String::new(),
            until => format!(" until {until}"),
        };
        said.push(format!("scheduling is paused{until}: {}", cell(&pause["reason"])));
    }
    said
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_in_words() {
        let health = json!({"leader": "n1", "voters": 3, "voters_alive": 2});
        let said = "7 jobs, leader n1, 2 of 3 voters alive";
        assert_eq!(cluster(&health, Some("7")), said);
        assert_eq!(cluster(&Value::Null, None), "? jobs");
        let stats = json!({"buckets": [
            {"at": "a", "success": 5, "failed": 1, "lost": 1, "lag": {"max_ms": 3}},
            {"at": "b", "success": 2, "skipped": 1},
        ]});
        let said = rates(&stats, ("a", "b"));
        assert!(said.starts_with("this minute: 2 good, 0 bad, 1 skipped, late"), "{said}");
        assert!(
            said.contains("before:      5 good, 2 bad, 0 skipped, late at most 3 ms"),
            "{said}"
        );
        let pauses = pauses(&json!({"paused": true}), &json!({"pauses": [{"reason": "move"}]}));
        assert_eq!(pauses[1], "scheduling is paused: move");
    }
}
