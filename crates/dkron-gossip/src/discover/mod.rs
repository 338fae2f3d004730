//! What an entry of `retry-join` or `join` means, and where it leads now.

mod dns;
mod mdns;
mod parse;
#[cfg(test)]
pub(crate) mod tests;

use std::fmt;
use std::net::SocketAddr;
use std::time::Duration;

pub use parse::parse;

pub(crate) use dns::Names;
pub(crate) use mdns::Announcement;

use crate::error::Error;

/// Where gossip listens unless somebody says otherwise.
pub const DEFAULT_PORT: u16 = 8946;

/// One entry; it is looked up anew each time, as names may lead elsewhere by then.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    text: String,
    kind: Kind,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Kind {
    Address(SocketAddr),
    /// All A and AAAA records of a name.
    Host {
        name: String,
        port: u16,
    },
    /// A name that begins with `_`: its SRV records say host and port.
    Srv(String),
    Mdns(Service),
}

/// A service that members announce on the local network.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Service {
    /// As it is asked for: `_dkron._tcp.local.`
    name: String,
    timeout: Duration,
    v4: bool,
    v6: bool,
}

impl Entry {
    /// All addresses that it leads to now; within a few seconds, or it is an error that says why
    /// there are none.
    pub async fn resolve(&self) -> Result<Vec<SocketAddr>, Error> {
        self.resolve_with(&Names::System).await
    }

    pub(crate) async fn resolve_with(&self, names: &Names) -> Result<Vec<SocketAddr>, Error> {
        let found = match &self.kind {
            Kind::Address(address) => Ok(vec![*address]),
            Kind::Host { name, port } => dns::host(name, *port).await,
            Kind::Srv(name) => names.srv(name).await,
            Kind::Mdns(service) => mdns::browse(service).await,
        };
        found.map_err(|reason| Error::Resolve { entry: self.text.clone(), reason })
    }

    /// Makes this node one of those that the entry leads to, if it is of the local network.
    pub(crate) fn announce(&self, id: u64, at: SocketAddr) -> Option<Announcement> {
        let Kind::Mdns(service) = &self.kind else { return None };
        let announced = Announcement::new(service, id, at);
        announced
            .inspect_err(|error| tracing::warn!("{self}: this node can not be announced: {error}"))
            .ok()
    }
}

impl fmt::Display for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}
