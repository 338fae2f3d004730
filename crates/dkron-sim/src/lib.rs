//! dkron-sim
