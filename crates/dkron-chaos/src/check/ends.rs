//! Everything ends, and every end counts once.

use super::{Verdict, View};

pub fn check(view: &View<'_>, verdict: &mut Verdict) {
    for (job, told) in view.executions().filter(|(_, told)| !told.is_terminal()) {
        verdict.add("unfinished", &job.name, format!("{} is still {}", told.id, told.state));
    }
    for (job, story) in &view.jobs {
        let ended = story.executions.iter().filter(|run| run.is_terminal());
        let (good, bad): (Vec<_>, Vec<_>) = ended.partition(|run| run.state == "success");
        let told = (story.successes, story.errors);
        let counted = (good.len() as u64, bad.len() as u64);
        if told != counted {
            let text = format!("(success, error) counters {told:?}, executions {counted:?}");
            verdict.add("miscounted", &job.name, text);
        }
    }
}
