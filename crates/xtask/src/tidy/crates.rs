//! The workspace as `cargo metadata` tells it, and what every crate of ours owes its manifest.

use std::fs;
use std::path::Path;

use anyhow::Context as _;
use serde_json::Value;

use super::Finding;

#[derive(Debug, Default, Clone)]
pub struct Package {
    pub name: String,
    pub version: String,
    pub is_ours: bool,
    pub licence: String,
    pub manifest: String,
    pub deps: Vec<Dep>,
}

#[derive(Debug, Default, Clone)]
pub struct Dep {
    pub name: String,
    /// Only tests see it.
    pub is_dev: bool,
    pub default_features: bool,
    pub features: Vec<String>,
}

pub fn read(metadata: &Value) -> Vec<Package> {
    let members: Vec<&str> = texts(&metadata["workspace_members"]);
    let packages = metadata["packages"].as_array().map(Vec::as_slice).unwrap_or_default();
    packages
        .iter()
        .map(|package| Package {
            name: text(&package["name"]),
            version: text(&package["version"]),
            is_ours: members.contains(&package["id"].as_str().unwrap_or_default()),
            licence: text(&package["license"]),
            manifest: text(&package["manifest_path"]),
            deps: package["dependencies"].as_array().into_iter().flatten().map(dep).collect(),
        })
        .collect()
}

fn dep(value: &Value) -> Dep {
    Dep {
        name: text(&value["name"]),
        is_dev: value["kind"] == "dev",
        default_features: value["uses_default_features"].as_bool().unwrap_or(true),
        features: texts(&value["features"]).into_iter().map(str::to_owned).collect(),
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn texts(value: &Value) -> Vec<&str> {
    value.as_array().into_iter().flatten().filter_map(Value::as_str).collect()
}

/// Every crate inherits the lints, lies in the folder of its name, and keeps `jiff` away from the
/// system; the core is `no_std`.
pub fn check(root: &Path, packages: &[Package]) -> anyhow::Result<Vec<Finding>> {
    let mut findings = Vec::new();
    for package in packages.iter().filter(|p| p.is_ours) {
        let place = format!("crates/{}/Cargo.toml", package.name);
        if Path::new(&package.manifest) != root.join(&place) {
            findings.push(Finding::new(&place, "a crate lies in the folder of its name"));
        }
        let manifest = fs::read_to_string(&package.manifest)
            .with_context(|| format!("reading {}", package.manifest))?;
        findings.extend(check_manifest(&place, &manifest, package)?);
    }
    let core = fs::read_to_string(root.join("crates/dkron-core/src/lib.rs"))?;
    if !core.contains("#![no_std]") {
        findings.push(Finding::new("crates/dkron-core/src/lib.rs", "the core is #![no_std]"));
    }
    Ok(findings)
}

fn check_manifest(place: &str, text: &str, package: &Package) -> anyhow::Result<Vec<Finding>> {
    let manifest: toml::Table = text.parse().with_context(|| place.to_owned())?;
    let mut findings = Vec::new();
    let inherits = |table: Option<&toml::Value>| {
        table.and_then(|t| t.get("workspace")).and_then(toml::Value::as_bool) == Some(true)
    };
    if !inherits(manifest.get("lints")) {
        findings.push(Finding::new(place, "needs [lints] workspace = true"));
    }
    if let Some(jiff) = package.deps.iter().find(|dep| dep.name == "jiff")
        && (jiff.default_features || jiff.features.iter().any(|f| f != "alloc"))
    {
        let text =
            "takes jiff without default features and with `alloc` alone: others bring clocks";
        findings.push(Finding::new(place, text));
    }
    Ok(findings)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problems(manifest: &str, jiff: Option<Dep>) -> usize {
        let package = Package { deps: jiff.into_iter().collect(), ..Package::default() };
        check_manifest("x", manifest, &package).unwrap().len()
    }

    #[test]
    fn lints_are_inherited() {
        assert_eq!(problems("[lints]\nworkspace = true\n", None), 0);
        assert_eq!(problems("[lints.rust]\nunsafe_code = \"allow\"\n", None), 1);
        assert_eq!(problems("", None), 1);
    }

    #[test]
    fn jiff_stays_away_from_the_system() {
        let jiff = |default_features, features: &[&str]| Dep {
            name: "jiff".into(),
            default_features,
            features: features.iter().map(|f| (*f).to_owned()).collect(),
            ..Dep::default()
        };
        let lints = "[lints]\nworkspace = true\n";
        assert_eq!(problems(lints, Some(jiff(false, &["alloc"]))), 0);
        assert_eq!(problems(lints, Some(jiff(true, &[]))), 1);
        assert_eq!(problems(lints, Some(jiff(false, &["alloc", "std"]))), 1);
    }
}
