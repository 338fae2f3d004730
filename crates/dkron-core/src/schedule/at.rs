//! `@at`: one instant, written as an RFC 3339 date with an offset.
//!
//! As lenient as Dkron: an hour may have one digit, a fraction may follow a comma, an offset may
//! be as wide as 24:60. As strict: `T` and `Z` are capitals, 23:59:60 is refused.

use alloc::format;
use alloc::string::String;

use super::calendar::{DAY_SECS, Month, day_number};
use super::quote;
use crate::domain::Timestamp;

/// What messages call the form that was expected.
const LAYOUT: &str = "2006-01-02T15:04:05Z07:00";

/// Why a date was refused, and the byte at which that shows.
pub(super) struct DateError {
    pub(super) message: String,
    pub(super) position: usize,
}

/// A reader that walks through the date from left to right.
struct Reader<'a> {
    written: &'a [u8],
    position: usize,
}

pub(super) fn parse_date(written: &str) -> Result<Timestamp, DateError> {
    let mut reader = Reader { written: written.as_bytes(), position: 0 };
    let year = reader.year()?;
    reader.sign("-")?;
    let month = reader.number("01", 2, "month", 1..=12)?;
    reader.sign("-")?;
    let day = reader.number("02", 2, "day", 0..=99)?;
    reader.sign("T")?;
    let hour = reader.number("15", 1, "hour", 0..=23)?;
    reader.sign(":")?;
    let minute = reader.number("04", 2, "minute", 0..=59)?;
    reader.sign(":")?;
    let second = reader.number("05", 2, "second", 0..=59)?;
    let nanos = reader.fraction();
    let offset = reader.offset()?;
    if reader.position < reader.written.len() {
        let extra = quote::time(&reader.written[reader.position..]);
        return Err(reader.because(&format!("extra text: {extra}")));
    }
    let days = Month { year, month, first: 0 }.length();
    if day < 1 || day > days {
        reader.position = 8;
        return Err(reader.because("day out of range"));
    }
    let on_wall = i64::from(hour) * 3_600 + i64::from(minute) * 60 + i64::from(second);
    let secs = day_number(year, month, day) * DAY_SECS + on_wall - offset;
    Ok(Timestamp::new(secs, nanos))
}

impl Reader<'_> {
    fn rest(&self) -> &[u8] {
        &self.written[self.position..]
    }

    fn digit(&self, ahead: usize) -> Option<u32> {
        let byte = self.rest().get(ahead).filter(|byte| byte.is_ascii_digit())?;
        Some(u32::from(byte - b'0'))
    }

    fn year(&mut self) -> Result<i64, DateError> {
        let mut year = 0;
        for ahead in 0..4 {
            let digit = self.digit(ahead).ok_or_else(|| self.mismatch("2006"))?;
            year = year * 10 + i64::from(digit);
        }
        self.position += 4;
        Ok(year)
    }

    fn sign(&mut self, expected: &str) -> Result<(), DateError> {
        if !self.rest().starts_with(expected.as_bytes()) {
            return Err(self.mismatch(expected));
        }
        self.position += expected.len();
        Ok(())
    }

    /// Two digits, or as few as `least`.
    fn number(
        &mut self,
        element: &str,
        least: usize,
        what: &str,
        range: core::ops::RangeInclusive<u32>,
    ) -> Result<u32, DateError> {
        let (value, width) = match (self.digit(0), self.digit(1)) {
            (Some(tens), Some(ones)) => (tens * 10 + ones, 2),
            (Some(ones), None) if least == 1 => (ones, 1),
            _ => return Err(self.mismatch(element)),
        };
        if !range.contains(&value) {
            return Err(self.because(&format!("{what} out of range")));
        }
        self.position += width;
        Ok(value)
    }

    /// Nanoseconds behind a point or comma; further digits are cut off.
    fn fraction(&mut self) -> u32 {
        if !matches!(self.rest().first(), Some(b'.' | b',')) || self.digit(1).is_none() {
            return 0;
        }
        self.position += 1;
        let mut nanos = 0;
        let mut scale = 100_000_000;
        while let Some(digit) = self.digit(0) {
            nanos += digit * scale;
            scale /= 10;
            self.position += 1;
        }
        nanos
    }

    /// Seconds east of UTC.
    fn offset(&mut self) -> Result<i64, DateError> {
        const ELEMENT: &str = "Z07:00";
        if self.rest().first() == Some(&b'Z') {
            self.position += 1;
            return Ok(0);
        }
        let pair = |ahead| Some(self.digit(ahead)? * 10 + self.digit(ahead + 1)?);
        let (hours, minutes) = match (self.rest().get(3), pair(1), pair(4)) {
            (Some(b':'), Some(hours), Some(minutes)) => (hours, minutes),
            _ => return Err(self.mismatch(ELEMENT)),
        };
        if minutes > 60 {
            return Err(self.because("time zone offset minute out of range"));
        }
        if hours > 24 {
            return Err(self.because("time zone offset hour out of range"));
        }
        let east = i64::from(hours * 3_600 + minutes * 60);
        let signed = match self.rest().first() {
            Some(b'+') => east,
            Some(b'-') => -east,
            _ => return Err(self.mismatch(ELEMENT)),
        };
        self.position += 6;
        Ok(signed)
    }

    fn mismatch(&self, element: &str) -> DateError {
        let message = format!(
            "parsing time {} as \"{LAYOUT}\": cannot parse {} as \"{element}\"",
            quote::time(self.written),
            quote::time(self.rest()),
        );
        DateError { message, position: self.position }
    }

    fn because(&self, reason: &str) -> DateError {
        let message = format!("parsing time {}: {reason}", quote::time(self.written));
        DateError { message, position: self.position }
    }
}
