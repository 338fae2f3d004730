//! Stored fields of a node's journal.

use dkron_core::worker::Process;

use crate::word::word_struct;

word_struct!(Process { group: u32, start_time: u64 });
