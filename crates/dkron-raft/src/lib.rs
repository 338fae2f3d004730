//! dkron-raft
