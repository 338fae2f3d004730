//! CronJobs of Kubernetes as jobs with the executor `shell`. What runs is the command of the first
//! container, on a node of ours: there is no image, and what belongs to one is named and left out.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::Imported;
use super::names::{Names, tame};
use super::quote;

/// What Kubernetes does where a CronJob does not say: six further tries, ten seconds apart at
/// first, six minutes at most.
const TRIES: u64 = 6;
const DELAY: &str = "10s";
const DELAY_MOST: &str = "6m";

pub fn read(documents: Vec<Value>, prefix: &str) -> Imported {
    let mut imported = Imported::default();
    let mut names = Names::default();
    for document in documents {
        let items = match document["kind"].as_str() {
            Some("List" | "CronJobList") => document["items"].as_array().cloned(),
            _ => Some(vec![document]),
        };
        for item in items.unwrap_or_default() {
            one(&item, prefix, &mut names, &mut imported);
        }
    }
    imported
}

fn one(item: &Value, prefix: &str, names: &mut Names, imported: &mut Imported) {
    let own = item["metadata"]["name"].as_str().unwrap_or("");
    match item["kind"].as_str() {
        Some("CronJob") => {}
        None if item.is_null() => return,
        kind => {
            let kind = kind.unwrap_or("a document without a kind");
            imported.notes.push(format!("{kind} {own} is no CronJob and was left out"));
            return;
        }
    }
    let mut dropped = Vec::new();
    let name = names.own(format!("{prefix}{}", tame(own)));
    match job(item, &name, &mut dropped) {
        Ok(job) => {
            imported.jobs.push(job);
            let notes = dropped.into_iter().map(|said| format!("{name}: {said}"));
            imported.notes.extend(notes);
        }
        Err(said) => imported.refused.push(format!("{own}: {said}")),
    }
}

fn job(item: &Value, name: &str, dropped: &mut Vec<String>) -> Result<Map<String, Value>, String> {
    let (spec, meta) = (&item["spec"], &item["metadata"]);
    let inner = &spec["jobTemplate"]["spec"];
    let pod = &inner["template"]["spec"];
    let (schedule, zone) = schedule(spec, dropped)?;
    let mut job = json!({
        "name": name,
        "schedule": schedule,
        "timezone": zone,
        "concurrency": concurrency(spec)?,
        "disabled": spec["suspend"] == true,
        "executor": "shell",
        "executor_config": config(pod, dropped)?,
        "retries": inner["backoffLimit"].as_u64().unwrap_or(TRIES),
        "retry": { "delay": DELAY, "max_delay": DELAY_MOST },
    });
    if let Some(seconds) = spec["startingDeadlineSeconds"].as_u64() {
        job["start_deadline"] = json!(format!("{seconds}s"));
    }
    if let Some(seconds) = inner["activeDeadlineSeconds"].as_u64() {
        job["max_runtime"] = json!(format!("{seconds}s"));
    }
    let mut metadata = meta["labels"].as_object().cloned().unwrap_or_default();
    if let Some(namespace) = meta["namespace"].as_str() {
        metadata.insert("namespace".to_owned(), json!(namespace));
    }
    if !metadata.is_empty() {
        job["metadata"] = Value::Object(metadata);
    }
    left_out(spec, inner, pod, dropped);
    let Value::Object(job) = job else { return Err(String::new()) };
    crate::rest::normal::normal(&Value::Object(job.clone()))?;
    Ok(job)
}

/// Six fields and a zone. Words become fields, for which the zone counts.
fn schedule(spec: &Value, dropped: &mut Vec<String>) -> Result<(String, String), String> {
    let text = spec["schedule"].as_str().unwrap_or("").trim();
    let prefixed = text.strip_prefix("TZ=").or(text.strip_prefix("CRON_TZ="));
    let (said, text) = match prefixed.and_then(|rest| rest.split_once(' ')) {
        Some((zone, rest)) => (Some(zone), rest.trim()),
        None => (spec["timeZone"].as_str(), text),
    };
    let zone = said.unwrap_or("UTC").to_owned();
    let fields = match text {
        "@yearly" | "@annually" => "0 0 1 1 *",
        "@monthly" => "0 0 1 * *",
        "@weekly" => "0 0 * * 0",
        "@daily" | "@midnight" => "0 0 * * *",
        "@hourly" => "0 * * * *",
        other => other,
    };
    if fields.starts_with("@every ") {
        return Ok((fields.to_owned(), zone));
    }
    if fields.split_whitespace().count() != 5 {
        return Err(format!("schedule: \"{text}\" has not five fields"));
    }
    if said.is_none() {
        dropped
            .push("no timeZone: the zone of the cluster's controller counted, UTC is taken".into());
    }
    Ok((format!("0 {}", fields.replace('?', "*")), zone))
}

fn concurrency(spec: &Value) -> Result<&'static str, String> {
    match spec["concurrencyPolicy"].as_str() {
        None | Some("" | "Allow") => Ok("allow"),
        Some("Forbid") => Ok("forbid"),
        Some("Replace") => Ok("replace"),
        Some(other) => Err(format!("concurrencyPolicy: {other} is unknown")),
    }
}

fn config(pod: &Value, dropped: &mut Vec<String>) -> Result<Value, String> {
    let container = &pod["containers"][0];
    let texts = |key: &str| {
        let list = container[key].as_array().into_iter().flatten();
        list.filter_map(Value::as_str).collect::<Vec<_>>()
    };
    let (command, args) = (texts("command"), texts("args"));
    if command.is_empty() {
        let image = container["image"].as_str().unwrap_or("the image");
        return Err(format!("the container has no command, what {image} runs is not known here"));
    }
    let line = match command.as_slice() {
        // A shell that is handed a script: the script itself.
        ["sh" | "/bin/sh", "-c"] if args.len() == 1 => args[0].to_owned(),
        ["sh" | "/bin/sh", "-c", script] if args.is_empty() => (*script).to_owned(),
        words => quote::words(words.iter().copied().chain(args)),
    };
    let mut config = json!({ "shell": "true", "command": line });
    let mut env = BTreeMap::new();
    for one in container["env"].as_array().into_iter().flatten() {
        let name = one["name"].as_str().unwrap_or("");
        if one.get("valueFrom").is_some() {
            dropped.push(format!("env {name} comes from elsewhere (valueFrom) and is not set"));
        } else {
            env.insert(name, one["value"].as_str().unwrap_or(""));
        }
    }
    if !env.is_empty() {
        config["env"] = json!(json!(env).to_string());
    }
    if let Some(folder) = container["workingDir"].as_str() {
        config["cwd"] = json!(folder);
    }
    if let Some(image) = container["image"].as_str() {
        dropped.push(format!("image {image}: the command runs on the node itself"));
    }
    for key in ["envFrom", "volumeMounts", "resources", "securityContext", "lifecycle"] {
        if container.get(key).is_some_and(|value| !value.is_null()) {
            dropped.push(format!("{key} of the container"));
        }
    }
    Ok(config)
}

/// Names what has no counterpart.
fn left_out(spec: &Value, inner: &Value, pod: &Value, dropped: &mut Vec<String>) {
    let more = pod["containers"].as_array().map_or(0, Vec::len).saturating_sub(1);
    if more > 0 {
        dropped.push(format!("{more} further containers"));
    }
    let keys = [
        (spec, "successfulJobsHistoryLimit"),
        (spec, "failedJobsHistoryLimit"),
        (inner, "parallelism"),
        (inner, "completions"),
        (inner, "ttlSecondsAfterFinished"),
        (inner, "podFailurePolicy"),
        (pod, "initContainers"),
        (pod, "volumes"),
        (pod, "nodeSelector"),
        (pod, "affinity"),
        (pod, "tolerations"),
        (pod, "serviceAccountName"),
        (pod, "imagePullSecrets"),
        (pod, "securityContext"),
    ];
    let said = |(of, key): &(&Value, &str)| of.get(*key).is_some_and(|value| !value.is_null());
    dropped.extend(keys.iter().filter(|key| said(key)).map(|(_, key)| (*key).to_owned()));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Imported {
        read(serde_saphyr::from_multiple(text).unwrap(), "")
    }

    const FULL: &str = "
apiVersion: batch/v1
kind: CronJob
metadata: {name: nightly.report, namespace: ops, labels: {team: data}}
spec:
  schedule: '30 2 * * 1-5'
  timeZone: Europe/Berlin
  concurrencyPolicy: Replace
  suspend: true
  startingDeadlineSeconds: 200
  successfulJobsHistoryLimit: 3
  jobTemplate:
    spec:
      backoffLimit: 2
      activeDeadlineSeconds: 600
      template:
        spec:
          restartPolicy: Never
          containers:
          - name: main
            image: busybox:1
            workingDir: /srv
            command: [/bin/report]
            args: [--all, 'two words']
            env:
            - {name: A, value: '1,2'}
            - {name: KEY, valueFrom: {secretKeyRef: {name: s, key: k}}}
---
kind: Service
metadata: {name: web}
";

    #[test]
    fn a_whole_one() {
        let got = parse(FULL);
        let job = &got.jobs[0];
        assert_eq!(job["name"], "nightly-report");
        assert_eq!(
            (&job["schedule"], &job["timezone"]),
            (&json!("0 30 2 * * 1-5"), &json!("Europe/Berlin"))
        );
        assert_eq!((&job["concurrency"], &job["disabled"]), (&json!("replace"), &json!(true)));
        assert_eq!((&job["start_deadline"], &job["max_runtime"]), (&json!("200s"), &json!("600s")));
        assert_eq!(job["retries"], 2);
        assert_eq!(job["metadata"], json!({"team": "data", "namespace": "ops"}));
        let config = &job["executor_config"];
        assert_eq!(config["command"], "/bin/report --all 'two words'");
        assert_eq!((&config["env"], &config["cwd"]), (&json!(r#"{"A":"1,2"}"#), &json!("/srv")));
        let notes = got.notes.join("\n");
        for said in ["env KEY", "image busybox:1", "successfulJobsHistoryLimit", "Service web"] {
            assert!(notes.contains(said), "{notes}");
        }
    }

    #[test]
    fn defaults_are_those_of_kubernetes() {
        let got = parse(
            "kind: CronJob\nmetadata: {name: a}\nspec:\n  schedule: '@daily'\n\
             \x20 jobTemplate: {spec: \
             {template: {spec: {containers: [{command: [sh, -c, 'echo $A | wc']}]}}}}\n",
        );
        let job = &got.jobs[0];
        assert_eq!((&job["schedule"], &job["timezone"]), (&json!("0 0 0 * * *"), &json!("UTC")));
        assert_eq!((&job["retries"], &job["concurrency"]), (&json!(6), &json!("allow")));
        assert_eq!(job["executor_config"]["command"], "echo $A | wc");
        assert!(got.notes[0].contains("no timeZone"), "{:?}", got.notes);
    }

    #[test]
    fn what_can_not_become_a_job_says_why() {
        let got = parse(
            "kind: CronJob\nmetadata: {name: a}\nspec: {schedule: '* * * * *', jobTemplate: {spec: \
             {template: {spec: {containers: [{image: x}]}}}}}\n---\nkind: CronJob\n\
             metadata: {name: b}\nspec: {schedule: nonsense}\n",
        );
        assert!(got.refused[0].contains("what x runs is not known"), "{:?}", got.refused);
        assert!(got.refused[1].starts_with("b: schedule: "), "{:?}", got.refused);
        assert!(got.jobs.is_empty());
    }
}
