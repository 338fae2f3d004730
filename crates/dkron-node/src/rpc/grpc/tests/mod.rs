//! Real listeners on loopback.

mod greeting;
mod lanes;
mod life;
mod node;
mod talk;
