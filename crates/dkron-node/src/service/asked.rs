//! What a write says beside what it wants, and beside its answer.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use dkron_core::conductor::Demand;
use dkron_core::domain::{LogIndex, Origin, RequestKey, Verb};

/// What belongs to one client's writes.
#[derive(Clone, Debug, Default)]
pub struct Asked {
    pub receipt: Arc<Receipt>,
    /// Only for writes of a job.
    pub demand: Demand,
    /// Who asks; `None` = nobody who would be named.
    pub origin: Option<Origin>,
    /// What it is called, if not as its command is.
    pub verb: Option<Verb>,
}

impl Asked {
    /// For a further write that belongs to the same request: under the same key it would be the
    /// first one again.
    #[must_use]
    pub fn part(&self, no: u8) -> Asked {
        let mut part = self.clone();
        if let Some(key) = part.origin.as_mut().and_then(|origin| origin.key.as_mut()) {
            key.name[0] ^= no;
        }
        part
    }
}

/// The key of a request: what the client called it, and all that it asks for under that name.
pub fn request_key(name: &str, method: &str, target: &str, body: &[u8]) -> RequestKey {
    let mut content = blake3::Hasher::new();
    for part in [method.as_bytes(), target.as_bytes(), body] {
        content.update(&(part.len() as u64).to_be_bytes()).update(part);
    }
    RequestKey { name: short(blake3::hash(name.as_bytes())), content: short(content.finalize()) }
}

fn short(hash: blake3::Hash) -> [u8; 16] {
    *hash.as_bytes().first_chunk().expect("a hash has 32 bytes")
}

/// Filled before the answer to a write is given.
#[derive(Debug, Default)]
pub struct Receipt {
    index: AtomicU64,
    repeated: AtomicBool,
}

impl Receipt {
    /// The entry that carried the write; of several the last.
    pub fn index(&self) -> Option<LogIndex> {
        let index = self.index.load(Ordering::Acquire);
        (index > 0).then_some(LogIndex(index))
    }

    /// Whether the client asked for the same before, and hears the same again.
    pub fn is_repeated(&self) -> bool {
        self.repeated.load(Ordering::Acquire)
    }

    /// Whoever has seen the log up to there has seen the write.
    pub fn note(&self, index: LogIndex) {
        self.index.fetch_max(index.0, Ordering::AcqRel);
    }

    /// It was carried out before, by that entry.
    pub fn note_repeated(&self, index: LogIndex) {
        self.repeated.store(true, Ordering::Release);
        self.note(index);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_covers_all_that_is_asked_for() {
        let key = request_key("k", "PUT", "/v1/jobs/a", b"{}");
        assert_eq!(key, request_key("k", "PUT", "/v1/jobs/a", b"{}"));
        assert_ne!(key.name, request_key("l", "PUT", "/v1/jobs/a", b"{}").name);
        for (method, target, body) in [
            ("POST", "/v1/jobs/a", &b"{}"[..]),
            ("PUT", "/v1/jobs/a?x", b"{}"),
            ("PUT", "/v1/jobs/a", b"{ }"),
            ("PUT", "/v1/jobs/a{", b"}"),
        ] {
            let other = request_key("k", method, target, body);
            assert_eq!(other.name, key.name);
            assert_ne!(other.content, key.content);
        }
    }

    #[test]
    fn parts_have_keys_of_their_own() {
        let key = request_key("k", "PUT", "/", b"");
        let origin = Some(Origin { key: Some(key), ..Origin::default() });
        let part = Asked { origin, ..Asked::default() }.part(1).origin.unwrap().key.unwrap();
        assert!(part.name != key.name && part.content == key.content);
    }
}
