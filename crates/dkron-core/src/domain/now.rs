//! The two clocks, read by the shell and handed in together.

use core::time::Duration;

use super::Timestamp;

/// One reading of both clocks.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Now {
    /// What people call the time; it may be set back and forth.
    pub wall: Timestamp,
    /// Only ever goes on, also during suspend; its zero means nothing.
    pub mono: Duration,
}
