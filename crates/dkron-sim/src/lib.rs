//! The whole house in one thread with virtual time.
//!
//! A seed draws a world: servers and agents, each a process of its own, a log that is copied from
//! disk to disk, stores and journals that lose their tails, a network that loses, doubles and cuts,
//! clocks that are set and go unlike each other, users who write at random. The real machines of
//! `dkron-core` live in it; an oracle outside checks what they do. A seed gives the same world
//! again, on every machine.
//!
//! ```text
//!   seed ──▶ plan ──▶ world ──▶ faults, healing, peace, rest ──▶ trace hash | violation
//! ```

mod brain;
mod clock;
mod consensus;
mod dice;
mod disk;
mod executor;
mod faults;
mod hands;
mod invariants;
mod journal;
mod lanes;
mod life;
mod log;
mod machine;
mod members;
mod network;
mod oracle;
mod phases;
mod plan;
mod queue;
mod sabotage;
mod trace;
pub mod workload;
mod world;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};

pub use dice::Dice;
pub use invariants::{Check, Violation};
pub use oracle::Oracle;
pub use sabotage::Sabotage;
use world::World;

/// What became of a seed's world.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Verdict {
    pub seed: u64,
    /// Equal for equal seeds, or something in here throws dice of its own.
    pub hash: u64,
    pub entries: u64,
    pub starts: u64,
    pub lives: u64,
    pub violation: Option<Violation>,
    /// What came to pass how often.
    pub coverage: BTreeMap<String, u64>,
    /// Only if asked for.
    pub lines: String,
}

/// Lives through one seed.
pub fn run(seed: u64, sabotage: Sabotage, lines: bool) -> Verdict {
    let mut world = World::new(seed, sabotage, lines);
    let lived = catch_unwind(AssertUnwindSafe(|| world.live()));
    let violation = match lived {
        Ok(result) => result.err(),
        Err(panic) => {
            let text = panic.downcast_ref::<String>().cloned();
            let text = text.or_else(|| panic.downcast_ref::<&str>().map(|text| text.to_string()));
            let text = text.unwrap_or_else(|| "no words".into());
            Some(Violation { rule: "panic", text })
        }
    };
    Verdict {
        seed,
        hash: world.trace.hash(),
        entries: world.committed.len() as u64,
        starts: world.oracle.starts.count() as u64,
        lives: world.lives,
        violation,
        coverage: world.oracle.coverage.counts.clone(),
        lines: world.trace.lines().to_string(),
    }
}
