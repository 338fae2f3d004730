//! dkron
