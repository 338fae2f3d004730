//! Dkron's JSON shapes. Its quirks end here: nothing behind knows them.

mod execution;
mod job;
mod member;
mod skipped;

#[cfg(test)]
mod tests;

pub use execution::{ExecutionDto, ListedExecution, Tail};
pub use job::JobDto;
pub use member::{ListedMember, MemberDto};
pub use skipped::SkippedDto;
