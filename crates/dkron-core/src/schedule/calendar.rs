//! The Gregorian calendar as plain arithmetic: days since 1970-01-01, no zones, no clock times.

/// Seconds of a day on the wall, where no day is longer or shorter.
pub(super) const DAY_SECS: i64 = 86_400;
/// The calendar, weekdays included, repeats after 400 years.
pub(super) const CYCLE_SECS: i64 = 146_097 * DAY_SECS;
/// Longest run of years without one of a given length and first weekday, and one for luck: leap
/// years of one kind are 40 years apart across a century that has no leap day.
pub(super) const RARE_YEARS: i64 = 41;

/// A month, positioned on the axis of days.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Month {
    pub(super) year: i64,
    /// 1 to 12.
    pub(super) month: u32,
    /// The day number of its first day.
    pub(super) first: i64,
}

impl Month {
    /// The month of a day, and the day's place in it, counted from 0.
    pub(super) fn of_day(day: i64) -> (Month, u32) {
        // Counting years from 1 March puts the leap day last.
        let shifted = day + 719_468;
        let era = shifted.div_euclid(146_097);
        let of_era = shifted.rem_euclid(146_097);
        let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
        let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let from_march = (5 * of_year + 2) / 153;
        let index = of_year - (153 * from_march + 2) / 5;
        let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
        let year = era * 400 + year_of_era + i64::from(month <= 2);
        (Month { year, month: month as u32, first: day - index }, index as u32)
    }

    pub(super) fn length(&self) -> u32 {
        match self.month {
            4 | 6 | 9 | 11 => 30,
            2 if is_leap(self.year) => 29,
            2 => 28,
            _ => 31,
        }
    }

    /// The weekday of the first day, Sunday 0.
    pub(super) fn first_weekday(&self) -> u32 {
        weekday(self.first)
    }

    pub(super) fn next(&self) -> Month {
        let first = self.first + i64::from(self.length());
        match self.month {
            12 => Month { year: self.year + 1, month: 1, first },
            _ => Month { year: self.year, month: self.month + 1, first },
        }
    }

    pub(super) fn previous(&self) -> Month {
        let (year, month) = match self.month {
            1 => (self.year - 1, 12),
            _ => (self.year, self.month - 1),
        };
        let mut earlier = Month { year, month, first: 0 };
        earlier.first = self.first - i64::from(earlier.length());
        earlier
    }
}

pub(super) fn is_leap(year: i64) -> bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}

/// Sunday 0 to Saturday 6; 1970-01-01 was a Thursday.
pub(super) fn weekday(day: i64) -> u32 {
    (day + 4).rem_euclid(7) as u32
}

/// The number of a date's day. `month` is 1 to 12, `day` is counted from 1.
pub(super) fn day_number(year: i64, month: u32, day: u32) -> i64 {
    let shifted_year = if month <= 2 { year - 1 } else { year };
    let era = shifted_year.div_euclid(400);
    let year_of_era = shifted_year.rem_euclid(400);
    let from_march = i64::from(if month > 2 { month - 3 } else { month + 9 });
    let of_year = (153 * from_march + 2) / 5 + i64::from(day) - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + of_year - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_and_dates_agree_over_two_cycles() {
        let mut month = Month { year: 1600, month: 1, first: day_number(1600, 1, 1) };
        for day in day_number(1600, 1, 1)..day_number(2400, 1, 1) {
            let (found, index) = Month::of_day(day);
            if found != month {
                assert_eq!(found, month.next());
                assert_eq!(found.previous(), month);
                month = found;
            }
            assert_eq!(day_number(month.year, month.month, index + 1), day);
        }
        assert_eq!(day_number(1970, 1, 1), 0);
        assert_eq!(weekday(day_number(2026, 3, 29)), 0);
    }

    #[test]
    fn every_kind_of_year_comes_back_in_time() {
        let mut seen = [[None; 7]; 2];
        for year in 1..1_300 {
            let kind =
                &mut seen[usize::from(is_leap(year))][weekday(day_number(year, 1, 1)) as usize];
            if let Some(last) = kind.replace(year) {
                assert!(year - last < RARE_YEARS);
            }
        }
    }
}
