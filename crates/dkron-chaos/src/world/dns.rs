//! The names of the hosts: A records for each, SRV records for the servers under one name. Their
//! addresses change while the test runs, so that nothing may be kept.

use std::collections::BTreeMap;
use std::io;
use std::net::{Ipv4Addr, UdpSocket};
use std::sync::{Arc, Mutex, PoisonError};

pub const ZONE: &str = "dkron.test";
/// Whoever asks for its SRV records is told all servers.
pub const SERVICE: &str = "_dkron._tcp.dkron.test";
const PORT: u16 = 53;
/// An answer of ours stays below it.
const DATAGRAM_MAX: usize = 512;

const A: u16 = 1;
const SRV: u16 = 33;

/// What is told at present.
#[derive(Clone, Debug, Default)]
pub struct Zone {
    /// By the first label of the name.
    pub hosts: BTreeMap<String, Ipv4Addr>,
    /// Labels of the servers, with the port that they are joined at.
    pub servers: Vec<String>,
    pub join_port: u16,
}

pub fn start(zone: Arc<Mutex<Zone>>) -> io::Result<()> {
    let socket = UdpSocket::bind(("0.0.0.0", PORT))?;
    std::thread::Builder::new().name("dns".into()).spawn(move || {
        let mut buffer = [0; DATAGRAM_MAX];
        loop {
            let Ok((length, from)) = socket.recv_from(&mut buffer) else { continue };
            let zone = zone.lock().unwrap_or_else(PoisonError::into_inner).clone();
            if let Some(answer) = answer(&buffer[..length], &zone) {
                // Whoever asked asks again.
                let _ = socket.send_to(&answer, from);
            }
        }
    })?;
    Ok(())
}

/// The answer to a query with one question; `None` for what is no query.
fn answer(query: &[u8], zone: &Zone) -> Option<Vec<u8>> {
    let (name, end) = name(query, 12)?;
    let kind = u16::from_be_bytes([*query.get(end)?, *query.get(end + 1)?]);
    let question = query.get(12..end + 4)?;
    if query[2] & 0x80 != 0 {
        return None;
    }
    let mut records: Vec<Vec<u8>> = Vec::new();
    let label = name.strip_suffix(ZONE).map(|label| label.trim_end_matches('.'));
    let host = label.and_then(|label| zone.hosts.get(label));
    let is_service = name == SERVICE;
    match (kind, host) {
        (A, Some(address)) => records.push(record(A, &address.octets())),
        (SRV, _) if is_service => {
            for server in &zone.servers {
                let mut data = vec![0, 0, 0, 0];
                data.extend(zone.join_port.to_be_bytes());
                data.extend(encoded(&format!("{server}.{ZONE}")));
                records.push(record(SRV, &data));
            }
        }
        _ => {}
    }
    let is_known = host.is_some() || is_service || name == ZONE;
    let code = if is_known { 0 } else { 3 };
    let mut out = query[..2].to_vec();
    // An authoritative answer; recursion is allowed, since resolvers want to hear that.
    out.extend([0x84 | (query[2] & 1), 0x80 | code]);
    out.extend([0, 1]);
    out.extend((records.len() as u16).to_be_bytes());
    out.extend([0, 0, 0, 0]);
    out.extend(question);
    records.iter().for_each(|record| out.extend(record));
    Some(out)
}

/// The name at a place in small letters, and where it ends. Queries need no compression.
fn name(query: &[u8], mut at: usize) -> Option<(String, usize)> {
    let mut labels: Vec<String> = Vec::new();
    loop {
        let length = usize::from(*query.get(at)?);
        at += 1;
        if length == 0 {
            return Some((labels.join("."), at));
        }
        let label = query.get(at..at + length).filter(|_| length < 64)?;
        labels.push(String::from_utf8_lossy(label).to_lowercase());
        at += length;
    }
}

fn encoded(name: &str) -> Vec<u8> {
    let mut out = Vec::new();
    for label in name.split('.') {
        out.push(label.len() as u8);
        out.extend(label.as_bytes());
    }
    out.push(0);
    out
}

/// About the name of the question, of class IN, not to be kept.
fn record(kind: u16, data: &[u8]) -> Vec<u8> {
    let mut out = vec![0xC0, 12];
    out.extend(kind.to_be_bytes());
    out.extend([0, 1, 0, 0, 0, 0]);
    out.extend((data.len() as u16).to_be_bytes());
    out.extend(data);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn query(name: &str, kind: u16) -> Vec<u8> {
        let mut query = vec![7, 9, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0];
        query.extend(encoded(name));
        query.extend(kind.to_be_bytes());
        query.extend([0, 1]);
        query
    }

    #[test]
    fn names_have_addresses_and_the_service_has_servers() {
        let zone = Zone {
            hosts: BTreeMap::from([("s1".into(), Ipv4Addr::new(10, 99, 0, 1))]),
            servers: vec!["s1".into(), "s2".into()],
            join_port: 8946,
        };
        let told = answer(&query("S1.dkron.test", A), &zone).unwrap();
        assert_eq!(told[..8], [7, 9, 0x85, 0x80, 0, 1, 0, 1]);
        assert!(told.ends_with(&[0, 4, 10, 99, 0, 1]));
        let told = answer(&query(SERVICE, SRV), &zone).unwrap();
        assert_eq!(told[6..8], [0, 2]);
        assert!(told.ends_with(&encoded("s2.dkron.test")));
        let of_the_new_kind = answer(&query("s1.dkron.test", 28), &zone).unwrap();
        assert_eq!((of_the_new_kind[3] & 15, of_the_new_kind[7]), (0, 0));
        let unknown = answer(&query("s9.dkron.test", A), &zone).unwrap();
        assert_eq!(unknown[3] & 15, 3);
        assert_eq!(answer(&[0; 20], &zone), Some(answer(&[0; 20], &zone).unwrap()));
        assert_eq!(answer(&[0; 7], &zone), None);
    }
}
