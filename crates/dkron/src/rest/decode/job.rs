//! The fields of a posted job, by Go's rules: keys in any case, the last of two counts, null
//! leaves the default. A wrong type does not end the reading, but its text is the answer.

use std::collections::BTreeMap;

use std::sync::Arc;

use dkron_core::domain::{JobName, Policy, Status, Submission, TextMap, Timestamp};

use super::Error;
use super::cursor::{Cursor, Kind};
use super::policy::Wishes;
use crate::rest::instant;
use crate::words;

/// What was posted, with the one field whose type the domain does not let through.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Draft {
    pub submission: Submission,
    /// `concurrency` is none of the known words.
    pub bad_concurrency: bool,
    /// `retries` as posted; more than a job can hold is for the validation to refuse.
    pub retries: u64,
    pub wishes: Wishes,
}

pub fn read(text: &[u8]) -> Result<Draft, Error> {
    let mut reader = Reader { cursor: Cursor::new(text), wrong: None };
    let draft = reader.job()?;
    reader.wrong.map_or(Ok(draft), Err)
}

pub fn read_list(text: &[u8]) -> Result<Vec<Draft>, Error> {
    let mut reader = Reader { cursor: Cursor::new(text), wrong: None };
    let kind = reader.cursor.kind();
    if kind != Kind::Array {
        let kind = kind.word();
        return Err(Error(format!(
            "json: cannot unmarshal {kind} into Go value of type []*dkron.Job"
        )));
    }
    let mut drafts = Vec::new();
    reader.cursor.enter();
    while reader.cursor.another() {
        drafts.push(reader.job()?);
    }
    reader.wrong.map_or(Ok(drafts), Err)
}

pub(super) struct Reader<'a> {
    pub(super) cursor: Cursor<'a>,
    /// The first wrong type.
    wrong: Option<Error>,
}

impl<'a> Reader<'a> {
    fn job(&mut self) -> Result<Draft, Error> {
        let mut draft = Draft::default();
        match self.cursor.kind() {
            Kind::Null => self.cursor.skip(),
            Kind::Object => {
                self.cursor.enter();
                while let Some(key) = self.cursor.key() {
                    self.field(&fold(&key), &mut draft)?;
                }
            }
            other => {
                let kind = other.word();
                self.wrong(format!("{kind} into Go value of type dkron.Job"));
                self.cursor.skip();
            }
        }
        settle(&mut draft);
        Ok(draft)
    }

    fn field(&mut self, key: &str, draft: &mut Draft) -> Result<(), Error> {
        let submission = &mut draft.submission;
        let job = &mut submission.job;
        match key {
            "id" => self.text("id", &mut String::new()),
            "displayname" => self.text("displayname", &mut job.displayname),
            "timezone" => self.text("timezone", &mut job.timezone),
            "schedule" => self.text("schedule", &mut job.schedule),
            "owner" => self.text("owner", &mut job.owner),
            "owner_email" => self.text("owner_email", &mut job.owner_email),
            "success_count" => self.count("success_count", &mut submission.success_count),
            "error_count" => self.count("error_count", &mut submission.error_count),
            "last_success" => self.time(&mut submission.last_success)?,
            "last_error" => self.time(&mut submission.last_error)?,
            "disabled" => self.boolean("disabled", &mut job.disabled),
            "tags" => self.map("tags", &mut job.tags),
            "metadata" => self.map("metadata", &mut job.metadata),
            "retries" => self.retries(draft),
            "dependent_jobs" => self.texts("dependent_jobs"),
            "processors" => self.processors(&mut job.processors),
            "executor" => self.text("executor", &mut job.executor),
            "executor_config" => self.map("executor_config", &mut job.executor_config),
            "next" => self.strict_time()?,
            "ephemeral" => self.boolean("ephemeral", &mut job.ephemeral),
            "starts_at" => self.time(&mut job.starts_at)?,
            "expires_at" => self.time(&mut job.expires_at)?,
            "name" | "parent_job" | "concurrency" | "status" => self.typed(key, draft),
            _ if self.wish(key, draft) => {}
            _ => self.cursor.skip(),
        }
        Ok(())
    }

    /// Texts that the domain has types for.
    fn typed(&mut self, key: &str, draft: &mut Draft) {
        let job = &mut draft.submission.job;
        let mut text = match key {
            "name" => job.name.to_string(),
            "parent_job" => job.parent_job.as_ref().map(ToString::to_string).unwrap_or_default(),
            _ => String::new(),
        };
        self.text(key, &mut text);
        match key {
            "name" => job.name = JobName::from(text),
            "parent_job" => job.parent_job = (!text.is_empty()).then(|| JobName::from(text)),
            "concurrency" => {
                let named = words::choice(&text, words::CONCURRENCIES);
                draft.bad_concurrency = !text.is_empty() && named.is_err();
                job.concurrency = named.unwrap_or_default();
            }
            _ => {
                draft.submission.status = match text.as_str() {
                    "success" => Status::Success,
                    "failed" => Status::Failed,
                    "partially_failed" => Status::PartiallyFailed,
                    _ => Status::Untriggered,
                };
            }
        }
    }

    fn wrong(&mut self, what: String) {
        self.wrong.get_or_insert_with(|| Error(format!("json: cannot unmarshal {what}")));
    }

    /// The value here is not what `field` wants; it is passed.
    pub(super) fn mistyped(&mut self, field: &str, wanted: &str) {
        let kind = self.cursor.kind();
        self.cursor.skip();
        self.wrong(format!("{} into Go struct field Job.{field} of type {wanted}", kind.word()));
    }

    pub(super) fn text(&mut self, field: &str, into: &mut String) {
        match self.cursor.kind() {
            Kind::Null => self.cursor.skip(),
            Kind::String => *into = self.cursor.string(),
            _ => self.mistyped(field, "string"),
        }
    }

    fn boolean(&mut self, field: &str, into: &mut bool) {
        match self.cursor.kind() {
            Kind::Null => self.cursor.skip(),
            Kind::Bool => *into = self.cursor.word() == "true",
            _ => self.mistyped(field, "bool"),
        }
    }

    /// A counter: Go takes any integer of 64 bits, what is below zero counts as zero here.
    fn count(&mut self, field: &str, into: &mut u64) {
        if let Some(word) = self.number(field, "int") {
            match word.parse::<i64>() {
                Ok(number) => *into = number.max(0) as u64,
                Err(_) => self.misfit(field, word, "int"),
            }
        }
    }

    /// Dkron's number, or an object that says more.
    fn retries(&mut self, draft: &mut Draft) {
        if self.cursor.kind() == Kind::Object {
            return self.retries_object(&mut draft.wishes);
        }
        if let Some(word) = self.number("retries", "uint") {
            match word.parse::<u64>() {
                Ok(number) => {
                    draft.retries = number;
                    draft.wishes.retries_said = true;
                }
                Err(_) => self.misfit("retries", word, "uint"),
            }
        }
    }

    pub(super) fn number(&mut self, field: &str, wanted: &str) -> Option<&'a str> {
        match self.cursor.kind() {
            Kind::Null => self.cursor.skip(),
            Kind::Number => return Some(self.cursor.word()),
            _ => self.mistyped(field, wanted),
        }
        None
    }

    pub(super) fn misfit(&mut self, field: &str, word: &str, wanted: &str) {
        self.wrong(format!("number {word} into Go struct field Job.{field} of type {wanted}"));
    }

    /// Texts; other single values count as the text they are written with.
    fn map(&mut self, field: &str, into: &mut TextMap) {
        match self.cursor.kind() {
            Kind::Null => {
                self.cursor.skip();
                *into = TextMap::new();
            }
            Kind::Object => {
                self.cursor.enter();
                // A tree while it grows: the stored form is not made for many insertions.
                let mut all: BTreeMap<String, String> = std::mem::take(into).into_iter().collect();
                while let Some(key) = self.cursor.key() {
                    let mut value = String::new();
                    match self.cursor.kind() {
                        Kind::Bool | Kind::Number => value = self.cursor.word().to_owned(),
                        _ => self.text(field, &mut value),
                    }
                    all.insert(key, value);
                }
                *into = all.into_iter().collect();
            }
            _ => self.mistyped(field, map_type(field)),
        }
    }

    fn processors(&mut self, into: &mut BTreeMap<String, TextMap>) {
        match self.cursor.kind() {
            Kind::Null => {
                self.cursor.skip();
                into.clear();
            }
            Kind::Object => {
                self.cursor.enter();
                while let Some(key) = self.cursor.key() {
                    let mut config = TextMap::new();
                    self.map("processors", &mut config);
                    into.insert(key, config);
                }
            }
            _ => self.mistyped("processors", "map[string]plugin.Config"),
        }
    }

    /// Checked for its type only: the list is derived from the children.
    fn texts(&mut self, field: &str) {
        match self.cursor.kind() {
            Kind::Null => self.cursor.skip(),
            Kind::Array => {
                self.cursor.enter();
                while self.cursor.another() {
                    self.text(field, &mut String::new());
                }
            }
            _ => self.mistyped(field, "[]string"),
        }
    }

    /// A wrong time ends the reading at once, as it does in Go.
    fn time(&mut self, into: &mut Option<Timestamp>) -> Result<(), Error> {
        *into = match self.cursor.kind() {
            Kind::Null => {
                self.cursor.skip();
                None
            }
            Kind::String => Some(instant::parse_short(&self.cursor.string()).map_err(Error)?),
            _ => return Err(no_time()),
        };
        Ok(())
    }

    fn strict_time(&mut self) -> Result<(), Error> {
        match self.cursor.kind() {
            Kind::Null => self.cursor.skip(),
            Kind::String => {
                instant::parse(&self.cursor.string()).map_err(Error)?;
            }
            _ => return Err(no_time()),
        }
        Ok(())
    }
}

/// What follows from several fields together.
fn settle(draft: &mut Draft) {
    let (said, max) = (draft.wishes.retries_said, draft.wishes.retry_max);
    match max {
        Some(max) if said && max != draft.retries => {
            let retries = draft.retries;
            let text = format!("{max} does not agree with retries: {retries}, say it once");
            draft.wishes.refuse("retry.max", &text);
        }
        Some(max) => draft.retries = max,
        None => {}
    }
    let job = &mut draft.submission.job;
    job.retries = u32::try_from(draft.retries).unwrap_or(u32::MAX);
    let policy = std::mem::take(&mut draft.wishes.policy);
    job.policy = (policy != Policy::DEFAULT).then(|| Arc::new(policy));
}

fn no_time() -> Error {
    Error("Time.UnmarshalJSON: input is not a JSON string".to_owned())
}

fn map_type(field: &str) -> &'static str {
    match field {
        "processors" => "plugin.Config",
        "executor_config" => "plugin.ExecutorPluginConfig",
        _ => "map[string]string",
    }
}

/// Lower case, with the two letters beyond ASCII whose other case is in ASCII.
pub fn fold(key: &str) -> String {
    key.chars()
        .map(|letter| match letter {
            '\u{17f}' => 's',
            '\u{212a}' => 'k',
            letter => letter.to_ascii_lowercase(),
        })
        .collect()
}
