//! Figures and how they are shown: a table for people, one line of JSON for everything else.

use std::fmt;

use serde_json::{Map, Value};

#[derive(Debug, Default)]
pub struct Report {
    title: String,
    rows: Vec<(String, Value)>,
    /// What must not be: the run then fails.
    problems: Vec<String>,
}

impl Report {
    pub fn new(title: impl Into<String>) -> Report {
        Report { title: title.into(), ..Report::default() }
    }

    pub fn put(&mut self, name: &str, value: impl Into<Value>) {
        self.rows.push((name.to_owned(), value.into()));
    }

    /// A measure with one digit behind the point.
    pub fn put_rounded(&mut self, name: &str, value: f64) {
        self.put(name, (value * 10.0).round() / 10.0);
    }

    /// p50, p99 and the largest of some times in microseconds, shown in milliseconds.
    pub fn put_times(&mut self, name: &str, micros: &mut [i64]) {
        micros.sort_unstable();
        for (label, share) in [("p50", 0.50), ("p99", 0.99), ("max", 1.0)] {
            self.put_rounded(&format!("{name} {label} ms"), quantile(micros, share) / 1_000.0);
        }
    }

    pub fn put_ratio(&mut self, name: &str, value: f64, limit: f64) {
        self.put(name, format!("{:.1} %", 100.0 * value / limit.max(1.0)));
    }

    pub fn problems(&self) -> impl Iterator<Item = &str> {
        self.problems.iter().map(String::as_str)
    }

    /// Everything as one line of JSON.
    pub fn json(&self) -> String {
        let mut line: Map<String, Value> = self.rows.iter().cloned().collect();
        line.insert("bench".into(), self.title.as_str().into());
        line.insert("problems".into(), self.problems.clone().into());
        Value::from(line).to_string()
    }

    pub fn problem_if(&mut self, is_one: bool, text: impl Into<String>) {
        if is_one {
            self.problems.push(text.into());
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "\n{}", self.title)?;
        let width = self.rows.iter().map(|(name, _)| name.chars().count()).max().unwrap_or(0);
        for (name, value) in &self.rows {
            let shown = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            writeln!(f, "  {name:width$}  {shown:>12}")?;
        }
        for problem in &self.problems {
            writeln!(f, "  PROBLEM: {problem}")?;
        }
        f.write_str(&self.json())
    }
}

/// All reports as one table for people: title, then figures in a row.
pub fn summary(reports: &[Report]) -> String {
    let mut text = String::new();
    for report in reports {
        let figures = report.rows.iter().map(|(name, value)| {
            let shown = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            format!("{name} {shown}")
        });
        let figures: Vec<String> = figures.chain(report.problems.iter().cloned()).collect();
        text += &format!("| {} | {} |\n", report.title, figures.join("; "));
    }
    text
}

/// A share of sorted values; 0 where there are none.
pub fn quantile(sorted: &[i64], share: f64) -> f64 {
    let last = sorted.len().saturating_sub(1);
    let at = (share * last as f64).ceil() as usize;
    sorted.get(at.min(last)).copied().unwrap_or(0) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_values_that_occurred() {
        let values: Vec<i64> = (1..=100).collect();
        assert_eq!(quantile(&values, 0.5), 51.0);
        assert_eq!(quantile(&values, 1.0), 100.0);
        assert_eq!(quantile(&[], 0.5), 0.0);
        assert_eq!(quantile(&[7], 0.99), 7.0);
    }

    #[test]
    fn a_report_is_a_table_and_a_line() {
        let mut report = Report::new("t");
        report.put_times("lag", &mut [2_000, 1_000]);
        let shown = report.to_string();
        assert!(shown.contains("lag p50 ms"), "{shown}");
        assert!(shown.contains("\"lag p99 ms\":2.0"), "{shown}");
    }
}
