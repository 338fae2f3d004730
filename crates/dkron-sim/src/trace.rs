//! What happened, as one number and, if asked for, as lines.

use core::fmt::Write as _;
use core::time::Duration;

#[derive(Debug)]
pub struct Trace {
    hash: u64,
    lines: Option<String>,
    now: Duration,
}

impl Trace {
    pub fn new(lines: bool) -> Self {
        Trace { hash: 0xcbf2_9ce4_8422_2325, lines: lines.then(String::new), now: Duration::ZERO }
    }

    pub fn at(&mut self, now: Duration) {
        self.now = now;
        self.mix(now.as_nanos() as u64);
    }

    pub fn mix(&mut self, number: u64) {
        self.hash = (self.hash ^ number).wrapping_mul(0x0100_0000_01b3);
        self.hash ^= self.hash >> 29;
    }

    /// The text is made only if somebody reads it.
    pub fn say(&mut self, text: impl FnOnce() -> String) {
        if let Some(lines) = &mut self.lines {
            let secs = self.now.as_secs_f64();
            // Writing to a string can not fail.
            let _ = writeln!(lines, "{secs:12.6}  {}", text());
        }
    }

    pub fn hash(&self) -> u64 {
        self.hash
    }

    pub fn lines(&self) -> &str {
        self.lines.as_deref().unwrap_or("")
    }
}
