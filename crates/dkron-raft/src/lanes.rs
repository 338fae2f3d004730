//! Bounded room for proposals: two lanes, so that a flood of API writes never keeps the conductor
//! from firing.
//!
//! A slot is taken before a proposal is queued and given back when its fate is known, so the queue
//! behind the lanes can never be full.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::options::Options;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lane {
    Conductor,
    Api,
}

/// The proposal never left this process: it is certain that it has no effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    #[error("too many proposals are under way")]
    Busy,
    #[error("a proposal of {bytes} bytes is over the limit of {limit} bytes for one entry")]
    TooLarge { bytes: usize, limit: usize },
    #[error("consensus has stopped")]
    Stopped,
}

/// What is under way in a lane.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Load {
    pub proposals: usize,
    pub bytes: usize,
}

#[derive(Debug)]
pub(crate) struct Lanes {
    conductor: Arc<Room>,
    api: Arc<Room>,
    entry_bytes_max: usize,
}

#[derive(Debug)]
struct Room {
    proposals: AtomicUsize,
    bytes: AtomicUsize,
    proposals_max: usize,
    bytes_max: usize,
}

/// Gives its room back when dropped.
#[derive(Debug)]
pub(crate) struct Slot {
    room: Arc<Room>,
    bytes: usize,
}

impl Lanes {
    pub(crate) fn new(options: &Options) -> Self {
        Self {
            conductor: Room::new(options.conductor_slots, options.lane_bytes),
            api: Room::new(options.api_slots, options.lane_bytes),
            entry_bytes_max: options.entry_bytes_max,
        }
    }

    pub(crate) fn take(&self, lane: Lane, bytes: usize) -> Result<Slot, Refused> {
        if bytes > self.entry_bytes_max {
            return Err(Refused::TooLarge { bytes, limit: self.entry_bytes_max });
        }
        Room::take(self.room(lane), bytes).ok_or(Refused::Busy)
    }

    pub(crate) fn load(&self, lane: Lane) -> Load {
        let room = self.room(lane);
        Load {
            proposals: room.proposals.load(Ordering::Relaxed),
            bytes: room.bytes.load(Ordering::Relaxed),
        }
    }

    fn room(&self, lane: Lane) -> &Arc<Room> {
        match lane {
            Lane::Conductor => &self.conductor,
            Lane::Api => &self.api,
        }
    }
}

impl Room {
    fn new(proposals_max: usize, bytes_max: usize) -> Arc<Self> {
        Arc::new(Self {
            proposals: AtomicUsize::new(0),
            bytes: AtomicUsize::new(0),
            proposals_max,
            bytes_max,
        })
    }

    fn take(room: &Arc<Self>, bytes: usize) -> Option<Slot> {
        let slot = Slot { room: Arc::clone(room), bytes };
        // Taken first, looked at after: two takers never both get the last place. A slot that is
        // over the limit is given back by its drop.
        let proposals = room.proposals.fetch_add(1, Ordering::Relaxed) + 1;
        let taken = room.bytes.fetch_add(bytes, Ordering::Relaxed) + bytes;
        // One large entry may always pass when it is alone.
        let fits = taken <= room.bytes_max || proposals == 1;
        (proposals <= room.proposals_max && fits).then_some(slot)
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.room.proposals.fetch_sub(1, Ordering::Relaxed);
        self.room.bytes.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lanes(api: usize, bytes: usize) -> Lanes {
        let options = Options::new(1);
        Lanes::new(&Options {
            api_slots: api,
            conductor_slots: 2,
            lane_bytes: bytes,
            entry_bytes_max: 100,
            ..options
        })
    }

    /// Bears T-15.
    #[test]
    fn a_full_api_lane_leaves_the_conductor_its_room() {
        let lanes = lanes(2, 1000);
        let held = [lanes.take(Lane::Api, 1).unwrap(), lanes.take(Lane::Api, 1).unwrap()];
        assert_eq!(lanes.take(Lane::Api, 1).unwrap_err(), Refused::Busy);
        lanes.take(Lane::Conductor, 1).unwrap();
        drop(held);
        assert_eq!(lanes.load(Lane::Api), Load::default());
        lanes.take(Lane::Api, 1).unwrap();
    }

    #[test]
    fn bytes_are_room_too() {
        let lanes = lanes(10, 120);
        let held = lanes.take(Lane::Api, 100).unwrap();
        assert_eq!(lanes.take(Lane::Api, 30).unwrap_err(), Refused::Busy);
        assert_eq!(lanes.load(Lane::Api), Load { proposals: 1, bytes: 100 });
        drop(held);
        lanes.take(Lane::Api, 30).unwrap();
        let refused = lanes.take(Lane::Api, 101).unwrap_err();
        assert_eq!(refused, Refused::TooLarge { bytes: 101, limit: 100 });
    }
}
