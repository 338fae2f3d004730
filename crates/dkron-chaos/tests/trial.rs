//! The tools of chaos runs do what they are named after, on hosts without the product. Where a
//! machine lets nobody make namespaces, the program says so and nothing is tested.

#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::process::Command;

#[test]
fn hosts_links_and_names_do_what_they_are_told() {
    let own = env!("CARGO_BIN_EXE_dkron-chaos");
    let output = Command::new(own).arg("trial").output().unwrap();
    let (out, err) = (output.stdout, output.stderr);
    let told = format!("{}{}", String::from_utf8_lossy(&out), String::from_utf8_lossy(&err));
    println!("{told}");
    assert!(output.status.success(), "{told}");
    assert!(told.contains("as they should") || told.contains("LEFT OUT"), "{told}");
}
