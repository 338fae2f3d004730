//! Pauses of scheduling, as the front door asks for them.

pub use dkron_core::domain::{PauseNo, SchedulingPause, Scope as PauseScope};
pub use dkron_core::ledger::{PauseScheduling, ResumeScheduling};

use super::{Error, Query, Request, Service};

impl Service {
    /// Stops what jobs owe by schedule, parent or retry; the number names the pause.
    pub async fn pause_scheduling(&self, wanted: PauseScheduling) -> Result<PauseNo, Error> {
        self.ask(|reply| Request::PauseScheduling { wanted: Box::new(wanted), reply }).await
    }

    /// Ends one pause, or all; the answer is how many.
    pub async fn resume_scheduling(&self, id: Option<PauseNo>) -> Result<u32, Error> {
        let wanted = ResumeScheduling { id };
        self.ask(|reply| Request::ResumeScheduling { wanted, reply }).await
    }

    /// All that nobody has ended, the oldest first; some may be over by themselves.
    pub async fn scheduling_pauses(&self) -> Result<Vec<SchedulingPause>, Error> {
        self.query(|reply| Query::SchedulingPauses { reply }).await
    }
}
