//! Which cases may run beside each other. Each cleans up after itself, but two that name the same
//! job would meet, and some change the server for everybody.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use regex::Regex;
use serde_json::Value;

use crate::case::{Ask, Case};

static A_NAME: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r#"(?i)"(?:name|displayname|parent_job)"\s*:\s*"([^"]*)""#)
        .expect("a pattern written here compiles")
});

#[derive(Debug, Default)]
pub struct Groups {
    /// Groups side by side, the cases of one after each other.
    pub together: Vec<Vec<usize>>,
    /// Only when nothing else runs.
    pub alone: Vec<usize>,
}

pub fn split(cases: &[&Case]) -> Groups {
    let mut groups = Groups::default();
    let mut held: Vec<(Words, Vec<usize>)> = Vec::new();
    for (index, case) in cases.iter().enumerate() {
        if case.steps.iter().filter_map(|s| s.request.as_ref()).any(is_for_everybody) {
            groups.alone.push(index);
            continue;
        }
        let mut words = Words::of(case);
        let mut members = vec![index];
        let (meeting, apart) = held.into_iter().partition(|(other, _)| other.meets(&words));
        held = apart;
        for (other, theirs) in Vec::<(Words, Vec<usize>)>::from_iter(meeting) {
            words.join(other);
            members.extend(theirs);
        }
        members.sort_unstable();
        held.push((words, members));
    }
    groups.together = held.into_iter().map(|(_, members)| members).collect();
    groups
}

/// Pausing refuses everybody's writes, leaving ends the server, an unfiltered list counts all jobs.
fn is_for_everybody(ask: &Ask) -> bool {
    let (path, query) = ask.path.split_once('?').unwrap_or((&ask.path, ""));
    let lists_all = path == "/v1/jobs" && ask.method == "GET" && !query.contains("q=");
    lists_all || ["/v1/pause", "/v1/unpause", "/v1/leave"].contains(&path)
}

#[derive(Debug, Default)]
struct Words {
    names: BTreeSet<String>,
    /// Texts that lists are searched for.
    searched: BTreeSet<String>,
}

impl Words {
    fn of(case: &Case) -> Words {
        let mut words = Words::default();
        for ask in case.steps.iter().filter_map(|step| step.request.as_ref()) {
            words.read(ask);
        }
        words
    }

    fn read(&mut self, ask: &Ask) {
        let (path, query) = ask.path.split_once('?').unwrap_or((&ask.path, ""));
        if let Some(rest) = path.strip_prefix("/v1/jobs/") {
            self.names.extend(rest.split('/').next().map(str::to_owned));
        }
        let searched = query.split('&').filter_map(|pair| pair.strip_prefix("q="));
        self.searched.extend(searched.map(|text| text.replace("%20", " ")));
        let json = ask.json.as_ref().map(Value::to_string);
        for text in [json.as_ref(), ask.raw.as_ref(), ask.file.as_ref()].into_iter().flatten() {
            self.names.extend(A_NAME.captures_iter(text).map(|found| found[1].to_owned()));
        }
        self.names.remove("");
    }

    fn meets(&self, other: &Words) -> bool {
        let finds = |a: &Words, b: &Words| {
            a.searched.iter().any(|text| b.names.iter().any(|name| name.contains(text)))
        };
        !self.names.is_disjoint(&other.names) || finds(self, other) || finds(other, self)
    }

    fn join(&mut self, other: Words) {
        self.names.extend(other.names);
        self.searched.extend(other.searched);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn case(steps: &str) -> Case {
        let text = format!(
            r#"{{"name": "n", "about": "", "verdict": "keep", "quirk": null, "steps": {steps}}}"#
        );
        serde_json::from_str(&text).unwrap()
    }

    #[test]
    fn cases_that_share_a_name_stay_together() {
        let cases = [
            case(r#"[{"request": {"method": "POST", "path": "/v1/jobs", "json": {"name": "a"}}}]"#),
            case(r#"[{"request": {"method": "GET", "path": "/v1/jobs/b/executions?x=1"}}]"#),
            case(
                r#"[{"request": {"method": "POST", "path": "/v1/restore",
                "file": "[{\"name\": \"a\"}, {\"name\": \"c\"}]"}}]"#,
            ),
            case(r#"[{"request": {"method": "GET", "path": "/v1/jobs?q=c"}}]"#),
            case(r#"[{"request": {"method": "GET", "path": "/v1/jobs"}}]"#),
            case(r#"[{"request": {"method": "POST", "path": "/v1/pause"}}]"#),
        ];
        let groups = split(&cases.iter().collect::<Vec<_>>());
        assert_eq!(groups.together, vec![vec![1], vec![0, 2, 3]]);
        assert_eq!(groups.alone, vec![4, 5]);
    }
}
