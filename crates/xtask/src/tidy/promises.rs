//! Pages that promise something name the test that would fail: whatever they put into backquotes as
//! evidence is there. It does not know whether a test asserts what the page says; that is read.

use super::Finding;

/// The pages, and the forms of evidence on them, stand in docs/dev/tidy.md.
pub const PAGES: [&str; 2] = ["docs/guarantees.md", "docs/scenarios.md"];
pub const SCRIPTS: &str = "crates/dkron-core/tests/scripts";
pub const CASES: &str = "crates/dkron-conformance/data/rest";
const FAULTS: &str = "crates/dkron-chaos/src/faults/";
const SABOTAGES: &str = "crates/dkron-sim/src/sabotage.rs";
const SCENARIOS: usize = 52;
/// So many parts has no name in the text of a page, but that of a test.
const PARTS_OF_A_TEST: usize = 4;

/// A file that may hold evidence: its path in the repository, and its text.
#[derive(Debug)]
pub struct Source {
    pub path: String,
    pub text: String,
}

/// What is cited and not there.
pub fn check(page: &str, text: &str, sources: &[Source]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let wrong = quoted(line).filter_map(|word| resolve(word, sources).err());
        findings.extend(wrong.map(|text| Finding::new(format!("{page}:{}", index + 1), text)));
    }
    findings
}

/// Each scenario has one row, and whatever test or script bears it says its number.
pub fn check_scenarios(page: &str, text: &str, sources: &[Source]) -> Vec<Finding> {
    let mut findings = Vec::new();
    let rows = || text.lines().filter(|line| line.starts_with("| T-"));
    let number = |row: &str| row.chars().skip(2).take(4).collect::<String>();
    let wanted: Vec<String> = (1..=SCENARIOS).map(|number| format!("T-{number:02}")).collect();
    let mut found: Vec<String> = rows().map(number).collect();
    found.sort();
    if found != wanted {
        findings.push(Finding::new(page, format!("one row for each of T-01 to T-{SCENARIOS}")));
    }
    for row in rows() {
        let number = number(row);
        for word in quoted(row) {
            let says = |source: &&Source| source.text.contains(&number);
            if let Ok(Some(source)) = resolve(word, sources)
                && !says(&source)
            {
                let text = format!("bears {number} by `{word}` and does not say so");
                findings.push(Finding::new(source.path.clone(), text));
            }
        }
    }
    findings
}

fn quoted(line: &str) -> impl Iterator<Item = &str> {
    line.split('`').skip(1).step_by(2)
}

/// The test or script that a word names, if it names one; an error if it names what is not there.
fn resolve<'a>(word: &str, sources: &'a [Source]) -> Result<Option<&'a Source>, String> {
    let is_there = |path: &str| sources.iter().find(|source| source.path == path);
    if let Some(kind) = word.strip_prefix("bench ") {
        let path = format!("crates/dkron-bench/src/kinds/{}.rs", kind.replace('-', "_"));
        return is_there(&path).map(|_| None).ok_or(format!("no load is called `{word}`"));
    }
    if let Some(fault) = word.strip_prefix("chaos ") {
        let named = format!("name: \"{fault}\",");
        let is = |source: &&Source| source.path.starts_with(FAULTS) && source.text.contains(&named);
        let found = sources.iter().find(is);
        return found.map(Some).ok_or(format!("no fault is called `{word}`"));
    }
    if word.contains(char::is_whitespace) || word.starts_with('/') {
        return Ok(None);
    }
    if let Some((place, name)) = word.split_once("::") {
        return named(place, name, sources);
    }
    if word.ends_with(".txt") {
        let script = is_there(&format!("{SCRIPTS}/{word}"));
        return script.map(Some).ok_or(format!("no script is called `{word}`"));
    }
    if word.ends_with(".rs") {
        let end = format!("/{word}");
        let found = sources.iter().any(|source| source.path.ends_with(&end));
        return found.then_some(None).ok_or(format!("no source is called `{word}`"));
    }
    if let Some((file, case)) = word.split_once('/').filter(|(_, case)| !case.contains(['/', '.']))
    {
        let cases = is_there(&format!("{CASES}/{file}.json"));
        let found =
            cases.is_some_and(|cases| cases.text.contains(&format!("\"name\": \"{case}\"")));
        return found.then_some(None).ok_or(format!("no case is called `{word}`"));
    }
    let is_name = word.chars().all(|letter| letter.is_ascii_lowercase() || letter == '_');
    if is_name && word.split('_').count() >= PARTS_OF_A_TEST {
        return Err(format!("`{word}`: a test is named with its crate, `dkron-core::name`"));
    }
    Ok(None)
}

/// `dkron-core::test` or `Sabotage::Bug`.
fn named<'a>(place: &str, name: &str, sources: &'a [Source]) -> Result<Option<&'a Source>, String> {
    if place == "Sabotage" {
        let known = |source: &Source| {
            source.path == SABOTAGES && source.text.contains(&format!("    {name},"))
        };
        let found = sources.iter().any(known);
        return found.then_some(None).ok_or(format!("the simulator plants no `{name}`"));
    }
    let folder = format!("crates/{place}/");
    let mut own = sources.iter().filter(|source| source.path.starts_with(&folder));
    let found = own.find(|source| source.path.ends_with(".rs") && has_test(&source.text, name));
    found.map(Some).ok_or(format!("{place} has no test `{name}`"))
}

fn has_test(text: &str, name: &str) -> bool {
    let head = format!("fn {name}(");
    let mut marked = false;
    for line in text.lines().map(str::trim_start) {
        if line.starts_with("#[test]") || line.starts_with("#[tokio::test") {
            marked = true;
        } else if line.contains("fn ") && !line.starts_with("//") {
            if marked && line.contains(&head) {
                return true;
            }
            marked = false;
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sources() -> Vec<Source> {
        [
            ("crates/a/src/x.rs", "//! Bears T-01.\n#[test]\nfn it_holds() {}\nfn no_test() {}\n"),
            ("crates/dkron-core/tests/scripts/ledger/fire.txt", "# A slot."),
            ("crates/dkron-conformance/data/rest/runs.json", "[{\"name\": \"failure\"}]"),
            ("crates/dkron-sim/src/sabotage.rs", "enum Sabotage {\n    DropChild,\n}"),
            ("crates/dkron-bench/src/kinds/run_now.rs", ""),
            ("crates/dkron-chaos/src/faults/x.rs", "Kind { name: \"kill-all\", }"),
        ]
        .map(|(path, text)| Source { path: path.into(), text: text.into() })
        .into()
    }

    fn wrong(text: &str) -> usize {
        check("page", text, &sources()).len()
    }

    #[test]
    fn what_is_there_may_be_named() {
        let text = "`a::it_holds` `ledger/fire.txt` `x.rs` `src/x.rs` `runs/failure` `lost_after`
            `Sabotage::DropChild` `bench run-now` `chaos kill-all` `GET /v1/jobs` `/ui/`
            `dkron-sim`";
        assert_eq!(wrong(text), 0);
    }

    #[test]
    fn what_is_not_there_is_told() {
        for word in [
            "a::no_test",
            "b::it_holds",
            "ledger/water.txt",
            "y.rs",
            "runs/success",
            "Sabotage::None",
            "bench nothing",
            "chaos nothing",
            "a_test_without_its_crate",
        ] {
            assert_eq!(wrong(&format!("`{word}`")), 1, "{word}");
        }
    }

    #[test]
    fn a_test_says_which_scenario_it_bears() {
        let rows = |evidence: &str| -> String {
            (1..=SCENARIOS).map(|number| format!("| T-{number:02} | {evidence} |\n")).collect()
        };
        let wrong = |text: &str| check_scenarios("page", text, &sources()).len();
        assert_eq!(wrong(&rows("waits for the cluster")), 0);
        assert_eq!(wrong(&rows("`runs/failure`")), 0);
        assert_eq!(wrong(&rows("`a::it_holds`")), SCENARIOS - 1);
        assert_eq!(wrong("| T-01 | `a::it_holds` |"), 1);
    }
}
