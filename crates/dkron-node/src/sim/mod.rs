//! The second rung of the simulation: the real consensus library, the real session protocol and
//! the real scheduling and hands, as tasks of one thread with virtual time, over disks in memory
//! and a network that loses, doubles, delays and cuts. The first rung's oracle judges.
//!
//! ```text
//!   seed ──▶ plan ──▶ world ──▶ faults, healing, peace, rest ──▶ trace hash | violation
//! ```

mod executor;
mod faults;
mod journal;
mod judge;
mod life;
mod log;
mod machine;
mod net;
mod node;
mod plan;
mod process;
mod rows;
mod server;
mod tests;
mod users;
mod world;

use std::cell::Cell;

use dkron_sim::{Dice, Violation};

use life::Life;
pub use process::{now, proposed, random};
use world::{Plant, World};

thread_local! {
    /// There is no true time on this thread.
    static IN_WORLD: Cell<bool> = const { Cell::new(false) };
}

/// What became of a seed's world.
#[derive(Debug, PartialEq, Eq)]
struct Verdict {
    seed: u64,
    hash: u64,
    entries: u64,
    starts: u64,
    lives: u64,
    violation: Option<Violation>,
    /// Only if asked for.
    lines: String,
}

/// Lives through one seed.
fn run(seed: u64, plant: Plant, lines: bool) -> Verdict {
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    // The runtime throws dice, too: without this a seed gives a world like it, but not the same.
    #[cfg(tokio_unstable)]
    runtime.rng_seed(tokio::runtime::RngSeed::from_bytes(&seed.to_le_bytes()));
    let runtime = runtime.enable_time().start_paused(true).build().expect("a runtime");
    dkron_raft::simulated::set_seed(Some(seed));
    IN_WORLD.set(true);
    let verdict = runtime.block_on(async {
        let world = World::new(seed, plant, lines);
        let mut life = Life::begin(world.clone()).await;
        let violation = life.live().await.err();
        let (hash, lines) = (world.hash(), world.lines());
        world.with(|inner| Verdict {
            seed,
            hash,
            entries: inner.judge.count(),
            starts: inner.starts,
            lives: inner.lives,
            violation,
            lines,
        })
    });
    drop(runtime);
    dkron_raft::simulated::set_seed(None);
    IN_WORLD.set(false);
    verdict
}

fn bytes(dice: &mut Dice) -> [u8; 16] {
    let mut bytes = [0; 16];
    bytes[..8].copy_from_slice(&dice.throw().to_be_bytes());
    bytes[8..].copy_from_slice(&dice.throw().to_be_bytes());
    bytes
}
