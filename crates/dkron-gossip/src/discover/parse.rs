//! The forms that an entry may have. Templates were filled in before.
//!
//! ```text
//!   10.0.0.7   10.0.0.7:8946   [fd00::7]:8946   fd00::7        addresses
//!   dkron.example   dkron.example:8946                         A and AAAA records
//!   _dkron._tcp.example                                        SRV records
//!   provider=mdns service=_dkron._tcp timeout=5s v6=false      announced on the local network
//! ```

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use super::{DEFAULT_PORT, Entry, Kind, Service};
use crate::error::Error;

/// LIMIT: bytes of a name of DNS.
const NAME_BYTES: usize = 253;

/// Reads one entry; nothing is looked up.
pub fn parse(text: &str) -> Result<Entry, Error> {
    let text = text.trim();
    let kind = match text {
        _ if text.contains("provider=") => provider(text),
        _ if text.contains("{{") => Err("a template has to be filled in before".into()),
        _ if text.starts_with('_') => service_name(text),
        _ => address(text),
    };
    let failed = |reason| Error::Entry { entry: text.to_owned(), reason };
    Ok(Entry { text: text.to_owned(), kind: kind.map_err(failed)? })
}

fn service_name(text: &str) -> Result<Kind, String> {
    if text.contains(':') {
        return Err("an SRV record says the port itself".into());
    }
    check_name(text).map(|()| Kind::Srv(text.to_owned()))
}

fn address(text: &str) -> Result<Kind, String> {
    if let Ok(ip) = text.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>() {
        return Ok(Kind::Address(SocketAddr::new(ip, DEFAULT_PORT)));
    }
    let (host, port) = match text.rsplit_once(':') {
        Some((host, port)) => {
            let port = port.parse().ok().filter(|port| *port != 0);
            (host, port.ok_or("its port is no number from 1 to 65535")?)
        }
        None => (text, DEFAULT_PORT),
    };
    if let Ok(ip) = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>() {
        return match ip.is_ipv6() == host.starts_with('[') {
            true => Ok(Kind::Address(SocketAddr::new(ip, port))),
            false => Err("an IPv6 address with a port wants brackets".into()),
        };
    }
    check_name(host).map(|()| Kind::Host { name: host.to_owned(), port })
}

fn check_name(name: &str) -> Result<(), String> {
    let is_fine = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_' | '.');
    match name {
        "" => Err("there is no host in it".into()),
        _ if name.len() > NAME_BYTES => Err(format!("a name has at most {NAME_BYTES} bytes")),
        _ if !name.chars().all(is_fine) => {
            Err("it is neither an address nor a name; want host, host:port or [IPv6]:port".into())
        }
        _ => Ok(()),
    }
}

fn provider(text: &str) -> Result<Kind, String> {
    let words = words(text)?;
    let get = |key: &str| words.iter().find(|(known, _)| known == key).map(|(_, v)| v.as_str());
    let provider = get("provider").unwrap_or_default();
    if provider != "mdns" {
        return Err(format!(
            "provider={provider} is not there; put a DNS name into retry-join instead, whose A, \
             AAAA or (if it begins with an underscore) SRV records are the members"
        ));
    }
    let keys = ["provider", "service", "domain", "timeout", "v4", "v6"];
    if let Some((key, _)) = words.iter().find(|(key, _)| !keys.contains(&key.as_str())) {
        return Err(format!("mdns has no {key}; it has {}", keys[1..].join(", ")));
    }
    let service = get("service").filter(|service| !service.is_empty());
    let service = service.ok_or("mdns wants a service, as service=_dkron._tcp")?;
    let service = service.trim_end_matches('.').trim_end_matches(".local");
    if !service.ends_with("._tcp") && !service.ends_with("._udp") {
        return Err("an mdns service ends with ._tcp or ._udp".into());
    }
    let domain = get("domain").unwrap_or("local").trim_matches('.');
    if domain != "local" {
        return Err("mdns knows the domain local alone".into());
    }
    let timeout = get("timeout").map_or(Ok(Duration::from_secs(5)), duration)?;
    let flag = |key| match get(key) {
        None | Some("true" | "1") => Ok(true),
        Some("false" | "0") => Ok(false),
        Some(other) => Err(format!("{key}={other} is neither true nor false")),
    };
    let (v4, v6) = (flag("v4")?, flag("v6")?);
    if !v4 && !v6 {
        return Err("without v4 and v6 no address is left".into());
    }
    Ok(Kind::Mdns(Service { name: format!("{service}.local."), timeout, v4, v6 }))
}

/// `key=value key="value with blanks"`.
fn words(text: &str) -> Result<Vec<(String, String)>, String> {
    let mut words = Vec::new();
    let mut rest = text.trim_start();
    while !rest.is_empty() {
        let (key, after) = rest.split_once('=').ok_or("want key=value")?;
        let (value, after) = match after.strip_prefix('"') {
            Some(quoted) => quoted.split_once('"').ok_or("a quote has no end")?,
            None => after.split_once(char::is_whitespace).unwrap_or((after, "")),
        };
        if key.is_empty() || key.contains(char::is_whitespace) {
            return Err(format!("{key:?} is no key; want key=value"));
        }
        words.push((key.to_owned(), value.to_owned()));
        rest = after.trim_start();
    }
    Ok(words)
}

/// Seconds or milliseconds, from 100 ms to a minute.
fn duration(text: &str) -> Result<Duration, String> {
    let wanted = || format!("timeout={text} is no time from 100ms to 60s");
    let (number, unit_ms) = match text.strip_suffix("ms") {
        Some(number) => (number, 1.0),
        None => (text.strip_suffix('s').ok_or_else(wanted)?, 1000.0),
    };
    let ms = number.parse::<f64>().map_err(|_| wanted())? * unit_ms;
    let is_fine = (100.0..=60_000.0).contains(&ms);
    is_fine.then(|| Duration::from_millis(ms as u64)).ok_or_else(wanted)
}
