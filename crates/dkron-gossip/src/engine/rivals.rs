//! Others that claim what is ours: our name, or even our id.
//!
//! The id is that of the data directory. An older process of ours leaves it behind in the others'
//! memory, and then a later life wins; two that live at the same time take it from each other
//! again and again, which is slowed down and told.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;

use super::{Command, Engine};
use crate::identity::Identity;
use crate::message::Message;
use crate::stream::ask;

/// Whoever has our name is asked so often whether it is there.
const ASK_EVERY: Duration = Duration::from_secs(5);
/// Our id was taken so often within one life: somebody else lives under it.
const TAKEN_MOST: u32 = 3;
/// From then on it is taken back so often only.
const TAKE_BACK_EVERY: Duration = Duration::from_secs(10);

pub(super) struct Rivals {
    conflict: watch::Sender<Option<String>>,
    asked_at: Option<Instant>,
    taken: u32,
    taken_back_at: Option<Instant>,
}

impl Rivals {
    pub fn new(conflict: watch::Sender<Option<String>>) -> Rivals {
        Rivals { conflict, asked_at: None, taken: 0, taken_back_at: None }
    }

    fn tell(&self, conflict: Option<String>) {
        self.conflict.send_if_modified(|told| {
            let is_news = *told != conflict;
            *told = conflict;
            is_news
        });
    }
}

impl Engine {
    /// Others know our id under a later life than this one: a clock that was set back, or a twin.
    pub(super) fn overtaken(&mut self, by: &Identity) {
        if *by <= self.table.own || by.leaving && self.table.own.leaving {
            return;
        }
        let rivals = &mut self.rivals;
        let now = Instant::now();
        if rivals.taken >= TAKEN_MOST
            && rivals.taken_back_at.is_some_and(|at| now.duration_since(at) < TAKE_BACK_EVERY)
        {
            return;
        }
        rivals.taken += 1;
        rivals.taken_back_at = Some(now);
        if rivals.taken >= TAKEN_MOST {
            let text = format!(
                "another live node at {} has the id of this one: was its data directory copied?",
                by.address
            );
            tracing::error!("{text}");
            rivals.tell(Some(text));
        }
        let life = by.life.saturating_add(1);
        self.change_identity(Identity { life, turn: 0, ..self.table.own.clone() });
    }

    /// Somebody alive with our name may be our own former self under an id that was lost with its
    /// data, so it is asked before anything is said.
    pub(super) fn look_for_namesake(&mut self) {
        let Some(namesake) = self.table.namesake() else {
            if self.rivals.asked_at.take().is_some() {
                self.rivals.tell(None);
            }
            return;
        };
        let now = Instant::now();
        if self.rivals.asked_at.is_some_and(|at| now.duration_since(at) < ASK_EVERY) {
            return;
        }
        let Some(commands) = self.own_commands.upgrade() else { return };
        let (to, sealer) = (namesake.address, self.sealer.clone());
        self.rivals.asked_at = Some(now);
        tokio::spawn(async move {
            let answer = ask(to, &sealer, &Message::Ask).await.ok();
            // Stopped meanwhile: nobody wants to know.
            let _ = commands.send(Command::Namesake(to, answer)).await;
        });
    }

    pub(super) fn namesake_answered(&mut self, address: SocketAddr, answer: Option<Message>) {
        let Some(Message::Known(seen)) = answer else { return };
        let own = &self.table.own;
        let rival = seen.first().map(|seen| &seen.identity);
        let Some(rival) = rival.filter(|rival| rival.name == own.name && rival.id != own.id) else {
            return;
        };
        let is_later = (own.life, own.id) > (rival.life, rival.id);
        let text = format!("another live node at {address} has the name {:?} too", own.name);
        if is_later {
            tracing::error!("{text}, and it was there before: give this one another node-name");
            self.rivals.tell(Some(text));
        } else {
            tracing::error!("{text}; it came later and is told so");
        }
    }
}
