//! Outputs of executions: small ones travel in the report, large ones stand in the blob stores of
//! the servers, as long as a row of the history refers to them.

mod afar;
mod carry;
mod changes;
mod circle;
mod keeper;
mod live;
mod missing;
mod serve;
mod store;

use std::sync::Arc;

use dkron_core::domain::{Output, limits};
use dkron_exec::BoxFuture;

pub use afar::{Afar, Shown, register_live};
pub use carry::{Name, Put, put};
pub use changes::Teller;
pub use circle::Circle;
pub use keeper::Keeper;
pub use live::{Absent, LiveOutput, LiveOutputs};
pub use serve::register;
pub use store::{AGAIN, STORED, Store, Unkept, name_of, stored};

/// Where a finished output that is too large for its report goes.
pub trait Shipper: Send + Sync {
    /// Durable when it is ready, or cut to what the report can carry.
    fn ship(&self, bytes: Vec<u8>) -> BoxFuture<Output>;
}

/// Small outputs travel in the report, and what could not be stored with its tail.
pub fn inline(bytes: Vec<u8>) -> Output {
    match bytes.len() {
        0 => Output::Empty,
        len => Output::Inline(Arc::from(&bytes[len.saturating_sub(limits::INLINE_OUTPUT)..])),
    }
}
