//! Thousands of malformed requests: never a 5xx but the deliberate 503, never a hang, and the
//! server serves on. `DKRON_FUZZ_SEED` throws other dice; the seed stands in every message.
//! Bears T-52.

use std::time::Duration;

use dkron_conformance::http::{Connection, Request, send};
use dkron_conformance::server::{Server, binary};
use serde_json::json;

use crate::dice::Dice;
use crate::request::Thrown;

mod body;
mod dice;
mod request;

/// `DKRON_FUZZ_REQUESTS` throws more.
const REQUESTS: u64 = 3_000;
const ANSWER: Duration = Duration::from_secs(15);

fn number(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

fn problem(url: &str, thrown: &Thrown) -> Option<String> {
    let mut line = match Connection::open(url, ANSWER) {
        Ok(line) => line,
        Err(e) => return Some(format!("no connection: {e}")),
    };
    match line.send_raw(&thrown.bytes, thrown.headless) {
        Ok(Some(answer)) if answer.status >= 500 && answer.status != 503 => {
            Some(format!("status {} {:?}", answer.status, answer.text()))
        }
        Ok(None) if !thrown.broken => Some("hung up without an answer".to_owned()),
        Err(e) if !thrown.broken || is_hang(&e) => Some(format!("no answer: {e}")),
        _ => None,
    }
}

fn is_hang(e: &std::io::Error) -> bool {
    matches!(e.kind(), std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut)
}

#[test]
fn malformed_requests_get_no_5xx_and_no_silence() {
    let seed = number("DKRON_FUZZ_SEED", 4);
    let mut server = Server::start(&binary().unwrap(), &["--dev"]).unwrap();
    let mut dice = Dice::new(seed);
    let mut problems = Vec::new();
    for number in 0..number("DKRON_FUZZ_REQUESTS", REQUESTS) {
        let thrown = request::any(&mut dice);
        if let Some(problem) = problem(&server.url, &thrown) {
            let shown = String::from_utf8_lossy(&thrown.bytes[..thrown.bytes.len().min(400)]);
            problems.push(format!("request {number}: {problem}\n    {shown:?}"));
        }
        assert!(server.is_alive(), "seed {seed}: request {number} ended the agent:\n{}", {
            server.log_tail()
        });
        assert!(problems.len() < 20, "seed {seed}:\n{}", problems.join("\n"));
    }
    assert!(problems.is_empty(), "seed {seed}:\n{}", problems.join("\n"));
    serves_on(&server.url);
}

fn serves_on(url: &str) {
    let ask = |request: &Request| send(url, request, ANSWER).expect("an answer").status;
    assert_eq!(ask(&Request::new("GET", "/health")), 200);
    assert_eq!(ask(&Request::new("POST", "/v1/unpause")), 200);
    let job = json!({"name": "after-all", "schedule": "@manually", "executor": "shell",
        "executor_config": {"command": "true"}});
    assert_eq!(ask(&Request::json("POST", "/v1/jobs", &job)), 201);
    assert_eq!(ask(&Request::new("DELETE", "/v1/jobs/after-all")), 200);
}

#[test]
fn the_same_seed_throws_the_same_requests() {
    let throw = |seed| {
        let mut dice = Dice::new(seed);
        (0..50).map(|_| request::any(&mut dice).bytes).collect::<Vec<_>>()
    };
    assert_eq!(throw(7), throw(7));
    assert_ne!(throw(7), throw(8));
}
