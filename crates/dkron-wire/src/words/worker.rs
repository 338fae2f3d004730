//! Stored fields of a node's journal.

use std::time::Duration;

use dkron_core::worker::{Process, Terms};

use crate::word::word_struct;

word_struct!(Process { group: u32, start_time: u64 });
word_struct!(Terms {
    exclusive: bool,
    leave: bool,
    lost_after: Option<Duration>,
    max_runtime: Option<Duration>,
    output_limit: u32,
});
