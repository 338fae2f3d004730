//! Everything that is known of members: what the library thinks of them, with their tags.
//!
//! A member is shown once its tags are known, as without them nobody could tell what it is.

use std::collections::{BTreeMap, HashSet};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use crate::identity::Identity;
use crate::member::{Member, Members, Status};
use crate::message::{Seen, Tags};
use crate::timing::LEFT_KEPT;

pub(crate) struct Table {
    pub own: Identity,
    pub own_tags: Tags,
    /// The others.
    records: BTreeMap<u64, Record>,
    /// A failed member is shown for so long.
    failed_kept: Duration,
}

struct Record {
    identity: Identity,
    incarnation: u16,
    /// Since when it is down; none if it is not.
    down: Option<Instant>,
    tags: Option<((u64, u32), Tags)>,
}

impl Record {
    fn status(&self) -> Status {
        match (self.down, self.identity.leaving) {
            (None, false) => Status::Alive,
            (None, true) => Status::Leaving,
            (Some(_), true) => Status::Left,
            (Some(_), false) => Status::Failed,
        }
    }

    /// Whether the tags that are known are those of now.
    fn is_told(&self) -> bool {
        self.tags.as_ref().is_some_and(|(version, _)| *version >= self.identity.tags_version())
    }

    fn seen(&self, now: Instant) -> Seen {
        let down_for = self.down.map(|since| now.duration_since(since).as_millis() as u64);
        Seen {
            identity: self.identity.clone(),
            incarnation: self.incarnation,
            down_for,
            tags: self.tags.clone(),
        }
    }
}

impl Table {
    pub fn new(own: Identity, own_tags: Tags, failed_kept: Duration) -> Table {
        Table { own, own_tags, records: BTreeMap::new(), failed_kept }
    }

    /// What the library thinks of one of the others.
    pub fn put(&mut self, member: &foca::Member<Identity>, now: Instant) {
        let identity = member.id();
        let is_down = member.state() == foca::State::Down;
        let record = self.records.entry(identity.id).or_insert_with(|| Record {
            identity: identity.clone(),
            incarnation: 0,
            down: None,
            tags: None,
        });
        if record.identity != *identity {
            record.identity = identity.clone();
        }
        record.incarnation = member.incarnation();
        record.down = is_down.then(|| record.down.unwrap_or(now));
    }

    /// What another one told: tags, and how long somebody has been down.
    pub fn tell(&mut self, seen: Seen, now: Instant) {
        let Some(record) = self.records.get_mut(&seen.identity.id) else { return };
        if let (Some(since), Some(ms)) = (record.down, seen.down_for) {
            let told = now.checked_sub(Duration::from_millis(ms)).unwrap_or(now);
            record.down = Some(since.min(told));
        }
        if let Some((version, tags)) = seen.tags
            && record.tags.as_ref().is_none_or(|(known, _)| *known < version)
        {
            record.tags = Some((version, tags));
        }
    }

    /// Whether news of a member that is down is worth taking over: not if it is known better.
    pub fn takes_as_down(&self, seen: &Seen) -> bool {
        let record = self.records.get(&seen.identity.id);
        record.is_none_or(|record| record.identity < seen.identity)
    }

    /// Forgets whom the library has forgotten; until then it would only come back.
    pub fn retain(&mut self, known: &HashSet<u64>) {
        self.records.retain(|id, _| known.contains(id));
    }

    /// Whether somebody down for so long is still shown.
    pub fn is_kept(&self, identity: &Identity, down_for: Duration) -> bool {
        down_for < if identity.leaving { LEFT_KEPT } else { self.failed_kept }
    }

    /// Those that are up, and those that have not been down for too long.
    fn shown(&self, now: Instant) -> impl Iterator<Item = &Record> {
        self.records.values().filter(move |record| {
            let down_for = record.down.map(|since| now.duration_since(since));
            down_for.is_none_or(|down_for| self.is_kept(&record.identity, down_for))
        })
    }

    /// Own node first, then the others: what a message carries.
    pub fn seen(&self, now: Instant) -> Vec<Seen> {
        let others = self.shown(now).map(|record| record.seen(now));
        std::iter::once(self.own_seen()).chain(others).collect()
    }

    pub fn own_seen(&self) -> Seen {
        Seen {
            identity: self.own.clone(),
            incarnation: 0,
            down_for: None,
            tags: Some((self.own.tags_version(), self.own_tags.clone())),
        }
    }

    /// Members that are up and whose tags are to be asked for.
    pub fn untold(&self) -> Vec<Identity> {
        let up = self.records.values().filter(|record| record.down.is_none());
        up.filter(|record| !record.is_told()).map(|record| record.identity.clone()).collect()
    }

    pub fn alive(&self) -> impl Iterator<Item = &Identity> {
        let alive = self.records.values().filter(|record| record.status() == Status::Alive);
        alive.map(|record| &record.identity)
    }

    pub fn failed(&self, now: Instant) -> impl Iterator<Item = &Identity> {
        let failed = self.shown(now).filter(|record| record.status() == Status::Failed);
        failed.map(|record| &record.identity)
    }

    /// Others that were not heard to leave: whom to look for at the next start.
    pub fn remembered(&self, now: Instant) -> Vec<(u64, String, SocketAddr)> {
        let stay = self.alive().chain(self.failed(now));
        stay.map(|member| (member.id, member.name.clone(), member.address)).collect()
    }

    /// A live member with this node's name.
    pub fn namesake(&self) -> Option<&Identity> {
        self.alive().find(|identity| identity.name == self.own.name)
    }

    /// Own node first, the others by name. Whoever is down is not shown if another one has its
    /// name now: a node that lost its data came back under another id.
    pub fn members(&self, own_status: Status, now: Instant) -> Members {
        let own = member(&self.own, &self.own_tags, own_status);
        let mut others: Vec<Member> = self
            .shown(now)
            .filter_map(|record| {
                let (_, tags) = record.tags.as_ref()?;
                let gone = record.down.is_some() && self.is_replaced(&record.identity);
                (!gone).then(|| member(&record.identity, tags, record.status()))
            })
            .collect();
        others.sort_by(|a, b| (&a.name, a.id).cmp(&(&b.name, b.id)));
        Arc::new(std::iter::once(own).chain(others).collect())
    }

    fn is_replaced(&self, gone: &Identity) -> bool {
        let own = std::iter::once(&self.own);
        own.chain(self.alive()).any(|other| other.name == gone.name && other.id != gone.id)
    }
}

fn member(identity: &Identity, tags: &Tags, status: Status) -> Member {
    Member {
        id: identity.id,
        name: identity.name.clone(),
        address: identity.address,
        tags: tags.clone(),
        status,
    }
}
