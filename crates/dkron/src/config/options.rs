//! What each component is told: typed, checked, with nothing left of where it came from.

use std::collections::BTreeMap;
use std::path::PathBuf;

use dkron_node::network::NetworkOptions;

use super::address::{Interfaces, expand};
use super::cluster;
use super::layers::Origin;
use super::settings::FirstSettings;
use super::{Error, Layers, effects, values};

/// Tags that a node sets itself; a user's value would make it look like something else.
const RESERVED_TAGS: &[&str] =
    &["bootstrap", "dc", "expect", "port", "region", "role", "rpc_addr", "server", "version"];
const NODE_NAME_BYTES: usize = 255;
const TAGS: usize = 256;

/// Everything, by component.
#[derive(Clone, Debug)]
pub struct Options {
    pub node: NodeOptions,
    pub network: NetworkOptions,
    pub http: HttpOptions,
    pub log: LogOptions,
    /// What a new cluster begins with.
    pub settings: FirstSettings,
    /// For the start log: fallbacks, unknown keys, options without effect.
    pub warnings: Vec<String>,
}

/// This node.
#[derive(Clone, Debug)]
pub struct NodeOptions {
    pub name: String,
    pub region: String,
    pub datacenter: String,
    /// The user's tags, reserved ones taken out.
    pub tags: BTreeMap<String, String>,
    pub server: bool,
    /// Servers to wait for; 0 = no cluster is created here.
    pub bootstrap_expect: u16,
    pub data_dir: PathBuf,
    /// Stretches the timings of consensus, 1 to 10.
    pub raft_multiplier: u8,
    /// One server for a first look.
    pub dev: bool,
    /// The data goes with the process.
    pub temporary: bool,
}

/// The HTTP door.
#[derive(Clone, Debug)]
pub struct HttpOptions {
    /// `host:port`; an empty host = all addresses.
    pub addr: String,
    pub ui: bool,
    pub prometheus: bool,
    /// Origins whose pages may write, `*` = any.
    pub allowed_origins: Vec<String>,
}

/// How much is logged, and how.
#[derive(Clone, Debug)]
pub struct LogOptions {
    pub level: String,
    pub format: LogFormat,
}

/// The form of a log line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    Text,
    Json,
}

impl Options {
    /// Types and checks the layers.
    pub fn from_layers(
        layers: &Layers,
        interfaces: &dyn Interfaces,
        host_name: &str,
    ) -> Result<Options, Error> {
        let mut warnings = layers.file.warnings.clone();
        let log = log(layers, &mut warnings)?;
        let node = node(layers, host_name, &mut warnings)?;
        let http = http(layers, node.dev, interfaces, &mut warnings)?;
        let network = cluster::network(layers, node.dev, interfaces, &mut warnings)?;
        let settings = FirstSettings::from_layers(layers)?;
        check_numbers(layers)?;
        effects::explain(layers, &mut warnings)?;
        Ok(Options { node, network, http, log, settings, warnings })
    }
}

fn node(
    layers: &Layers,
    host_name: &str,
    warnings: &mut Vec<String>,
) -> Result<NodeOptions, Error> {
    let dev = layers.boolean("dev")? || file_bool(layers, "devmode")?;
    let server = dev || layers.boolean("server")?;
    let expect = layers.int_in("bootstrap-expect", 0, 99)?;
    let bootstrap = file_bool(layers, "bootstrap")?;
    if !server && (expect > 0 || bootstrap) {
        return Err(Error::new(
            "bootstrap-expect: only a server can start a cluster, add --server or remove it",
        ));
    }
    if dev && expect > 1 {
        return Err(Error::new("dev: a development node is alone, remove --bootstrap-expect"));
    }
    let named = layers.text("node-name")?;
    let name = match named.as_str() {
        "" | "<host name>" => host_name.to_owned(),
        name => name.to_owned(),
    };
    if name.is_empty() || name.len() > NODE_NAME_BYTES || name.chars().any(char::is_control) {
        return Err(Error::new(format!(
            "node-name: `{}` can not be used, give 1 to {NODE_NAME_BYTES} printable bytes",
            name.escape_debug()
        )));
    }
    let data_dir = layers.text("data-dir")?;
    if data_dir.is_empty() {
        return Err(Error::new("data-dir: it is empty, name a directory"));
    }
    Ok(NodeOptions {
        name,
        region: layers.text("region")?,
        datacenter: layers.text("datacenter")?,
        tags: tags(layers, warnings)?,
        server,
        bootstrap_expect: if dev || bootstrap && expect == 0 { 1 } else { expect as u16 },
        data_dir: PathBuf::from(data_dir),
        raft_multiplier: layers.int_in("raft-multiplier", 1, 10)? as u8,
        dev,
        temporary: dev && layers.get("data-dir")?.1 == Origin::Default,
    })
}

fn file_bool(layers: &Layers, key: &str) -> Result<bool, Error> {
    use serde_json::Value;
    match layers.file.get(key) {
        None | Some(Value::Null) => Ok(false),
        Some(Value::Bool(is)) => Ok(*is),
        Some(Value::String(text)) if values::boolean(text).is_some() => {
            Ok(values::boolean(text) == Some(true))
        }
        Some(other) => Err(Error::new(format!("{key}: `{other}` is not true or false"))),
    }
}

/// `tag` values if there are any, else the map `tags` of the environment, else of the file.
fn tags(layers: &Layers, warnings: &mut Vec<String>) -> Result<BTreeMap<String, String>, Error> {
    let mut tags = BTreeMap::new();
    let (list, origin) = (layers.list("tag")?, layers.get("tag")?.1);
    if origin != Origin::Default && !list.is_empty() {
        for tag in list {
            match tag.split_once('=') {
                Some((key, value)) if !key.is_empty() => tags.insert(key.into(), value.into()),
                _ => return Err(Error::new(format!("invalid tag: '{tag}', use key=value"))),
            };
        }
    } else if let Some(text) = layers.env.get("DKRON_TAGS").filter(|text| !text.is_empty()) {
        let wrong = |err| Error::new(format!("DKRON_TAGS: it wants a JSON object of texts: {err}"));
        let value: serde_json::Value = serde_json::from_str(text).map_err(wrong)?;
        tags = tag_map("DKRON_TAGS", &value)?;
    } else if let Some(value) = layers.file.get("tags") {
        tags = tag_map("tags", value)?;
    }
    for name in RESERVED_TAGS {
        if tags.remove(*name).is_some() {
            warnings.push(format!("tag `{name}` is set by the node itself, yours is ignored"));
        }
    }
    if tags.len() > TAGS {
        return Err(Error::new(format!("tag: a node has at most {TAGS} tags")));
    }
    Ok(tags)
}

fn tag_map(key: &str, value: &serde_json::Value) -> Result<BTreeMap<String, String>, Error> {
    use serde_json::Value;
    let wrong = || Error::new(format!("{key}: it wants a map of texts, such as dc: east"));
    if value.is_null() {
        return Ok(BTreeMap::new());
    }
    let object = value.as_object().ok_or_else(wrong)?;
    let text = |(name, value): (&String, &Value)| match value {
        Value::String(text) => Ok((name.clone(), text.clone())),
        Value::Bool(_) | Value::Number(_) => Ok((name.clone(), value.to_string())),
        _ => Err(wrong()),
    };
    object.iter().map(text).collect()
}

fn http(
    layers: &Layers,
    dev: bool,
    interfaces: &dyn Interfaces,
    warnings: &mut Vec<String>,
) -> Result<HttpOptions, Error> {
    let (_, origin) = layers.get("http-addr")?;
    let text = match origin {
        Origin::Default if dev => "127.0.0.1:8080".to_owned(),
        _ => layers.text("http-addr")?,
    };
    let (addr, warning) = expand("http-addr", &text, interfaces)?;
    warnings.extend(warning);
    let (host, _) = split_address("http-addr", &addr)?;
    if !is_loopback(host) {
        warnings.push(format!(
            "the HTTP API on {addr} asks for no password: whoever reaches it can run commands \
             here; use --http-addr=127.0.0.1:8080 or a firewall"
        ));
    }
    Ok(HttpOptions {
        addr,
        ui: layers.boolean("ui")?,
        prometheus: layers.boolean("enable-prometheus")?,
        allowed_origins: layers.list("http-allowed-origins")?,
    })
}

/// Options without effect are still checked, so that a typing error shows now and not later.
fn check_numbers(layers: &Layers) -> Result<(), Error> {
    layers.int_in("mail-port", 0, 65_535)?;
    layers.boolean("disable-usage-stats")?;
    Ok(())
}

fn log(layers: &Layers, warnings: &mut Vec<String>) -> Result<LogOptions, Error> {
    const LEVELS: &[&str] =
        &["trace", "debug", "info", "warn", "warning", "error", "fatal", "panic"];
    let mut level = layers.text("log-level")?.to_lowercase();
    if !LEVELS.contains(&level.as_str()) {
        warnings.push(format!("log-level: `{level}` is unknown, info is used"));
        level = "info".to_owned();
    }
    let format = match layers.text("log-format")?.as_str() {
        "text" => LogFormat::Text,
        "json" => LogFormat::Json,
        other => {
            return Err(Error::new(format!("log-format: `{other}` is unknown, use text or json")));
        }
    };
    Ok(LogOptions { level, format })
}

/// Host and port of `host:port` or `[v6]:port`.
pub fn split_address<'a>(key: &str, addr: &'a str) -> Result<(&'a str, u16), Error> {
    let wrong =
        || Error::new(format!("{key}: `{addr}` is not an address, write host:port or :port"));
    let (host, port) = addr.rsplit_once(':').ok_or_else(wrong)?;
    let port = port.parse().map_err(|_| wrong())?;
    let bare = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    match bare {
        Some(bare) => Ok((bare, port)),
        None if host.contains(':') => Err(wrong()),
        None => Ok((host, port)),
    }
}

fn is_loopback(host: &str) -> bool {
    host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback())
}
