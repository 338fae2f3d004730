use std::ffi::OsString;

use tokio::net::TcpListener;

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
fn what_this_version_can_not_do_is_refused() {
    let text = check(&options(&[])).unwrap_err().to_string();
    assert!(text.contains("--dev"), "{text}");
    let three = options(&[("server", "true"), ("bootstrap-expect", "3")]);
    assert!(check(&three).unwrap_err().to_string().contains("use 1"));
    assert!(check(&options(&[("dev", "true")])).is_ok());
}

#[test]
fn secrets_do_not_show() {
    let args = ["dkron", "agent", "--encrypt", "abc", "--mail-password=x", "--server", "--encrypt"];
    let shown = data::command_line(args.iter().map(OsString::from)).join(" ");
    assert_eq!(shown, "dkron agent --encrypt <hidden> --mail-password=<hidden> --server --encrypt");
}
