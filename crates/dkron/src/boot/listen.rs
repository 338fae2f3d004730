//! The address of the HTTP API: bound before anything else happens.

use std::io::ErrorKind;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};

use anyhow::Context;
use tokio::net::TcpListener;

use crate::config::split_address;

/// A listener on `host:port`; an empty host means every address, of both families if there are.
pub async fn bind(addr: &str) -> anyhow::Result<TcpListener> {
    let (host, port) = split_address("http-addr", addr)?;
    let result = match host {
        "" => match TcpListener::bind(SocketAddr::from((Ipv6Addr::UNSPECIFIED, port))).await {
            Err(err) if err.kind() != ErrorKind::AddrInUse => {
                TcpListener::bind(SocketAddr::from((Ipv4Addr::UNSPECIFIED, port))).await
            }
            result => result,
        },
        host => TcpListener::bind((host, port)).await,
    };
    result.with_context(|| format!("failed to listen on `{addr}`")).map_err(|err| {
        let kind = err.downcast_ref::<std::io::Error>().map(std::io::Error::kind);
        let advice = match kind {
            Some(ErrorKind::AddrInUse) => {
                "another program has the port: stop it, or choose another with --http-addr=:8081"
            }
            Some(ErrorKind::PermissionDenied) => {
                "ports below 1024 need more rights: choose a higher one with --http-addr"
            }
            Some(ErrorKind::AddrNotAvailable) => {
                "this machine has no such address: correct --http-addr"
            }
            _ => "check --http-addr",
        };
        anyhow::anyhow!("{err:#}; {advice}")
    })
}
