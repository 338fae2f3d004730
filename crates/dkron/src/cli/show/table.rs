//! Columns side by side, or one below the other. Widths are those of the letters, without colours.

use serde_json::Value;

/// What a cell's text means to a person.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Paint {
    #[default]
    Plain,
    /// The word of a state decides.
    State,
}

/// How one column is called, and what of a row stands in it.
#[derive(Clone, Copy)]
pub struct Column {
    pub name: &'static str,
    /// Only where there is room for it.
    pub wide: bool,
    pub paint: Paint,
    pub cell: fn(&Value) -> String,
}

impl Column {
    pub const fn new(name: &'static str, cell: fn(&Value) -> String) -> Column {
        Column { name, wide: false, paint: Paint::Plain, cell }
    }

    pub const fn wide(name: &'static str, cell: fn(&Value) -> String) -> Column {
        Column { name, wide: true, paint: Paint::Plain, cell }
    }

    pub const fn state(name: &'static str, cell: fn(&Value) -> String) -> Column {
        Column { name, wide: false, paint: Paint::State, cell }
    }
}

/// The first row has the names; two spaces between columns.
pub fn table(columns: &[Column], rows: &[Value], wide: bool, coloured: bool) -> String {
    let shown: Vec<&Column> = columns.iter().filter(|column| wide || !column.wide).collect();
    let head: Vec<String> = shown.iter().map(|column| column.name.to_owned()).collect();
    let cells = |row: &Value| shown.iter().map(|column| one_line(&(column.cell)(row))).collect();
    let body: Vec<Vec<String>> = rows.iter().map(cells).collect();
    let widths: Vec<usize> = (0..shown.len())
        .map(|at| {
            let column = body.iter().map(|row| letters(&row[at]));
            column.max().unwrap_or(0).max(letters(&head[at]))
        })
        .collect();
    let mut lines = vec![line(&head, &widths, |_, text| text)];
    lines.extend(body.iter().map(|row| {
        line(row, &widths, |at, text| match shown[at].paint {
            Paint::State if coloured => painted(&row[at], text),
            _ => text,
        })
    }));
    lines.join("\n")
}

/// `Name:  text`, one line a field; empty ones are left out.
pub fn fields(columns: &[Column], row: &Value, coloured: bool) -> String {
    let cells = columns.iter().map(|column| (column, (column.cell)(row)));
    let said: Vec<(&Column, String)> =
        cells.filter(|(_, text)| !matches!(text.as_str(), "" | "-")).collect();
    let width = said.iter().map(|(column, _)| letters(column.name) + 1).max().unwrap_or(0);
    let line = |(column, text): &(&Column, String)| {
        let text = text.replace('\n', &format!("\n{:width$}  ", ""));
        let text = match column.paint {
            Paint::State if coloured => painted(&text, text.clone()),
            _ => text,
        };
        format!("{:<width$}  {text}", format!("{}:", column.name))
    };
    said.iter().map(line).collect::<Vec<_>>().join("\n")
}

fn line(cells: &[String], widths: &[usize], paint: impl Fn(usize, String) -> String) -> String {
    let last = cells.len().saturating_sub(1);
    let padded = cells.iter().zip(widths).enumerate().map(|(at, (cell, width))| {
        let room = if at == last { 0 } else { width.saturating_sub(letters(cell)) };
        paint(at, format!("{cell}{:room$}", ""))
    });
    padded.collect::<Vec<_>>().join("  ").trim_end().to_owned()
}

/// A row stays a row whatever is in it.
fn one_line(text: &str) -> String {
    text.chars().map(|letter| if letter.is_control() { ' ' } else { letter }).collect()
}

fn letters(text: &str) -> usize {
    text.chars().count()
}

/// Green for good ends, red for bad ones, yellow for what goes on.
fn painted(word: &str, text: String) -> String {
    let colour = match word.split_whitespace().next().unwrap_or("") {
        "success" | "alive" | "create" | "ran" => 32,
        "failed" | "timed_out" | "lost" | "delete" | "partially_failed" => 31,
        "running" | "pending" | "cancelled" | "update" | "disabled" => 33,
        _ => return text,
    };
    format!("\x1b[{colour}m{text}\x1b[0m")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::show::cell;
    use serde_json::json;

    const COLUMNS: &[Column] = &[
        Column::new("Name", |row| cell(&row["name"])),
        Column::state("State", |row| cell(&row["state"])),
        Column::wide("Note", |row| cell(&row["note"])),
    ];

    #[test]
    fn side_by_side() {
        let rows = [
            json!({"name": "a", "state": "success", "note": "x\ny"}),
            json!({"name": "longer", "state": "lost"}),
        ];
        let plain = "Name    State\na       success\nlonger  lost";
        assert_eq!(table(COLUMNS, &rows, false, false), plain);
        let wide = "Name    State    Note\na       success  x y\nlonger  lost     -";
        assert_eq!(table(COLUMNS, &rows, true, false), wide);
        let coloured = table(COLUMNS, &rows, false, true);
        assert!(coloured.contains("\x1b[32msuccess\x1b[0m"), "{coloured:?}");
        assert_eq!(table(COLUMNS, &[], false, false), "Name  State");
    }

    #[test]
    fn below_each_other() {
        let row = json!({"name": "a", "state": "", "note": "x\ny"});
        assert_eq!(fields(COLUMNS, &row, false), "Name:  a\nNote:  x\n       y");
    }
}
