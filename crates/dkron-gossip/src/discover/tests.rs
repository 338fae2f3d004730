//! What entries mean, and a name server that answers for one name.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use hickory_resolver::config::{ConnectionConfig, NameServerConfig, ResolverConfig};
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::{ResolverBuilder, TokioResolver};

use super::*;

fn kind(text: &str) -> Kind {
    parse(text).unwrap().kind
}

fn address(text: &str) -> Kind {
    Kind::Address(text.parse().unwrap())
}

fn host(name: &str, port: u16) -> Kind {
    Kind::Host { name: name.into(), port }
}

#[test]
fn entries_are_addresses_names_and_services() {
    assert_eq!(kind("10.0.0.7"), address("10.0.0.7:8946"));
    assert_eq!(kind(" 10.0.0.7:7000 "), address("10.0.0.7:7000"));
    assert_eq!(kind("[fd00::7]:7000"), address("[fd00::7]:7000"));
    assert_eq!(kind("[fd00::7]"), address("[fd00::7]:8946"));
    assert_eq!(kind("fd00::7"), address("[fd00::7]:8946"));
    assert_eq!(kind("dkron"), host("dkron", 8946));
    assert_eq!(kind("a-1.dkron_x.example.:7000"), host("a-1.dkron_x.example.", 7000));
    assert_eq!(kind("_dkron._tcp.example"), Kind::Srv("_dkron._tcp.example".into()));
    assert_eq!(parse("dkron:1").unwrap().to_string(), "dkron:1");
}

#[test]
fn mdns_has_its_settings() {
    let service = |timeout, v4, v6| {
        let timeout = Duration::from_millis(timeout);
        Kind::Mdns(Service { name: "_dkron._tcp.local.".into(), timeout, v4, v6 })
    };
    assert_eq!(kind("provider=mdns service=_dkron._tcp"), service(5000, true, true));
    let long = "provider=mdns service=\"_dkron._tcp\" domain=local timeout=1.5s v4=true v6=false";
    assert_eq!(kind(long), service(1500, true, false));
    let other = "v4=0 timeout=200ms service=_dkron._tcp.local. provider=mdns";
    assert_eq!(kind(other), service(200, false, true));
}

#[test]
fn what_names_no_member_is_refused_with_a_reason() {
    let cases = [
        ("", "no host"),
        (":8946", "no host"),
        ("host:", "port"),
        ("host:0", "port"),
        ("host:70000", "port"),
        ("fd00::7::8", "port"),
        ("tcp://host:1", "neither an address nor a name"),
        ("a host", "neither an address nor a name"),
        ("{{ GetPrivateIP }}", "template"),
        ("_dkron._tcp.example:8946", "SRV"),
        ("provider=aws tag_key=a tag_value=b", "provider=aws is not there; put a DNS name"),
        ("provider=k8s label_selector=\"app = dkron\"", "provider=k8s is not there"),
        ("provider=mdns", "service"),
        ("provider=mdns service=dkron", "._tcp"),
        ("provider=mdns service=_d._tcp domain=example", "local"),
        ("provider=mdns service=_d._tcp timeout=never", "timeout"),
        ("provider=mdns service=_d._tcp timeout=1h", "timeout"),
        ("provider=mdns service=_d._tcp v4=maybe", "v4"),
        ("provider=mdns service=_d._tcp v4=false v6=false", "no address"),
        ("provider=mdns service=_d._tcp port=1", "no port"),
        ("provider=mdns service=\"_d._tcp", "quote"),
        ("provider=mdns junk service=_d._tcp", "no key"),
    ];
    for (text, reason) in cases {
        let error = parse(text).unwrap_err().to_string();
        assert!(error.contains(reason), "{text}: {error}");
    }
}

#[tokio::test]
async fn names_lead_to_addresses() {
    let found = parse("localhost:7000").unwrap().resolve().await.unwrap();
    assert!(found.contains(&"127.0.0.1:7000".parse().unwrap()), "{found:?}");
    let error = parse("nowhere.invalid").unwrap().resolve().await.unwrap_err().to_string();
    assert!(error.starts_with("nowhere.invalid: "), "{error}");
}

#[tokio::test]
async fn srv_records_say_host_and_port_and_are_asked_for_each_time() {
    let server = SrvServer::start().await;
    let entry = parse("_dkron._tcp.example").unwrap();
    assert!(entry.resolve_with(&server.names()).await.is_err());
    for ports in [vec![7000, 7001], vec![7002]] {
        server.say(&ports);
        let found = entry.resolve_with(&server.names()).await.unwrap();
        let v4: Vec<SocketAddr> = found.into_iter().filter(SocketAddr::is_ipv4).collect();
        let expected: Vec<SocketAddr> =
            ports.iter().map(|port| SocketAddr::from(([127, 0, 0, 1], *port))).collect();
        assert_eq!(v4, expected);
    }
}

pub(crate) fn builder(server: SocketAddr) -> ResolverBuilder<TokioRuntimeProvider> {
    let mut connection = ConnectionConfig::udp();
    connection.port = server.port();
    let server = NameServerConfig::new(server.ip(), true, vec![connection]);
    let config = ResolverConfig::from_parts(None, Vec::new(), vec![server]);
    TokioResolver::builder_with_config(config, TokioRuntimeProvider::default())
}

/// A name server that has one SRV record with the target `localhost` for each port it was told.
pub(crate) struct SrvServer {
    address: SocketAddr,
    ports: Arc<Mutex<Vec<u16>>>,
}

impl SrvServer {
    pub async fn start() -> SrvServer {
        let socket = tokio::net::UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let address = socket.local_addr().unwrap();
        let ports = Arc::new(Mutex::new(Vec::new()));
        let said = Arc::clone(&ports);
        tokio::spawn(async move {
            let mut question = [0; 512];
            while let Ok((length, from)) = socket.recv_from(&mut question).await {
                let answer = answer(&question[..length], &said.lock().unwrap().clone());
                let _ = socket.send_to(&answer, from).await;
            }
        });
        SrvServer { address, ports }
    }

    pub fn say(&self, ports: &[u16]) {
        *self.ports.lock().unwrap() = ports.to_vec();
    }

    pub fn names(&self) -> Names {
        Names::Server(self.address)
    }
}

/// Header, the question again, and the records; no such name if there are none.
fn answer(question: &[u8], ports: &[u16]) -> Vec<u8> {
    let name_end = 12 + question[12..].iter().position(|byte| *byte == 0).unwrap() + 1;
    let code = if ports.is_empty() { 3 } else { 0 };
    let mut answer = question[..2].to_vec();
    answer.extend([0x84, 0x80 | code, 0, 1, 0, ports.len() as u8, 0, 0, 0, 0]);
    answer.extend(&question[12..name_end + 4]);
    for port in ports {
        // The name asked for, type SRV, class IN, 60 s, length, priority, weight.
        answer.extend([0xc0, 12, 0, 33, 0, 1, 0, 0, 0, 60, 0, 17, 0, 0, 0, 0]);
        answer.extend(port.to_be_bytes());
        answer.extend(b"\x09localhost\x00");
    }
    answer
}
