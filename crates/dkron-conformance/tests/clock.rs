//! Steps of the wall clock under the real binary: nothing runs twice, nothing is lost beyond the
//! lateness rule, and the log names the step. Bears T-16 and T-36 as far as one server
//! has them.

#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod slots;

use std::fs;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use dkron_conformance::server::{Server, binary};
use dkron_conformance::wait::until;
use slots::{Slots, far_end};

const PATIENCE: Duration = Duration::from_secs(60);
const JOBS: usize = 3;
const MINUTE: i64 = 60_000;
const HOUR: i64 = 60 * MINUTE;

/// A server whose wall clock a file sets.
struct Staged {
    server: Server,
    file: PathBuf,
}

impl Staged {
    fn start() -> Staged {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("dkron-clock-{}-{number}", std::process::id());
        let file = std::env::temp_dir().join(name);
        let args = ["--server", "--bootstrap-expect=1", "--data-dir", "data"];
        let env = [("DKRON_TEST_CLOCK", file.to_str().unwrap())];
        let server = Server::start_with(&binary().unwrap(), &args, &env).unwrap();
        Staged { server, file }
    }

    /// In one step: a half-written file would be the true clock for a moment.
    fn say(&self, text: &str) {
        let next = self.file.with_extension("next");
        fs::write(&next, text).unwrap();
        fs::rename(next, &self.file).unwrap();
    }

    fn is_told(&self, text: &str) {
        until(text, PATIENCE, || self.server.log().contains(text)).unwrap();
    }
}

impl Drop for Staged {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.file);
    }
}

/// Forward: what the step jumped over is decided late, by the rule, and the present goes on.
fn forward(millis: i64) {
    let (seen, sink) = far_end();
    let staged = Staged::start();
    let slots = Slots::create(&staged.server.url, &sink.url, JOBS);
    until("calls before the step", PATIENCE, || seen.count() >= 6).unwrap();
    staged.say(&format!("offset {millis}"));
    staged.is_told("the wall clock was set forward");
    let before = seen.count();
    until("calls after the step", PATIENCE, || seen.count() >= before + 30).unwrap();
    assert_eq!(seen.doubled(), []);
    slots.are_whole(&staged.server.url);
}

/// Back, and after some seconds forth again: the repeated time fires nothing a second time.
fn back(millis: i64) {
    let (seen, sink) = far_end();
    let staged = Staged::start();
    let slots = Slots::create(&staged.server.url, &sink.url, JOBS);
    until("calls before the step", PATIENCE, || seen.count() >= 6).unwrap();
    staged.say(&format!("offset -{millis}"));
    staged.is_told("the wall clock was set back");
    // A job that is made now has an account of its own, by the clock as it is.
    let (early, far) = far_end();
    let others = Slots::create(&staged.server.url, &far.url, JOBS);
    until("calls of the new jobs", PATIENCE, || early.count() >= 6).unwrap();
    staged.say("offset 0");
    staged.is_told("the wall clock was set forward");
    let before = seen.count();
    until("calls after the return", PATIENCE, || seen.count() >= before + 20).unwrap();
    assert_eq!(seen.doubled(), []);
    assert_eq!(early.doubled(), []);
    slots.are_whole(&staged.server.url);
    others.are_whole(&staged.server.url);
}

#[test]
fn ninety_seconds_forward() {
    forward(90_000);
}

#[test]
fn an_hour_forward() {
    forward(HOUR);
}

#[test]
fn three_hours_forward() {
    forward(3 * HOUR);
}

#[test]
fn ninety_seconds_back() {
    back(90_000);
}

#[test]
fn an_hour_back() {
    back(HOUR);
}

#[test]
fn three_hours_back() {
    back(3 * HOUR);
}

#[test]
fn a_clock_that_stands_still_fires_nothing_twice() {
    let (seen, sink) = far_end();
    let staged = Staged::start();
    let slots = Slots::create(&staged.server.url, &sink.url, JOBS);
    until("calls before the stop", PATIENCE, || seen.count() >= 6).unwrap();
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis();
    staged.say(&format!("frozen {now}"));
    staged.is_told("the wall clock was set back");
    staged.say("offset 0");
    let before = seen.count();
    until("calls after the stop", PATIENCE, || seen.count() >= before + 10).unwrap();
    assert_eq!(seen.doubled(), []);
    slots.are_whole(&staged.server.url);
}
