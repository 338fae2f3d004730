use std::collections::BTreeMap;
use std::time::Duration;

use dkron_node::network::Profile;

use super::address::expand;
use super::file::File;
use super::flags::{FLAGS, Stage};
use super::values::{boolean, list};
use super::*;

struct Fixed(Vec<Interface>);

impl Interfaces for Fixed {
    fn list(&self) -> Vec<Interface> {
        self.0.clone()
    }
}

fn net() -> Fixed {
    let each = |name: &str, ip: &str| Interface { name: name.into(), ip: ip.parse().unwrap() };
    Fixed(vec![each("lo", "127.0.0.1"), each("eth0", "10.1.2.3"), each("eth1", "203.0.113.7")])
}

fn layers(flags: &[(&str, &str)], env: &[(&str, &str)], yaml: &str) -> Layers {
    let mut by_name: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (name, value) in flags {
        by_name.entry((*name).into()).or_default().push((*value).into());
    }
    Layers {
        flags: by_name,
        env: env.iter().map(|(k, v)| ((*k).into(), (*v).into())).collect(),
        file: File::parse("dkron.yml", "yml", yaml).unwrap(),
    }
}

fn options(flags: &[(&str, &str)], env: &[(&str, &str)], yaml: &str) -> Result<Options, Error> {
    Options::from_layers(&layers(flags, env, yaml), &net(), "host1")
}

fn refused(flags: &[(&str, &str)]) -> String {
    options(flags, &[], "").unwrap_err().to_string()
}

#[test]
fn every_flag_of_dkron_is_here_with_type_default_and_environment_name() {
    let text = include_str!("../../tests/data/cli-flags.json");
    let wanted: Vec<serde_json::Value> = serde_json::from_str(text).unwrap();
    let dkron: Vec<_> = FLAGS.iter().filter(|flag| !flag.ours).collect();
    assert_eq!(wanted.len(), dkron.len());
    for row in wanted {
        let name = row["flag"].as_str().unwrap();
        let flag = flags::find(name).unwrap_or_else(|| panic!("no flag {name}"));
        assert_eq!(row["type"], flag.kind.word(), "{name}");
        assert_eq!(row["default"].as_str().unwrap_or(""), flag.default, "{name}");
        assert_eq!(row["env"], flag.env(), "{name}");
    }
}

#[test]
fn flags_are_sorted_and_unique() {
    assert!(FLAGS.windows(2).all(|pair| pair[0].name < pair[1].name));
}

#[test]
fn flags_win_over_environment_over_file_over_defaults() {
    let env = [("DKRON_REGION", "env"), ("DKRON_DATACENTER", "env")];
    let yaml = "region: file\ndatacenter: file\nrpc-port: 7000\n";
    let options = options(&[("region", "flag")], &env, yaml).unwrap();
    assert_eq!(options.node.region, "flag");
    assert_eq!(options.node.datacenter, "env");
    assert_eq!(options.network.rpc_bind.port(), 7000);
    assert_eq!(options.network.profile, Profile::Lan);
    assert_eq!(options.node.name, "host1");
    assert_eq!(options.network.bind.to_string(), "10.1.2.3:8946");
}

#[test]
fn all_three_formats_say_the_same() {
    for (extension, text) in [
        ("yaml", "server: true\nbootstrap-expect: 1\ntags:\n  Az: east\njoin: [a, b]\n"),
        (
            "toml",
            "server = true\nbootstrap-expect = 1\njoin = [\"a\", \"b\"]\n[tags]\nAz = \"east\"",
        ),
        ("json", r#"{"Server":true,"bootstrap-expect":1,"tags":{"Az":"east"},"join":["a","b"]}"#),
    ] {
        let file = File::parse("f", extension, text).unwrap();
        let layers = Layers { file, ..Layers::default() };
        let options = Options::from_layers(&layers, &net(), "h").unwrap();
        assert!(options.node.server, "{extension}");
        assert_eq!(options.node.bootstrap_expect, 1);
        assert_eq!(options.node.tags["Az"], "east");
        assert_eq!(layers.list("join").unwrap(), ["a", "b"]);
        assert_eq!(options.network.join, ["a", "b"]);
    }
}

#[test]
fn broken_files_and_unknown_keys_are_told() {
    for (extension, text) in
        [("yaml", "a: [1"), ("toml", "a ="), ("json", "{"), ("yml", "- a"), ("ini", "a=1")]
    {
        let err = File::parse("dkron.x", extension, text).unwrap_err().to_string();
        assert!(err.contains("dkron.x"), "{err}");
    }
    let file = File::parse("f.yml", "yml", "webhook_payload: x\nhttp-adr: y\n").unwrap();
    assert!(file.warnings.iter().any(|w| w.contains("`webhook-payload`")), "{:?}", file.warnings);
    assert!(file.warnings.iter().any(|w| w.contains("`http-addr`")));
    assert!(File::find(Some("/nowhere/dkron.yml"), None).is_err());
}

#[test]
fn a_development_node_is_a_server_on_loopback() {
    let options = options(&[("dev", "true")], &[], "").unwrap();
    assert!(options.node.server && options.node.dev);
    assert_eq!(options.node.bootstrap_expect, 1);
    assert_eq!(options.http.addr, "127.0.0.1:8080");
    assert!(options.warnings.is_empty(), "{:?}", options.warnings);
    let file = super::tests::options(&[("http-addr", ":9090")], &[], "devmode: true").unwrap();
    assert_eq!(file.http.addr, ":9090");
    assert!(file.warnings[0].contains("asks for no password"));
}

#[test]
fn bad_values_name_their_key() {
    for (name, value, part) in [
        ("retry-interval", "soon", "retry-interval: `soon`"),
        ("raft-multiplier", "0", "use 1 to 10"),
        ("raft-multiplier", "11", "use 1 to 10"),
        ("raft-multiplier", "x", "not a number"),
        ("bootstrap-expect", "1", "only a server"),
        ("server", "yes", "not true or false"),
        ("tag", "novalue", "invalid tag: 'novalue'"),
        ("tag", "=x", "invalid tag: '=x'"),
        ("profile", "moon", "use lan, wan or local"),
        ("http-addr", "8080", "write host:port"),
        ("http-addr", "{{ GetPrivateIP | attr \"x\" }}:1", "is not supported"),
        ("http-addr", "{{ GetInterfaceIP \"wg9\" }}:1", "interface `wg9`"),
        ("mail-port", "70000", "out of range"),
        ("log-format", "xml", "use text or json"),
        ("data-dir", "", "name a directory"),
    ] {
        let text = refused(&[(name, value)]);
        assert!(text.contains(part), "{name}={value}: {text}");
    }
}

#[test]
fn tags_come_from_one_source() {
    let only = |flags: &[(&str, &str)], env: &[(&str, &str)], yaml: &str| {
        let tags = options(flags, env, yaml).unwrap().node.tags;
        tags.into_iter().map(|(k, v)| format!("{k}={v}")).collect::<Vec<_>>().join(" ")
    };
    assert_eq!(only(&[("tag", "a=1,b=2"), ("tag", "a=3")], &[], "tags: {c: d}"), "a=3 b=2");
    assert_eq!(only(&[], &[("DKRON_TAG", "a=1  b=2,3")], ""), "a=1 b=2,3");
    assert_eq!(only(&[], &[("DKRON_TAGS", r#"{"a":"x"}"#)], "tags: {c: d}"), "a=x");
    assert_eq!(only(&[], &[], "tags: {C: d, n: 1, server: 'true'}"), "C=d n=1");
    let warned = options(&[("tag", "server=true")], &[], "").unwrap().warnings;
    assert!(warned.iter().any(|w| w.contains("tag `server`")));
}

#[test]
fn templates_find_addresses() {
    let ok = |text: &str| expand("k", text, &net()).unwrap().0;
    assert_eq!(ok("{{ GetPrivateIP }}:1"), "10.1.2.3:1");
    assert_eq!(ok("{{GetPublicIP}}:1"), "203.0.113.7:1");
    assert_eq!(ok("{{ GetInterfaceIP \"eth0\" }}"), "10.1.2.3");
    assert_eq!(ok("[::]:1"), "[::]:1");
    let alone = Fixed(vec![]);
    let (addr, warning) = expand("k", "{{ GetPrivateIP }}:1", &alone).unwrap();
    assert_eq!(addr, "127.0.0.1:1");
    assert!(warning.unwrap().contains("no private IP"));
    assert!(expand("k", "{{ GetPublicIP }}", &alone).is_err());
    assert!(expand("k", "{{ GetPublicIP", &alone).is_err());
}

#[test]
fn go_durations() {
    let cases: &[(&str, Option<u64>)] = &[
        ("30s", Some(30_000)),
        ("1h30m", Some(5_400_000)),
        ("1.5s", Some(1_500)),
        (".5s", Some(500)),
        ("0", Some(0)),
        ("+2ms", Some(2)),
        ("", None),
        ("10", None),
        ("-1s", None),
        ("1d", None),
        (".s", None),
        ("9999999999999h", None),
        ("99999999999999999999999999999999999999999999s", None),
        ("1µs", Some(0)),
    ];
    for (text, millis) in cases {
        let wanted = millis.map(Duration::from_millis);
        let got = duration(text).map(|span| Duration::from_millis(span.as_millis() as u64));
        assert_eq!(got, wanted, "{text}");
    }
}

#[test]
fn go_booleans_and_lists() {
    assert_eq!(boolean("T"), Some(true));
    assert_eq!(boolean("0"), Some(false));
    assert_eq!(boolean("yes"), None);
    assert_eq!(list("a,\"b,c\",\"d\"\"e\"").unwrap(), ["a", "b,c", "d\"e"]);
    assert_eq!(list("").unwrap(), [""; 0]);
    assert!(list("\"a").is_err());
}

#[test]
fn options_without_effect_are_named_only_when_set() {
    let quiet = options(&[("http-addr", "127.0.0.1:1"), ("mail-port", "0")], &[], "").unwrap();
    assert!(quiet.warnings.is_empty(), "{:?}", quiet.warnings);
    for flag in FLAGS.iter().filter(|flag| matches!(flag.stage, Stage::Later)) {
        let value = match flag.kind {
            flags::Kind::Int | flags::Kind::Uint16 => "7",
            _ if flag.name.ends_with("interval") || flag.name.ends_with("timeout") => "7s",
            _ if flag.name == "advertise-addr" => "127.0.0.1:7",
            _ if flag.name == "encrypt" => "kVUqjW0uPWLNvT0pUyKzGA==",
            _ => "x",
        };
        let set = options(&[(flag.name, value)], &[], "").unwrap();
        let named = format!("option {} ", flag.name);
        assert!(set.warnings.iter().any(|w| w.starts_with(&named)), "{}", flag.name);
    }
}

#[test]
fn first_settings_come_from_options() {
    use dkron_core::domain::{Misfire, Settings};
    assert_eq!(options(&[], &[], "").unwrap().settings.values, Settings::default());
    let flags = [("misfire", "run_all(5)"), ("keep-for", "168h"), ("keep-executions", "7")];
    let env = [("DKRON_LOST_AFTER", "1m"), ("DKRON_START_DEADLINE", "1h0m0s")];
    let settings =
        options(&flags, &env, "catch-up-rate: 50\noutput-limit: 1000\n").unwrap().settings;
    let values = &settings.values;
    assert_eq!(values.misfire, Misfire::RunAll { max: 5 });
    assert_eq!(values.keep_for, Some(Duration::from_secs(604_800)));
    assert_eq!((values.keep_executions, values.lost_after.as_secs()), (7, 60));
    assert_eq!((values.catch_up_rate, values.output_limit), (50, 1000));
    assert!(settings.differences(values).is_empty());
    let told = settings.differences(&Settings::default());
    assert_eq!(told.len(), 6, "what is as stored, or was not said, is not told: {told:?}");
    assert!(told[0].starts_with("option misfire is `run_all(5)` and the cluster's"), "{told:?}");
}

#[test]
fn first_settings_that_can_not_be_are_refused() {
    for (flag, value, said) in [
        ("misfire", "never", "misfire: \"never\" is unknown, use"),
        ("lost-after", "60", "lost-after: \"60\" is no duration"),
        ("lost-after", "10s", "lost-after: 10 s is too short, more than 15 s"),
        ("output-limit", "99999999", "output-limit: 99999999 bytes is too much"),
        ("keep-for", "-1h", "keep-for: \"-1h\" is below zero"),
        ("keep-executions", "0", "keep-executions: 0 is out of range, use 1"),
        ("catch-up-rate", "many", "catch-up-rate: `many` is not a number"),
    ] {
        let text = refused(&[(flag, value)]);
        assert!(text.starts_with(said), "{text}");
    }
}
