//! An instant as the product stores it: seconds and nanoseconds since 1970-01-01T00:00:00Z.

use core::fmt;
use core::time::Duration;

/// Nanoseconds in a second.
const NANOS_PER_SEC: u32 = 1_000_000_000;

/// An instant of the wall clock, years 1 to 9999 and beyond: wider than 64 bits of nanoseconds.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Timestamp {
    secs: i64,
    nanos: u32,
}

impl Timestamp {
    /// 0001-01-01T00:00:00Z, which Dkron's clients read as "not yet".
    pub const YEAR_ONE: Timestamp = Timestamp { secs: -62_135_596_800, nanos: 0 };
    /// The last whole second of the year 9999.
    pub const MAX: Timestamp = Timestamp { secs: 253_402_300_799, nanos: 0 };

    /// `nanos` beyond a second are carried over; the result saturates at the ends of `i64`.
    pub const fn new(secs: i64, nanos: u32) -> Self {
        let carried = secs.saturating_add((nanos / NANOS_PER_SEC) as i64);
        Timestamp { secs: carried, nanos: nanos % NANOS_PER_SEC }
    }

    /// Whole seconds since the epoch, rounded towards the past.
    pub const fn from_secs(secs: i64) -> Self {
        Timestamp { secs, nanos: 0 }
    }

    /// From nanoseconds since the epoch.
    pub const fn from_unix_nanos(nanos: i128) -> Self {
        let secs = nanos.div_euclid(NANOS_PER_SEC as i128);
        Timestamp { secs: secs as i64, nanos: nanos.rem_euclid(NANOS_PER_SEC as i128) as u32 }
    }

    pub const fn secs(self) -> i64 {
        self.secs
    }

    /// Nanoseconds within the second, 0 to 999,999,999.
    pub const fn nanos(self) -> u32 {
        self.nanos
    }

    pub const fn unix_nanos(self) -> i128 {
        self.secs as i128 * NANOS_PER_SEC as i128 + self.nanos as i128
    }

    /// `self + span`, saturating.
    pub fn after(self, span: Duration) -> Self {
        let secs = i64::try_from(span.as_secs()).unwrap_or(i64::MAX);
        Timestamp::new(self.secs.saturating_add(secs), self.nanos + span.subsec_nanos())
    }

    /// `self - span`, saturating.
    pub fn before(self, span: Duration) -> Self {
        let nanos = i128::try_from(span.as_nanos()).unwrap_or(i128::MAX);
        let least = Timestamp::new(i64::MIN, 0).unix_nanos();
        Timestamp::from_unix_nanos(self.unix_nanos().saturating_sub(nanos).max(least))
    }

    /// How much later `self` is than `earlier`; zero if it is not later.
    pub fn since(self, earlier: Timestamp) -> Duration {
        let nanos = (self.unix_nanos() - earlier.unix_nanos()).max(0);
        let secs = (nanos / NANOS_PER_SEC as i128) as u64;
        Duration::new(secs, (nanos % NANOS_PER_SEC as i128) as u32)
    }
}

impl fmt::Debug for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:09}", self.secs, self.nanos)
    }
}
