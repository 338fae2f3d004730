//! The recorded cases as data: what is sent, what Dkron answered, what we must answer.
//! Unknown keys are refused, so that a rule this reader does not know cannot pass unseen.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::Context as _;
use serde::{Deserialize, Deserializer};
use serde_json::Value;

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Case {
    /// `<file>/<name>` once loaded.
    pub name: String,
    pub about: String,
    /// `keep`, `fix`, `superset` or `choose`.
    pub verdict: String,
    pub quirk: Option<String>,
    pub steps: Vec<Step>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Step {
    /// Seconds to wait instead of asking.
    pub sleep: Option<f64>,
    pub request: Option<Ask>,
    pub recorded: Option<Want>,
    pub expect: Option<Want>,
    pub until: Option<Until>,
    /// Name → JSON pointer, for later steps.
    pub capture: BTreeMap<String, String>,
    /// Says that a recording run leaves the step alone; nothing to us.
    pub unrecorded: bool,
}

impl Case {
    /// Whether it starts runs, or waits for some: in a cluster a job without tags runs on every
    /// node, so figures and lists of executions are others.
    pub fn counts_runs(&self) -> bool {
        self.steps.iter().any(|step| {
            let waits = step.sleep.is_some() || step.until.is_some();
            waits || step.request.as_ref().is_some_and(Ask::runs)
        })
    }

    /// Whether it asks how many nodes there are, or what the answering one is.
    pub fn asks_for_members(&self) -> bool {
        let mut asked = self.steps.iter().filter_map(|step| step.request.as_ref());
        asked.any(|ask| ["/v1/isleader", "/v1/members"].iter().any(|of| ask.path.starts_with(of)))
    }
}

impl Step {
    /// The answer that counts: what we must say where it differs from what Dkron said.
    pub fn wanted(&self) -> Option<&Want> {
        self.expect.as_ref().or(self.recorded.as_ref())
    }
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ask {
    pub method: String,
    pub path: String,
    #[serde(default, deserialize_with = "present")]
    pub json: Option<Value>,
    pub raw: Option<String>,
    pub file: Option<String>,
    pub field: Option<String>,
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
}

impl Ask {
    fn runs(&self) -> bool {
        let (path, query) = self.path.split_once('?').unwrap_or((&self.path, ""));
        let job = path.strip_prefix("/v1/jobs/").unwrap_or("");
        let by_hand = !job.is_empty() && (!job.contains('/') || job.ends_with("/run"));
        query.contains("runoncreate") || self.method == "POST" && by_hand
    }
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Want {
    pub status: Status,
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    #[serde(default, deserialize_with = "present")]
    pub body: Option<Value>,
    #[serde(default)]
    pub contains: Vec<String>,
    #[serde(default)]
    pub text: Vec<String>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
pub enum Status {
    One(u16),
    Several(Vec<u16>),
}

impl Status {
    pub fn allows(&self, code: u16) -> bool {
        match self {
            Status::One(one) => *one == code,
            Status::Several(several) => several.contains(&code),
        }
    }
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Until {
    pub at: String,
    #[serde(default, deserialize_with = "present")]
    pub equals: Option<Value>,
    #[serde(default, deserialize_with = "present")]
    pub differs: Option<Value>,
    pub length: Option<usize>,
    pub timeout: Option<f64>,
}

/// An explicit `null` is a value that must be there, not an absent key.
fn present<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(from).map(Some)
}

/// All cases of a folder, in the order of file and place.
pub fn load(dir: &Path) -> anyhow::Result<Vec<Case>> {
    let entries = std::fs::read_dir(dir).with_context(|| format!("no cases at {dir:?}"))?;
    let mut files: Vec<_> = entries.filter_map(|e| Some(e.ok()?.path())).collect();
    files.retain(|path| path.extension().is_some_and(|e| e == "json"));
    files.sort();
    let mut all = Vec::new();
    for file in files {
        let text = std::fs::read_to_string(&file).with_context(|| format!("reading {file:?}"))?;
        let cases: Vec<Case> =
            serde_json::from_str(&text).with_context(|| format!("cases of {file:?}"))?;
        let stem = file.file_stem().unwrap_or_default().to_string_lossy();
        all.extend(cases.into_iter().map(|mut case| {
            case.name = format!("{stem}/{}", case.name);
            case
        }));
    }
    anyhow::ensure!(!all.is_empty(), "no cases at {dir:?}");
    Ok(all)
}
