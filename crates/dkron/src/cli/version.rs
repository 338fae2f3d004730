//! `dkron version`: the four lines that Dkron prints.

use clap::Command;

/// Of the protocol between agents, as Dkron counts it.
const PROTOCOL: u8 = 5;
const PROTOCOL_LEAST: u8 = 2;

pub fn command() -> Command {
    Command::new("version").about("Print the version")
}

pub fn run() -> anyhow::Result<()> {
    println!("{}", text());
    Ok(())
}

fn text() -> String {
    format!(
        "Name: Dkron\nVersion: {}\nCodename: Devel\n\
         Agent Protocol: {PROTOCOL} (Understands back to: {PROTOCOL_LEAST})",
        env!("CARGO_PKG_VERSION")
    )
}

#[cfg(test)]
mod tests {
    #[test]
    fn four_lines() {
        let text = super::text();
        assert_eq!(text.lines().count(), 4);
        assert!(text.ends_with("Agent Protocol: 5 (Understands back to: 2)"));
    }
}
