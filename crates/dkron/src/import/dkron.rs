//! What behaves differently when jobs move here from Dkron. `docs/compat.md` has every difference;
//! these are the ones that depend on the jobs.

use serde_json::Value;

const EXECUTORS: [&str; 3] = ["shell", "http", "noop"];
const PROCESSORS: [&str; 2] = ["files", "log"];

/// Notes for these jobs, the particular ones first. `zone` is that of the cluster they go to.
pub fn differences(jobs: &[Value], zone: Option<&str>) -> Vec<String> {
    let mut notes: Vec<String> = jobs.iter().flat_map(of_job).collect();
    let mut all = |said: bool, text: &str| {
        if said {
            notes.push(text.to_owned());
        }
    };
    let text = |job: &Value, key: &str| job[key].as_str().unwrap_or("").to_owned();
    let zoneless = jobs.iter().filter(|job| {
        text(job, "timezone").is_empty() && text(job, "parent_job").is_empty() && wall(job)
    });
    let zoneless = zoneless.count();
    let zone = zone.unwrap_or("that of the server which created it");
    all(
        zoneless > 0,
        &format!(
            "{zoneless} jobs without a zone follow the cluster's zone ({zone}), \
             not that of whichever server leads"
        ),
    );
    all(
        jobs.iter().any(|job| text(job, "schedule").starts_with("@every")),
        "@every counts on from its beginning, also after a change or a restart",
    );
    all(
        jobs.iter().any(|job| job["concurrency"] == "forbid"),
        "a run by hand of a job that runs is answered with 409 where concurrency is forbid",
    );
    all(
        jobs.iter().any(|job| job["retries"].as_u64().unwrap_or(0) > 0),
        "a group whose last attempt succeeded is a success; \
         further attempts come after 0.5 s, 1 s, 2 s …",
    );
    all(!jobs.is_empty(), "POST run answers 202 at once; ?wait=30s waits for the end");
    all(
        !jobs.is_empty(),
        "slots that were missed run late or leave a record (docs/concepts/lateness.md)",
    );
    all(!jobs.is_empty(), "counters come along, executions do not");
    notes
}

fn of_job(job: &Value) -> Vec<String> {
    let text = |key: &str| job[key].as_str().unwrap_or("");
    let mut notes = Vec::new();
    let mut note = |said: String| notes.push(format!("{}: {said}", text("name")));
    let executor = text("executor");
    if !EXECUTORS.contains(&executor) {
        note(format!("no node has executor \"{executor}\", its runs will fail"));
    }
    for name in job["processors"].as_object().into_iter().flatten().map(|(name, _)| name) {
        if !PROCESSORS.contains(&name.as_str()) {
            note(format!("no node has processor \"{name}\", it is left out"));
        }
    }
    let schedule = text("schedule");
    if is_word(schedule) && !text("timezone").is_empty() {
        let zone = text("timezone");
        note(format!(
            "the zone {zone} does not count for {schedule}; write it as fields if it is to"
        ));
    }
    let command = job["executor_config"]["command"].as_str().unwrap_or("");
    let in_shell = matches!(job["executor_config"]["shell"].as_str(), Some("true" | "1"));
    if executor == "shell"
        && !in_shell
        && ["&&", "|", ">", ";"].iter().any(|sign| command.contains(sign))
    {
        note("the command needs \"shell\": \"true\"; Dkron ran its first part only".to_owned());
    }
    notes
}

/// A word for wall clock times, such as `@daily`.
fn is_word(schedule: &str) -> bool {
    let other = ["@every", "@at", "@manually"];
    schedule.starts_with('@') && !other.iter().any(|word| schedule.starts_with(word))
}

/// Whether the schedule looks at a wall clock.
fn wall(job: &Value) -> bool {
    let schedule = job["schedule"].as_str().unwrap_or("");
    !schedule.is_empty() && (is_word(schedule) || !schedule.starts_with('@'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn notes_follow_from_the_jobs() {
        let jobs = [
            json!({"name": "a", "schedule": "@daily", "timezone": "Asia/Tokyo", "executor": "kafka",
                   "processors": {"syslog": {}}, "concurrency": "forbid", "retries": 1}),
            json!({"name": "b", "schedule": "0 0 * * * *", "timezone": "", "executor": "shell",
                   "executor_config": {"command": "a | b"}}),
        ];
        let notes = differences(&jobs, Some("Europe/Berlin")).join("\n");
        for said in [
            "a: no node has executor \"kafka\"",
            "a: no node has processor \"syslog\"",
            "a: the zone Asia/Tokyo does not count for @daily",
            "b: the command needs",
            "1 jobs without a zone follow the cluster's zone (Europe/Berlin)",
            "answered with 409",
            "further attempts",
        ] {
            assert!(notes.contains(said), "{said}:\n{notes}");
        }
        assert!(differences(&[], None).is_empty());
    }
}
