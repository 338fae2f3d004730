//! One life of a node: what a crash ends. Its clocks are those of its machine.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use dkron_core::domain::{Now, RequestId, Timestamp};
use dkron_core::ledger::{Command, Ledger};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::judge::require;
use super::world::World;

tokio::task_local! {
    static PROCESS: Arc<Process>;
}

/// A machine's clocks: the steady one has a zero of its own, the wall clock is set back and
/// forward beside it.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    pub zero: Duration,
    /// Wall clock minus true time, in milliseconds.
    pub offset: i64,
}

pub struct Process {
    /// Which machine.
    pub at: usize,
    /// Unique among all lives of all machines.
    pub life: u64,
    pub world: World,
    pub begun: Instant,
    pub clock: Arc<Mutex<Clock>>,
    /// Cancelled when it dies; what goes on nevertheless reaches nobody.
    pub dead: CancellationToken,
    /// Ids of the runs that were asked for, in the order of the requests.
    pub ids: Mutex<VecDeque<[u8; 16]>>,
    /// Looks at the clock within one instant.
    pub turns: Mutex<(Instant, u32)>,
}

/// The first second of every world.
const EPOCH: i64 = 1_767_225_600;
/// LIMIT: looks at the clock within one instant.
const SPIN: u32 = 20_000;

impl Process {
    pub fn now(&self) -> Now {
        self.turns();
        let clock = *self.clock.lock().unwrap();
        let passed = self.begun.elapsed();
        let wall = Timestamp::from_secs(EPOCH).after(passed);
        let span = Duration::from_millis(clock.offset.unsigned_abs());
        let wall = if clock.offset < 0 { wall.before(span) } else { wall.after(span) };
        Now { wall, mono: clock.zero + passed }
    }

    /// A process that looks at its clock so often, and it does not move, does nothing but that.
    fn turns(&self) {
        let now = Instant::now();
        let mut turns = self.turns.lock().unwrap();
        *turns = if turns.0 == now { (now, turns.1 + 1) } else { (now, 0) };
        if turns.1 == SPIN {
            let text = format!("n{} goes round and round in one instant", self.at + 1);
            self.world.with(|inner| inner.check(require(false, "spin", || text)));
        }
    }

    pub fn is_dead(&self) -> bool {
        self.dead.is_cancelled()
    }

    /// A task of this process.
    pub fn run<F: Future>(self: &Arc<Self>, work: F) -> impl Future<Output = F::Output> + use<F> {
        PROCESS.scope(Arc::clone(self), work)
    }

    fn random(&self) -> [u8; 16] {
        let asked = self.ids.lock().unwrap().pop_front();
        asked.unwrap_or_else(|| self.world.with(|inner| super::bytes(&mut inner.dice)))
    }
}

/// What the clocks of the process show whose task this is.
pub fn now() -> Option<Now> {
    own(Process::now)
}

pub fn random() -> Option<[u8; 16]> {
    own(Process::random)
}

/// A conductor proposes: what it knows is what the proposal is judged by.
pub fn proposed(name: Option<RequestId>, command: &Command, ledger: &Ledger) {
    let (Some(id), Command::Fire(fires)) = (name, command.inner()) else { return };
    // Outside of a world nobody judges.
    let _ = PROCESS.try_with(|process| {
        let roster = process.world.roster();
        process.world.with(|inner| {
            let check = inner.judge.oracle.judged_by(id, fires, ledger, &roster);
            inner.check(check);
        });
    });
}

/// # Panics
/// Within a world, outside of a process: it would hear the time of another world.
fn own<T>(ask: impl FnOnce(&Process) -> T) -> Option<T> {
    let own = PROCESS.try_with(|process| ask(process)).ok();
    assert!(own.is_some() || !super::IN_WORLD.get(), "nobody's clocks are read");
    own
}
