//! Names to addresses. Hosts are the system's business (`/etc/hosts` and whatever else it asks);
//! SRV records it does not know, so the name servers of `/etc/resolv.conf` are asked for them.
//!
//! Nothing is remembered from one time to the next, nor the name servers themselves.

use std::net::SocketAddr;
use std::time::Duration;

use hickory_resolver::TokioResolver;
use hickory_resolver::proto::rr::RData;
use tokio::time::timeout;

/// Longest time for one question to the system or to the name servers.
const PATIENCE: Duration = Duration::from_secs(5);
/// LIMIT: hosts of one SRV name; the others are left out.
const HOSTS_MOST: usize = 64;

/// Who is asked for SRV records.
#[derive(Clone)]
pub(crate) enum Names {
    System,
    /// One name server, for tests.
    #[cfg(test)]
    Server(SocketAddr),
}

impl Names {
    fn resolver(&self) -> Result<TokioResolver, String> {
        let builder = match self {
            Names::System => TokioResolver::builder_tokio(),
            #[cfg(test)]
            Names::Server(address) => Ok(super::tests::builder(*address)),
        };
        let resolver = builder.and_then(|builder| builder.build());
        resolver.map_err(|error| format!("/etc/resolv.conf: {error}"))
    }

    pub async fn srv(&self, name: &str) -> Result<Vec<SocketAddr>, String> {
        let resolver = self.resolver()?;
        let lookup = timeout(PATIENCE, resolver.srv_lookup(name)).await;
        let lookup = lookup.map_err(|_| too_late())?.map_err(|error| error.to_string())?;
        let hosts = lookup.answers().iter().filter_map(|record| match &record.data {
            RData::SRV(srv) => Some((srv.target.to_utf8(), srv.port)),
            _ => None,
        });
        let (mut found, mut last) = (Vec::new(), "it has no SRV records".to_owned());
        for (target, port) in hosts.take(HOSTS_MOST) {
            match host(target.trim_end_matches('.'), port).await {
                Ok(addresses) => found.extend(addresses),
                Err(reason) => last = format!("{target} {reason}"),
            }
        }
        if found.is_empty() { Err(last) } else { Ok(found) }
    }
}

pub(super) async fn host(name: &str, port: u16) -> Result<Vec<SocketAddr>, String> {
    let lookup = timeout(PATIENCE, tokio::net::lookup_host((name, port))).await;
    let addresses = lookup.map_err(|_| too_late())?.map_err(|error| error.to_string())?;
    let addresses: Vec<SocketAddr> = addresses.collect();
    if addresses.is_empty() { Err("it has no addresses".into()) } else { Ok(addresses) }
}

fn too_late() -> String {
    format!("no answer within {} s", PATIENCE.as_secs())
}
