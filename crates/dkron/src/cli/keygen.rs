//! `dkron keygen`: a fresh key for the traffic between members.

use anyhow::Context;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use clap::Command;

const KEY_BYTES: usize = 16;

pub fn command() -> Command {
    Command::new("keygen").about("Print a new encryption key")
}

pub fn run() -> anyhow::Result<()> {
    println!("{}", key()?);
    Ok(())
}

/// Base64 of random bytes, bare, so that scripts can take it as it is.
fn key() -> anyhow::Result<String> {
    let mut bytes = [0; KEY_BYTES];
    getrandom::fill(&mut bytes).context("the system gave no random bytes")?;
    Ok(STANDARD.encode(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sixteen_fresh_bytes() {
        let (one, other) = (key().unwrap(), key().unwrap());
        assert_ne!(one, other);
        assert_eq!(STANDARD.decode(one).unwrap().len(), 16);
    }
}
