//! One node with a listener and a client.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::super::{Client, Identity, IoThread, Listener, protocol};
use crate::cluster::{ClusterId, Mark, Marked};
use crate::rpc::{CallError, Frames, Lane, Method, Role, Router, Target, Wire as _};

/// Far more than anything takes that is not broken.
pub const PATIENCE: Duration = Duration::from_secs(20);

pub const ONE: Marked = Marked { cluster: ClusterId([0x11; 16]), generation: 0 };
pub const TWO: Marked = Marked { cluster: ClusterId([0x22; 16]), generation: 0 };

pub struct Node {
    pub thread: IoThread,
    pub target: Target,
    pub mark: Arc<Mark>,
    pub client: Client,
    shutdown: CancellationToken,
    ended: JoinHandle<()>,
    _directory: tempfile::TempDir,
}

/// How a node differs from the usual.
pub struct Seed {
    pub id: u64,
    pub role: Role,
    pub key: Option<[u8; 32]>,
    pub protocol: (u16, u16),
    pub mark: Option<Marked>,
    pub address: String,
    pub router: Router,
}

impl Seed {
    pub fn new(id: u64) -> Seed {
        Seed {
            id,
            role: Role::Server,
            key: None,
            protocol: protocol(),
            mark: None,
            address: "127.0.0.1:0".into(),
            router: router(id),
        }
    }

    pub fn start(self) -> Node {
        let directory = tempfile::tempdir().unwrap();
        let mark = Arc::new(Mark::open(directory.path()).unwrap());
        if let Some(marked) = self.mark {
            mark.adopt(marked).unwrap();
        }
        let identity = Arc::new(Identity {
            id: self.id,
            name: format!("n{}", self.id),
            role: self.role,
            shard: 0,
            mark: Some(Arc::clone(&mark)),
            key: self.key,
            protocol: self.protocol,
        });
        let thread = IoThread::start().unwrap();
        let listener = Listener::bind(self.address.parse().unwrap()).unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let shutdown = CancellationToken::new();
        let served = listener.serve(&thread, Arc::clone(&identity), self.router, shutdown.clone());
        Node {
            target: Target { id: self.id, address },
            mark,
            client: Client::new(&thread, identity),
            shutdown,
            ended: served.unwrap(),
            thread,
            _directory: directory,
        }
    }
}

/// Answers `Status` with its id, the caller and what was asked, and sends frames of `LiveOutput`
/// back; `Forward` refuses.
pub fn router(id: u64) -> Router {
    Router::default()
        .call(Method::Status, move |caller, message| async move {
            let text = String::from_utf8_lossy(&message).into_owned();
            Ok(Bytes::from(format!("{id} to {}: {text}", caller.name)))
        })
        .call(Method::Consensus, |_, message| async move { Ok(message) })
        .call(Method::Promise, |_, _| async { Err("not today".into()) })
        .stream(Method::LiveOutput, |_, frames| echo(frames))
        .stream(Method::Session, |_, frames| echo(frames))
}

async fn echo(mut frames: Frames) {
    while let Some(Ok(frame)) = frames.from.recv().await {
        if frames.to.send(frame).await.is_err() {
            return;
        }
    }
}

impl Node {
    pub async fn call(&self, to: &Target, method: Method) -> Result<Bytes, CallError> {
        self.client.call(to, Lane::Control, method, Bytes::from("hi"), PATIENCE).await
    }

    pub async fn status(&self, to: &Node) -> Result<String, CallError> {
        let answer = self.call(&to.target, Method::Status).await?;
        Ok(String::from_utf8(answer.to_vec()).unwrap())
    }

    /// Asks until the answer is there.
    pub async fn status_in_the_end(&self, to: &Node) -> String {
        let asked = async {
            loop {
                if let Ok(answer) = self.status(to).await {
                    return answer;
                }
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        tokio::time::timeout(PATIENCE, asked).await.unwrap()
    }

    pub async fn open(&self, to: &Target, lane: Lane, method: Method) -> Frames {
        self.client.open(to, lane, method, PATIENCE).await.unwrap()
    }

    /// Its sockets close at once, as those of a killed process do.
    pub fn crash(self) {
        let Node { thread, client, ended, .. } = self;
        ended.abort();
        drop((client, thread));
    }

    /// Stops listening; its address is free again.
    pub async fn stop(self) -> Target {
        self.shutdown.cancel();
        self.ended.await.unwrap();
        self.target
    }
}
