//! dkron
fn main() {}
