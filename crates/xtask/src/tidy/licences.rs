//! Licences and banned crates, from `cargo metadata` against deny.toml, so that it needs no tool
//! and no network. Each exception carries a reason.

use anyhow::Context as _;
use serde::Deserialize;

use super::Finding;
use super::crates::Package;

#[derive(Debug, Deserialize)]
struct Rules {
    licenses: Licences,
    #[serde(default)]
    bans: Bans,
}

#[derive(Debug, Deserialize)]
struct Licences {
    allow: Vec<String>,
    #[serde(default)]
    exceptions: Vec<Exception>,
}

#[derive(Debug, Deserialize)]
struct Exception {
    #[serde(rename = "crate")]
    name: String,
    allow: Vec<String>,
}

#[derive(Debug, Default, Deserialize)]
struct Bans {
    #[serde(default)]
    deny: Vec<Ban>,
}

#[derive(Debug, Deserialize)]
struct Ban {
    #[serde(rename = "crate")]
    name: String,
    reason: String,
}

pub fn check(rules: &str, packages: &[Package]) -> anyhow::Result<Vec<Finding>> {
    let rules: Rules = toml::from_str(rules).context("deny.toml")?;
    let mut findings = Vec::new();
    for package in packages.iter().filter(|p| !p.is_ours) {
        let place = format!("{} {}", package.name, package.version);
        let own = rules.licenses.exceptions.iter().filter(|e| e.name == package.name);
        let own: Vec<&String> = own.flat_map(|exception| &exception.allow).collect();
        let may = |name: &str| {
            rules.licenses.allow.iter().any(|a| a == name) || own.iter().any(|a| *a == name)
        };
        if !allowed(&package.licence, &may) {
            let licence = &package.licence;
            let text = format!("licence `{licence}` is not among those that deny.toml allows");
            findings.push(Finding::new(&place, text));
        }
        let ban = rules.bans.deny.iter().find(|ban| ban.name == package.name);
        findings.extend(ban.map(|ban| Finding::new(&place, format!("is banned: {}", ban.reason))));
    }
    Ok(findings)
}

/// An expression such as `(MIT OR Apache-2.0) AND Unicode-3.0`; the old `MIT/Apache-2.0` is an OR.
fn allowed(expression: &str, may: &dyn Fn(&str) -> bool) -> bool {
    let spaced = expression.replace('(', " ( ").replace(')', " ) ").replace('/', " OR ");
    let words: Vec<&str> = spaced.split_whitespace().collect();
    let mut parser = Parser { words: &words, at: 0, may };
    let allowed = parser.any();
    parser.at == words.len() && allowed == Some(true)
}

struct Parser<'a> {
    words: &'a [&'a str],
    at: usize,
    may: &'a dyn Fn(&str) -> bool,
}

impl Parser<'_> {
    fn take(&mut self, word: &str) -> bool {
        let found = self.words.get(self.at) == Some(&word);
        self.at += usize::from(found);
        found
    }

    fn any(&mut self) -> Option<bool> {
        let mut result = self.all()?;
        while self.take("OR") {
            result |= self.all()?;
        }
        Some(result)
    }

    fn all(&mut self) -> Option<bool> {
        let mut result = self.one()?;
        while self.take("AND") {
            result &= self.one()?;
        }
        Some(result)
    }

    fn one(&mut self) -> Option<bool> {
        if self.take("(") {
            let result = self.any()?;
            return self.take(")").then_some(result);
        }
        let mut name = (*self.words.get(self.at)?).to_owned();
        self.at += 1;
        if self.take("WITH") {
            name = format!("{name} WITH {}", self.words.get(self.at)?);
            self.at += 1;
        }
        Some((self.may)(&name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULES: &str = r#"
        [licenses]
        allow = ["MIT", "Apache-2.0", "Apache-2.0 WITH LLVM-exception"]
        exceptions = [{ crate = "odd", allow = ["MPL-2.0"] }]
        [bans]
        deny = [{ crate = "old", reason = "unmaintained" }]
    "#;

    fn findings(name: &str, licence: &str) -> usize {
        let package = Package { name: name.into(), licence: licence.into(), ..Package::default() };
        check(RULES, &[package]).unwrap().len()
    }

    #[test]
    fn expressions_are_read() {
        for licence in [
            "MIT",
            "MIT OR GPL-3.0",
            "MIT/Apache-2.0",
            "(MIT OR GPL-3.0) AND Apache-2.0",
            "GPL-3.0 OR Apache-2.0 WITH LLVM-exception",
        ] {
            assert_eq!(findings("x", licence), 0, "{licence}");
        }
        for licence in ["", "GPL-3.0", "MIT AND GPL-3.0", "(MIT", "MIT OR", "MPL-2.0"] {
            assert_eq!(findings("x", licence), 1, "{licence}");
        }
    }

    #[test]
    fn exceptions_and_bans_name_one_crate() {
        assert_eq!(findings("odd", "MPL-2.0"), 0);
        assert_eq!(findings("old", "MIT"), 1);
    }
}
