//! dkron-conformance
