//! Every option of `dkron agent`: one table for flags, environment names, file keys and help.

/// How the text of an option is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Text,
    Int,
    Uint16,
    Bool,
    /// Repeatable, or separated by commas.
    List,
}

impl Kind {
    /// The word for it in Dkron's own list of flags.
    pub fn word(self) -> &'static str {
        match self {
            Kind::Text => "string",
            Kind::Int => "int",
            Kind::Uint16 => "uint16",
            Kind::Bool => "bool",
            Kind::List => "strings",
        }
    }
}

/// Whether this version acts on an option.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    Works,
    /// Accepted; the start log says that it has no effect yet.
    Later,
    /// Accepted for old command lines; it never will have an effect, for the reason given.
    Never(&'static str),
}

/// One option.
#[derive(Clone, Copy, Debug)]
pub struct Flag {
    pub name: &'static str,
    pub kind: Kind,
    /// Empty = Dkron's zero value.
    pub default: &'static str,
    pub stage: Stage,
    /// Beyond Dkron's own flags.
    pub ours: bool,
    pub help: &'static str,
}

impl Flag {
    /// `DKRON_` and the name in capitals.
    pub fn env(&self) -> String {
        format!("DKRON_{}", self.name.to_uppercase().replace('-', "_"))
    }
}

const fn flag(
    name: &'static str,
    kind: Kind,
    default: &'static str,
    stage: Stage,
    help: &'static str,
) -> Flag {
    Flag { name, kind, default, stage, ours: false, help }
}

const fn ours(name: &'static str, kind: Kind, default: &'static str, help: &'static str) -> Flag {
    Flag { name, kind, default, stage: Stage::Works, ours: true, help }
}

use Kind::{Bool, Int, List, Text, Uint16};
use Stage::{Later, Never, Works};

const WEBHOOK_URL: &str = "nothing has ever read it: use webhook-endpoint";
const USAGE: &str = "this server sends no usage reports";

/// All of them, by name.
pub const FLAGS: &[Flag] = &[
    flag("advertise-addr", Text, "", Works, "Address that other nodes use for this one"),
    flag("advertise-rpc-port", Int, "", Works, "RPC port that other nodes use for this one"),
    flag(
        "bind-addr",
        Text,
        "{{ GetPrivateIP }}:8946",
        Works,
        "Address of the membership; its host also has the RPC port",
    ),
    flag("bootstrap-expect", Int, "", Works, "Servers to wait for before the cluster starts"),
    ours("catch-up-rate", Int, "1000", "First setting: starts of missed slots within a second"),
    flag("config", Text, "", Works, "Configuration file (.yaml, .yml, .toml or .json)"),
    ours("config-check", Bool, "", "Show what is set and what is wrong with it, and start nothing"),
    flag("cronitor-endpoint", Text, "", Later, "Base URL of the telemetry service"),
    flag("data-dir", Text, "dkron.data", Works, "Directory for everything that must survive"),
    flag("datacenter", Text, "dc1", Works, "Data center of this node, tag `dc`"),
    ours("dev", Bool, "", "One server on 127.0.0.1 with temporary data, for a first look"),
    flag("disable-usage-stats", Bool, "", Never(USAGE), "Accepted: nothing is reported anyway"),
    flag("dog-statsd-addr", Text, "", Later, "DogStatsD address"),
    flag("dog-statsd-tags", List, "", Later, "DogStatsD tags, key:value"),
    flag("enable-prometheus", Bool, "", Works, "Serve /metrics"),
    flag(
        "encrypt",
        Text,
        "",
        Works,
        "Key of the membership, which also proves nodes to each other",
    ),
    flag("http-addr", Text, ":8080", Works, "Address of the HTTP API"),
    ours("http-allowed-origins", List, "", "Origins whose web pages may write; * = any"),
    flag("join", List, "", Works, "Members to join once at start"),
    ours("keep-executions", Int, "100", "First setting: finished executions kept of each job"),
    ours("keep-for", Text, "", "First setting: age at which finished executions go; none"),
    ours("log-format", Text, "text", "text or json"),
    flag("log-level", Text, "info", Works, "trace, debug, info, warn, error, fatal or panic"),
    ours("lost-after", Text, "5m", "First setting: silence of a node that makes its runs lost"),
    flag("mail-from", Text, "", Later, "Sender of result mails"),
    flag("mail-host", Text, "", Later, "Mail server"),
    flag("mail-password", Text, "", Later, "Password for the mail server"),
    flag("mail-payload", Text, "", Later, "Template of the mail's text"),
    flag("mail-port", Uint16, "", Later, "Port of the mail server"),
    flag("mail-subject-prefix", Text, "[Dkron]", Later, "Prefix of the mail's subject"),
    flag("mail-username", Text, "", Later, "User of the mail server"),
    ours("misfire", Text, "run_once", "First setting: missed slots: skip, run_once or run_all(5)"),
    ours("misfire-threshold", Text, "10s", "First setting: a slot less late is not missed"),
    flag("node-name", Text, "<host name>", Works, "Name of this node, unique in the cluster"),
    flag("otel-endpoint", Text, "", Later, "OTLP endpoint for traces"),
    ours("output-limit", Int, "256000", "First setting: bytes of output kept of an execution"),
    flag("pre-webhook-endpoint", Text, "", Later, "URL called when a run starts"),
    flag("pre-webhook-headers", List, "", Later, "Headers of that call, `Name: value`"),
    flag("pre-webhook-payload", Text, "", Later, "Body template of that call"),
    flag("profile", Text, "lan", Works, "Timing of the membership: lan, wan or local"),
    flag("raft-multiplier", Int, "1", Works, "Factor for the consensus timing, 1 to 10"),
    flag("region", Text, "global", Works, "Region of this node, tag `region`"),
    flag("retry-interval", Text, "30s", Works, "Pause between attempts to join"),
    flag("retry-join", List, "", Works, "Members to join, repeated until it works"),
    flag("retry-max", Int, "", Works, "Attempts to join before giving up; 0 = no end"),
    flag("rpc-port", Int, "6868", Works, "Port for the traffic between nodes"),
    flag("serf-reconnect-timeout", Text, "24h", Works, "How long a lost member is called"),
    flag("server", Bool, "", Works, "Run a server, not only an executing agent"),
    ours("start-deadline", Text, "1h", "First setting: a slot later than this does not run"),
    flag("statsd-addr", Text, "", Later, "StatsD address"),
    flag("tag", List, "", Works, "Tag of this node, key=value; repeatable"),
    flag("ui", Bool, "true", Works, "Serve the web UI"),
    flag("webhook-endpoint", Text, "", Later, "URL called when a run ended"),
    flag("webhook-headers", List, "", Later, "Headers of that call, `Name: value`"),
    flag("webhook-payload", Text, "", Later, "Body template of that call"),
    flag("webhook-url", Text, "", Never(WEBHOOK_URL), "Accepted: see webhook-endpoint"),
];

/// Keys that only a file may hold, beside the flags.
pub const FILE_ONLY: &[&str] = &["bootstrap", "devmode", "reconcileinterval", "tags"];

/// Parts of option names whose values are nobody else's business.
const SECRETS: &[&str] = &["password", "encrypt", "payload", "headers", "endpoint", "webhook"];

/// Whether the value of the option `name` is not to be shown.
pub fn is_secret(name: &str) -> bool {
    SECRETS.iter().any(|part| name.contains(part))
}

/// The option called `name`.
pub fn find(name: &str) -> Option<&'static Flag> {
    FLAGS.iter().find(|flag| flag.name == name)
}
