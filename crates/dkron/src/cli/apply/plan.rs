//! What has to be done so that the server has what the files say: worked out before anything is
//! written, and shown to a person.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::bail;
use serde::Serialize;
use serde_json::{Map, Value, json};

use super::diff::{Change, diff};
use super::files::Written;
use crate::cli::remote::{Remote, query};
use crate::client::{Ask, Exit, Failure};
use crate::rest::normal::{definition, normal};

/// The key of the metadata that says which set of files a job belongs to.
pub const OWNER: &str = "managed-by";

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Action {
    Create,
    Update,
    Delete,
    Unchanged,
}

/// What becomes of one job.
#[derive(Debug, Serialize)]
pub struct Item {
    pub action: Action,
    pub name: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub changes: Vec<Change>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub next: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub targets: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub warning: Option<String>,
    /// The definition to be stored.
    #[serde(skip)]
    pub job: Map<String, Value>,
    /// Of the job that was looked at.
    #[serde(skip)]
    pub version: Option<u64>,
}

/// Steps in the order in which they are taken: parents before children, and deletions last,
/// children first.
#[derive(Debug)]
pub struct Plan {
    pub items: Vec<Item>,
}

/// Which set of files this is, and whether it is all there is to be of the set.
#[derive(Clone, Copy, Debug, Default)]
pub struct Set<'a> {
    pub owner: Option<&'a str>,
    pub prune: bool,
}

impl Plan {
    pub fn changes(&self) -> usize {
        self.items.iter().filter(|item| item.action != Action::Unchanged).count()
    }

    pub fn count(&self, action: Action) -> usize {
        self.items.iter().filter(|item| item.action == action).count()
    }

    /// Compares what was written with what the server has.
    pub fn make(remote: &Remote, written: Vec<Written>, set: Set<'_>) -> anyhow::Result<Plan> {
        let mut wanted: BTreeMap<String, Written> = BTreeMap::new();
        for mut one in written {
            if let Some(owner) = set.owner {
                mark(&mut one.job, owner)?;
            }
            let Some(name) = one.job.get("name").and_then(Value::as_str).map(str::to_owned) else {
                bail!("{}: a job without a name", one.place);
            };
            if let Some(other) = wanted.get(&name) {
                bail!("job \"{name}\" stands in {} and in {}", other.place, one.place);
            }
            wanted.insert(name, one);
        }
        let stored = Stored::of(remote, wanted.len())?;
        let mut items = Vec::new();
        for (name, one) in &wanted {
            items.push(item(stored.find(remote, name)?, name, one, set.owner)?);
        }
        in_order(&mut items)?;
        if let (Some(owner), true) = (set.owner, set.prune) {
            items.extend(surplus(remote, owner, &wanted)?);
        }
        Ok(Plan { items })
    }
}

/// Says in the job which set it belongs to.
fn mark(job: &mut Map<String, Value>, owner: &str) -> anyhow::Result<()> {
    let metadata = job.entry("metadata").or_insert_with(|| json!({}));
    if metadata.is_null() {
        *metadata = json!({});
    }
    match metadata {
        Value::Object(pairs) => {
            pairs.insert(OWNER.to_owned(), json!(owner));
            Ok(())
        }
        other => bail!("metadata: it wants pairs of texts, not {other}"),
    }
}

/// Above so many jobs one list is quicker than a question for each.
const ASKED: usize = 200;

/// Jobs as the server has them.
enum Stored {
    Asked,
    Listed(BTreeMap<String, Value>),
}

impl Stored {
    fn of(remote: &Remote, wanted: usize) -> anyhow::Result<Stored> {
        if wanted <= ASKED {
            return Ok(Stored::Asked);
        }
        let Value::Array(jobs) = remote.client.get("/v1/jobs")?.json()? else {
            bail!("the server's answer is no list of jobs");
        };
        let named = |job: Value| (job["name"].as_str().unwrap_or("").to_owned(), job);
        Ok(Stored::Listed(jobs.into_iter().map(named).collect()))
    }

    fn find(&self, remote: &Remote, name: &str) -> anyhow::Result<Option<Value>> {
        match self {
            Stored::Listed(jobs) => Ok(jobs.get(name).cloned()),
            Stored::Asked => {
                let found = remote.client.find(Ask::get(crate::cli::job::path(name, "")))?;
                found.map(|answer| answer.json()).transpose()
            }
        }
    }
}

fn item(
    present: Option<Value>,
    name: &str,
    written: &Written,
    owner: Option<&str>,
) -> anyhow::Result<Item> {
    let mut job = written.job.clone();
    // Who switched a job off by hand must not find it on after the next delivery.
    if let (Some(present), false) = (&present, job.contains_key("disabled")) {
        job.insert("disabled".to_owned(), present["disabled"].clone());
    }
    let said = normal(&Value::Object(job.clone())).map_err(|said| {
        Failure::new(Exit::Error, format!("{}: job \"{name}\": {said}", written.place))
    })?;
    let (action, changes) = match &present {
        None => (Action::Create, Vec::new()),
        Some(present) => match diff(&definition(present), &said) {
            changes if changes.is_empty() => (Action::Unchanged, changes),
            changes => (Action::Update, changes),
        },
    };
    let present = present.unwrap_or_default();
    let theirs = present["metadata"][OWNER].as_str();
    let warning = match (theirs, owner) {
        (Some(theirs), Some(ours)) if theirs != ours => {
            Some(format!("it belongs to {theirs} and is taken over"))
        }
        _ => None,
    };
    let version = present["version"].as_u64();
    let name = name.to_owned();
    Ok(Item { action, name, changes, next: Vec::new(), targets: None, warning, job, version })
}

/// Parents first; a circle is refused.
fn in_order(items: &mut Vec<Item>) -> anyhow::Result<()> {
    let mut waiting = std::mem::take(items);
    while !waiting.is_empty() {
        let names: BTreeSet<String> = waiting.iter().map(|item| item.name.clone()).collect();
        let waits = |item: &Item| parent(&item.job).is_some_and(|parent| names.contains(parent));
        let (later, now): (Vec<Item>, Vec<Item>) = waiting.into_iter().partition(waits);
        if now.is_empty() {
            let names: Vec<&str> = later.iter().map(|item| item.name.as_str()).collect();
            bail!("these jobs are each other's parents: {}", names.join(", "));
        }
        items.extend(now);
        waiting = later;
    }
    Ok(())
}

fn parent(job: &Map<String, Value>) -> Option<&str> {
    job.get("parent_job").and_then(Value::as_str).filter(|name| !name.is_empty())
}

/// Jobs of the set that no file has any more, children first.
fn surplus(
    remote: &Remote,
    owner: &str,
    wanted: &BTreeMap<String, Written>,
) -> anyhow::Result<Vec<Item>> {
    let pair = format!("{OWNER}={owner}");
    let answer = remote.client.get(format!("/v1/jobs{}", query(&[("metadata", Some(&pair))])))?;
    let mut items = Vec::new();
    for job in answer.json()?.as_array().into_iter().flatten() {
        let name = job["name"].as_str().unwrap_or("").to_owned();
        // A server that does not know the filter answers with all jobs.
        if wanted.contains_key(&name) || job["metadata"][OWNER] != owner {
            continue;
        }
        items.push(Item {
            action: Action::Delete,
            name,
            changes: Vec::new(),
            next: Vec::new(),
            targets: None,
            warning: None,
            job: job.as_object().cloned().unwrap_or_default(),
            version: job["version"].as_u64(),
        });
    }
    in_order(&mut items)?;
    items.reverse();
    Ok(items)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(name: &str, parent: &str) -> Item {
        Item {
            action: Action::Create,
            name: name.to_owned(),
            changes: Vec::new(),
            next: Vec::new(),
            targets: None,
            warning: None,
            job: json!({"parent_job": parent}).as_object().cloned().unwrap(),
            version: None,
        }
    }

    #[test]
    fn parents_come_first() {
        let mut items = vec![one("a", "b"), one("b", "c"), one("c", ""), one("d", "elsewhere")];
        in_order(&mut items).unwrap();
        let names: Vec<&str> = items.iter().map(|item| item.name.as_str()).collect();
        assert_eq!(names, ["c", "d", "b", "a"]);
        let mut circle = vec![one("a", "b"), one("b", "a")];
        assert!(in_order(&mut circle).unwrap_err().to_string().contains("a, b"));
    }

    #[test]
    fn the_mark_is_added() {
        let mut job = json!({"metadata": {"k": "v"}}).as_object().cloned().unwrap();
        mark(&mut job, "me").unwrap();
        assert_eq!(job["metadata"], json!({"k": "v", "managed-by": "me"}));
        let mut wrong = json!({"metadata": 3}).as_object().cloned().unwrap();
        assert!(mark(&mut wrong, "me").is_err());
    }
}
