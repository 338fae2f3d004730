//! Instants as text.

use dkron_core::domain::Timestamp;

/// RFC 3339 in UTC, with as many fractional digits as it takes.
pub fn rfc3339(instant: Timestamp) -> String {
    let days = instant.secs().div_euclid(86_400);
    let second = instant.secs().rem_euclid(86_400);
    let (year, month, day) = civil(days);
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    let mut text = format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}");
    if instant.nanos() > 0 {
        let fraction = format!("{:09}", instant.nanos());
        text.push('.');
        text.push_str(fraction.trim_end_matches('0'));
    }
    text.push('Z');
    text
}

/// Year, month and day of a day counted from 1970-01-01, in the proleptic Gregorian calendar.
fn civil(days: i64) -> (i64, i64, i64) {
    // Counted from 0000-03-01, so that the leap day ends a year; eras of 400 years are alike.
    let days = days + 719_468;
    let (era, day) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let shifted = (5 * day + 2) / 153;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    let year = year + era * 400 + i64::from(month <= 2);
    (year, month, day - (153 * shifted + 2) / 5 + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instants() {
        assert_eq!(rfc3339(Timestamp::YEAR_ONE), "0001-01-01T00:00:00Z");
        assert_eq!(rfc3339(Timestamp::MAX), "9999-12-31T23:59:59Z");
        assert_eq!(rfc3339(Timestamp::new(951_827_696, 120_000_000)), "2000-02-29T12:34:56.12Z");
        assert_eq!(rfc3339(Timestamp::new(-1, 0)), "1969-12-31T23:59:59Z");
    }
}
