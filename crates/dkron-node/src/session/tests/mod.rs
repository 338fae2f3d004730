//! Sessions over the memory wire: real agents, real conductors and ledgers, a log that the servers
//! of a test share.

mod agents;
mod lanes;
mod leaders;
mod long;
mod own;
mod server;
mod slow;
mod streams;
mod town;
