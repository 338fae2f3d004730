//! A job as a server would show it, worked out without one: for commands that compare what a file
//! says with what is stored.

use std::sync::Arc;

use dkron_core::conductor::admission;
use dkron_core::domain::{JobNo, Submission, Version};
use dkron_core::schedule::Zone;
use dkron_node::service::JobView;
use serde_json::{Map, Value};

use super::decode;
use super::dto::JobDto;
use super::routes::put::admit;

/// What a server adds to a definition, and what belongs to its history.
pub const NOT_SAID: [&str; 10] = [
    "id",
    "success_count",
    "error_count",
    "last_success",
    "last_error",
    "dependent_jobs",
    "status",
    "next",
    "running",
    "version",
];

/// Keys that Dkron has too; what else stands in a file is read by nobody.
const SAID: [&str; 19] = [
    "name",
    "displayname",
    "timezone",
    "schedule",
    "owner",
    "owner_email",
    "disabled",
    "tags",
    "metadata",
    "retries",
    "parent_job",
    "processors",
    "concurrency",
    "executor",
    "executor_config",
    "ephemeral",
    "starts_at",
    "expires_at",
    "$schema",
];

/// The keys beyond Dkron's.
pub const POLICIES: [&str; 12] = [
    "queue_depth",
    "misfire",
    "misfire_threshold",
    "start_deadline",
    "retry",
    "dst",
    "jitter",
    "max_runtime",
    "on_lost",
    "lost_after",
    "retention",
    "output_limit",
];

/// Every key of a definition.
pub fn said() -> impl Iterator<Item = &'static str> {
    SAID.into_iter().chain(POLICIES)
}

/// The definition that a server would store for `job`, or why it would not.
pub fn normal(job: &Value) -> Result<Map<String, Value>, String> {
    let draft = decode::job(job.to_string().as_bytes()).map_err(|err| err.to_string())?;
    let Submission { job, .. } = admit(draft).map_err(|err| err.to_string())?;
    admission::check(&job, &Zone::utc())?;
    let view = JobView {
        job_no: JobNo(0),
        version: Version(0),
        job: Arc::new(job),
        success_count: 0,
        error_count: 0,
        last_success: None,
        last_error: None,
        status: dkron_core::domain::Status::Untriggered,
        running: 0,
        next: None,
        dependents: Vec::new(),
    };
    let shown = serde_json::to_value(JobDto::from(&view)).map_err(|err| err.to_string())?;
    Ok(definition(&shown))
}

/// The definition in an answer of a server: without history, and without what is empty.
pub fn definition(shown: &Value) -> Map<String, Value> {
    let said =
        |(key, value): &(&String, &Value)| !NOT_SAID.contains(&key.as_str()) && !is_empty(value);
    let fields = shown.as_object().into_iter().flatten().filter(said);
    fields.map(|(key, value)| (key.clone(), value.clone())).collect()
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(fields) => fields.is_empty(),
        Value::Bool(_) | Value::Number(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_normal_form_is_its_own_normal_form() {
        let job = json!({
            "name": "a", "schedule": "@every 1m", "executor": "shell", "success_count": 4,
            "executor_config": {"command": "date", "shell": true}, "max_runtime": "60s",
            "retries": {"max": 2, "delay": "1000ms"}, "tags": {}, "starts_at": null,
        });
        let once = normal(&job).unwrap();
        assert_eq!(once["executor_config"]["shell"], "true");
        assert_eq!(once["max_runtime"], "1m0s");
        assert_eq!((&once["retries"], &once["retry"]), (&json!(2), &json!({"delay": "1s"})));
        assert!(!once.contains_key("tags") && !once.contains_key("success_count"));
        assert_eq!(normal(&Value::Object(once.clone())).unwrap(), once);
    }

    #[test]
    fn what_can_not_be_stored_says_why() {
        for (job, said) in [
            (json!({"schedule": "@hourly"}), "name"),
            (json!({"name": "A", "schedule": "@hourly"}), "illegal character 'A'"),
            (json!({"name": "a", "schedule": "nonsense"}), "schedule"),
            (json!({"name": "a", "schedule": "@hourly", "jitter": 3}), "jitter"),
            (json!({"name": 3}), "name"),
        ] {
            assert!(normal(&job).unwrap_err().contains(said), "{job}");
        }
    }
}
