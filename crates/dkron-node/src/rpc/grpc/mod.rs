//! Messages between nodes as gRPC over sockets: one service, three methods, frames that are bytes.
//!
//! ```text
//!   dkron.cluster.v1.Node / Hello   who are you, do we belong together, which version
//!                         / Call    method byte, message  ─▶  0, answer | 1, why not
//!                         / Open    method byte  ─▶  0 | 1, why not; then frames both ways
//! ```
//!
//! A connection is good only while both ends belong to the cluster that they named in their
//! hellos: who has joined one since is greeted again. Two connections lead to a peer, one for each
//! [`Lane`](super::Lane), so that a long transfer does not hold up a heartbeat.
//!
//! All sockets belong to one thread ([`IoThread`]); calls are answered on it, so their handlers
//! must neither block nor compute for long. Streams are served in the runtime that called
//! [`Listener::serve`].

mod client;
mod codec;
mod complaints;
mod connection;
mod dial;
mod greeting;
mod identity;
mod listener;
mod peer;
mod protocol;
mod pump;
mod service;
mod thread;

use std::time::Duration;

pub use client::Client;
pub use identity::{Identity, derive_key};
pub use listener::Listener;
pub use protocol::protocol;
#[cfg(debug_assertions)]
pub use protocol::stage_protocol;
pub use thread::IoThread;

/// LIMIT: accepted connections; the others wait in the kernel's queue. A node has two at most.
const CONNECTIONS_MAX: usize = 4096;
/// LIMIT: streams and calls under way on one connection; the others wait at the dialer.
const STREAMS_MAX: u32 = 1024;
/// What one stream may send ahead of its reader. All streams together may fill their windows
/// without closing that of the connection: a reader that sleeps holds up nobody else.
const STREAM_WINDOW: u32 = 256 << 10;
const CONNECTION_WINDOW: u32 = STREAM_WINDOW * STREAMS_MAX;
/// Together less than the three seconds after which a node counts as out of reach.
const KEEP_ALIVE: Duration = Duration::from_millis(900);
const KEEP_ALIVE_PATIENCE: Duration = Duration::from_millis(1900);
/// From the accepted socket to the end of the greeting.
const GREETING_PATIENCE: Duration = Duration::from_secs(5);
/// From the first packet to the end of the greeting, for one address.
const DIAL_PATIENCE: Duration = Duration::from_secs(1);
/// LIMIT: bytes of a greeting.
const GREETING_MAX: usize = 4 << 10;
/// LIMIT: bytes of a message on the wire: a frame and the byte before it.
const MESSAGE_MAX: usize = super::FRAME_MAX + 1;

const HELLO: &str = "/dkron.cluster.v1.Node/Hello";
const CALL: &str = "/dkron.cluster.v1.Node/Call";
const OPEN: &str = "/dkron.cluster.v1.Node/Open";

#[cfg(test)]
mod tests;
