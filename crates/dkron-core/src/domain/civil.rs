//! The Gregorian calendar at all times, without zones: instants as people write them.

use alloc::format;
use alloc::string::String;
use core::fmt::Write;

use super::Timestamp;

const DAY: i64 = 86_400;
/// Days from 0000-03-01 to 1970-01-01.
const EPOCH_DAYS: i64 = 719_468;
/// Days of 400 years.
const ERA_DAYS: i64 = 146_097;

/// `at` with the trailing zeros of its fraction cut; instants beyond the year 9999 are shown as
/// its last second. The offset is cut to minutes, as the form has no seconds for it.
pub fn rfc3339(at: Timestamp, offset: i32) -> String {
    let at = if at.secs() > Timestamp::MAX.secs() { Timestamp::MAX } else { at };
    let local = at.secs().saturating_add(i64::from(offset));
    let (year, month, day) = civil(local.div_euclid(DAY));
    let second = local.rem_euclid(DAY);
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    let mut text = String::with_capacity(35);
    let _ = write!(text, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}");
    if at.nanos() > 0 {
        let digits = format!(".{:09}", at.nanos());
        text.push_str(digits.trim_end_matches('0'));
    }
    match offset / 60 {
        0 if offset == 0 => text.push('Z'),
        minutes => {
            let sign = if offset < 0 { '-' } else { '+' };
            let minutes = minutes.abs();
            let _ = write!(text, "{sign}{:02}:{:02}", minutes / 60, minutes % 60);
        }
    }
    text
}

/// Year, month and day of a day counted from 1970-01-01.
pub fn civil(days: i64) -> (i64, i64, i64) {
    let days = days + EPOCH_DAYS;
    let era = days.div_euclid(ERA_DAYS);
    let day_of_era = days.rem_euclid(ERA_DAYS);
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    // Months are counted from March here, so that the leap day is the last of a year.
    let shifted = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    (era * 400 + year_of_era + i64::from(month <= 2), month, day)
}

/// The inverse of `civil`.
pub fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let shifted = (month + 9) % 12;
    let day_of_year = (153 * shifted + 2) / 5 + day - 1;
    era * ERA_DAYS + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year
        - EPOCH_DAYS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instants() {
        assert_eq!(rfc3339(Timestamp::YEAR_ONE, 0), "0001-01-01T00:00:00Z");
        assert_eq!(rfc3339(Timestamp::MAX, 0), "9999-12-31T23:59:59Z");
        let leap = Timestamp::new(951_827_696, 120_000_000);
        assert_eq!(rfc3339(leap, 0), "2000-02-29T12:34:56.12Z");
        assert_eq!(rfc3339(leap, -12_600), "2000-02-29T09:04:56.12-03:30");
        assert_eq!(rfc3339(Timestamp::new(-1, 0), 0), "1969-12-31T23:59:59Z");
    }

    #[test]
    fn days_there_and_back() {
        for day in [-719_162, -1, 0, 59, 60, 11_016, 2_932_896] {
            let (year, month, of_month) = civil(day);
            assert_eq!(days(year, month, of_month), day);
        }
    }
}
