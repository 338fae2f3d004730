//! Messages between nodes: one question and one answer, or a stream of frames both ways.
//!
//! What a frame contains is the business of whoever registers for its [`Method`]; this room knows
//! who is at the other end ([`Caller`]) and how bytes get there. There are two ways: `grpc` over
//! sockets, and `memory` within one process, for tests.
//!
//! ```text
//!   Wire::call / Wire::open ──▶ connection (hello, key, versions) ──▶ Router ──▶ handler
//! ```

pub mod grpc;
mod method;
mod router;
mod wire;

#[cfg(test)]
pub mod memory;

pub use method::{Lane, Method};
pub use router::{Caller, Role, Router};
pub use wire::{BoxFuture, CallError, Frames, Target, Wire};

/// LIMIT: bytes of one frame; larger things travel as streams.
pub const FRAME_MAX: usize = 16 << 20;
/// LIMIT: frames of a stream that wait in each direction; then the sender waits.
pub const FRAMES_AHEAD: usize = 64;
