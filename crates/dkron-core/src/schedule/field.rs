//! One of the six fields: from text to the set of values it allows.
//!
//! It knows ranges, steps, lists, names and the special days; not what the values are compared
//! with.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use super::error::ParseError;
use super::quote;
use super::source::Piece;

/// What a field may hold.
pub(super) struct Bounds {
    min: i64,
    /// The end of `*` and of `value/step`.
    max: i64,
    /// The largest value that may be written: in the day of week 7 is Sunday once more.
    widest: i64,
    names: &'static [&'static str],
    special: Special,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Special {
    None,
    DayOfMonth,
    DayOfWeek,
}

const WEEKDAYS: [&str; 7] = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"];
const MONTHS: [&str; 12] =
    ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];

const fn plain(min: i64, max: i64, special: Special) -> Bounds {
    Bounds { min, max, widest: max, names: &[], special }
}

/// Seconds, minutes, hours, day of month, month, day of week.
pub(super) const BOUNDS: [Bounds; 6] = [
    plain(0, 59, Special::None),
    plain(0, 59, Special::None),
    plain(0, 23, Special::None),
    plain(1, 31, Special::DayOfMonth),
    Bounds { min: 1, max: 12, widest: 12, names: &MONTHS, special: Special::None },
    Bounds { min: 0, max: 6, widest: 7, names: &WEEKDAYS, special: Special::DayOfWeek },
];

/// The values a field allows.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Values {
    /// Bit n: the value n.
    pub(super) bits: u64,
    /// Whether an item was a star: it decides how the two day fields combine.
    pub(super) star: bool,
    /// `L`: the last day of the month.
    pub(super) last_day: bool,
    /// `LW`: the last day from Monday to Friday.
    pub(super) last_workday: bool,
    /// Bit n: `nW`, the day from Monday to Friday nearest to day n.
    pub(super) nearest: u32,
    /// Bit n: `nL`, the last weekday n of the month.
    pub(super) last_weekday: u8,
    /// Bit n of element k: `n#k+1`, the weekday n for the (k+1)th time in the month.
    pub(super) nth_weekday: [u8; 5],
}

/// Reads a field: items between commas, of which empty ones are passed over.
pub(super) fn parse_field(field: Piece<'_>, bounds: &Bounds) -> Result<Values, ParseError> {
    let mut values = Values::default();
    let mut empty = true;
    for item in field.split(',').filter(|item| !item.text.is_empty()) {
        empty = false;
        if !special(item, bounds, &mut values) {
            parse_item(item, bounds, &mut values)?;
        }
    }
    if empty {
        return Err(ParseError::at(field, format!("field without a value: {}", field.text)));
    }
    Ok(values)
}

/// Whether `item` is a special day; if so it is noted in `values`.
fn special(item: Piece<'_>, bounds: &Bounds, values: &mut Values) -> bool {
    match bounds.special {
        Special::None => false,
        Special::DayOfMonth => special_day(item.text, values).is_some(),
        Special::DayOfWeek => special_weekday(item.text, values).is_some(),
    }
}

fn special_day(item: &str, values: &mut Values) -> Option<()> {
    match item {
        "L" => values.last_day = true,
        "LW" => values.last_workday = true,
        _ => {
            let day = item.strip_suffix('W').filter(|day| matches!(day.len(), 1 | 2))?;
            let all_digits = day.bytes().all(|byte| byte.is_ascii_digit());
            let day: u32 = day.parse().ok().filter(|_| all_digits)?;
            values.nearest |= (1..=31).contains(&day).then(|| 1 << day)?;
        }
    }
    Some(())
}

fn special_weekday(item: &str, values: &mut Values) -> Option<()> {
    let (weekdays, day) = match item.split_once('#') {
        Some((day, count)) => {
            let index = ["1", "2", "3", "4", "5"].iter().position(|known| *known == count)?;
            (&mut values.nth_weekday[index], day)
        }
        None => (&mut values.last_weekday, item.strip_suffix('L')?),
    };
    let weekday = match day.as_bytes() {
        [digit @ b'0'..=b'7'] => usize::from(digit - b'0') % 7,
        _ => WEEKDAYS.iter().position(|name| name.eq_ignore_ascii_case(day))?,
    };
    *weekdays |= 1 << weekday;
    Some(())
}

/// A span with an optional step.
fn parse_item(item: Piece<'_>, bounds: &Bounds, values: &mut Values) -> Result<(), ParseError> {
    let refuse = |message: String| Err(ParseError::at(item, message));
    let parts: Vec<_> = item.split('/').collect();
    let ends: Vec<_> = parts[0].split('-').collect();
    let star = matches!(ends[0].text, "*" | "?");
    let (start, written_end) = if star {
        // Whatever follows a star behind a hyphen means nothing, and is accepted.
        (bounds.min, Some(bounds.max))
    } else {
        let start = parse_value(ends[0], bounds.names)?;
        match ends.as_slice() {
            [_] => (start, None),
            [_, end] => (start, Some(parse_value(*end, bounds.names)?)),
            _ => return refuse(format!("too many hyphens: {}", item.text)),
        }
    };
    let step = match parts.as_slice() {
        [_] => None,
        [_, step] => Some(parse_number(*step)?),
        _ => return refuse(format!("too many slashes: {}", item.text)),
    };
    let end = match (written_end, step) {
        (Some(end), _) => end,
        (None, Some(_)) if start > bounds.max && start <= bounds.widest => start,
        (None, Some(_)) => bounds.max,
        (None, None) => start,
    };
    if let Some(message) = out_of_bounds(item.text, (start, end), bounds) {
        return refuse(message);
    }
    if step == Some(0) {
        return refuse(format!("step of range should be a positive number: {}", item.text));
    }
    let step = step.unwrap_or(1);
    values.star |= star && step == 1;
    values.bits |= expand(start, end, step, bounds);
    Ok(())
}

/// What is wrong with a range, if anything. A range that runs backwards wraps around.
fn out_of_bounds(item: &str, (start, end): (i64, i64), bounds: &Bounds) -> Option<String> {
    let Bounds { min, max, widest, .. } = bounds;
    if start < *min {
        Some(format!("beginning of range ({start}) below minimum ({min}): {item}"))
    } else if end > *widest {
        Some(format!("end of range ({end}) above maximum ({max}): {item}"))
    } else if start > end && (start > *widest || end < *min) {
        Some(format!("beginning of range ({start}) beyond end of range ({end}): {item}"))
    } else {
        None
    }
}

/// Every `step`th value of the order in which the range was written.
fn expand(start: i64, end: i64, step: i64, bounds: &Bounds) -> u64 {
    let wraps = start > end;
    let first = start..=if wraps { bounds.widest } else { end };
    let second = bounds.min..=if wraps { end } else { bounds.min - 1 };
    let step = usize::try_from(step).unwrap_or(usize::MAX);
    let week = bounds.special == Special::DayOfWeek;
    let chosen = first.chain(second).step_by(step);
    chosen.fold(0, |bits, value| bits | 1 << if week { value % 7 } else { value })
}

fn parse_value(value: Piece<'_>, names: &[&str]) -> Result<i64, ParseError> {
    let position = names.iter().position(|name| name.eq_ignore_ascii_case(value.text));
    match position {
        // Months count from 1, weekdays from 0.
        Some(index) => Ok(index as i64 + i64::from(names.len() == MONTHS.len())),
        None => parse_number(value),
    }
}

/// A decimal number, a plus sign and leading zeros allowed.
fn parse_number(written: Piece<'_>) -> Result<i64, ParseError> {
    let text = written.text;
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    let well_formed = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    let fault = match text.parse::<i64>() {
        Ok(number) if well_formed && number < 0 => {
            return Err(ParseError::at(
                written,
                format!("negative number ({number}) not allowed: {text}"),
            ));
        }
        Ok(number) if well_formed => return Ok(number),
        _ if well_formed => "value out of range",
        _ => "invalid syntax",
    };
    let quoted = quote::number(text);
    let message =
        format!("failed to parse int from {text}: strconv.Atoi: parsing {quoted}: {fault}");
    Err(ParseError::at(written, message))
}
