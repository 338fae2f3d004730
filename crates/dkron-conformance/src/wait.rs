//! Waiting for a condition, never for a time.

use std::time::{Duration, Instant};

use anyhow::bail;

/// Between two looks.
const POLL: Duration = Duration::from_millis(10);

/// Looks until it is so, at most for `patience`.
pub fn until(
    what: &str,
    patience: Duration,
    mut is_so: impl FnMut() -> bool,
) -> anyhow::Result<()> {
    let begun = Instant::now();
    while !is_so() {
        if begun.elapsed() > patience {
            bail!("after {patience:?} still no {what}");
        }
        std::thread::sleep(POLL);
    }
    Ok(())
}
