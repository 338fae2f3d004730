//! Dkron's REST API as a load tool needs it: many connections, kept alive, each used by one thread.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, bail};
use dkron_conformance::http::{Connection, Request, Response};
use serde_json::{Value, json};

const ANSWER: Duration = Duration::from_secs(60);
pub const CONNECTIONS: usize = 16;

pub struct Api {
    url: String,
    line: Option<Connection>,
}

impl Api {
    pub fn new(url: &str) -> Api {
        Api { url: url.to_owned(), line: None }
    }

    /// A kept connection that the server closed meanwhile is opened once more.
    pub fn send(&mut self, request: &Request) -> anyhow::Result<Response> {
        if let Some(mut line) = self.line.take()
            && let Ok(response) = line.send(request)
        {
            self.line = Some(line);
            return Ok(response);
        }
        let mut line = Connection::open(&self.url, ANSWER)?;
        let response = line.send(request)?;
        if response.header("connection") != Some("close") {
            self.line = Some(line);
        }
        Ok(response)
    }

    pub fn get(&mut self, target: &str) -> anyhow::Result<Value> {
        let response = self.send(&Request::new("GET", target))?;
        if response.status != 200 {
            bail!("GET {target}: {} {}", response.status, response.text());
        }
        response.json().with_context(|| format!("GET {target}"))
    }

    /// Creates a job; a server that sheds load is asked again.
    pub fn create(&mut self, job: &Value) -> anyhow::Result<()> {
        let request = Request::json("POST", "/v1/jobs", job);
        for _ in 0..50 {
            let response = self.send(&request)?;
            match response.status {
                201 => return Ok(()),
                429 | 503 => std::thread::sleep(Duration::from_millis(100)),
                code => bail!("creating {}: {code} {}", job["name"], response.text()),
            }
        }
        bail!("creating {}: refused fifty times", job["name"])
    }

    pub fn list(&mut self, target: &str) -> anyhow::Result<Vec<Value>> {
        let body = self.get(target)?;
        body.as_array().cloned().with_context(|| format!("GET {target}: no list"))
    }
}

/// Does `work` for each number below `count` over some connections; results in order.
pub fn parallel<T, F>(
    url: &str,
    connections: usize,
    count: usize,
    work: F,
) -> anyhow::Result<Vec<T>>
where
    T: Send,
    F: Fn(&mut Api, usize) -> anyhow::Result<T> + Sync,
{
    let next = AtomicUsize::new(0);
    let run = || {
        let mut api = Api::new(url);
        let mut done = Vec::new();
        loop {
            let index = next.fetch_add(1, Ordering::Relaxed);
            if index >= count {
                return Ok(done);
            }
            done.push((index, work(&mut api, index)?));
        }
    };
    let parts: Vec<anyhow::Result<Vec<(usize, T)>>> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..connections).map(|_| scope.spawn(run)).collect();
        threads
            .into_iter()
            .map(|t| t.join().unwrap_or_else(|_| Err(anyhow::anyhow!("a load thread died"))))
            .collect()
    });
    let mut all = Vec::with_capacity(count);
    for part in parts {
        all.extend(part?);
    }
    all.sort_by_key(|(index, _)| *index);
    Ok(all.into_iter().map(|(_, result)| result).collect())
}

/// A job's name carries its number, so that an arrival says whose it is.
pub fn name(index: usize) -> String {
    format!("bench-{index}")
}

pub fn index_of(name: &str) -> Option<usize> {
    name.strip_prefix("bench-")?.parse().ok()
}

/// A job that calls the sink, pinned to one node.
pub fn http_job(index: usize, schedule: &str, sink: &str) -> Value {
    let name = name(index);
    json!({
        "name": name,
        "schedule": schedule,
        "timezone": "UTC",
        "tags": {"server": "true:1"},
        "executor": "http",
        "executor_config": {
            "url": format!("{sink}/{name}"),
            "method": "GET",
            "timeout": "20",
            "expectCode": "200",
        },
    })
}

/// A job that calls nobody: `/bin/true`, or nothing at all.
pub fn local_job(index: usize, schedule: &str, executor: &str) -> Value {
    json!({
        "name": name(index),
        "schedule": schedule,
        "timezone": "UTC",
        "tags": {"server": "true:1"},
        "executor": executor,
        "executor_config": {"command": "/bin/true"},
    })
}

/// Wall clock in microseconds since 1970, as schedules count.
pub fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    since.as_micros() as i64
}

pub fn sleep_until(moment: i64) {
    let left = u64::try_from(moment - now()).unwrap_or(0);
    std::thread::sleep(Duration::from_micros(left));
}

/// Waits for a condition, at most so long; whether it came.
pub fn wait_for(most: Duration, mut met: impl FnMut() -> bool) -> bool {
    let end = now() + most.as_micros() as i64;
    loop {
        if met() {
            return true;
        }
        if now() >= end {
            return false;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}
