//! RFC 3339 texts as instants, so that two spellings of one moment compare equal.
//! Knows no clock: it reads texts and nothing else.

/// Microseconds since the Unix epoch; finer digits are cut, as the recordings were compared.
pub fn parse(text: &str) -> Option<i64> {
    let bytes = text.as_bytes();
    if bytes.len() < 20 || !text.is_ascii() {
        return None;
    }
    let mark = |at: usize, wanted: &[u8]| wanted.contains(&bytes[at]);
    if !(mark(4, b"-") && mark(7, b"-") && mark(10, b"Tt ") && mark(13, b":") && mark(16, b":")) {
        return None;
    }
    let field = |from: usize, to: usize| digits(&bytes[from..to]);
    let (year, month, day) = (field(0, 4)?, field(5, 7)?, field(8, 10)?);
    let (hour, minute, second) = (field(11, 13)?, field(14, 16)?, field(17, 19)?);
    let sane = (1..=12).contains(&month) && (1..=31).contains(&day);
    if !sane || hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    let (micros, rest) = fraction(&bytes[19..])?;
    let local = days_from_civil(year, month, day) * 86_400 + hour * 3_600 + minute * 60 + second;
    Some((local - offset(rest)?) * 1_000_000 + micros)
}

/// `1970-01-01T00:00:00Z` for seconds since the epoch.
pub fn format(seconds: i64) -> String {
    let (days, rest) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
    let (year, month, day) = civil_from_days(days);
    let (hour, minute, second) = (rest / 3_600, rest / 60 % 60, rest % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

fn digits(bytes: &[u8]) -> Option<i64> {
    if bytes.is_empty() || !bytes.iter().all(u8::is_ascii_digit) {
        return None;
    }
    std::str::from_utf8(bytes).ok()?.parse().ok()
}

fn fraction(bytes: &[u8]) -> Option<(i64, &[u8])> {
    let Some(rest) = bytes.strip_prefix(b".") else {
        return Some((0, bytes));
    };
    let count = rest.iter().take_while(|b| b.is_ascii_digit()).count();
    let kept = digits(&rest[..count.min(6)])?;
    let scale = 10_i64.pow(6 - count.min(6) as u32);
    Some((kept * scale, &rest[count..]))
}

fn offset(bytes: &[u8]) -> Option<i64> {
    let sign = match bytes {
        b"Z" | b"z" => return Some(0),
        [b'+', ..] => 1,
        [b'-', ..] => -1,
        _ => return None,
    };
    let whole = bytes.len() == 6 && bytes[3] == b':';
    let hours = whole.then(|| digits(&bytes[1..3])).flatten()?;
    Some(sign * (hours * 3_600 + digits(&bytes[4..6])? * 60))
}

/// Days since 1970-01-01 in the proleptic Gregorian calendar, counted from March so that the leap
/// day ends a year.
fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let of_era = year.rem_euclid(400);
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

fn civil_from_days(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let (era, of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let shifted = (5 * of_year + 2) / 153;
    let day = of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    (year + era * 400 + i64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings_of_one_moment_are_equal() {
        let utc = parse("2030-01-01T00:00:00Z");
        assert!(utc.is_some());
        assert_eq!(utc, parse("2030-01-01T02:00:00+02:00"));
        assert_eq!(utc, parse("2029-12-31T19:00:00.000000000-05:00"));
        assert_ne!(utc, parse("2030-01-01T00:00:00.000001Z"));
    }

    #[test]
    fn the_year_one_and_leap_days_are_read() {
        assert_eq!(parse("1970-01-01T00:00:00Z"), Some(0));
        assert_eq!(parse("0001-01-01T00:00:00Z"), Some(-62_135_596_800_000_000));
        assert_eq!(parse("2000-02-29T00:00:00Z"), Some(951_782_400_000_000));
    }

    #[test]
    fn other_texts_are_no_instants() {
        for text in ["", "now", "2030-01-01", "2030-13-01T00:00:00Z", "2030-01-01T00:00:00", "é"] {
            assert_eq!(parse(text), None, "{text}");
        }
    }

    #[test]
    fn format_is_the_inverse_of_parse() {
        for seconds in [0, -1, 951_782_400, 1_790_000_000, 253_402_300_799] {
            assert_eq!(parse(&format(seconds)), Some(seconds * 1_000_000));
        }
    }
}
