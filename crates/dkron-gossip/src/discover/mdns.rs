//! Members that something announces on the local network, as an mDNS responder does.

use std::net::SocketAddr;

use mdns_sd::{IfKind, ServiceDaemon, ServiceEvent};
use tokio::time::{Instant, timeout_at};

use super::Service;

/// LIMIT: addresses of one service; the others are left out.
const ADDRESSES_MOST: usize = 1024;

/// Listens for as long as the entry says.
pub(super) async fn browse(service: &Service) -> Result<Vec<SocketAddr>, String> {
    let daemon = ServiceDaemon::new().map_err(|error| error.to_string())?;
    let listened = listen(&daemon, service).await;
    // Its thread ends in its own time.
    let _ = daemon.shutdown();
    let found = listened.map_err(|error| error.to_string())?;
    match found.is_empty() {
        true => Err(format!("nobody announced it within {:?}", service.timeout)),
        false => Ok(found),
    }
}

async fn listen(
    daemon: &ServiceDaemon,
    service: &Service,
) -> Result<Vec<SocketAddr>, mdns_sd::Error> {
    if !service.v4 {
        daemon.disable_interface(IfKind::IPv4)?;
    }
    if !service.v6 {
        daemon.disable_interface(IfKind::IPv6)?;
    }
    let events = daemon.browse(&service.name)?;
    let deadline = Instant::now() + service.timeout;
    let mut found: Vec<SocketAddr> = Vec::new();
    while let Ok(Ok(event)) = timeout_at(deadline, events.recv_async()).await {
        let ServiceEvent::ServiceResolved(announced) = event else { continue };
        let addresses = announced.addresses.iter().map(|scoped| scoped.to_ip_addr());
        for ip in addresses.filter(|ip| if ip.is_ipv4() { service.v4 } else { service.v6 }) {
            let address = SocketAddr::new(ip, announced.port);
            if found.len() < ADDRESSES_MOST && !found.contains(&address) {
                found.push(address);
            }
        }
    }
    Ok(found)
}
