//! The next instants of a schedule, and what changes of the clocks do to them.

use dkron_core::domain::{Dst, Timestamp};
use dkron_core::schedule::{Schedule, Shift, Turn};
use schemars::JsonSchema;
use serde::Serialize;

use crate::rest::instant::{self, Instant};

/// Changes of the clocks that are looked at, and notes that are shown, at most.
const SHIFTS: usize = 1000;
const NOTES: usize = 100;

/// When a schedule fires.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Preview")]
pub struct PreviewDto<'a> {
    /// As a person would say it.
    words: String,
    next: Vec<Instant>,
    /// The same by the wall clock of the zone.
    local: Vec<LocalDto>,
    /// Wall times that match, and that the clock skips meanwhile.
    skipped: Vec<SkippedWall>,
    after: Instant,
    /// Whose wall clock the fields are compared with.
    timezone: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    note: Option<&'static str>,
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "LocalTime")]
struct LocalDto {
    at: Instant,
    #[serde(skip_serializing_if = "Option::is_none")]
    dst: Option<String>,
}

#[derive(Serialize, JsonSchema)]
struct SkippedWall {
    /// The first of them, without an offset: no offset has it.
    wall: String,
    count: u64,
    dst: String,
}

impl<'a> PreviewDto<'a> {
    pub fn new(
        (schedule, dst): (&'a Schedule, Dst),
        after: Timestamp,
        next: &[Timestamp],
        note: Option<&'static str>,
    ) -> Self {
        let local = |at: &Timestamp| LocalDto {
            at: Instant(*at, schedule.zone().offset_at(*at)),
            dst: schedule.turn(*at).map(|turn| turn_words(turn, schedule, dst)),
        };
        PreviewDto {
            words: schedule.words(),
            next: next.iter().copied().map(Instant::utc).collect(),
            local: next.iter().map(local).collect(),
            skipped: skipped(schedule, dst, after, next),
            after: Instant::utc(after),
            timezone: schedule.zone().name(),
            note,
        }
    }
}

fn turn_words(turn: Turn, schedule: &Schedule, dst: Dst) -> String {
    match (turn, dst) {
        (Turn::First, Dst::Once) => "this time comes twice, and counts the first time".into(),
        (Turn::First, Dst::Dkron) => "this time comes twice, this is the first".into(),
        (Turn::Second, _) => "this time comes twice, this is the second".into(),
        (Turn::Instead(shift), _) => {
            let wall = schedule.skipped(&shift).map_or(shift.at, |(wall, _)| wall);
            format!("instead of {}, which the clock skips", clock(wall.secs()))
        }
    }
}

/// What does not fire between the beginning and the last instant shown.
fn skipped(
    schedule: &Schedule,
    dst: Dst,
    after: Timestamp,
    next: &[Timestamp],
) -> Vec<SkippedWall> {
    let Some(last) = next.last().filter(|_| dst == Dst::Dkron) else { return Vec::new() };
    let following = |shift: &Shift| schedule.zone().shift_after(shift.at);
    let shifts = std::iter::successors(schedule.zone().shift_after(after), following);
    let within = shifts.take(SHIFTS).take_while(|shift| shift.at <= *last);
    let notes = within.filter_map(|shift| {
        let (wall, count) = schedule.skipped(&shift)?;
        let from = clock(shift.at.secs() + i64::from(shift.before));
        let to = clock(shift.at.secs() + i64::from(shift.after));
        let wall = instant::format(wall, 0).trim_end_matches('Z').to_owned();
        Some(SkippedWall { wall, count, dst: format!("the clock goes from {from} to {to}") })
    });
    notes.take(NOTES).collect()
}

/// Hours and minutes of a wall clock.
fn clock(wall: i64) -> String {
    let minutes = wall.rem_euclid(86_400) / 60;
    format!("{:02}:{:02}", minutes / 60, minutes % 60)
}
