//! dkron-store
