//! What the whole cluster agrees on. Flags give the first values; commands change them.

use alloc::string::String;
use core::time::Duration;

use super::{Misfire, limits};

/// Replicated settings.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Settings {
    /// IANA name of the zone for jobs without one.
    pub zone: String,
    /// Executions kept for each job.
    pub keep_executions: u32,
    /// A slot at most this late fires as if it were on time.
    pub misfire_threshold: Duration,
    /// The latest missed slot runs once if it is at most this late; a wait ends then.
    pub start_deadline: Duration,
    /// Silence after which an execution is lost.
    pub lost_after: Duration,
    /// What becomes of slots beyond the threshold, where the job does not say it.
    pub misfire: Misfire,
    /// Starts of missed slots within a second; more are spread over the following ones.
    pub catch_up_rate: u32,
    /// Age at which finished executions go; `None` = by number only.
    pub keep_for: Option<Duration>,
    /// Bytes of output kept of one execution: the tail.
    pub output_limit: u32,
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            zone: String::from("UTC"),
            keep_executions: 100,
            misfire_threshold: Duration::from_secs(10),
            start_deadline: Duration::from_secs(3600),
            lost_after: Duration::from_secs(300),
            misfire: Misfire::RunOnce,
            catch_up_rate: 1000,
            keep_for: None,
            output_limit: limits::OUTPUT_BYTES as u32,
        }
    }
}
