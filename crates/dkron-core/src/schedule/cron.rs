//! Six sets of values against a wall clock: which local seconds match, without any zone.

use super::calendar::{DAY_SECS, Month, RARE_YEARS};
use super::field::Values;

/// Hours, minutes and seconds of a day that match.
#[derive(Clone, Copy, Debug)]
pub(super) struct Clock {
    pub(super) seconds: u64,
    pub(super) minutes: u64,
    pub(super) hours: u64,
}

/// The whole expression: days and times of day, independent of each other.
#[derive(Clone, Debug)]
pub(super) struct Cron {
    pub(super) clock: Clock,
    pub(super) months: u64,
    pub(super) day_of_month: Values,
    pub(super) day_of_week: Values,
}

impl Cron {
    /// From the fields in their usual order, seconds first.
    pub(super) fn new(fields: [Values; 6]) -> Cron {
        let [seconds, minutes, hours, day_of_month, months, day_of_week] = fields;
        let clock = Clock { seconds: seconds.bits, minutes: minutes.bits, hours: hours.bits };
        Cron { clock, months: months.bits, day_of_month, day_of_week }
    }

    /// Whether some time of each hour of the day matches.
    pub(super) fn covers_all_hours(&self) -> bool {
        self.clock.hours.count_ones() == 24
    }

    /// The first matching reading of the wall clock at or after `wall`, in seconds.
    pub(super) fn first_from(&self, wall: i64) -> Option<i64> {
        let (day, second) = (wall.div_euclid(DAY_SECS), wall.rem_euclid(DAY_SECS));
        let found = self.first_day_from(day)?;
        if found > day {
            return Some(found * DAY_SECS + self.clock.first_from(0)?);
        }
        match self.clock.first_from(second) {
            Some(time) => Some(day * DAY_SECS + time),
            None => Some(self.first_day_from(day + 1)? * DAY_SECS + self.clock.first_from(0)?),
        }
    }

    /// The last matching reading at or before `wall`.
    pub(super) fn last_until(&self, wall: i64) -> Option<i64> {
        let (day, second) = (wall.div_euclid(DAY_SECS), wall.rem_euclid(DAY_SECS));
        let latest = DAY_SECS - 1;
        let found = self.last_day_until(day)?;
        if found < day {
            return Some(found * DAY_SECS + self.clock.last_until(latest)?);
        }
        match self.clock.last_until(second) {
            Some(time) => Some(day * DAY_SECS + time),
            None => Some(self.last_day_until(day - 1)? * DAY_SECS + self.clock.last_until(latest)?),
        }
    }

    /// How many readings in `start..end` match.
    pub(super) fn count(&self, start: i64, end: i64) -> u64 {
        if start >= end {
            return 0;
        }
        let (first, last) = (start.div_euclid(DAY_SECS), end.div_euclid(DAY_SECS));
        let before = |wall: i64| match self.matches_day(wall.div_euclid(DAY_SECS)) {
            true => self.clock.count_before(wall.rem_euclid(DAY_SECS)),
            false => 0,
        };
        // Whole days from the first one on, plus what the last one adds, less what the first lacks.
        self.days(first, last) * self.clock.count() + before(end) - before(start)
    }

    fn matches_day(&self, day: i64) -> bool {
        let (month, index) = Month::of_day(day);
        self.days_of(&month) >> index & 1 == 1
    }

    /// How many days in `start..end` match.
    fn days(&self, start: i64, end: i64) -> u64 {
        let (mut month, _) = Month::of_day(start);
        let mut total = 0;
        while month.first < end {
            if self.months >> month.month & 1 == 1 {
                let mut days = self.days_of(&month);
                if month.first < start {
                    days &= u32::MAX << (start - month.first);
                }
                if end - month.first < 32 {
                    days &= (1 << (end - month.first)) - 1;
                }
                total += u64::from(days.count_ones());
            }
            month = month.next();
        }
        total
    }

    pub(super) fn first_day_from(&self, day: i64) -> Option<i64> {
        let (mut month, index) = Month::of_day(day);
        let mut days = self.days_of(&month) & u32::MAX << index;
        let last_year = month.year + RARE_YEARS;
        while days == 0 {
            month = month.next();
            if month.year > last_year {
                return None;
            }
            days = self.days_of(&month);
        }
        Some(month.first + i64::from(days.trailing_zeros()))
    }

    fn last_day_until(&self, day: i64) -> Option<i64> {
        let (mut month, index) = Month::of_day(day);
        let mut days = self.days_of(&month) & u32::MAX >> (31 - index);
        let first_year = month.year - RARE_YEARS;
        while days == 0 {
            month = month.previous();
            if month.year < first_year {
                return None;
            }
            days = self.days_of(&month);
        }
        Some(month.first + i64::from(days.ilog2()))
    }

    /// The matching days of a month; bit 0 is its first.
    fn days_of(&self, month: &Month) -> u32 {
        if self.months >> month.month & 1 == 0 {
            return 0;
        }
        let length = month.length();
        let all = u32::MAX >> (32 - length);
        let by_number = month_days(&self.day_of_month, month.first_weekday(), length) & all;
        let by_weekday = weekdays(&self.day_of_week, month.first_weekday(), length) & all;
        // A star in either field means that only the other one restricts.
        if self.day_of_month.star || self.day_of_week.star {
            by_number & by_weekday
        } else {
            by_number | by_weekday
        }
    }
}

fn month_days(values: &Values, first_weekday: u32, length: u32) -> u32 {
    let mut days = (values.bits >> 1) as u32;
    if values.last_day {
        days |= 1 << (length - 1);
    }
    let weekday = |day: u32| (first_weekday + day - 1) % 7;
    if values.last_workday {
        let back = match weekday(length) {
            6 => 1,
            0 => 2,
            _ => 0,
        };
        days |= 1 << (length - 1 - back);
    }
    let mut nearest = values.nearest;
    while nearest != 0 {
        let day = nearest.trailing_zeros();
        nearest &= nearest - 1;
        if day > length {
            continue;
        }
        let workday = match weekday(day) {
            6 if day == 1 => 3,
            6 => day - 1,
            0 if day == length => day - 2,
            0 => day + 1,
            _ => day,
        };
        days |= 1 << (workday - 1);
    }
    days
}

fn weekdays(values: &Values, first_weekday: u32, length: u32) -> u32 {
    let spread = |weekdays: u8| {
        // The week as it stands at the beginning of this month, then five of them in a row.
        let week = u64::from(weekdays);
        let turned = (week >> first_weekday | week << (7 - first_weekday)) & 0x7f;
        (turned * 0x1020_4081) as u32
    };
    let mut days = spread(values.bits as u8);
    if values.last_weekday != 0 {
        days |= spread(values.last_weekday) & 0x7f << (length - 7);
    }
    for (week, weekdays) in (0_u32..).zip(values.nth_weekday) {
        if weekdays != 0 {
            days |= spread(weekdays) & (0x7f_u64 << (7 * week)) as u32;
        }
    }
    days
}

impl Clock {
    /// The first matching second of the day at or after `second`.
    fn first_from(&self, second: i64) -> Option<i64> {
        let (hour, minute, within) = parts(second);
        if self.hours >> hour & 1 == 1 {
            if self.minutes >> minute & 1 == 1
                && let Some(found) = first_bit(self.seconds, within)
            {
                return Some(at(hour, minute, found));
            }
            if let Some(found) = first_bit(self.minutes, minute + 1) {
                return Some(at(hour, found, first_bit(self.seconds, 0)?));
            }
        }
        let found = first_bit(self.hours, hour + 1)?;
        Some(at(found, first_bit(self.minutes, 0)?, first_bit(self.seconds, 0)?))
    }

    /// The last matching second of the day at or before `second`.
    fn last_until(&self, second: i64) -> Option<i64> {
        let (hour, minute, within) = parts(second);
        if self.hours >> hour & 1 == 1 {
            if self.minutes >> minute & 1 == 1
                && let Some(found) = last_bit(self.seconds, within + 1)
            {
                return Some(at(hour, minute, found));
            }
            if let Some(found) = last_bit(self.minutes, minute) {
                return Some(at(hour, found, last_bit(self.seconds, 60)?));
            }
        }
        let found = last_bit(self.hours, hour)?;
        Some(at(found, last_bit(self.minutes, 60)?, last_bit(self.seconds, 60)?))
    }

    /// How many seconds of a day match.
    fn count(&self) -> u64 {
        ones(self.hours) * ones(self.minutes) * ones(self.seconds)
    }

    /// How many of them come before `second`.
    fn count_before(&self, second: i64) -> u64 {
        let (hour, minute, within) = parts(second);
        let below = |bits: u64, end: u32| ones(bits & ((1 << end) - 1));
        let mut total = below(self.hours, hour) * ones(self.minutes) * ones(self.seconds);
        if self.hours >> hour & 1 == 1 {
            total += below(self.minutes, minute) * ones(self.seconds);
            if self.minutes >> minute & 1 == 1 {
                total += below(self.seconds, within);
            }
        }
        total
    }
}

fn parts(second: i64) -> (u32, u32, u32) {
    let second = second as u32;
    (second / 3_600, second / 60 % 60, second % 60)
}

fn at(hour: u32, minute: u32, second: u32) -> i64 {
    i64::from(hour * 3_600 + minute * 60 + second)
}

fn ones(bits: u64) -> u64 {
    u64::from(bits.count_ones())
}

/// The lowest bit at or above `from`, which is below 64.
fn first_bit(bits: u64, from: u32) -> Option<u32> {
    let rest = bits & u64::MAX << from;
    (rest != 0).then(|| rest.trailing_zeros())
}

/// The highest bit below `end`, which is below 64.
fn last_bit(bits: u64, end: u32) -> Option<u32> {
    (bits & ((1 << end) - 1)).checked_ilog2()
}
