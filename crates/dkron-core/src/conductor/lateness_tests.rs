//! The rule of lateness against a look at each single slot.
//! Bears T-38.

use alloc::vec::Vec;
use core::time::Duration;

use super::*;
use crate::domain::JobNo;
use crate::schedule::Zone;

/// A small generator: the cases are the same each time.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, most: u64) -> u64 {
        self.0 += 1;
        crate::domain::jitter::mix(self.0) % most
    }
}

fn at(secs: u64) -> Timestamp {
    Timestamp::from_secs(1_767_225_600 + secs as i64)
}

fn seconds(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

/// Slots that run, and slots that are missed, looked at one by one.
fn one_by_one(rule: &Lateness, slots: &[Nominal], now: Timestamp) -> (Vec<Nominal>, Vec<Nominal>) {
    let due: Vec<Nominal> =
        slots.iter().copied().filter(|slot| rule.jitter.due(*slot) <= now).collect();
    let age = |slot: &Nominal| now.since(rule.jitter.due(*slot));
    let late: Vec<Nominal> =
        due.iter().copied().filter(|slot| age(slot) > rule.threshold).collect();
    let open: Vec<Nominal> =
        late.iter().copied().filter(|slot| age(slot) <= rule.deadline).collect();
    let run = match rule.misfire {
        Misfire::Skip => 0,
        Misfire::RunOnce => 1,
        Misfire::RunAll { max } => max as usize,
    };
    let run = &open[open.len() - run.min(open.len())..];
    let missed = late.iter().copied().filter(|slot| !run.contains(slot)).collect();
    let on_time = due.iter().copied().filter(|slot| age(slot) <= rule.threshold);
    (run.iter().copied().chain(on_time).collect(), missed)
}

fn random_rule(dice: &mut Dice) -> Lateness {
    let deadline = seconds(dice.roll(400));
    let misfire = match dice.roll(3) {
        0 => Misfire::Skip,
        1 => Misfire::RunOnce,
        _ => Misfire::RunAll { max: 1 + dice.roll(40) as u32 },
    };
    let jitter =
        Jitter::new(JobNo(dice.roll(1000)), seconds([0, 3, 20, 200][dice.roll(4) as usize]));
    let threshold = seconds(dice.roll(30)).min(deadline);
    Lateness { misfire, threshold, deadline, jitter }
}

#[test]
fn any_rule_decides_as_a_look_at_each_slot_would() {
    let mut dice = Dice(0);
    for _ in 0..3_000 {
        let distance = 1 + dice.roll(20);
        let text = alloc::format!("@every {distance}s");
        let schedule = Schedule::parse(&text, "job", "", &Zone::utc()).unwrap();
        let slots = Slots { schedule: &schedule, anchor: at(0), expires_at: None };
        let rule = random_rule(&mut dice);
        let all: Vec<Nominal> = (1..=900 / distance).map(|no| Nominal(at(no * distance))).collect();
        let (mut upcoming, mut decided) = (Some(all[0]), 0);
        let mut now = at(0);
        while now < at(600) {
            now = now.after(seconds([1, 5, 30, 200][dice.roll(4) as usize]));
            // The same set is decided in as many goes as it takes.
            let (run, missed) = one_by_one(&rule, &all[decided..], now);
            let (mut ran, mut count) = (Vec::new(), 0);
            while let Some(next) = upcoming.filter(|next| rule.jitter.due(*next) <= now) {
                let (verdicts, after) = rule.judge(&slots, next, now);
                assert!(!verdicts.is_empty() && verdicts.len() <= VERDICTS);
                for verdict in verdicts {
                    match verdict {
                        Verdict::Run(nominal) => ran.push(nominal),
                        Verdict::Missed { first, last, count: many } => {
                            let given = (missed.first().copied(), missed.last().copied());
                            assert_eq!((Some(first), Some(last)), given);
                            count += many;
                        }
                    }
                }
                upcoming = after;
            }
            assert_eq!(ran, run, "{distance} s");
            assert_eq!(count, missed.len() as u64);
            decided += run.len() + missed.len();
            assert_eq!(upcoming, all.get(decided).copied());
        }
    }
}
