//! dkron-wire
