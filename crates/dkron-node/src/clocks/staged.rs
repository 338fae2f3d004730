//! A wall clock that tests set, in builds with debug assertions only: a file says how far it is
//! from the true one, or at which instant it stands still.
//!
//! ```text
//!   offset -3600000          milliseconds from the true clock
//!   frozen 1767225600000     stands at these milliseconds since 1970
//! ```

use std::fs;
use std::path::PathBuf;
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use dkron_core::domain::Timestamp;

/// How often the file is looked at.
const LOOK: Duration = Duration::from_millis(10);

static FILE: OnceLock<PathBuf> = OnceLock::new();
static SEEN: Mutex<Option<(Instant, Staged)>> = Mutex::new(None);

#[derive(Clone, Copy)]
enum Staged {
    Offset(i64),
    Frozen(i64),
}

/// From now on the file decides. Only the first call counts.
pub fn follow(file: PathBuf) {
    // A second file would be a mistake of the one test that starts this process.
    let _ = FILE.set(file);
}

/// The staged time for a true one.
pub fn wall(true_wall: Timestamp) -> Timestamp {
    let Some(file) = FILE.get() else { return true_wall };
    let mut seen = SEEN.lock().unwrap_or_else(PoisonError::into_inner);
    let fresh = seen.filter(|(at, _)| at.elapsed() < LOOK);
    let (_, staged) = fresh.unwrap_or_else(|| (Instant::now(), read(file)));
    if fresh.is_none() {
        *seen = Some((Instant::now(), staged));
    }
    match staged {
        Staged::Offset(millis) => shift(true_wall, millis),
        Staged::Frozen(millis) => shift(Timestamp::default(), millis),
    }
}

fn shift(from: Timestamp, millis: i64) -> Timestamp {
    let span = Duration::from_millis(millis.unsigned_abs());
    if millis < 0 { from.before(span) } else { from.after(span) }
}

/// A file that is not there or not whole is the true clock.
fn read(file: &PathBuf) -> Staged {
    let text = fs::read_to_string(file).unwrap_or_default();
    let mut words = text.split_whitespace();
    match (words.next(), words.next().and_then(|word| word.parse().ok())) {
        (Some("offset"), Some(millis)) => Staged::Offset(millis),
        (Some("frozen"), Some(millis)) => Staged::Frozen(millis),
        _ => Staged::Offset(0),
    }
}
