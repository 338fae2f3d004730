//! What a change of the clocks does to a schedule, told to people.

use super::{Rule, Schedule, Zone};
use crate::domain::{Dst, Timestamp};

/// A moment at which a zone's clock is set forward or back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shift {
    pub at: Timestamp,
    /// Seconds ahead of UTC until then, and from then on.
    pub before: i32,
    pub after: i32,
}

/// How an instant of a schedule stands to a change of the clocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turn {
    /// The wall clock will show the same time once more.
    First,
    /// It has shown the same time before.
    Second,
    /// It stands for wall times that the shift skips.
    Instead(Shift),
}

impl Shift {
    /// The wall clock is set forward: wall times are skipped.
    pub fn is_gap(&self) -> bool {
        self.after > self.before
    }

    /// What the wall clock showed last, as an instant under the offset 0.
    fn wall_before(&self) -> i64 {
        self.at.secs() + i64::from(self.before)
    }

    fn wall_after(&self) -> i64 {
        self.at.secs() + i64::from(self.after)
    }
}

impl Zone {
    /// The first change of the offset after that instant.
    pub fn shift_after(&self, instant: Timestamp) -> Option<Shift> {
        let mut span = self.span_onwards(instant.secs());
        loop {
            if span.end >= Timestamp::MAX.secs() {
                return None;
            }
            let next = self.span_onwards(span.end);
            // Rules may change without a change of the offset.
            if next.offset != span.offset {
                let at = Timestamp::from_secs(span.end);
                return Some(Shift { at, before: span.offset as i32, after: next.offset as i32 });
            }
            span = next;
        }
    }

    /// The last change of the offset at or before that instant.
    pub fn shift_until(&self, instant: Timestamp) -> Option<Shift> {
        let mut span = self.span_backwards(instant.secs());
        loop {
            if span.start <= Timestamp::YEAR_ONE.secs() {
                return None;
            }
            let before = self.span_backwards(span.start - 1);
            if before.offset != span.offset {
                let at = Timestamp::from_secs(span.start);
                return Some(Shift { at, before: before.offset as i32, after: span.offset as i32 });
            }
            span = before;
        }
    }
}

impl Schedule {
    /// How one of its instants stands to the changes of the clocks around it.
    pub fn turn(&self, instant: Timestamp) -> Option<Turn> {
        let Rule::Cron(_) = &self.rule else { return None };
        let wall = instant.secs() + i64::from(self.zone.offset_at(instant));
        if let Some(last) = self.zone.shift_until(instant) {
            if last.at == instant && self.dst == Dst::Once && self.skipped(&last).is_some() {
                return Some(Turn::Instead(last));
            }
            if wall < last.wall_before() {
                return Some(Turn::Second);
            }
        }
        let next = self.zone.shift_after(instant)?;
        (wall >= next.wall_after()).then_some(Turn::First)
    }

    /// The first wall time of it that a shift skips, as an instant under the offset 0, and how many
    /// there are. One that runs in each hour of the day loses nothing by a shift.
    pub fn skipped(&self, shift: &Shift) -> Option<(Timestamp, u64)> {
        let Rule::Cron(cron) = &self.rule else { return None };
        if !shift.is_gap() || cron.covers_all_hours() {
            return None;
        }
        let (start, end) = (shift.wall_before(), shift.wall_after());
        let many = cron.count(start, end);
        let first = cron.first_from(start).filter(|_| many > 0)?;
        Some((Timestamp::from_secs(first), many))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secs(at: &str) -> Timestamp {
        super::super::at::parse_date(at).map_err(|err| err.message).unwrap()
    }

    fn berlin(text: &str) -> Schedule {
        Schedule::parse(text, "j", "Europe/Berlin", &Zone::utc()).unwrap()
    }

    const SPRING: &str = "2026-03-29T01:00:00Z";
    const AUTUMN: &str = "2026-10-25T01:00:00Z";

    #[test]
    fn shifts_of_a_zone() {
        let zone = Zone::parse("Europe/Berlin").unwrap();
        let spring = Shift { at: secs(SPRING), before: 3600, after: 7200 };
        let autumn = Shift { at: secs(AUTUMN), before: 7200, after: 3600 };
        assert_eq!(zone.shift_after(secs("2026-01-01T00:00:00Z")), Some(spring));
        assert_eq!(zone.shift_after(spring.at), Some(autumn));
        assert_eq!(zone.shift_until(autumn.at), Some(autumn));
        assert_eq!(zone.shift_until(secs("2026-10-25T00:59:59Z")), Some(spring));
        assert_eq!(Zone::utc().shift_after(spring.at), None);
        assert_eq!(Zone::utc().shift_until(spring.at), None);
    }

    #[test]
    fn wall_times_that_come_twice_or_not_at_all() {
        let night = berlin("0 30 2 * * *");
        assert_eq!(night.turn(secs("2026-10-25T00:30:00Z")), Some(Turn::First));
        assert_eq!(night.turn(secs("2026-10-25T01:30:00Z")), Some(Turn::Second));
        assert_eq!(night.turn(secs("2026-10-26T01:30:00Z")), None);
        assert_eq!(night.turn(secs("2026-10-24T00:30:00Z")), None);
        let shift = Shift { at: secs(SPRING), before: 3600, after: 7200 };
        assert_eq!(night.skipped(&shift), Some((secs("2026-03-29T02:30:00Z"), 1)));
        assert_eq!(night.turn(shift.at), None);
        let once = night.with_dst(Dst::Once);
        assert_eq!(once.turn(shift.at), Some(Turn::Instead(shift)));
        assert_eq!(berlin("0 */5 2 * * *").skipped(&shift).map(|(_, many)| many), Some(12));
        assert_eq!(berlin("0 30 * * * *").skipped(&shift), None);
        assert_eq!(berlin("0 30 3 * * *").skipped(&shift), None);
        assert_eq!(berlin("@every 1h").skipped(&shift), None);
        assert_eq!(berlin("@every 1h").turn(secs(AUTUMN)), None);
    }
}
