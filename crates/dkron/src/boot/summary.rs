//! What a person wants to know after a start: what is open on which address, where the data lives,
//! who leads. It goes to stdout, the log to stderr.

use std::fmt::Write as _;
use std::io::Write as _;
use std::net::{IpAddr, SocketAddr};

use dkron_node::network::Listens;

use super::data::Directory;
use crate::config::Options;

#[derive(Clone, Debug)]
pub struct Summary {
    pub node: String,
    pub region: String,
    pub http: SocketAddr,
    pub ui: bool,
    pub metrics: bool,
    pub between: Listens,
    pub key: bool,
    pub data: String,
    pub temporary: bool,
}

impl Summary {
    pub fn new(options: &Options, http: SocketAddr, data: &Directory, between: Listens) -> Self {
        Summary {
            node: options.node.name.clone(),
            region: options.node.region.clone(),
            http,
            ui: options.http.ui,
            metrics: options.http.prometheus,
            between,
            key: options.network.key.is_some(),
            data: data.path().display().to_string(),
            temporary: data.is_temporary(),
        }
    }

    /// `leader`: its name, once there is one.
    pub fn print(&self, leader: Option<&str>) {
        // Nobody need read it.
        let _ = std::io::stdout().write_all(self.text(leader).as_bytes());
    }

    fn text(&self, leader: Option<&str>) -> String {
        let Listens { gossip, rpc } = self.between;
        let host = match self.http.ip() {
            ip if ip.is_unspecified() => "127.0.0.1".to_owned(),
            IpAddr::V6(ip) => format!("[{ip}]"),
            ip => ip.to_string(),
        };
        let url = format!("http://{host}:{}", self.http.port());
        let mut pages = format!("{url}/docs");
        for (is, path) in [(self.ui, "/ui/"), (self.metrics, "/metrics")] {
            if is {
                let _ = write!(pages, "  {url}{path}");
            }
        }
        let nodes = match (self.key, gossip.ip().is_loopback() && rpc.ip().is_loopback()) {
            (true, _) => "those who have the key",
            (false, true) => "this machine only",
            (false, false) => "EVERYBODY who reaches it: set --encrypt",
        };
        let api = match self.http.ip().is_loopback() {
            true => "this machine only",
            false => "EVERYBODY who reaches it: jobs run any command",
        };
        let data = if self.temporary { " (goes with the process)" } else { "" };
        let leader = match leader {
            Some(name) if name == self.node => format!("{name} (this node)"),
            Some(name) => name.to_owned(),
            None => "nobody yet: it waits for other servers".to_owned(),
        };
        format!(
            "\nDkron {}, server {}, region {}\n  \
             API     {}, open to {api}\n  \
             Pages   {pages}\n  \
             Nodes   gossip {gossip}, rpc {rpc}, open to {nodes}\n  \
             Data    {}{data}\n  \
             Leader  {leader}\n\n",
            env!("CARGO_PKG_VERSION"),
            self.node,
            self.region,
            self.http,
            self.data,
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_open_to_whom() {
        let at = |text: &str| text.parse::<SocketAddr>().unwrap();
        let between = Listens { gossip: at("127.0.0.1:8946"), rpc: at("127.0.0.1:6868") };
        let mut summary = Summary {
            node: "n1".into(),
            region: "global".into(),
            http: at("127.0.0.1:8080"),
            ui: true,
            metrics: false,
            between,
            key: false,
            data: "/tmp/d".into(),
            temporary: true,
        };
        let version = env!("CARGO_PKG_VERSION");
        let wanted = format!(
            "
Dkron {version}, server n1, region global
  API     127.0.0.1:8080, open to this machine only
  Pages   http://127.0.0.1:8080/docs  http://127.0.0.1:8080/ui/
  Nodes   gossip 127.0.0.1:8946, rpc 127.0.0.1:6868, open to this machine only
  Data    /tmp/d (goes with the process)
  Leader  n1 (this node)

"
        );
        assert_eq!(summary.text(Some("n1")), wanted);
        (summary.http, summary.ui) = (at("[::]:8080"), false);
        summary.between.gossip = at("10.0.0.1:8946");
        let text = summary.text(None);
        assert!(text.contains("API     [::]:8080, open to EVERYBODY who reaches it: jobs run"));
        assert!(text.contains("Pages   http://127.0.0.1:8080/docs\n"));
        assert!(text.contains("open to EVERYBODY who reaches it: set --encrypt"));
        assert!(text.contains("Leader  nobody yet"));
        summary.key = true;
        assert!(summary.text(None).contains("open to those who have the key"));
    }
}
