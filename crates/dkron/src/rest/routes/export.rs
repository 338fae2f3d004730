//! Everything that a cluster knows, as lines of JSON that come while they are read: a head, the
//! settings, the jobs by name with their executions if wanted, and an end that tells whether the
//! lines are whole. Memory: a page of jobs and the pieces on their way.

use axum::body::{Body, Bytes};
use axum::http::Response;
use axum::http::header::{CONTENT_TYPE, HeaderValue};
use dkron_core::domain::JobName;
use dkron_core::schedule::Zone;
use dkron_node::forward::{Broken, Pieces};
use dkron_node::service::{Error, Service};
use serde::Serialize;
use tokio::sync::{Semaphore, SemaphorePermit, mpsc};

use crate::rest::dto::{JobDto, ListedExecution, SettingsDto, Tail};
use crate::rest::respond::{self, Answer};
use crate::rest::{Call, Peer, forward, json, query};

/// The form of the lines; a reader refuses one that it does not know.
pub const FORMAT: u32 = 1;
const LINES: HeaderValue = HeaderValue::from_static("application/x-ndjson");
/// Jobs that are asked for at a time.
const PAGE: usize = 500;
/// Bytes of an output that stand in an execution, unless it is said.
const OUTPUT: usize = 4096;
/// Exports at a time on this server; more are sent away.
static ROOM: Semaphore = Semaphore::const_new(4);

#[derive(Serialize)]
#[serde(rename_all = "snake_case")]
enum Line<'a> {
    Export(Head),
    Settings(SettingsDto<'a>),
    Job(JobDto<'a>),
    Execution(ListedExecution),
    End(End),
}

#[derive(Serialize)]
struct Head {
    format: u32,
    version: &'static str,
    /// As many as there were when it began.
    jobs: usize,
    history: bool,
}

/// Of all lines before it.
#[derive(Serialize)]
struct End {
    jobs: u64,
    executions: u64,
    crc32: String,
}

pub async fn export(call: &Call<'_>, peer: Option<Peer>) -> Answer {
    let Ok(place) = ROOM.try_acquire() else { return respond::error(&Error::Busy) };
    let tail = Tail(query::output_limit(&call.query).or(Some(OUTPUT)));
    let history = call.query.has("history").then_some(tail);
    let service = call.app.service.clone();
    let begun = async {
        let jobs = service.counts().await?.total;
        Ok((jobs, service.settings().await?))
    };
    let (jobs, settings) = match begun.await {
        Ok(begun) => begun,
        Err(err) => return respond::error(&err),
    };
    let (pieces, body) = Pieces::channel();
    let mut writer = Writer::new(service, pieces, history);
    let head = Head {
        format: FORMAT,
        version: env!("CARGO_PKG_VERSION"),
        jobs,
        history: history.is_some(),
    };
    writer.line(&Line::Export(head));
    writer.line(&Line::Settings(SettingsDto::from(&settings)));
    tokio::spawn(writer.run(peer, place));
    let mut answer: Response<Body> = Response::new(forward::body(body));
    answer.headers_mut().insert(CONTENT_TYPE, LINES);
    answer
}

/// Why an export breaks off.
enum Stop {
    /// Nobody reads it, or the door closes.
    Gone,
    Failed(Error),
}

struct Writer {
    service: Service,
    pieces: mpsc::Sender<Result<Bytes, Broken>>,
    history: Option<Tail>,
    buffer: Vec<u8>,
    sum: crc32fast::Hasher,
    jobs: u64,
    executions: u64,
}

impl Writer {
    fn new(
        service: Service,
        pieces: mpsc::Sender<Result<Bytes, Broken>>,
        history: Option<Tail>,
    ) -> Writer {
        let (buffer, sum) = (Vec::new(), crc32fast::Hasher::new());
        Writer { service, pieces, history, buffer, sum, jobs: 0, executions: 0 }
    }

    async fn run(mut self, peer: Option<Peer>, _place: SemaphorePermit<'static>) {
        let pieces = self.pieces.clone();
        let closes = async {
            match &peer {
                Some(peer) => peer.door_closes().await,
                None => std::future::pending().await,
            }
        };
        let written = tokio::select! {
            written = self.all() => written,
            () = closes => Err(Stop::Gone),
        };
        if let Err(stop) = written {
            if let Stop::Failed(err) = stop {
                tracing::warn!(%err, "rest: an export breaks off");
            }
            // Without this it would look whole.
            let _ = pieces.send(Err(Broken)).await;
        }
    }

    async fn all(&mut self) -> Result<(), Stop> {
        let mut last: Option<JobName> = None;
        loop {
            let page = self.service.jobs_after(last, PAGE).await.map_err(Stop::Failed)?;
            for view in &page {
                self.line(&Line::Job(JobDto::from(view)));
                self.jobs += 1;
                if let Some(tail) = self.history {
                    self.executions_of(&view.job.name, tail).await?;
                }
            }
            self.flush().await?;
            last = page.last().map(|view| view.job.name.clone());
            if last.is_none() {
                break;
            }
        }
        let crc32 = format!("{:08x}", self.sum.clone().finalize());
        self.line(&Line::End(End { jobs: self.jobs, executions: self.executions, crc32 }));
        self.flush().await
    }

    /// The oldest first. Of a job that has gone meanwhile there are none.
    async fn executions_of(&mut self, name: &JobName, tail: Tail) -> Result<(), Stop> {
        let views = match self.service.executions(name.clone()).await {
            Ok(views) => views,
            Err(Error::JobNotFound) => return Ok(()),
            Err(err) => return Err(Stop::Failed(err)),
        };
        for view in views.iter().rev().filter(|view| view.state.is_terminal()) {
            self.line(&Line::Execution(ListedExecution::new(view, &Zone::utc(), tail)));
            self.executions += 1;
        }
        self.flush().await
    }

    fn line(&mut self, line: &Line<'_>) {
        let mut bytes = json::encode(line, false);
        bytes.push(b'\n');
        self.sum.update(&bytes);
        self.buffer.extend_from_slice(&bytes);
    }

    async fn flush(&mut self) -> Result<(), Stop> {
        if self.buffer.is_empty() {
            return Ok(());
        }
        let piece = Bytes::from(std::mem::take(&mut self.buffer));
        self.pieces.send(Ok(piece)).await.map_err(|_| Stop::Gone)
    }
}
