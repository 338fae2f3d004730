//! Who leads, as this node knows it.

use dkron_core::domain::{NodeName, Tenure};

use crate::rpc::Target;

/// Watched by everything that talks to the leader.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Leader {
    /// Nobody, or nobody knows.
    #[default]
    None,
    /// This server: in office, with a quorum within the lease.
    Own { tenure: Tenure },
    /// Another server, as far as this one can know.
    Other { name: NodeName, target: Target },
}

impl Leader {
    pub fn is_own(&self) -> bool {
        matches!(self, Leader::Own { .. })
    }
}
