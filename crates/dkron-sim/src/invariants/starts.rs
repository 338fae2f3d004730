//! G2, G3: nothing starts that was not committed before; no execution id starts twice, whatever
//! crashed in between.

use std::collections::BTreeSet;

use dkron_core::domain::Seq;
use dkron_core::ledger::{Fired, Reply};
use dkron_core::worker::Run;

use super::{Check, Commit, require};

#[derive(Debug, Default)]
pub struct Starts {
    fired: BTreeSet<Seq>,
    started: BTreeSet<Seq>,
}

impl Starts {
    pub fn committed(&mut self, commit: Commit<'_>) -> Check {
        let Reply::Fired(fired) = &commit.outcome.reply else { return Ok(()) };
        for fired in fired {
            let Fired::Run { seqs, .. } = fired else { continue };
            for seq in seqs {
                require(self.fired.insert(*seq), "G3", || format!("id {seq} is given twice"))?;
            }
        }
        Ok(())
    }

    pub fn started(&mut self, run: &Run) -> Check {
        let seq = run.seq;
        require(self.fired.contains(&seq), "G2", || format!("{seq} starts, but is not committed"))?;
        require(self.started.insert(seq), "G3", || format!("{seq} starts twice"))
    }

    pub fn count(&self) -> usize {
        self.started.len()
    }
}
