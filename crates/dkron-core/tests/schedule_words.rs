//! Schedules as people say them.
#![allow(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

mod schedule_support;

use dkron_core::schedule::{Schedule, Zone};
use proptest::prelude::*;
use schedule_support::cases;

fn words(text: &str) -> String {
    Schedule::parse(text, "job", "", &Zone::utc()).unwrap().words()
}

/// Each line is a schedule, a bar, and its words.
const TABLE: &str = include_str!("data/schedule/words.txt");

#[test]
fn the_table() {
    let mut wrong = String::new();
    for line in TABLE.lines() {
        let (schedule, wanted) = line.split_once('|').unwrap();
        let (schedule, found) = (schedule.trim(), words(schedule.trim()));
        if found != wanted.trim() {
            wrong.push_str(&format!("{schedule} | {found}\n"));
        }
    }
    assert_eq!(wrong, "", "lines that differ, as they are now");
}

/// One field with all that it can hold: numbers below a bound, ranges, steps, lists, special days.
fn field(min: u32, max: u32, special: &'static str) -> impl Strategy<Value = String> {
    let number = move || min..=max;
    let special = special.split(' ').map(str::to_owned).collect::<Vec<_>>();
    let item = prop_oneof![
        number().prop_map(|number| number.to_string()),
        (number(), number()).prop_map(|(first, last)| format!("{first}-{last}")),
        (number(), number(), 1_u32..9).prop_map(|(a, b, step)| format!("{a}-{b}/{step}")),
        (number(), 1_u32..40).prop_map(|(first, step)| format!("{first}/{step}")),
        (1_u32..40).prop_map(|step| format!("*/{step}")),
        proptest::sample::select(special),
    ];
    let list = proptest::collection::vec(item, 1..5).prop_map(|items| items.join(","));
    prop_oneof![Just("*".to_owned()), list]
}

proptest! {
    #![proptest_config(cases(2_000))]

    #[test]
    fn everything_has_words(
        seconds in field(0, 59, "*"),
        minutes in field(0, 59, "*"),
        hours in field(0, 23, "* ~"),
        days in field(1, 31, "L LW 15W 1W 31W ?"),
        months in field(1, 12, "* JAN DEC"),
        weekdays in field(0, 7, "5L MON#1 SUN#5 FRI ?"),
    ) {
        let text = format!("{seconds} {minutes} {hours} {days} {months} {weekdays}");
        let said = words(&text);
        prop_assert!(!said.is_empty() && said.len() < 4_000, "{text}: {said}");
        prop_assert!(!said.contains("  ") && said.trim() == said, "{text}: {said}");
    }
}
