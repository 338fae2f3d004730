use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::super::Interface;
use super::*;

struct Fixed(&'static [(&'static str, &'static str)]);

impl Interfaces for Fixed {
    fn list(&self) -> Vec<Interface> {
        let each = |(name, ip): &(&str, &str)| Interface {
            name: (*name).to_owned(),
            ip: ip.parse().unwrap(),
        };
        self.0.iter().map(each).collect()
    }
}

const NET: Fixed = Fixed(&[("lo", "127.0.0.1"), ("eth0", "10.1.2.3"), ("eth1", "203.0.113.7")]);

fn read(
    flags: &[(&str, &str)],
    dev: bool,
    interfaces: &Fixed,
) -> Result<(NetworkOptions, Vec<String>), Error> {
    let mut layers = Layers::default();
    for (name, value) in flags {
        layers.flags.entry((*name).into()).or_default().push((*value).into());
    }
    let mut warnings = Vec::new();
    let options = network(&layers, dev, interfaces, &mut warnings)?;
    Ok((options, warnings))
}

fn four(flags: &[(&str, &str)]) -> String {
    let (options, _) = read(flags, false, &NET).unwrap();
    let NetworkOptions { bind, advertise, rpc_bind, rpc_advertise, .. } = options;
    format!("{bind} {advertise} {rpc_bind} {rpc_advertise}")
}

#[test]
fn addresses_follow_from_what_is_said() {
    for (flags, wanted) in [
        (&[][..], "10.1.2.3:8946 10.1.2.3:8946 10.1.2.3:6868 10.1.2.3:6868"),
        (
            &[("bind-addr", "{{ GetInterfaceIP \"eth1\" }}"), ("rpc-port", "7000")],
            "203.0.113.7:8946 203.0.113.7:8946 203.0.113.7:7000 203.0.113.7:7000",
        ),
        // Another port is advertised as it is.
        (
            &[("bind-addr", "10.1.2.3:7946")],
            "10.1.2.3:7946 10.1.2.3:7946 10.1.2.3:6868 10.1.2.3:6868",
        ),
        (&[("bind-addr", "0.0.0.0:7946")], "0.0.0.0:7946 10.1.2.3:7946 0.0.0.0:6868 10.1.2.3:6868"),
        (&[("bind-addr", ":7946")], "0.0.0.0:7946 10.1.2.3:7946 0.0.0.0:6868 10.1.2.3:6868"),
        (&[("bind-addr", "[::]:1")], "[::]:1 10.1.2.3:1 [::]:6868 10.1.2.3:6868"),
        (
            &[("bind-addr", "fd00::1")],
            "[fd00::1]:8946 [fd00::1]:8946 [fd00::1]:6868 [fd00::1]:6868",
        ),
        (
            &[("bind-addr", "127.0.0.1:0"), ("rpc-port", "0")],
            "127.0.0.1:0 127.0.0.1:0 127.0.0.1:0 127.0.0.1:0",
        ),
        (
            &[("bind-addr", "localhost:1"), ("advertise-addr", "192.0.2.1")],
            "127.0.0.1:1 192.0.2.1:1 127.0.0.1:6868 192.0.2.1:6868",
        ),
        (
            &[("advertise-addr", "{{ GetPublicIP }}:9"), ("advertise-rpc-port", "99")],
            "10.1.2.3:8946 203.0.113.7:9 10.1.2.3:6868 203.0.113.7:99",
        ),
    ] {
        let got = four(flags).replace("[::1]", "127.0.0.1");
        assert_eq!(got, wanted, "{flags:?}");
    }
}

#[test]
fn a_development_node_stays_on_this_machine_and_takes_free_ports() {
    let (options, warnings) = read(&[], true, &NET).unwrap();
    assert_eq!(options.bind.to_string(), "127.0.0.1:0");
    assert_eq!(options.rpc_advertise.to_string(), "127.0.0.1:0");
    assert!(warnings.is_empty(), "{warnings:?}");
}

#[test]
fn addresses_that_can_not_be_are_refused_with_what_to_do() {
    for (name, value, said) in [
        ("bind-addr", "10.0.0.1:x", "bind-addr: `10.0.0.1:x` is not an address"),
        ("bind-addr", "no.such.name.invalid:1", "bind-addr: `no.such.name.invalid` has no address"),
        ("advertise-addr", "0.0.0.0", "advertise-addr: nobody can reach `0.0.0.0`"),
        ("advertise-addr", "a:b:c", "advertise-addr: `a:b:c` is not an address"),
        ("advertise-rpc-port", "70000", "advertise-rpc-port: 70000 is out of range"),
        ("rpc-port", "-1", "rpc-port: -1 is out of range"),
        ("retry-max", "-1", "retry-max: -1 is out of range"),
        ("encrypt", "c2hvcnQ=", "encrypt: the key is not base64 of 16, 24 or 32 bytes"),
        ("encrypt", "???", "encrypt: the key is not base64"),
        ("join", "{{ GetMagic }}", "join: template"),
    ] {
        let text = read(&[(name, value)], false, &NET).unwrap_err().to_string();
        assert!(text.starts_with(said), "{name}={value}: {text}");
    }
}

#[test]
fn a_name_that_leads_to_this_machine_alone_is_a_slip() {
    let place = Place::parse("bind-addr", "myhost:1", PORT).unwrap();
    assert_eq!((place.host.as_str(), place.port), ("myhost", 1));
    let mut warnings = Vec::new();
    let bind = "127.0.1.1:1".parse().unwrap();
    let text = implied("myhost:1", bind, false, &NET, &mut warnings).unwrap_err().to_string();
    assert!(text.contains("defaulting advertise to localhost is unsafe"), "{text}");
    assert_eq!(implied("myhost:1", bind, true, &NET, &mut warnings).unwrap(), bind);
    assert_eq!(implied("127.0.1.1:1", bind, false, &NET, &mut warnings).unwrap(), bind);
}

#[test]
fn a_machine_without_a_private_address_says_so() {
    let (options, warnings) = read(&[("bind-addr", ":1")], false, &Fixed(&[])).unwrap();
    assert_eq!(options.advertise.to_string(), "127.0.0.1:1");
    assert!(warnings[0].starts_with("advertise-addr: no private IP address found"), "{warnings:?}");
}

#[test]
fn whom_to_join() {
    let (options, warnings) =
        read(&[("join", "a,b:1"), ("join", "{{ GetPrivateIP }}")], false, &NET).unwrap();
    assert_eq!(options.join, ["a", "b:1", "10.1.2.3"]);
    assert_eq!((options.retry_join.len(), options.retry_max), (0, None));
    assert!(warnings.is_empty());
    let both = [("join", "a"), ("retry-join", "provider=mdns service=x"), ("retry-max", "3")];
    let (options, warnings) = read(&both, false, &NET).unwrap();
    assert_eq!(options.retry_join, ["provider=mdns service=x"]);
    assert_eq!((options.join.len(), options.retry_max), (0, Some(3)));
    assert_eq!(warnings, ["option join is ignored because retry-join is set"]);
    assert_eq!(options.retry_interval, Duration::from_secs(30));
    assert_eq!(options.reconnect_timeout, Duration::from_secs(86_400));
}

#[test]
fn keys_have_three_sizes_and_do_not_show() {
    for bytes in [16, 24, 32] {
        let text = STANDARD.encode(vec![7; bytes]);
        let (options, _) = read(&[("encrypt", &text)], false, &NET).unwrap();
        let key = options.key.unwrap();
        assert_eq!(key.as_bytes(), vec![7; bytes]);
        assert_eq!(format!("{key:?}"), format!("Key of {bytes} bytes"));
    }
}
