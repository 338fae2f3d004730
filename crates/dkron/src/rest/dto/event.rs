//! What happened, as clients of the event stream see it.

use dkron_core::domain::Timestamp;
use dkron_node::chronicle::{Happening, Stamped};
use schemars::JsonSchema;
use serde::Serialize;

use crate::rest::dto::SkippedDto;
use crate::rest::instant::Instant;

/// The data of one event; which keys there are is up to its name.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Event")]
pub struct EventDto<'a> {
    /// When it was decided, by the clock of who decided it.
    at: Instant,
    #[serde(skip_serializing_if = "Option::is_none")]
    job: Option<&'a str>,
    #[serde(flatten)]
    what: What<'a>,
}

#[derive(Serialize, JsonSchema)]
#[serde(untagged)]
enum What<'a> {
    Version {
        version: u64,
    },
    Fired {
        group: u64,
        scheduled_at: Instant,
        /// `schedule`, `manual`, `child`, `retry`.
        cause: &'static str,
        executions: Vec<FiredDto<'a>>,
    },
    Started {
        id: String,
        node_name: &'a str,
        started_at: Instant,
    },
    Ended(EndedDto<'a>),
    Skipped(SkippedDto<'a>),
    Paused {
        paused: bool,
    },
    /// How many there are now: pauses of scheduling, or nodes out of service.
    Count {
        count: usize,
    },
    Leader {
        leader: &'a str,
        tenure: u64,
    },
    Nothing {},
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "FiredExecution")]
struct FiredDto<'a> {
    id: String,
    node_name: &'a str,
    attempt: u32,
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "EndedExecution")]
struct EndedDto<'a> {
    id: String,
    node_name: &'a str,
    group: u64,
    attempt: u32,
    scheduled_at: Instant,
    /// `0001-01-01T00:00:00Z` = it never began.
    started_at: Instant,
    finished_at: Instant,
    state: &'static str,
    success: bool,
    #[serde(skip_serializing_if = "str::is_empty")]
    reason: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    exit_code: Option<i32>,
}

impl<'a> From<&'a Stamped> for EventDto<'a> {
    fn from(event: &'a Stamped) -> Self {
        let job = event.job.as_ref().map(|name| name.as_str());
        EventDto { at: Instant::utc(event.at), job, what: what(&event.what) }
    }
}

fn what(happening: &Happening) -> What<'_> {
    match happening {
        Happening::JobCreated(version) | Happening::JobChanged(version) => {
            What::Version { version: version.0 }
        }
        Happening::JobDeleted | Happening::SettingsChanged => What::Nothing {},
        Happening::Fired { group, nominal, cause, executions } => What::Fired {
            group: group.0,
            scheduled_at: Instant::utc(nominal.0),
            cause,
            executions: executions
                .iter()
                .map(|(id, attempt)| FiredDto {
                    id: id.to_string(),
                    node_name: id.node.as_str(),
                    attempt: *attempt,
                })
                .collect(),
        },
        Happening::Started { id, at } => What::Started {
            id: id.to_string(),
            node_name: id.node.as_str(),
            started_at: Instant::utc(*at),
        },
        Happening::Ended(ended) => What::Ended(EndedDto {
            id: ended.id.to_string(),
            node_name: ended.id.node.as_str(),
            group: ended.group.0,
            attempt: ended.attempt,
            scheduled_at: Instant::utc(ended.nominal.0),
            started_at: Instant::utc(ended.started_at.unwrap_or(Timestamp::YEAR_ONE)),
            finished_at: Instant::utc(ended.finished_at),
            state: ended.state.word(),
            success: ended.state == dkron_core::domain::State::Success,
            reason: ended.reason,
            exit_code: ended.exit_code,
        }),
        Happening::Skipped(skipped) => What::Skipped(SkippedDto::from(&**skipped)),
        Happening::Paused(paused) => What::Paused { paused: *paused },
        Happening::SchedulingPaused(count) | Happening::Drained(count) => {
            What::Count { count: *count }
        }
        Happening::Leader { server, tenure } => {
            What::Leader { leader: server.as_str(), tenure: tenure.0 }
        }
    }
}

/// What happened since the last summary.
#[derive(Default, Serialize, JsonSchema)]
#[schemars(rename = "EventSummary")]
pub struct SummaryDto {
    pub fired: u64,
    pub success: u64,
    pub failed: u64,
    pub timed_out: u64,
    pub cancelled: u64,
    pub lost: u64,
    /// Records of slots that did not run; one that grew counts again.
    pub skipped: u64,
    /// Jobs created, changed or deleted.
    pub jobs: u64,
    /// Pauses, settings, nodes and leaders that changed.
    pub cluster: u64,
}

impl SummaryDto {
    pub fn count(&mut self, what: &Happening) {
        use dkron_core::domain::State;
        let into = match what {
            Happening::Fired { executions, .. } => {
                self.fired += executions.len() as u64;
                return;
            }
            // A record that grows is told anew each time.
            Happening::Skipped(_) => &mut self.skipped,
            Happening::Ended(ended) => match ended.state {
                State::Success => &mut self.success,
                State::TimedOut => &mut self.timed_out,
                State::Cancelled => &mut self.cancelled,
                State::Lost => &mut self.lost,
                _ => &mut self.failed,
            },
            Happening::JobCreated(_) | Happening::JobChanged(_) | Happening::JobDeleted => {
                &mut self.jobs
            }
            Happening::Started { .. } => return,
            _ => &mut self.cluster,
        };
        *into += 1;
    }
}
