//! dkron-node
