//! Addresses that may hold a template: `{{ GetPrivateIP }}` and its two relatives.

use std::net::{IpAddr, Ipv4Addr};

use super::Error;

/// An address of a network interface.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Interface {
    pub name: String,
    pub ip: IpAddr,
}

/// Where the addresses of this machine come from.
pub trait Interfaces {
    fn list(&self) -> Vec<Interface>;
}

/// The kernel's answer: which address a packet would leave from, and each interface's own.
pub struct SystemInterfaces;

impl Interfaces for SystemInterfaces {
    fn list(&self) -> Vec<Interface> {
        system::list()
    }
}

/// `text` with its template replaced, and a warning where a fallback was taken.
pub fn expand(
    key: &str,
    text: &str,
    interfaces: &dyn Interfaces,
) -> Result<(String, Option<String>), Error> {
    let Some(open) = text.find("{{") else { return Ok((text.to_owned(), None)) };
    let Some(len) = text[open..].find("}}") else {
        return Err(Error::new(format!("{key}: the template in `{text}` has no `}}}}`")));
    };
    let inner = text[open + 2..open + len].trim();
    let (ip, warning) = evaluate(key, inner, interfaces)?;
    let after = &text[open + len + 2..];
    if after.contains("{{") {
        return Err(Error::new(format!("{key}: `{text}` may hold one template only")));
    }
    let shown = match ip {
        IpAddr::V6(ip) if after.starts_with(':') => format!("[{ip}]"),
        ip => ip.to_string(),
    };
    Ok((format!("{}{shown}{after}", &text[..open]), warning))
}

fn evaluate(
    key: &str,
    inner: &str,
    interfaces: &dyn Interfaces,
) -> Result<(IpAddr, Option<String>), Error> {
    let list = interfaces.list();
    let words: Vec<&str> = inner.split_whitespace().collect();
    match words.as_slice() {
        ["GetPrivateIP"] => match list.iter().find(|each| is_private(each.ip)) {
            Some(found) => Ok((found.ip, None)),
            None => {
                let text = format!("{key}: no private IP address found, 127.0.0.1 is used");
                Ok((IpAddr::V4(Ipv4Addr::LOCALHOST), Some(text)))
            }
        },
        ["GetPublicIP"] => {
            let public = |ip: IpAddr| !is_private(ip) && !is_local(ip);
            let found = list.iter().find(|each| public(each.ip));
            found.map(|found| (found.ip, None)).ok_or_else(|| {
                Error::new(format!("{key}: no public IP address found, write the address itself"))
            })
        }
        ["GetInterfaceIP", name] => {
            let name = name.trim_matches(|c| c == '"' || c == '`');
            let found = list.iter().find(|each| each.name == name);
            found.map(|found| (found.ip, None)).ok_or_else(|| {
                Error::new(format!("{key}: interface `{name}` has no IP address or does not exist"))
            })
        }
        _ => Err(Error::new(format!(
            "{key}: template `{{{{ {inner} }}}}` is not supported, use {{{{ GetPrivateIP }}}}, \
             {{{{ GetPublicIP }}}}, {{{{ GetInterfaceIP \"eth0\" }}}} or the address itself"
        ))),
    }
}

/// Not routed on the internet; the shared space of carriers counts.
pub fn is_private(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => {
            let shared = ip.octets()[0] == 100 && (64..128).contains(&ip.octets()[1]);
            ip.is_private() || shared
        }
        IpAddr::V6(ip) => ip.segments()[0] & 0xfe00 == 0xfc00,
    }
}

fn is_local(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => ip.is_loopback() || ip.is_link_local() || ip.is_unspecified(),
        IpAddr::V6(ip) => {
            ip.is_loopback() || ip.is_unspecified() || ip.segments()[0] & 0xffc0 == 0xfe80
        }
    }
}

mod system {
    //! Addresses read from `/proc/net`: no process is started, no library is needed.

    use std::collections::BTreeMap;
    use std::fs;
    use std::net::{IpAddr, Ipv4Addr, UdpSocket};

    use super::Interface;

    /// Addresses with the one of the default route first.
    pub fn list() -> Vec<Interface> {
        let mut list = local_addresses();
        if let Some(first) = outward() {
            list.sort_by_key(|each| each.ip != first);
            if list.first().is_none_or(|each| each.ip != first) {
                list.insert(0, Interface { name: String::new(), ip: first });
            }
        }
        list
    }

    /// The source address for a packet to the outside; connecting a datagram socket sends nothing.
    fn outward() -> Option<IpAddr> {
        let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).ok()?;
        socket.connect((Ipv4Addr::new(192, 0, 2, 1), 9)).ok()?;
        Some(socket.local_addr().ok()?.ip()).filter(|ip| !ip.is_unspecified())
    }

    /// Local addresses of the routing trie, each with the interface whose network holds it.
    fn local_addresses() -> Vec<Interface> {
        let trie = fs::read_to_string("/proc/net/fib_trie").unwrap_or_default();
        let networks = networks(&fs::read_to_string("/proc/net/route").unwrap_or_default());
        let mut found = BTreeMap::new();
        let mut last = None;
        for line in trie.lines().map(str::trim) {
            if let Some(address) = line.strip_prefix("|-- ") {
                last = address.parse::<Ipv4Addr>().ok();
            } else if let Some(ip) = last.filter(|_| line.starts_with("/32 host LOCAL")) {
                let owner =
                    |(_, network, mask): &&(String, u32, u32)| ip.to_bits() & mask == *network;
                let name = networks.iter().filter(|(.., mask)| *mask != 0).find(owner);
                let name = name.map(|(name, ..)| name.clone());
                let name = name.unwrap_or_else(|| if ip.is_loopback() { "lo" } else { "" }.into());
                found.insert(ip, name);
            }
        }
        found.into_iter().map(|(ip, name)| Interface { name, ip: IpAddr::V4(ip) }).collect()
    }

    fn networks(route: &str) -> Vec<(String, u32, u32)> {
        let number = |text: &str| u32::from_str_radix(text, 16).ok().map(u32::swap_bytes);
        let line = |line: &str| {
            let words: Vec<&str> = line.split_whitespace().collect();
            Some(((*words.first()?).to_owned(), number(words.get(1)?)?, number(words.get(7)?)?))
        };
        route.lines().skip(1).filter_map(line).collect()
    }
}
