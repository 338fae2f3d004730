//! Lines of an export, or jobs one a line, taken in: all of them are checked before anything is
//! stored, and parents may stand behind their children.

use std::pin::Pin;
use std::time::Duration;

use axum::body::{Body, HttpBody};
use axum::extract::Request;
use axum::http::StatusCode;
use dkron_core::domain::{Submission, limits};
use dkron_node::service::Error;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

use super::export::FORMAT;
use super::put::admit;
use super::restore::turn;
use crate::rest::respond::{self, Answer};
use crate::rest::{Call, decode};
use crate::words::shown;

/// LIMIT: jobs of one import, which are held until all are checked, and their bytes.
const JOBS: usize = 1_000_000;
const JOBS_BYTES: usize = 1024 * 1024 * 1024;
/// LIMIT: one line; the largest definition fits, and so does an execution with its output.
const LINE: usize = limits::DEFINITION_BYTES + 1024 * 1024;
/// A client that sends nothing for so long is not waited for.
const SILENCE: Duration = Duration::from_secs(60);
/// Names in an answer.
const NAMED: usize = 100;

/// What became of an import.
#[derive(Serialize, JsonSchema)]
pub struct Imported {
    /// As many as were stored.
    jobs: usize,
    /// Names of jobs that were refused when they were to be stored, at most 100.
    refused: Vec<String>,
    /// Whether settings were taken over.
    settings: bool,
    /// Executions that stood in the lines; history is not taken in.
    executions_left_out: u64,
}

pub async fn import(call: &Call<'_>, request: Request) -> Answer {
    let _turn = match turn().await {
        Ok(turn) => turn,
        Err(refusal) => return refusal,
    };
    let mut intake = Intake::default();
    if let Err((status, said)) = read(request.into_body(), &mut intake).await {
        return respond::text(status, said);
    }
    if let Err(said) = intake.whole() {
        return respond::text(StatusCode::BAD_REQUEST, said);
    }
    let wanted = intake.settings.take().filter(|_| call.query.has("settings"));
    let settings = match wanted.map(|text| decode::whole_settings(&text)).transpose() {
        Ok(settings) => settings,
        Err(said) => return respond::text(StatusCode::BAD_REQUEST, format!("settings: {said}")),
    };
    let stored = match call.service.restore(intake.jobs).await {
        Ok(stored) => stored,
        Err(Error::Invalid(said)) => return respond::text(StatusCode::BAD_REQUEST, said),
        Err(err) => return respond::error(&err),
    };
    let taken = settings.is_some();
    if let Some(settings) = settings {
        match call.service.put_settings(settings).await {
            Ok(_) => {}
            Err(Error::Invalid(said)) => {
                let said = format!("the jobs are stored, the settings are not: {said}");
                return respond::text(StatusCode::BAD_REQUEST, said);
            }
            Err(err) => return respond::error(&err),
        }
    }
    let refused = stored.iter().filter(|(_, ok)| !ok);
    call.ok(&Imported {
        jobs: stored.iter().filter(|(_, ok)| *ok).count(),
        refused: refused.take(NAMED).map(|(name, _)| name.to_string()).collect(),
        settings: taken,
        executions_left_out: intake.executions,
    })
}

/// Why lines are not taken in.
type Refusal = (StatusCode, String);

/// Takes the body apart into lines as it comes.
async fn read(mut body: Body, intake: &mut Intake) -> Result<(), Refusal> {
    let mut line: Vec<u8> = Vec::new();
    loop {
        let frame = std::future::poll_fn(|context| Pin::new(&mut body).poll_frame(context));
        let Ok(frame) = tokio::time::timeout(SILENCE, frame).await else {
            let said = "nothing came for a minute";
            return Err((StatusCode::REQUEST_TIMEOUT, said.to_owned()));
        };
        let piece = match frame {
            None => break,
            Some(Ok(frame)) => frame.into_data().unwrap_or_default(),
            Some(Err(_)) => {
                return Err((StatusCode::BAD_REQUEST, "the lines break off".to_owned()));
            }
        };
        let mut rest = &piece[..];
        while let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
            line.extend_from_slice(&rest[..end]);
            rest = &rest[end + 1..];
            intake.line(&line)?;
            line.clear();
        }
        line.extend_from_slice(rest);
        if line.len() > LINE {
            let said = format!("line {}: it is longer than {LINE} bytes", intake.lines + 1);
            return Err((StatusCode::PAYLOAD_TOO_LARGE, said));
        }
    }
    if line.trim_ascii().is_empty() { Ok(()) } else { intake.line(&line) }
}

/// What was read so far.
#[derive(Default)]
struct Intake {
    lines: u64,
    bytes: usize,
    jobs: Vec<Submission>,
    settings: Option<Vec<u8>>,
    executions: u64,
    sum: crc32fast::Hasher,
    /// It began with the head of an export, so it must have its end.
    headed: bool,
    ended: bool,
}

impl Intake {
    fn line(&mut self, line: &[u8]) -> Result<(), Refusal> {
        self.lines += 1;
        let bad = |said: String| (StatusCode::BAD_REQUEST, said);
        let at = self.lines;
        let taken = self.take(line).map_err(|said| bad(format!("line {at}: {said}")));
        if self.jobs.len() > JOBS || self.bytes > JOBS_BYTES {
            let said = format!("line {at}: more than {JOBS} jobs or 1 GiB, split the lines");
            return Err((StatusCode::PAYLOAD_TOO_LARGE, said));
        }
        taken
    }

    fn take(&mut self, line: &[u8]) -> Result<(), String> {
        if line.trim_ascii().is_empty() {
            return Ok(());
        }
        if self.ended {
            return Err("there is more behind the end of the export".to_owned());
        }
        let value: Value = serde_json::from_slice(line).map_err(|err| err.to_string())?;
        let one = value.as_object().filter(|fields| fields.len() == 1);
        let (key, inner) = match one.and_then(|fields| fields.iter().next()) {
            Some((key, inner)) if inner.is_object() => (key.as_str(), inner),
            // A job as it is posted.
            _ if value.get("name").is_some() => ("job", &value),
            _ => return Err("it wants a job, or a line of an export".to_owned()),
        };
        if key == "end" {
            return self.end(inner);
        }
        self.sum.update(line);
        self.sum.update(b"\n");
        match key {
            "export" => self.head(inner)?,
            "settings" => self.settings = Some(inner.to_string().into_bytes()),
            "job" => self.job(inner)?,
            "execution" => self.executions += 1,
            other => return Err(format!("{} is no line of an export", shown(other))),
        }
        Ok(())
    }

    fn head(&mut self, head: &Value) -> Result<(), String> {
        if head["format"] != FORMAT {
            let format = &head["format"];
            return Err(format!("form {format} is not known here, this server reads {FORMAT}"));
        }
        self.headed = true;
        Ok(())
    }

    fn job(&mut self, job: &Value) -> Result<(), String> {
        let text = job.to_string();
        self.bytes += text.len();
        let name = || shown(job["name"].as_str().unwrap_or(""));
        let draft = decode::job(text.as_bytes()).map_err(|err| format!("job {}: {err}", name()))?;
        let submission = admit(draft).map_err(|err| format!("job {}: {err}", name()))?;
        self.jobs.push(submission);
        Ok(())
    }

    fn end(&mut self, end: &Value) -> Result<(), String> {
        let sum = format!("{:08x}", self.sum.clone().finalize());
        let counted = end["jobs"] == self.jobs.len() as u64 && end["executions"] == self.executions;
        if !counted || end["crc32"] != sum.as_str() {
            return Err("the lines are not those that were exported".to_owned());
        }
        self.ended = true;
        Ok(())
    }

    fn whole(&self) -> Result<(), String> {
        if self.headed && !self.ended {
            return Err("the export is cut off: its last line is missing".to_owned());
        }
        if self.lines == 0 {
            return Err("there are no lines".to_owned());
        }
        Ok(())
    }
}
