//! Not a rule: how often what the rules are about came to pass. A rule over nothing proves nothing.

use std::collections::BTreeMap;

use dkron_core::domain::SchedulingPause;
use dkron_core::ledger::{Command, Fired, Reply, Row, RowOp, Trigger};

use super::Commit;

#[derive(Debug, Default)]
pub struct Coverage {
    pub counts: BTreeMap<String, u64>,
}

impl Coverage {
    pub fn count(&mut self, what: &str) {
        match self.counts.get_mut(what) {
            Some(count) => *count += 1,
            None => drop(self.counts.insert(what.into(), 1)),
        }
    }

    pub fn committed(&mut self, commit: Commit<'_>) {
        for op in &commit.outcome.rows {
            match op {
                RowOp::PutNew(Row::History { record, .. }) => {
                    let (state, reason) = (record.finish.state.word(), record.finish.reason.word());
                    self.count(&format!("end {state} {reason}"));
                }
                RowOp::PutNew(Row::Late { .. }) => self.count("late result"),
                RowOp::Put(Row::Drains(drains)) if !drains.is_empty() => self.count("drained"),
                RowOp::Put(Row::SchedulingPauses(pauses)) => {
                    let one = |pause: &SchedulingPause| match (pause.resumed, pause.until) {
                        (true, _) => "pause resumed",
                        (false, Some(_)) => "pause until",
                        (false, None) => "pause",
                    };
                    pauses.iter().for_each(|pause| self.count(one(pause)));
                }
                RowOp::Put(Row::Skipped { skipped, .. }) => {
                    self.count(&format!("skip {}", skipped.reason.word()));
                }
                _ => {}
            }
        }
        match (commit.entry.command.inner(), &commit.outcome.reply) {
            (Command::Fire(fires), Reply::Fired(fired)) => {
                for (fire, fired) in fires.iter().zip(fired) {
                    let trigger = match fire.trigger {
                        Trigger::Schedule => "schedule",
                        Trigger::Manual(_) => "manual",
                        Trigger::ByHand(_) => "by hand",
                        Trigger::Child(_) => "child",
                        Trigger::Retry { .. } => "retry",
                        Trigger::Queued(_) => "queued",
                    };
                    let fired = match fired {
                        Fired::Run { .. } => "runs",
                        Fired::Skipped => "skipped",
                        Fired::Queued(_) => "queued",
                        Fired::Void => "void",
                        Fired::Rejected(_) => "rejected",
                    };
                    self.count(&format!("fire {trigger} {fired}"));
                }
            }
            (_, Reply::Rejected(rejection)) => {
                let text = format!("{rejection:?}");
                let word = text.split(['(', '[', ' ']).next().unwrap_or_default();
                self.count(&format!("rejected {word}"));
            }
            (Command::Prune(_), Reply::Done) => self.count("prune"),
            (_, Reply::Deposed) => self.count("deposed"),
            (_, Reply::Repeated) => self.count("repeated"),
            (Command::Report(report), _) if !report.starts.is_empty() => {
                self.count("report start");
            }
            _ => {}
        }
    }
}
