//! A server keeps a hundred skipped records of a job, and a long run makes more: somebody reads
//! them meanwhile and writes them beside what is left at the end.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use dkron_conformance::http::{self, Request};
use serde_json::Value;

const ANSWER: Duration = Duration::from_secs(3);
/// A job skips at most one slot a second.
const AGAIN: Duration = Duration::from_secs(10);
const POLL: Duration = Duration::from_millis(200);
/// LIMIT of a server: a list that is shorter is all there ever was.
const KEPT: usize = 100;

/// Skipped records of each job by the slot at which they begin.
pub type Records = BTreeMap<String, BTreeMap<String, Value>>;

pub struct Archive {
    stopped: Arc<AtomicBool>,
    records: Arc<Mutex<Records>>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Archive {
    /// Reads at the first of these addresses that answers.
    pub fn start(urls: Vec<String>, jobs: Vec<String>) -> std::io::Result<Archive> {
        let stopped = Arc::new(AtomicBool::new(false));
        let records: Arc<Mutex<Records>> = Arc::default();
        let (ends, all) = (Arc::clone(&stopped), Arc::clone(&records));
        let run = move || {
            while !ends.load(Ordering::Relaxed) {
                for job in &jobs {
                    let told = urls.iter().find_map(|url| read(url, job)).unwrap_or_default();
                    let mut all = all.lock().unwrap_or_else(PoisonError::into_inner);
                    note(all.entry(job.clone()).or_default(), told);
                }
                let read = Instant::now();
                while read.elapsed() < AGAIN && !ends.load(Ordering::Relaxed) {
                    std::thread::sleep(POLL);
                }
            }
        };
        let thread = Some(std::thread::Builder::new().name("archive".into()).spawn(run)?);
        Ok(Archive { stopped, records, thread })
    }

    pub fn stop(mut self) -> Records {
        self.stopped.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            // A panic of the reader is seen in slots that are missed.
            let _ = thread.join();
        }
        std::mem::take(&mut self.records.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

fn read(url: &str, job: &str) -> Option<Vec<Value>> {
    let request = Request::new("GET", &format!("/v1/jobs/{job}/skipped"));
    let answer = http::send(url, &request, ANSWER).ok().filter(|answer| answer.status == 200)?;
    // What a server without a leader tells may be old, which does no harm.
    answer.json().ok()?.as_array().cloned()
}

/// A record that has grown takes the place of what it was.
fn note(records: &mut BTreeMap<String, Value>, told: Vec<Value>) {
    for record in told {
        let from = record["scheduled_at"].as_str().unwrap_or_default().to_owned();
        let count = |record: &Value| record["count"].as_u64().unwrap_or(0);
        if records.get(&from).is_none_or(|known| count(known) <= count(&record)) {
            records.insert(from, record);
        }
    }
}

/// Puts the records that a server had to drop behind those that it tells, the newest first.
pub fn complete(told: &mut Value, records: Option<&BTreeMap<String, Value>>) {
    let (Some(list), Some(records)) = (told.as_array_mut(), records) else { return };
    let Some(oldest) = list.last().and_then(|record| record["scheduled_at"].as_str()) else {
        return;
    };
    if list.len() >= KEPT {
        let oldest = oldest.to_owned();
        // Instants of one length: their order is that of their texts.
        list.extend(records.range(..oldest).rev().map(|(_, record)| record.clone()));
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn record(second: usize, count: u64) -> Value {
        json!({"scheduled_at": format!("2026-01-01T00:{:02}:{:02}Z", second / 60, second % 60),
            "count": count})
    }

    #[test]
    fn what_was_dropped_comes_back_and_what_is_lost_does_not() {
        let mut records = BTreeMap::new();
        note(&mut records, (0..80).rev().map(|second| record(second, 1)).collect());
        note(&mut records, (60..200).rev().map(|second| record(second, 2)).collect());
        note(&mut records, vec![record(70, 1)]);
        let mut full: Value = (100..200).rev().map(|second| record(second, 2)).collect();
        complete(&mut full, Some(&records));
        let full = full.as_array().unwrap();
        assert_eq!(full.len(), 200);
        assert_eq!((&full[129], &full[199]), (&record(70, 2), &record(0, 1)));
        let mut short: Value = (150..200).rev().map(|second| record(second, 2)).collect();
        complete(&mut short, Some(&records));
        assert_eq!(short.as_array().unwrap().len(), 50);
    }
}
