//! What has to be done from time to time: calls to members that failed, a comparison with one of
//! the others, tags that are missing, the roster's file.

use std::path::PathBuf;
use std::time::Duration;

use rand::SeedableRng;
use rand::rngs::SmallRng;
use rand::seq::{IteratorRandom, SliceRandom};
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::{Command, Engine};
use crate::identity::Identity;
use crate::message::Message;
use crate::roster;
use crate::stream::ask;

pub(super) const TICK: Duration = Duration::from_secs(1);
/// The roster is written at most so often.
const ROSTER_EVERY: Duration = Duration::from_secs(2);
/// LIMIT: members that are asked for their tags at a time; the others are asked next.
const ASKED_MOST: usize = 16;
/// LIMIT: failed members that are called at a time.
const CALLED_MOST: usize = 8;

pub(super) struct Chores {
    /// Whether there is anything to publish.
    pub changed: bool,
    /// Whether to compare with somebody now, as others think otherwise of this node.
    pub doubted: bool,
    called: Instant,
    compared: Instant,
    roster: Option<PathBuf>,
    written: Vec<roster::Line>,
    written_at: Instant,
    writing: Option<JoinHandle<()>>,
}

impl Chores {
    pub fn new(roster: Option<PathBuf>) -> Chores {
        let now = Instant::now();
        Chores {
            changed: true,
            doubted: false,
            called: now,
            compared: now,
            roster,
            written: Vec::new(),
            written_at: now.checked_sub(ROSTER_EVERY).unwrap_or(now),
            writing: None,
        }
    }
}

impl Engine {
    pub(super) fn chores(&mut self) {
        let now = Instant::now();
        if now.duration_since(self.chores.called) >= self.timing.call {
            self.chores.called = now;
            self.call_failed(now);
        }
        let is_due = now.duration_since(self.chores.compared) >= self.timing.compare;
        if std::mem::take(&mut self.chores.doubted) || is_due {
            self.chores.compared = now;
            self.compare();
        }
        self.look_for_namesake();
        self.write_roster(now);
        // Also what was not answered before.
        self.chores.changed = true;
    }

    /// Says hello to some that failed: they may be back, or the network is.
    fn call_failed(&mut self, now: Instant) {
        let mut rng = rand_now();
        let failed: Vec<Identity> = self.table.failed(now).cloned().sample(&mut rng, CALLED_MOST);
        for identity in failed {
            let called = self.library.announce(identity, &mut self.runtime);
            self.note("a call", called);
        }
    }

    /// Compares all that is known with one member, so that nothing stays unknown for long.
    fn compare(&mut self) {
        let Some(to) = self.table.alive().choose(&mut rand_now()).map(|one| one.address) else {
            return;
        };
        let Some(commands) = self.own_commands.upgrade() else { return };
        let (sealer, question) = (self.sealer.clone(), self.known());
        tokio::spawn(async move {
            match ask(to, &sealer, &question).await {
                Ok(message) => {
                    let (reply, _) = tokio::sync::oneshot::channel();
                    // Stopped meanwhile: nobody wants to know.
                    let _ = commands.send(Command::Answer(message, reply)).await;
                }
                Err(error) => tracing::debug!(%to, %error, "gossip could not compare"),
            }
        });
    }

    pub(super) fn ask_for_tags(&mut self) {
        let mut untold = self.table.untold();
        untold.shuffle(&mut rand_now());
        for identity in untold {
            if self.asked.len() >= ASKED_MOST {
                return;
            }
            let Some(commands) = self.own_commands.upgrade() else { return };
            if !self.asked.insert(identity.id) {
                continue;
            }
            let sealer = self.sealer.clone();
            tokio::spawn(async move {
                let to = identity.address;
                let answer = ask(to, &sealer, &Message::Ask).await;
                if let Err(error) = &answer {
                    tracing::debug!(name = identity.name, %to, %error, "tags are unknown");
                }
                // Stopped meanwhile: nobody wants to know.
                let _ = commands.send(Command::Told(identity.id, answer.ok())).await;
            });
        }
    }

    pub(super) fn write_roster(&mut self, now: Instant) {
        let Some(path) = self.chores.roster.clone() else { return };
        if self.chores.writing.as_ref().is_some_and(|writing| !writing.is_finished())
            || now.duration_since(self.chores.written_at) < ROSTER_EVERY
        {
            return;
        }
        let lines = self.table.remembered(now);
        // As long as nobody was found the last roster is the best there is.
        if lines.is_empty() || lines == self.chores.written {
            return;
        }
        self.chores.written_at = now;
        self.chores.written.clone_from(&lines);
        self.chores.writing = Some(tokio::task::spawn_blocking(move || {
            if let Err(error) = roster::write(&path, &lines) {
                tracing::warn!(%error, "the roster can not be written");
            }
        }));
    }
}

/// Dice for choices that need no secrecy.
pub(super) fn rand_now() -> SmallRng {
    SmallRng::seed_from_u64(getrandom::u64().expect("the system has randomness"))
}
