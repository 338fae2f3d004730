//! Dkron's JSON shapes. Its quirks end here: nothing behind knows them.

mod batch;
mod event;
mod execution;
mod job;
mod member;
mod operator;
mod past;
mod policy;
mod preview;
mod scheduling;
mod settings;
mod skipped;
mod small;
mod stats;
mod upcoming;
mod why;

#[cfg(test)]
mod tests;

#[cfg(test)]
pub use tests::shown_job;

pub use batch::BatchDto;
pub use event::{EventDto, SummaryDto};
pub use execution::{ExecutionDto, ListedExecution, RecentExecution, Tail};
pub use job::JobDto;
pub use member::{ListedMember, MemberDto};
pub use operator::{ConfigurationDto, HealthDto, NodeDto, StateDto};
pub use past::{ActivityDto, ChangeDto, DiffDto, VersionDto};
pub use preview::PreviewDto;
pub use scheduling::{PauseDto, ResumedDto, SchedulingDto};
pub use settings::SettingsDto;
pub use skipped::SkippedDto;
pub use small::{EligibilityDto, HealthyDto, IndexDto, NewLeaderDto, PausedDto, RemovedDto};
pub use stats::{BucketDto, StatsDto};
pub use upcoming::UpcomingDto;
pub use why::WhyDto;
