use std::ffi::OsString;

use tokio::net::TcpListener;

use super::reload::Change;
use super::*;
use crate::config::{Layers, SystemInterfaces};

fn options(flags: &[(&str, &str)]) -> Options {
    let flags = flags.iter().map(|(k, v)| ((*k).to_owned(), vec![(*v).to_owned()])).collect();
    let layers = Layers { flags, ..Layers::default() };
    Options::from_layers(&layers, &SystemInterfaces, "h").unwrap()
}

#[tokio::test]
async fn a_busy_port_says_what_to_do() {
    let first = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = first.local_addr().unwrap().to_string();
    let text = listen::bind(&addr).await.unwrap_err().to_string();
    assert!(text.contains(&addr) && text.contains("another program has the port"), "{text}");
    let text = listen::bind("nonsense").await.unwrap_err().to_string();
    assert!(text.contains("write host:port"), "{text}");
}

#[test]
fn data_directories() {
    let mut dev = options(&[("dev", "true")]).node;
    let directory = data::Directory::prepare(&dev).unwrap();
    let path = directory.path().to_owned();
    assert!(path.is_dir() && directory.is_temporary());
    drop(directory);
    assert!(!path.exists());
    dev.temporary = false;
    dev.data_dir = "/proc/version".into();
    let text = data::Directory::prepare(&dev).err().unwrap().to_string();
    assert!(text.contains("is no directory") && text.contains("--data-dir"), "{text}");
    dev.data_dir = "/proc/nowhere/data".into();
    assert!(data::Directory::prepare(&dev).is_err());
}

#[test]
fn what_a_reload_changes() {
    let layers = |flags: &[(&str, &str)]| {
        let flags = flags.iter().map(|(k, v)| ((*k).to_owned(), vec![(*v).to_owned()])).collect();
        Layers { flags, ..Layers::default() }
    };
    let change = |old: &[(&str, &str)], new: &[(&str, &str)]| {
        let both = ((layers(old), options(old)), (layers(new), options(new)));
        let ((old_layers, old), (new_layers, new)) = &both;
        Change::between((old_layers, old), (new_layers, new))
    };
    assert_eq!(change(&[("tag", "a=1")], &[("tag", "a=1")]), Change::default());
    let new = [("tag", "a=2"), ("log-level", "debug"), ("rpc-port", "7"), ("encrypt", "")];
    let found = change(&[("tag", "a=1")], &new);
    assert_eq!(found.tags, Some([("a".to_owned(), "2".to_owned())].into()));
    assert_eq!(found.level.as_deref(), Some("debug"));
    assert_eq!(found.restart, ["rpc-port"]);
}

#[test]
fn a_node_sets_some_tags_itself() {
    let tags = node::tags(&options(&[("server", "true"), ("tag", "region=x,a=1")]));
    assert_eq!((tags["region"].as_str(), tags["a"].as_str()), ("global", "1"));
    assert_eq!((tags["server"].as_str(), tags["port"].as_str()), ("true", "6868"));
    assert!(!tags.contains_key("expect"));
    assert!(!node::tags(&options(&[])).contains_key("server"), "an agent is no server");
}

#[test]
fn secrets_do_not_show() {
    let args = ["dkron", "agent", "--encrypt", "abc", "--mail-password=x", "--server", "--encrypt"];
    let shown = data::command_line(args.iter().map(OsString::from)).join(" ");
    assert_eq!(shown, "dkron agent --encrypt <hidden> --mail-password=<hidden> --server --encrypt");
}
