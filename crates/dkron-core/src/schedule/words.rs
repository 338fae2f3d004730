//! A schedule in the words a person would say: `at 02:30 on Monday to Friday`.
//!
//! They are made from what the fields mean, not from how they were written: `~`, descriptors and
//! names have become numbers by then. The zone is not said.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use super::cron::Cron;
use super::phrase::{Shape, listed, runs, shape};
use super::{Rule, Schedule};
use crate::domain::civil::rfc3339;

/// More times of a day are not listed one by one.
const TIMES: u32 = 6;

const WEEKDAYS: [&str; 7] =
    ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];
const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];
const COUNTS: [&str; 5] = ["first", "second", "third", "fourth", "fifth"];

impl Schedule {
    /// When it is due, in English.
    pub fn words(&self) -> String {
        match &self.rule {
            Rule::Manual => "only by hand".into(),
            Rule::At(at) => format!("once, at {}", rfc3339(*at, 0)),
            Rule::Every(every) => distance(every.distance().as_secs()),
            Rule::Cron(cron) => cron_words(cron),
        }
    }
}

fn distance(secs: u64) -> String {
    let parts = [(secs / 3600, "hour"), (secs / 60 % 60, "minute"), (secs % 60, "second")];
    let parts: Vec<_> = parts.into_iter().filter(|(many, _)| *many > 0).collect();
    match parts.as_slice() {
        [(many, unit)] => each(*many, unit),
        _ => {
            let said = |(many, unit): &(u64, &str)| match many {
                1 => format!("1 {unit}"),
                _ => format!("{many} {unit}s"),
            };
            format!("every {}", listed(&parts.iter().map(said).collect::<Vec<_>>()))
        }
    }
}

/// `every hour`, `every 2 hours`.
fn each(many: u64, unit: &str) -> String {
    match many {
        1 => format!("every {unit}"),
        _ => format!("every {many} {unit}s"),
    }
}

fn cron_words(cron: &Cron) -> String {
    let time = time_words(cron);
    let days = day_words(cron, time.names_moments);
    let never = if cron.first_day_from(0).is_none() { ", which never comes" } else { "" };
    [&time.text, &days, never].concat()
}

struct Time {
    text: String,
    /// Without a day behind them people ask: on which?
    names_moments: bool,
}

fn time_words(cron: &Cron) -> Time {
    let clock = &cron.clock;
    let [seconds, minutes] = [clock.seconds, clock.minutes].map(|bits| shape(bits, 0, 59));
    let hours = shape(clock.hours, 0, 23);
    let moments = clock.minutes.count_ones() * clock.hours.count_ones();
    if let (Shape::One(0), Shape::One(minute)) = (&seconds, &minutes)
        && (moments > TIMES || matches!(hours, Shape::Every { .. } | Shape::Range(..)))
        && moments > 2
    {
        return Time { text: hourly(*minute, &hours), names_moments: false };
    }
    if let Shape::One(second) = seconds
        && moments <= TIMES
    {
        let text = format!("at {}", times(clock.hours, clock.minutes, second));
        return Time { text, names_moments: true };
    }
    let within = match (&seconds, &minutes) {
        (Shape::One(0), Shape::All) => "every minute".into(),
        (Shape::One(0), Shape::Every { step, whole: true, .. }) => format!("every {step} minutes"),
        (Shape::One(0), _) => format!("{}{}", at_units("minute", &minutes), of_hour(&hours)),
        (_, Shape::All) => within_minute(&seconds, " of every minute"),
        (_, Shape::Every { step, whole: true, .. }) => {
            format!("{}, every {step} minutes", within_minute(&seconds, ""))
        }
        _ => {
            let minutes = units("minute", &minutes);
            within_minute(&seconds, &format!(" of {minutes}{}", of_hour(&hours)))
        }
    };
    Time { text: format!("{within}{}", hour_words(&hours)), names_moments: false }
}

/// Behind a number of minutes, when no hour is named.
fn of_hour(hours: &Shape) -> &'static str {
    if matches!(hours, Shape::All) { " of every hour" } else { "" }
}

fn within_minute(seconds: &Shape, of: &str) -> String {
    match seconds {
        Shape::All if of == " of every minute" => "every second".into(),
        Shape::All => format!("every second{of}"),
        Shape::Every { step, whole: true, .. } => match of {
            " of every minute" => format!("every {step} seconds"),
            of => format!("every {step} seconds{of}"),
        },
        seconds => format!("{}{of}", at_units("second", seconds)),
    }
}

/// One minute of some hours.
fn hourly(minute: u32, hours: &Shape) -> String {
    let at = if minute == 0 { String::new() } else { format!(" at minute {minute}") };
    match hours {
        Shape::All if minute == 0 => "every hour".into(),
        Shape::All => format!("at minute {minute} of every hour"),
        Shape::Range(first, last) => {
            format!("every hour from {first:02}:{minute:02} to {last:02}:{minute:02}")
        }
        Shape::Every { step, whole: true, .. } => format!("every {step} hours{at}"),
        Shape::Every { step, first, last, .. } => {
            format!("every {step} hours from {first:02}:{minute:02} to {last:02}:{minute:02}")
        }
        hours => format!("at minute {minute}{}", hour_words(hours)),
    }
}

/// Which hours, for what happens within them.
fn hour_words(hours: &Shape) -> String {
    match hours {
        Shape::All => String::new(),
        Shape::One(hour) => format!(" from {hour:02}:00 to {hour:02}:59"),
        Shape::Range(first, last) => format!(" from {first:02}:00 to {last:02}:59"),
        Shape::Every { step, whole: true, .. } => format!(" in every {} hour", ordinal(*step)),
        // Two neighbours.
        Shape::List(bits) if *bits != 0 && *bits == 3 << bits.trailing_zeros() => {
            let first = bits.trailing_zeros();
            format!(" from {first:02}:00 to {:02}:59", first + 1)
        }
        hours => format!(" in {}", units("hour", hours)),
    }
}

fn ordinal(number: u32) -> String {
    match (number, number % 10) {
        (2, _) => "second".into(),
        (3, _) => "third".into(),
        (11..=13, _) => format!("{number}th"),
        (_, 1) => format!("{number}st"),
        (_, 2) => format!("{number}nd"),
        (_, 3) => format!("{number}rd"),
        _ => format!("{number}th"),
    }
}

fn at_units(unit: &str, values: &Shape) -> String {
    format!("at {}", units(unit, values))
}

/// `minute 5`, `minutes 5, 10 and 20`, `every 7th minute from 0 to 56`.
fn units(unit: &str, values: &Shape) -> String {
    match values {
        Shape::All => format!("every {unit}"),
        Shape::One(value) => format!("{unit} {value}"),
        Shape::Range(first, last) => format!("{unit}s {first} to {last}"),
        Shape::Every { step, first, last, .. } => {
            format!("every {} {unit} from {first} to {last}", ordinal(*step))
        }
        Shape::List(bits) => format!("{unit}s {}", listed(&runs(*bits, |value| value.to_string()))),
    }
}

/// Few moments of a day, each with its minute, and its second unless that is 0.
fn times(hours: u64, minutes: u64, second: u32) -> String {
    let bits = |bits: u64| (0..64).filter(move |bit| bits >> bit & 1 == 1);
    let time = |(hour, minute)| match second {
        0 => format!("{hour:02}:{minute:02}"),
        _ => format!("{hour:02}:{minute:02}:{second:02}"),
    };
    let times = bits(hours).flat_map(|hour| bits(minutes).map(move |minute| (hour, minute)));
    listed(&times.map(time).collect::<Vec<_>>())
}

fn day_words(cron: &Cron, names_moments: bool) -> String {
    let (of_month, of_week) = (&cron.day_of_month, &cron.day_of_week);
    let all_days = shape(of_month.bits, 1, 31) == Shape::All;
    let all_weekdays = shape(of_week.bits, 0, 6) == Shape::All;
    let months = match shape(cron.months, 1, 12) {
        Shape::All => None,
        _ => Some(listed(&cyclic(cron.months >> 1, &MONTHS))),
    };
    let in_months = months.as_ref().map_or_else(String::new, |months| format!(" in {months}"));
    let both_count = !of_month.star && !of_week.star;
    let by_day = (!all_days).then(|| month_day_words(cron, months.as_deref()));
    let by_weekday = (!all_weekdays).then(|| weekday_words(cron, months.as_deref()));
    match (by_day, by_weekday) {
        (Some(days), Some(weekdays)) => format!(" {days}, and {weekdays}"),
        // Without a star in it, the field that has all days adds them.
        (Some(_), None) | (None, Some(_)) if both_count && names_moments => {
            format!(" every day{in_months}")
        }
        (Some(_), None) | (None, Some(_)) if both_count => in_months,
        (Some(days), None) | (None, Some(days)) => format!(" {days}"),
        (None, None) if names_moments => format!(" every day{in_months}"),
        (None, None) => in_months,
    }
}

fn month_day_words(cron: &Cron, months: Option<&str>) -> String {
    let values = &cron.day_of_month;
    let mut said = Vec::new();
    let special = values.last_day || values.last_workday || values.nearest != 0;
    match shape(values.bits, 1, 31) {
        Shape::One(day) if !special && cron.months.count_ones() == 1 => {
            return format!("on {day} {}", months.unwrap_or_default());
        }
        Shape::List(0) => {}
        Shape::Every { step, first, whole: true, .. } => {
            said.push(format!("every {} day from day {first}", ordinal(step)));
        }
        days => said.push(units("day", &days)),
    }
    let nearest = runs(u64::from(values.nearest), |day| day.to_string());
    said.extend(nearest.iter().map(|day| format!("the workday nearest to day {day}")));
    if values.last_workday {
        said.push("the last workday".into());
    }
    if values.last_day {
        said.push("the last day".into());
    }
    format!("on {} of {}", listed(&said), months.unwrap_or("the month"))
}

fn weekday_words(cron: &Cron, months: Option<&str>) -> String {
    let values = &cron.day_of_week;
    let plain = cyclic(values.bits, &WEEKDAYS);
    let mut counted = Vec::new();
    for (count, weekdays) in COUNTS.iter().zip(values.nth_weekday) {
        counted.extend(names(weekdays).map(|name| format!("the {count} {name}")));
    }
    counted.extend(names(values.last_weekday).map(|name| format!("the last {name}")));
    match (months, counted.is_empty()) {
        (None, true) => format!("on {}", listed(&plain)),
        (Some(months), true) => format!("on {} in {months}", listed(&plain)),
        (months, false) => {
            let all = [plain, counted].concat();
            format!("on {} of {}", listed(&all), months.unwrap_or("the month"))
        }
    }
}

fn names(weekdays: u8) -> impl Iterator<Item = &'static str> {
    (0..7).filter(move |day| weekdays >> day & 1 == 1).map(|day| WEEKDAYS[day])
}

/// Names of a circle, three and more neighbours as `Friday to Monday`. Weeks begin on Monday.
fn cyclic(bits: u64, names: &[&str]) -> Vec<String> {
    let count = names.len();
    let has = |index: usize| bits >> (index % count) & 1 == 1;
    let begin = if count == 7 { 1 } else { 0 };
    // A run is not torn where the circle begins.
    let ahead = (0..count).take_while(|step| has(begin + step)).count();
    let behind = (1..=count).take_while(|step| has(begin + count - step)).count();
    let torn = ahead > 0 && behind > 0 && ahead + behind > 2;
    let start = if torn { begin + count - behind } else { begin };
    let turned = (0..count).filter(|step| has(start + step)).fold(0, |all, step| all | 1 << step);
    runs(turned, |step| names[(start + step as usize) % count].to_string())
}
