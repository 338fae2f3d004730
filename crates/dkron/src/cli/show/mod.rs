//! How answers look: tables for people, JSON and YAML for programs, colours on a terminal only.

mod table;
mod text;

use std::io::{self, ErrorKind, IsTerminal, Write};

use anyhow::Context as _;
use serde_json::Value;

pub use table::{Column, fields, table};
pub use text::{cell, clock, took};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    Table,
    Wide,
    Json,
    Yaml,
}

/// A line on standard output. Who reads only the beginning (`| head`) has had enough.
pub fn say(text: impl AsRef<str>) -> anyhow::Result<()> {
    let mut line = text.as_ref().to_owned();
    line.push('\n');
    raw(line.as_bytes())
}

/// Bytes as they are.
pub fn raw(bytes: &[u8]) -> anyhow::Result<()> {
    let mut out = io::stdout().lock();
    match out.write_all(bytes).and_then(|()| out.flush()) {
        Err(err) if err.kind() == ErrorKind::BrokenPipe => std::process::exit(0),
        written => written.context("standard output"),
    }
}

/// Whether standard output takes colours.
pub fn coloured() -> bool {
    let forbidden = std::env::var_os("NO_COLOR").is_some_and(|text| !text.is_empty());
    !forbidden && io::stdout().is_terminal()
}

/// A list in the form that was asked for.
pub fn list(format: Format, columns: &[Column], rows: &[Value]) -> anyhow::Result<()> {
    match format {
        Format::Table => say(table(columns, rows, false, coloured())),
        Format::Wide => say(table(columns, rows, true, coloured())),
        Format::Json | Format::Yaml => value(format, &Value::Array(rows.to_vec())),
    }
}

/// One thing, field by field for people.
pub fn one(format: Format, columns: &[Column], row: &Value) -> anyhow::Result<()> {
    match format {
        Format::Table | Format::Wide => say(fields(columns, row, coloured())),
        Format::Json | Format::Yaml => value(format, row),
    }
}

/// For programs.
pub fn value(format: Format, value: &Value) -> anyhow::Result<()> {
    match format {
        Format::Yaml => raw(yaml(value)?.as_bytes()),
        _ => say(serde_json::to_string_pretty(value).context("writing JSON")?),
    }
}

pub fn yaml(value: &Value) -> anyhow::Result<String> {
    serde_saphyr::to_string(value).context("writing YAML")
}

/// A result in words for people, the server's answer for programs.
pub fn done(format: Format, answer: &Value, text: impl AsRef<str>) -> anyhow::Result<()> {
    match format {
        Format::Table | Format::Wide => say(text),
        Format::Json | Format::Yaml => value(format, answer),
    }
}
