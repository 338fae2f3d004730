//! The traffic between nodes: where this one listens, what others use to reach it, whom it joins.
//! Addresses are looked up here once; names in `join` and `retry-join` stay names, because they
//! are looked up at every try.

use std::net::{IpAddr, Ipv4Addr, SocketAddr, ToSocketAddrs as _};
use std::time::Duration;

use dkron_node::network::{Key, NetworkOptions, Profile};

use super::address::{Interfaces, expand, is_private};
use super::layers::Origin;
use super::{Error, Layers, split_address, values};

/// Of the gossip, where an address names none.
const PORT: u16 = 8946;
/// LIMIT: entries of `join` and `retry-join` each.
const JOINS: usize = 256;

/// Reads the key of `encrypt`: standard base64.
pub fn key(text: &str) -> Result<Key, Error> {
    Key::parse(text).map_err(|_| {
        Error::new(
            "encrypt: the key is not base64 of 16, 24 or 32 bytes, make one with `dkron keygen`",
        )
    })
}

pub(super) fn network(
    layers: &Layers,
    dev: bool,
    interfaces: &dyn Interfaces,
    warnings: &mut Vec<String>,
) -> Result<NetworkOptions, Error> {
    let Addresses { bind, advertise } = addresses(layers, dev, interfaces, warnings)?;
    let rpc_port = match layers.get("rpc-port")? {
        // Nobody looks for a development node: several may run on one machine.
        (_, Origin::Default) if dev => 0,
        _ => layers.int_in("rpc-port", 0, 65_535)? as u16,
    };
    let shown_port = match layers.int_in("advertise-rpc-port", 0, 65_535)? as u16 {
        0 => rpc_port,
        port => port,
    };
    let (join, retry_join) = joins(layers, interfaces, warnings)?;
    let retry_max = layers.int_in("retry-max", 0, i64::from(i32::MAX))?;
    let key = match layers.text("encrypt")?.as_str() {
        "" => None,
        text => Some(key(text)?),
    };
    let profile = match layers.text("profile")?.as_str() {
        "lan" => Profile::Lan,
        "wan" => Profile::Wan,
        "local" => Profile::Local,
        other => {
            let said = format!("profile: `{other}` is unknown, use lan, wan or local");
            return Err(Error::new(said));
        }
    };
    Ok(NetworkOptions {
        bind,
        advertise,
        rpc_bind: SocketAddr::new(bind.ip(), rpc_port),
        rpc_advertise: SocketAddr::new(advertise.ip(), shown_port),
        key,
        profile,
        join,
        retry_join,
        retry_max: u32::try_from(retry_max).ok().filter(|max| *max > 0),
        retry_interval: span(layers, "retry-interval")?,
        reconnect_timeout: span(layers, "serf-reconnect-timeout")?,
    })
}

struct Addresses {
    bind: SocketAddr,
    advertise: SocketAddr,
}

fn addresses(
    layers: &Layers,
    dev: bool,
    interfaces: &dyn Interfaces,
    warnings: &mut Vec<String>,
) -> Result<Addresses, Error> {
    let (_, origin) = layers.get("bind-addr")?;
    let text = match origin {
        Origin::Default if dev => "127.0.0.1:0".to_owned(),
        _ => layers.text("bind-addr")?,
    };
    let (text, warning) = expand("bind-addr", &text, interfaces)?;
    warnings.extend(warning);
    let bind = Place::parse("bind-addr", &text, PORT)?.look_up("bind-addr")?;
    let wanted = layers.text("advertise-addr")?;
    if wanted.is_empty() {
        let advertise = implied(&text, bind, dev, interfaces, warnings)?;
        return Ok(Addresses { bind, advertise });
    }
    let (text, warning) = expand("advertise-addr", &wanted, interfaces)?;
    warnings.extend(warning);
    let advertise =
        Place::parse("advertise-addr", &text, bind.port())?.look_up("advertise-addr")?;
    if advertise.ip().is_unspecified() {
        let said = format!("advertise-addr: nobody can reach `{text}`, name the address itself");
        return Err(Error::new(said));
    }
    Ok(Addresses { bind, advertise })
}

/// What others use when nothing is said: the bound address, or for all addresses the first private
/// one. A name that leads to this machine alone is a slip, an address is a decision.
fn implied(
    text: &str,
    bind: SocketAddr,
    dev: bool,
    interfaces: &dyn Interfaces,
    warnings: &mut Vec<String>,
) -> Result<SocketAddr, Error> {
    if bind.ip().is_unspecified() {
        let list = interfaces.list();
        let found = list.iter().find(|each| is_private(each.ip)).map(|each| each.ip);
        let ip = found.unwrap_or_else(|| {
            warnings.push(
                "advertise-addr: no private IP address found, other nodes are told 127.0.0.1: \
                 name the address that reaches this one"
                    .to_owned(),
            );
            IpAddr::V4(Ipv4Addr::LOCALHOST)
        });
        return Ok(SocketAddr::new(ip, bind.port()));
    }
    let named = Place::parse("bind-addr", text, PORT)?.host;
    let is_slip = named.parse::<IpAddr>().is_err() && named != "localhost";
    if bind.ip().is_loopback() && is_slip && !dev {
        return Err(Error::new(format!(
            "bind-addr: defaulting advertise to localhost is unsafe, please set advertise \
             manually: `{named}` is {} here, add --advertise-addr",
            bind.ip()
        )));
    }
    Ok(bind)
}

/// A host and a port, not looked up yet.
struct Place {
    /// Empty = all addresses.
    host: String,
    port: u16,
}

impl Place {
    /// `host:port`, `:port`, `[v6]:port`, or a bare host, which takes `port`.
    fn parse(key: &str, text: &str, port: u16) -> Result<Place, Error> {
        let bare = |host: &str| Place { host: host.to_owned(), port };
        match split_address(key, text) {
            Ok((host, port)) => Ok(Place { host: host.to_owned(), port }),
            Err(_) if text.parse::<std::net::Ipv6Addr>().is_ok() => Ok(bare(text)),
            Err(_) if !text.is_empty() && !text.contains(':') => Ok(bare(text)),
            Err(err) => Err(err),
        }
    }

    fn look_up(&self, key: &str) -> Result<SocketAddr, Error> {
        if self.host.is_empty() {
            return Ok(SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), self.port));
        }
        let wrong = |why: String| {
            Error::new(format!("{key}: `{}` has no address: {why}; write the IP itself", self.host))
        };
        let found = (self.host.as_str(), self.port).to_socket_addrs();
        let mut found = found.map_err(|err| wrong(err.to_string()))?;
        found.next().ok_or_else(|| wrong("none was found".to_owned()))
    }
}

/// The lists of `join` and `retry-join` with their templates replaced.
fn joins(
    layers: &Layers,
    interfaces: &dyn Interfaces,
    warnings: &mut Vec<String>,
) -> Result<(Vec<String>, Vec<String>), Error> {
    let mut list = |key: &str| -> Result<Vec<String>, Error> {
        let mut entries = Vec::new();
        for text in layers.list(key)? {
            let (text, warning) = expand(key, text.trim(), interfaces)?;
            warnings.extend(warning);
            if !text.is_empty() {
                entries.push(text);
            }
        }
        if entries.len() > JOINS {
            return Err(Error::new(format!("{key}: more than {JOINS} entries, name fewer")));
        }
        Ok(entries)
    };
    let (mut join, retry_join) = (list("join")?, list("retry-join")?);
    if !join.is_empty() && !retry_join.is_empty() {
        warnings.push("option join is ignored because retry-join is set".to_owned());
        join.clear();
    }
    Ok((join, retry_join))
}

fn span(layers: &Layers, key: &str) -> Result<Duration, Error> {
    let text = layers.text(key)?;
    values::duration(&text).ok_or_else(|| {
        Error::new(format!("{key}: `{text}` is not a duration, write one such as 30s or 1m30s"))
    })
}

#[cfg(test)]
mod tests;
