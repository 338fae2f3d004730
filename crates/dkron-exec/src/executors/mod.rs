//! The executors that come with the program.

pub mod http;
pub mod noop;
pub mod shell;

pub use http::HttpExecutor;
pub use noop::NoopExecutor;
pub use shell::{ShellExecutor, ShellOptions};
