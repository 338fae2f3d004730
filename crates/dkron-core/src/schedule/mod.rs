//! When: schedules as text, and exact arithmetic on the instants they mean.
//!
//! One sentence holds the whole of it: **an instant fires iff the local wall clock at that instant
//! matches the expression.** From it follows everything that a change of the clocks does:
//!
//! * a wall time that a shift skips does not fire that day, and nothing stands in for it;
//! * a wall time that a shift repeats fires twice, once under each offset;
//! * hourly and finer schedules lose and double no absolute hour, whatever the size of the shift;
//! * a missing midnight costs only what stands in the missing hour, not the rest of the day;
//! * there is no horizon: 29 February is found across 2100.
//!
//! A job may ask for `dst: once` instead; then a schedule of fixed hours fires once for all that a
//! shift skips and not again for what it repeats (`once`).
//!
//! `@every` knows neither zones nor wall clocks: its instants count from an anchor. `@at` is one
//! instant, `@manually` none.
//!
//! Nothing here reads a clock or the system's zone data. The zone that stands for "local" comes
//! in as a value, the rules of all others are compiled in.
//!
//! The files, from text to instant: `source` (text that remembers its columns), `hash` (`~`),
//! `parse` (which of the grammars), `field` and `cron` (six fields), `every`, `at`, `zone`,
//! `calendar` (days without zones), then `next`, `count` and `once`; for people `words` with
//! `phrase`, and `shift`.

mod at;
mod calendar;
mod count;
mod cron;
mod error;
mod every;
mod field;
mod hash;
mod next;
mod once;
mod parse;
mod phrase;
mod quote;
mod shift;
mod source;
mod words;
mod zone;

use core::time::Duration;

use crate::domain::{Dst, Timestamp};

pub use error::ParseError;
pub use parse::MAX_SCHEDULE_CHARS;
pub use shift::{Shift, Turn};
pub use zone::{MAX_ZONE_NAME_BYTES, Zone, ZoneError, zone_data_version};

use cron::Cron;
use every::Every;

/// A parsed schedule with the zone in which its wall clock runs.
#[derive(Clone, Debug)]
pub struct Schedule {
    zone: Zone,
    rule: Rule,
    dst: Dst,
}

/// The grammar a schedule was written in, for those who treat some of them apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ScheduleKind {
    /// `@manually`: no instants.
    Manual,
    /// `@at`: one instant.
    At(Timestamp),
    /// `@every`: a fixed distance from an anchor, at least a second.
    Every(Duration),
    /// Fields or a descriptor that stands for fields.
    Cron,
}

#[derive(Clone, Debug)]
enum Rule {
    Manual,
    At(Timestamp),
    Every(Every),
    Cron(Cron),
}

impl Schedule {
    pub fn kind(&self) -> ScheduleKind {
        match &self.rule {
            Rule::Manual => ScheduleKind::Manual,
            Rule::At(instant) => ScheduleKind::At(*instant),
            Rule::Every(every) => ScheduleKind::Every(every.distance()),
            Rule::Cron(_) => ScheduleKind::Cron,
        }
    }

    /// The same schedule with another answer to shifts of the clocks. `Dst::Once` changes nothing
    /// for schedules without fields, and for those that run in each of the 24 hours.
    pub fn with_dst(self, dst: Dst) -> Schedule {
        let fixed = matches!(&self.rule, Rule::Cron(cron) if !cron.covers_all_hours());
        Schedule { dst: if fixed { dst } else { Dst::Dkron }, ..self }
    }

    pub fn is_manual(&self) -> bool {
        self.kind() == ScheduleKind::Manual
    }

    /// The instant of an `@at`.
    pub fn at(&self) -> Option<Timestamp> {
        match self.kind() {
            ScheduleKind::At(instant) => Some(instant),
            _ => None,
        }
    }

    /// The distance of an `@every`.
    pub fn every(&self) -> Option<Duration> {
        match self.kind() {
            ScheduleKind::Every(distance) => Some(distance),
            _ => None,
        }
    }

    /// The zone whose wall clock the fields are compared with.
    pub fn zone(&self) -> &Zone {
        &self.zone
    }
}
