//! How patient gossip is: what each profile means in seconds.
//!
//! | | lan | wan | local |
//! |---|---|---|---|
//! | a member is asked every | 1 s | 5 s | 1 s |
//! | it answers within | 500 ms | 3 s | 200 ms |
//! | suspected, then failed after | 4 s | 15 s | 2 s |
//! | news are passed on every | 200 ms | 500 ms | 100 ms |
//! | failed members are called every | 2 s | 5 s | 2 s |
//! | all that is known is compared every | 30 s | 60 s | 15 s |

use std::num::{NonZeroU8, NonZeroUsize};
use std::time::Duration;

use foca::{Config, PeriodicParams};

use crate::options::Profile;

/// How long a member that left stays listed.
pub(crate) const LEFT_KEPT: Duration = Duration::from_secs(24 * 3600);
/// LIMIT: bytes of a packet before it is sealed; sealed it still fits a frame of 1,500 bytes.
pub(crate) const PACKET_BYTES: usize = 1350;

#[derive(Clone, Copy, Debug)]
pub(crate) struct Timing {
    probe: Duration,
    answer: Duration,
    suspicion: Duration,
    news: Duration,
    /// Calls to members that failed.
    pub call: Duration,
    /// Comparison of all that is known, with one member.
    pub compare: Duration,
}

impl Timing {
    pub fn of(profile: Profile) -> Timing {
        let ms = Duration::from_millis;
        let (probe, answer, suspicion, news, call, compare) = match profile {
            Profile::Lan => (1000, 500, 4000, 200, 2000, 30_000),
            Profile::Wan => (5000, 3000, 15_000, 500, 5000, 60_000),
            Profile::Local => (1000, 200, 2000, 100, 2000, 15_000),
        };
        Timing {
            probe: ms(probe),
            answer: ms(answer),
            suspicion: ms(suspicion),
            news: ms(news),
            call: ms(call),
            compare: ms(compare),
        }
    }

    /// `kept` is how long the library remembers who is down.
    pub fn config(&self, kept: Duration) -> Config {
        const THREE: NonZeroUsize = NonZeroUsize::new(3).expect("three");
        const ONE: NonZeroUsize = NonZeroUsize::new(1).expect("one");
        let periodic = |frequency, num_members| Some(PeriodicParams { frequency, num_members });
        Config {
            probe_period: self.probe,
            probe_rtt: self.answer,
            num_indirect_probes: THREE,
            // Enough for some thousand members.
            max_transmissions: NonZeroU8::new(12).expect("twelve"),
            suspect_to_down_after: self.suspicion,
            remove_down_after: Some(kept),
            max_packet_size: NonZeroUsize::new(PACKET_BYTES).expect("not zero"),
            notify_down_members: true,
            periodic_announce: periodic(Duration::from_secs(30), ONE),
            // The library calls nobody once all are down; the engine does.
            periodic_announce_to_down_members: None,
            periodic_gossip: periodic(self.news, THREE),
        }
    }
}
