//! The stairwell: one loop takes events to the machines of `dkron-core` and acts out what they
//! decide. It decides nothing about jobs itself.

pub mod service;
