//! dkron-exec
