//! A clean run passes, and each way in which it can be spoilt is named by its rule, and by no
//! other one.

use super::*;
use crate::case::{Band, History, Host, Op, Plan, RUNNER, SECOND, Skipped};
use crate::lines::Line;

const FENCE: u64 = 7;

/// Ten seconds with a job of every second on two workers, one that forbids overlap, one whose
/// first attempts fail, one that runs on both, a parent with a child.
fn clean() -> Case {
    let job = |name: &str, period: i64| Job {
        name: name.into(),
        period,
        concurrency: "allow".into(),
        nodes: vec!["a1".into(), "a2".into()],
        places: 1,
        ..Job::default()
    };
    let apart = Job { concurrency: "forbid".into(), ..job("apart", 1) };
    let again = Job { retries: 1, retry_delay: 1, fails_first: true, ..job("again", 5) };
    let both = Job { places: 2, ..job("both", 5) };
    let child = Job { parent: Some("tick".into()), ..job("child", 0) };
    let hosts = ["s1", "s2", "a1", "a2"];
    let host = |name: &&str| Host { name: (*name).into(), server: name.starts_with('s') };
    let mut world = World::default();
    world.case.plan = Plan {
        from: 100 * SECOND + 500_000,
        until: 110 * SECOND + 500_000,
        jobs: vec![job("tick", 1), apart, again, both, child],
        hosts: hosts.iter().map(host).collect(),
        ..Plan::default()
    };
    for slot in 101..=110 {
        world.run("tick", Some(slot), 1, "a1", 0);
        world.run("child", None, 1, "a2", 0);
        world.run("apart", Some(slot), 1, "a1", 0);
    }
    for slot in [105, 110] {
        world.run("again", Some(slot), 1, "a2", 1);
        world.run("again", Some(slot), 2, "a2", 0);
        world.run("both", Some(slot), 1, "a1", 0);
        world.run("both", Some(slot), 1, "a2", 0);
    }
    let case = &mut world.case;
    case.histories = ["s1", "s2"].map(|server| history(server, &world.stories)).into();
    case.ops = vec![op(true, 1, "ok"), op(false, 1, "ok"), op(true, 2, "unknown")];
    world.case
}

fn history(server: &str, jobs: &BTreeMap<String, Story>) -> History {
    let hash = Some((99, "ab".to_owned()));
    History { server: server.into(), jobs: jobs.clone(), hash }
}

fn op(write: bool, value: u64, outcome: &str) -> Op {
    Op { write, value, outcome: outcome.into(), server: "s1".into(), stale: false }
}

#[derive(Default)]
struct World {
    case: Case,
    stories: BTreeMap<String, Story>,
    groups: BTreeMap<(String, i64), u64>,
    begun: i64,
}

impl World {
    fn run(&mut self, job: &str, slot: Option<i64>, attempt: u32, node: &str, exit: i64) {
        let number = self.case.lines.len();
        let id = format!("{job}-{number}");
        // A child follows the run before it.
        let due = slot.map_or(self.begun + 400_000, |slot| slot * SECOND);
        let start = due + 10_000 + i64::from(attempt - 1) * 2 * SECOND;
        self.begun = due;
        let key = (job.to_owned(), slot.unwrap_or(-(number as i64)));
        let group = *self.groups.entry(key).or_insert(number as u64 + 1);
        let words = Start {
            job: job.into(),
            execution: id.clone(),
            scheduled: slot.map(|slot| slot * SECOND),
            attempt,
            node: node.into(),
            fence: FENCE,
        };
        self.line(node, start, Said::Start(words));
        self.line(node, start + 300_000, Said::End { execution: id.clone(), exit });
        let story = self.stories.entry(job.into()).or_default();
        story.executions.push(Execution {
            id,
            job: job.into(),
            group,
            attempt,
            node: node.into(),
            state: if exit == 0 { "success" } else { "failed" }.into(),
            reason: String::new(),
            scheduled: slot.map(|slot| slot * SECOND),
            finished: Some(start + 300_000),
            exit_code: Some(exit),
        });
        if exit == 0 { story.successes += 1 } else { story.errors += 1 }
    }

    fn line(&mut self, host: &str, at: i64, said: Said) {
        self.case.lines.push(Line { host: host.into(), said, at });
    }
}

/// The same change on every server.
fn change(case: &mut Case, job: &str, spoil: impl Fn(&mut Story)) {
    for history in &mut case.histories {
        spoil(history.jobs.entry(job.into()).or_default());
    }
}

fn change_state(case: &mut Case, job: &str, state: &str) {
    change(case, job, |story| {
        story.executions[0].state = state.into();
        story.executions[0].exit_code = None;
        story.successes -= 1;
        story.errors += 1;
    });
}

fn position(case: &Case, job: &str, nth: usize) -> usize {
    let is = |line: &Line| matches!(&line.said, Said::Start(start) if start.job == job);
    let mut all = case.lines.iter().enumerate().filter(|(_, line)| is(line));
    all.nth(nth).unwrap().0
}

fn start_of<'a>(case: &'a mut Case, job: &str, nth: usize) -> &'a mut Start {
    let at = position(case, job, nth);
    match &mut case.lines[at].said {
        Said::Start(start) => start,
        _ => unreachable!("position finds starts"),
    }
}

#[track_caller]
fn breaks(rules: &[&str], spoil: impl FnOnce(&mut Case)) {
    let mut case = clean();
    spoil(&mut case);
    let verdict = check(&case);
    let found: std::collections::BTreeSet<&str> =
        verdict.violations.iter().map(|violation| violation.rule).collect();
    let wanted: std::collections::BTreeSet<&str> = rules.iter().copied().collect();
    assert_eq!(found, wanted, "{:#?}", verdict.violations);
}

#[test]
fn a_clean_run_passes() {
    breaks(&[], |_| {});
}

#[test]
fn a_slot_without_a_record_is_missed() {
    breaks(&["missed"], |case| {
        change(case, "apart", |story| {
            story.executions.remove(3);
            story.successes -= 1;
        });
        let at = position(case, "apart", 3);
        case.lines.drain(at..at + 2);
    });
}

#[test]
fn a_skipped_record_accounts_for_its_slots() {
    let skip = |count| Skipped {
        first: 104 * SECOND,
        last: 105 * SECOND,
        count,
        reason: "overlap".into(),
    };
    let spoil = |case: &mut Case, count| {
        change(case, "apart", |story| {
            story.executions.drain(3..5);
            story.successes -= 2;
            story.skipped.push(skip(count));
        });
        let at = position(case, "apart", 3);
        case.lines.drain(at..at + 2);
        let at = position(case, "apart", 3);
        case.lines.drain(at..at + 2);
    };
    breaks(&[], |case| spoil(case, 2));
    breaks(&["phantom"], |case| spoil(case, 3));
}

#[test]
fn a_slot_that_ran_and_was_skipped_is_decided_twice() {
    breaks(&["decided twice"], |case| {
        change(case, "tick", |story| {
            let at = 104 * SECOND;
            let reason = "missed".into();
            story.skipped.push(Skipped { first: at, last: at, count: 1, reason });
        });
    });
}

#[test]
fn a_slot_with_two_groups_is_decided_twice() {
    breaks(&["decided twice", "double start"], |case| {
        let slot = Some(104 * SECOND);
        change(case, "apart", |story| story.executions[4].scheduled = slot);
        start_of(case, "apart", 4).scheduled = slot;
        // The slot from which it was taken has a record of its own.
        change(case, "apart", |story| {
            let at = 105 * SECOND;
            let reason = "missed".into();
            story.skipped.push(Skipped { first: at, last: at, count: 1, reason });
        });
    });
}

#[test]
fn a_slot_that_was_not_due_is_a_phantom() {
    breaks(&["phantom"], |case| {
        case.plan.until = 109 * SECOND + 500_000;
    });
}

#[test]
fn an_execution_that_starts_twice() {
    breaks(&["double start"], |case| {
        let at = position(case, "tick", 2);
        let twice = case.lines[at].clone();
        case.lines.push(twice);
    });
}

#[test]
fn a_run_that_nobody_knows() {
    breaks(&["no record"], |case| {
        let at = position(case, "child", 2);
        let mut alien = case.lines[at].clone();
        if let Said::Start(start) = &mut alien.said {
            start.execution = "alien".into();
        }
        case.lines.push(alien);
    });
}

#[test]
fn a_line_that_no_run_writes() {
    breaks(&["unreadable line"], |case| {
        let said = Said::Unreadable("start st".into());
        case.lines.push(Line { host: "a1".into(), said, at: 0 });
    });
}

#[test]
fn a_success_needs_its_start_and_its_end() {
    breaks(&["success without a run"], |case| {
        let at = position(case, "tick", 2);
        case.lines.remove(at + 1);
    });
    breaks(&["success without a run"], |case| {
        let at = position(case, "both", 0);
        case.lines.drain(at..at + 2);
    });
}

#[test]
fn a_failure_needs_a_start_or_a_reason() {
    let spoil = |case: &mut Case, reason: &'static str| {
        change_state(case, "both", "failed");
        change(case, "both", |story| story.executions[0].reason = reason.into());
        let at = position(case, "both", 0);
        case.lines.drain(at..at + 2);
        let hosts = vec!["a1".into()];
        let (from, to) = (case.plan.from, case.plan.until);
        case.plan.bands.push(Band { name: "kill host".into(), hosts, from, to });
    };
    breaks(&["failure without a run"], |case| spoil(case, ""));
    breaks(&[], |case| spoil(case, "node_unreachable"));
    let with_its_runner = |case: &mut Case, exit_code: Option<i64>| {
        spoil(case, "");
        change(case, "both", |story| story.executions[0].exit_code = exit_code);
        case.plan.bands.last_mut().unwrap().name = format!("kill -9 {RUNNER}");
    };
    breaks(&[], |case| with_its_runner(case, None));
    breaks(&["failure without a run"], |case| with_its_runner(case, Some(1)));
}

#[test]
fn exit_codes_agree() {
    breaks(&["wrong exit"], |case| {
        change(case, "again", |story| story.executions[0].exit_code = Some(1));
        let at = position(case, "again", 0);
        if let Said::End { exit, .. } = &mut case.lines[at + 1].said {
            *exit = 3;
        }
    });
}

#[test]
fn an_end_that_nothing_explains() {
    for state in ["lost", "failed", "timed_out", "cancelled"] {
        breaks(&["unexplained"], |case| change_state(case, "both", state));
        breaks(&[], |case| {
            change_state(case, "both", state);
            let band = Band { hosts: vec!["a1".into()], ..Band::default() };
            case.plan.bands.push(Band { from: 105 * SECOND, to: 106 * SECOND, ..band });
        });
        breaks(&["unexplained"], |case| {
            change_state(case, "both", state);
            let band = Band { hosts: vec!["a2".into()], ..Band::default() };
            case.plan.bands.push(Band { from: 105 * SECOND, to: 106 * SECOND, ..band });
        });
    }
}

#[test]
fn what_has_not_ended() {
    for state in ["pending", "running", "unreachable"] {
        breaks(&["unfinished"], |case| {
            change(case, "both", |story| {
                story.executions[0].state = state.into();
                story.successes -= 1;
            });
        });
    }
}

#[test]
fn counters_count_each_end() {
    breaks(&["miscounted"], |case| change(case, "tick", |story| story.successes += 1));
    breaks(&["miscounted"], |case| change(case, "tick", |story| story.errors += 1));
}

#[test]
fn a_start_before_its_time() {
    breaks(&["early"], |case| {
        let at = position(case, "both", 0);
        case.lines[at].at -= 20_000;
    });
}

#[test]
fn a_clock_that_is_off_may_be_a_second_ahead() {
    let spoil = |case: &mut Case, by| {
        let band = Band { name: "clock +0.9 s".into(), ..Band::default() };
        case.plan.bands.push(Band { from: 104 * SECOND, to: 109 * SECOND, ..band });
        let at = position(case, "both", 0);
        case.lines[at].at -= by;
    };
    breaks(&[], |case| spoil(case, 900_000));
    breaks(&["early"], |case| spoil(case, 1_100_000));
}

#[test]
fn a_late_start_long_after_the_faults() {
    breaks(&["not recovered"], |case| {
        let band = Band { hosts: vec!["s1".into()], ..Band::default() };
        case.plan.bands.push(Band { from: 80 * SECOND, to: 90 * SECOND, ..band });
        let at = position(case, "both", 2);
        case.lines[at].at += 6 * SECOND;
    });
}

#[test]
fn runs_side_by_side() {
    breaks(&["overlap"], |case| {
        let at = position(case, "apart", 3);
        case.lines[at + 1].at += SECOND;
    });
    breaks(&["overlap"], |case| {
        let said = Said::Beside { execution: "apart-1".into() };
        case.lines.push(Line { host: "a1".into(), said, at: 0 });
    });
}

#[test]
fn nobody_can_end_what_is_frozen_but_who_holds_waits() {
    let spoil = |case: &mut Case, hold| {
        let name = format!("SIGSTOP of everything {}", crate::case::BEYOND_LEASE);
        case.plan.bands.push(Band { name, ..Band::default() });
        case.plan.jobs[1].hold = hold;
        let at = position(case, "apart", 3);
        case.lines[at + 1].at += SECOND;
        let said = Said::Beside { execution: start_of(case, "apart", 4).execution.clone() };
        case.lines.push(Line { host: "a1".into(), said, at: 0 });
    };
    breaks(&[], |case| spoil(case, false));
    breaks(&["overlap"], |case| spoil(case, true));
}

#[test]
fn an_older_leadership_after_a_newer_one() {
    breaks(&["fence"], |case| start_of(case, "apart", 5).fence = FENCE - 1);
}

#[test]
fn places_are_those_of_the_job() {
    breaks(&["wrong place"], |case| {
        let at = position(case, "tick", 1);
        case.lines[at].host = "s1".into();
    });
    breaks(&["wrong place"], |case| start_of(case, "tick", 1).node = "a2".into());
    breaks(&["wrong place"], |case| {
        change(case, "both", |story| {
            story.executions.remove(1);
            story.successes -= 1;
        });
        let at = position(case, "both", 1);
        case.lines.drain(at..at + 2);
    });
}

#[test]
fn attempts_follow_failures() {
    breaks(&["retry"], |case| {
        change(case, "again", |story| {
            story.executions.remove(1);
            story.successes -= 1;
        });
        let at = position(case, "again", 1);
        case.lines.drain(at..at + 2);
    });
    breaks(&["retry"], |case| {
        let at = position(case, "again", 1);
        case.lines[at].at -= SECOND;
    });
    breaks(&["retry"], |case| {
        change(case, "again", |story| {
            story.executions[0].state = "success".into();
            story.successes += 1;
            story.errors -= 1;
        });
        let at = position(case, "again", 0);
        if let Said::End { exit, .. } = &mut case.lines[at + 1].said {
            *exit = 0;
        }
    });
}

#[test]
fn children_are_as_many_as_successes() {
    breaks(&["chain"], |case| {
        change(case, "child", |story| {
            story.executions.remove(1);
            story.successes -= 1;
        });
        let at = position(case, "child", 1);
        case.lines.drain(at..at + 2);
    });
    breaks(&["chain"], |case| {
        let at = position(case, "child", 0);
        case.lines[at].at -= SECOND;
    });
}

#[test]
fn writes_are_seen_by_every_later_read() {
    breaks(&["lost write"], |case| case.ops.push(op(false, 0, "ok")));
    breaks(&["lost write"], |case| {
        case.ops.push(op(false, 2, "ok"));
        case.ops.push(op(false, 1, "ok"));
    });
    breaks(&[], |case| {
        case.ops.push(op(false, 1, "ok"));
        case.ops.push(op(false, 2, "ok"));
        case.ops.push(Op { stale: true, ..op(false, 0, "ok") });
        case.ops.push(op(true, 3, "refused"));
    });
    breaks(&["lost write"], |case| {
        case.ops.push(op(true, 3, "refused"));
        case.ops.push(op(false, 3, "ok"));
    });
}

#[test]
fn servers_agree() {
    breaks(&["disagreement"], |case| case.histories[1].hash = Some((99, "ac".into())));
    breaks(&[], |case| case.histories[1].hash = Some((98, "ac".into())));
    breaks(&["disagreement"], |case| {
        case.histories[1].jobs.get_mut("tick").unwrap().executions.pop();
    });
    breaks(&["disagreement"], |case| {
        case.histories[1].jobs.remove("tick");
    });
    breaks(&["disagreement"], |case| {
        case.histories[1].jobs.insert("more".into(), Story::default());
    });
}

#[test]
fn a_process_that_ends_by_itself() {
    breaks(&["survival"], |case| case.plan.incidents.push("s1: the agent panicked".into()));
}

#[test]
fn every_rule_has_a_test_above() {
    let text = include_str!("tests.rs");
    for (rule, _) in RULES {
        assert!(text.contains(&format!("\"{rule}\"")), "no test breaks `{rule}`");
    }
}
