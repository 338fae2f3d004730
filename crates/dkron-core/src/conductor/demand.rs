//! What a write demands of its job. It is judged against the definition that the write is computed
//! on; `apply` refuses the write if the job is another one by then, and it is judged again.

use alloc::vec::Vec;

use super::action::Refusal;
use crate::domain::{JobNo, Version};
use crate::ledger::JobState;

/// A write is carried out only if all of this holds.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Demand {
    /// The job is there, in one of these versions.
    pub some_of: Option<Versions>,
    /// The job is not there in any of these versions.
    pub none_of: Option<Versions>,
    /// The very job and version that somebody computed the write from.
    pub from: Option<(JobNo, Version)>,
}

/// Versions of a definition.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Versions {
    Any,
    These(Vec<Version>),
}

impl Versions {
    fn hold(&self, version: Version) -> bool {
        match self {
            Versions::Any => true,
            Versions::These(all) => all.contains(&version),
        }
    }
}

impl Demand {
    /// Whether it holds for the job that has the name, if one has it.
    pub(super) fn check(&self, state: Option<&JobState>) -> Result<(), Refusal> {
        let present = state.map(|state| state.runtime.version);
        let found = state.map(|state| (state.job_no, state.runtime.version));
        let met = self.allows(present) && (self.from.is_none() || self.from == found);
        if met { Ok(()) } else { Err(Refusal::Unmet(present)) }
    }

    /// Whether it holds for a job in this version, or for none, as far as the version says.
    pub fn allows(&self, present: Option<Version>) -> bool {
        let holds = |versions: &Versions| present.is_some_and(|version| versions.hold(version));
        self.some_of.as_ref().is_none_or(holds) && !self.none_of.as_ref().is_some_and(holds)
    }
}

#[cfg(test)]
mod tests {
    use alloc::boxed::Box;

    use super::*;
    use crate::ledger::{Account, Command, Entry, Ledger, PutJob};

    #[test]
    fn what_holds_for_a_job_and_for_none() {
        let mut ledger = Ledger::default();
        let mut put = PutJob {
            submission: Default::default(),
            base: None,
            account: Account::Keep,
            undecided: None,
        };
        put.submission.job.name = "a".into();
        let command = Command::PutJob(Box::new(put));
        let (index, at) = (crate::domain::LogIndex(5), Default::default());
        ledger.apply(Entry { index, at, tenure: Default::default(), request: None, command });
        let (job, nobody) = (ledger.job("a"), None);
        let these = |all: &[u64]| Some(Versions::These(all.iter().copied().map(Version).collect()));
        let some = |some_of| Demand { some_of, ..Demand::default() };
        let none = |none_of| Demand { none_of, ..Demand::default() };
        let from =
            |no, version| Demand { from: Some((JobNo(no), Version(version))), ..Demand::default() };
        for (demand, for_job, for_nobody) in [
            (Demand::default(), true, true),
            (some(Some(Versions::Any)), true, false),
            (some(these(&[2, 1])), true, false),
            (some(these(&[])), false, false),
            (none(Some(Versions::Any)), false, true),
            (none(these(&[1])), false, true),
            (none(these(&[2])), true, true),
            (from(5, 1), true, false),
            (from(5, 2), false, false),
            (from(4, 1), false, false),
        ] {
            assert_eq!(demand.check(job).is_ok(), for_job, "{demand:?}");
            assert_eq!(demand.check(nobody).is_ok(), for_nobody, "{demand:?}");
        }
        let refused = some(these(&[7])).check(job);
        assert_eq!(refused, Err(Refusal::Unmet(Some(Version(1)))));
    }
}
