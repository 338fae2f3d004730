//! A list of jobs that is too long for one piece of memory: it is put together while it is read,
//! from the numbers of the jobs in it. One that goes meanwhile is left out.

use std::time::Duration;

use axum::body::Bytes;
use axum::http::Response;
use axum::http::header::{CONTENT_TYPE, HeaderValue};
use dkron_core::domain::JobNo;
use dkron_node::forward::{Broken, Pieces};
use dkron_node::service::{Error, JobPage, JobView, Service};
use tokio::sync::{Semaphore, SemaphorePermit, mpsc};

use crate::rest::dto::JobDto;
use crate::rest::respond::{self, Answer};
use crate::rest::{Peer, forward, json};

const JSON: HeaderValue = HeaderValue::from_static("application/json; charset=utf-8");
/// Jobs that are asked for at a time.
const PART: usize = 500;
/// Long lists at a time on this server; more are sent away.
static ROOM: Semaphore = Semaphore::const_new(8);
/// A busy reader is asked again, so often and after such a pause.
const TRIES: usize = 100;
const PAUSE: Duration = Duration::from_millis(50);

/// The same text as that of a short list.
pub fn answer(service: Service, page: JobPage, pretty: bool, peer: Option<Peer>) -> Answer {
    let Ok(place) = ROOM.try_acquire() else { return respond::error(&Error::Busy) };
    let (pieces, body) = Pieces::channel();
    let writer = Writer { service, pieces, pretty, begun: false };
    tokio::spawn(writer.run(page, peer, place));
    let mut answer = Response::new(forward::body(body));
    answer.headers_mut().insert(CONTENT_TYPE, JSON);
    answer
}

struct Writer {
    service: Service,
    pieces: mpsc::Sender<Result<Bytes, Broken>>,
    pretty: bool,
    begun: bool,
}

impl Writer {
    async fn run(mut self, page: JobPage, peer: Option<Peer>, _place: SemaphorePermit<'static>) {
        let pieces = self.pieces.clone();
        let closes = async {
            match &peer {
                Some(peer) => peer.door_closes().await,
                None => std::future::pending().await,
            }
        };
        let written = tokio::select! {
            written = self.all(page) => written,
            () = closes => Err(Broken),
        };
        if written.is_err() {
            // Without this it would look whole.
            let _ = pieces.send(Err(Broken)).await;
        }
    }

    async fn all(&mut self, page: JobPage) -> Result<(), Broken> {
        let JobPage { jobs, rest, .. } = page;
        self.part(&jobs).await?;
        drop(jobs);
        for numbers in rest.chunks(PART) {
            let jobs = self.ask(numbers).await?;
            self.part(&jobs).await?;
        }
        let end = match (self.begun, self.pretty) {
            (true, true) => "\n]",
            (true, false) => "]",
            (false, _) => "[]",
        };
        self.send(end.into()).await
    }

    async fn ask(&self, numbers: &[JobNo]) -> Result<Vec<JobView>, Broken> {
        for _ in 0..TRIES {
            match self.service.jobs(numbers.to_vec()).await {
                Ok(jobs) => return Ok(jobs),
                Err(Error::Busy) => tokio::time::sleep(PAUSE).await,
                Err(err) => {
                    tracing::warn!(%err, "rest: a list of jobs breaks off");
                    return Err(Broken);
                }
            }
        }
        Err(Broken)
    }

    /// Jobs as they stand in a list, without its ends.
    async fn part(&mut self, jobs: &[JobView]) -> Result<(), Broken> {
        if jobs.is_empty() {
            return Ok(());
        }
        let shown: Vec<JobDto<'_>> = jobs.iter().map(JobDto::from).collect();
        let mut list = json::encode(&shown, self.pretty);
        let end = if self.pretty { "\n]".len() } else { "]".len() };
        list.truncate(list.len() - end);
        if self.begun {
            list[0] = b',';
        }
        self.begun = true;
        self.send(list.into()).await
    }

    async fn send(&self, piece: Bytes) -> Result<(), Broken> {
        self.pieces.send(Ok(piece)).await.map_err(|_| Broken)
    }
}
