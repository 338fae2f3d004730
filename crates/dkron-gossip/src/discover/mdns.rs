//! Members on the local network: who looks for a service there also announces itself under it.

use std::net::{IpAddr, SocketAddr};

use mdns_sd::{IfKind, ServiceDaemon, ServiceEvent, ServiceInfo};
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
        for ip in addresses.filter(|ip| is_wanted(service, ip)) {
            let address = SocketAddr::new(ip, announced.port);
            if found.len() < ADDRESSES_MOST && !found.contains(&address) {
                found.push(address);
            }
        }
    }
    Ok(found)
}

/// An address that holds on one interface alone can not be dialled without naming that.
fn is_wanted(service: &Service, ip: &IpAddr) -> bool {
    match ip {
        IpAddr::V4(_) => service.v4,
        IpAddr::V6(ip) => service.v6 && !ip.is_unicast_link_local(),
    }
}

/// This node is announced for as long as it is held.
pub(crate) struct Announcement {
    daemon: ServiceDaemon,
}

impl Announcement {
    pub(super) fn new(service: &Service, id: u64, at: SocketAddr) -> Result<Self, mdns_sd::Error> {
        let daemon = ServiceDaemon::new()?;
        let announcement = Announcement { daemon };
        let (name, host) = (format!("dkron-{id:016x}"), format!("dkron-{id:016x}.local."));
        let no_properties: Option<std::collections::HashMap<String, String>> = None;
        let own = ServiceInfo::new(&service.name, &name, &host, at.ip(), at.port(), no_properties)?;
        announcement.daemon.register(own)?;
        Ok(announcement)
    }
}

impl Drop for Announcement {
    fn drop(&mut self) {
        // Its thread takes the announcement back and ends in its own time.
        let _ = self.daemon.shutdown();
    }
}
