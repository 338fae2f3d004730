//! What http jobs call: notes who came when, and for which due time.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use dkron_conformance::instant;
use dkron_conformance::listen::{Call, Listener, Reply};

use crate::api::{index_of, now};

pub const SECOND: i64 = 1_000_000;

#[derive(Debug, Clone, Copy)]
pub struct Arrival {
    pub job: usize,
    /// The due time, in microseconds.
    pub nominal: i64,
    pub at: i64,
}

#[derive(Clone, Default)]
struct Notes(Arc<Mutex<Vec<Arrival>>>);

pub struct Sink {
    pub url: String,
    notes: Notes,
    _listener: Listener,
}

impl Sink {
    pub fn start() -> anyhow::Result<Sink> {
        let notes = Notes::default();
        let held = notes.clone();
        let listener = Listener::start(move |call| {
            held.note(&call);
            Some(Reply { status: 200, body: b"ok".to_vec() })
        })?;
        Ok(Sink { url: listener.url.clone(), notes, _listener: listener })
    }

    pub fn count(&self) -> usize {
        self.notes.0.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    pub fn arrivals(&self) -> Vec<Arrival> {
        self.notes.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Notes {
    fn note(&self, call: &Call) {
        let at = now();
        let Some(job) = index_of(call.target.trim_start_matches('/')) else {
            return;
        };
        // A server that does not say for which time it calls is taken to call within the second.
        let said = call.header("dkron-scheduled-at").and_then(instant::parse);
        let nominal = said.unwrap_or(at - at.rem_euclid(SECOND));
        let arrival = Arrival { job, nominal, at };
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(arrival);
    }
}

/// How often each (job, due time) came.
pub fn tally(arrivals: &[Arrival]) -> HashMap<(usize, i64), u32> {
    let mut counts = HashMap::with_capacity(arrivals.len());
    for arrival in arrivals {
        *counts.entry((arrival.job, arrival.nominal)).or_insert(0) += 1;
    }
    counts
}

/// Of the due times of some jobs, how many never came; and how many came more than once.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Account {
    pub expected: usize,
    pub missed: usize,
    pub double: usize,
    /// Came for a time that was not due.
    pub foreign: usize,
}

pub fn account(
    counts: &HashMap<(usize, i64), u32>,
    jobs: usize,
    slots: impl Iterator<Item = i64> + Clone,
) -> Account {
    let mut account = Account::default();
    for job in 0..jobs {
        for slot in slots.clone() {
            account.expected += 1;
            match counts.get(&(job, slot)) {
                None => account.missed += 1,
                Some(1) => {}
                Some(_) => account.double += 1,
            }
        }
    }
    let found = account.expected - account.missed;
    account.foreign = counts.len() - found;
    account
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use dkron_conformance::http::{Connection, Request};

    use super::*;

    #[test]
    fn arrivals_are_counted_by_job_and_due_time() {
        let sink = Sink::start().unwrap();
        let mut line = Connection::open(&sink.url, Duration::from_secs(10)).unwrap();
        for second in [1, 1, 2, 9] {
            let mut request = Request::new("GET", "/bench-0");
            let due = instant::format(second);
            request.headers.push(("Dkron-Scheduled-At".into(), due));
            line.send(&request).unwrap();
        }
        let counts = tally(&sink.arrivals());
        let slots = (1..4).map(|s| s * SECOND);
        let wanted = Account { expected: 3, missed: 1, double: 1, foreign: 1 };
        assert_eq!(account(&counts, 1, slots), wanted);
    }
}
