//! The executors that come with the program.

pub mod http;
pub mod noop;

pub use http::HttpExecutor;
pub use noop::NoopExecutor;
