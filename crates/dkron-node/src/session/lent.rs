//! Long definitions: the leader names them by digest, and lends them to nodes that ask.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use dkron_core::domain::{Digest, Job, JobNo, Version};
use dkron_core::worker::Run;

use super::PATIENCE;
use crate::rpc::{Lane, Method, Target, Wire};

/// LIMIT: definitions that can be asked for, and their bytes; the oldest go first.
const LENT: usize = 1024;
const LENT_BYTES: usize = 64 << 20;
/// LIMIT: definitions that a node remembers; the oldest goes first.
const KEPT: usize = 64;

/// What the leader named by digest lately.
#[derive(Default)]
pub(super) struct Lent {
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    by_version: HashMap<(JobNo, Version), Digest>,
    by_digest: HashMap<Digest, Bytes>,
    /// The oldest first.
    order: VecDeque<Digest>,
    bytes: usize,
}

impl Lent {
    /// The digest of a run's definition, if it was lent before and can still be had.
    pub fn known(&self, run: &Run) -> Option<Digest> {
        if run.cause.by_hand().is_some() {
            // It has a definition of its own under the same version.
            return None;
        }
        self.lock().by_version.get(&(run.job_no, run.version)).copied()
    }

    /// Lends a definition.
    pub fn lend(&self, run: &Run) -> Digest {
        let bytes = Bytes::from(dkron_wire::session::encode_definition(&run.job));
        let digest = digest(&bytes);
        let mut inner = self.lock();
        if !inner.by_digest.contains_key(&digest) {
            inner.bytes += bytes.len();
            inner.by_digest.insert(digest, bytes);
            inner.order.push_back(digest);
        }
        if run.cause.by_hand().is_none() {
            inner.by_version.insert((run.job_no, run.version), digest);
        }
        inner.trim();
        digest
    }

    pub fn get(&self, digest: &Digest) -> Option<Bytes> {
        self.lock().by_digest.get(digest).cloned()
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn trim(&mut self) {
        // One definition may stand under many numbers: those of a job that is made again and again.
        if self.by_version.len() > 2 * LENT {
            self.by_version.clear();
        }
        // The one that was lent just now stays.
        while self.order.len() > 1 && (self.order.len() > LENT || self.bytes > LENT_BYTES) {
            let Some(oldest) = self.order.pop_front() else { return };
            self.bytes -= self.by_digest.remove(&oldest).map_or(0, |bytes| bytes.len());
            self.by_version.retain(|_, digest| *digest != oldest);
        }
    }
}

/// What a node asked for, as long as it stays in use.
pub(super) struct Borrowed {
    wire: Arc<dyn Wire>,
    kept: VecDeque<(Digest, Arc<Job>)>,
}

impl Borrowed {
    pub fn new(wire: Arc<dyn Wire>) -> Borrowed {
        Borrowed { wire, kept: VecDeque::new() }
    }

    /// The definition, asked of the leader if it is not known here; an error ends the session.
    pub async fn get(&mut self, leader: &Target, digest: Digest) -> Result<Arc<Job>, String> {
        if let Some(at) = self.kept.iter().position(|(kept, _)| *kept == digest) {
            let kept = self.kept.remove(at).expect("it was found there");
            let job = Arc::clone(&kept.1);
            self.kept.push_back(kept);
            return Ok(job);
        }
        let question = Bytes::copy_from_slice(&digest.0);
        let answer = self.wire.call(leader, Lane::Bulk, Method::Definition, question, PATIENCE);
        let bytes = answer.await.map_err(|err| format!("a definition can not be had: {err}"))?;
        if self::digest(&bytes) != digest {
            return Err("another definition came than was asked for".into());
        }
        let job = dkron_wire::session::decode_definition(&bytes).map_err(|err| err.to_string())?;
        let job = Arc::new(job);
        self.kept.push_back((digest, Arc::clone(&job)));
        if self.kept.len() > KEPT {
            self.kept.pop_front();
        }
        Ok(job)
    }
}

fn digest(bytes: &[u8]) -> Digest {
    Digest(*blake3::hash(bytes).as_bytes())
}
