//! A picture on a terminal.

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Color, Style, Stylize};
use ratatui::text::Line;
use ratatui::widgets::{Block, Paragraph, Row, Table};
use serde_json::Value;

use super::picture::{Picture, coming};
use crate::cli::execution::COLUMNS;

/// Rows of the parts below, their frames included.
const BELOW: u16 = 10;

pub fn draw(frame: &mut Frame<'_>, picture: &Picture, url: &str, scrolled: usize) {
    let head = head(picture, url);
    let rows = [
        Constraint::Length(head.len() as u16),
        Constraint::Min(4),
        Constraint::Length(BELOW),
        Constraint::Length(1),
    ];
    let [top, middle, below, foot] = Layout::vertical(rows).areas(frame.area());
    frame.render_widget(Paragraph::new(head), top);
    let title = format!(" runs: {} ", picture.running.len());
    executions(frame, middle, title, picture.running.iter().skip(scrolled));
    let halves = [Constraint::Percentage(70), Constraint::Percentage(30)];
    let [left, right] = Layout::horizontal(halves).areas(below);
    executions(frame, left, " failed last ".to_owned(), picture.failed.iter());
    let slots: Vec<Line<'_>> = picture.coming.iter().map(|slot| Line::from(coming(slot))).collect();
    frame.render_widget(Paragraph::new(slots).block(Block::bordered().title(" comes ")), right);
    frame.render_widget(Paragraph::new("q ends, up and down scroll").dim(), foot);
}

fn head<'a>(picture: &'a Picture, url: &'a str) -> Vec<Line<'a>> {
    let mut lines = vec![Line::from(url).bold()];
    if let Some(error) = &picture.error {
        lines.push(Line::from(error.as_str()).red());
    }
    lines.extend(picture.cluster.lines().map(Line::from));
    lines.extend(picture.rates.lines().map(Line::from));
    lines.extend(picture.pauses.iter().map(|said| Line::from(said.as_str()).yellow()));
    lines
}

fn executions<'a>(
    frame: &mut Frame<'_>,
    area: Rect,
    title: String,
    rows: impl Iterator<Item = &'a Value>,
) {
    let columns: Vec<_> = COLUMNS.iter().filter(|column| !column.wide).collect();
    let cells = |row: &Value| columns.iter().map(|column| (column.cell)(row)).collect::<Vec<_>>();
    let rows: Vec<Vec<String>> = rows.take(area.height.into()).map(cells).collect();
    let width = |at: usize| {
        let longest = rows.iter().map(|row| row[at].chars().count()).max().unwrap_or(0);
        Constraint::Length(longest.max(columns[at].name.len()).min(48) as u16)
    };
    let widths: Vec<Constraint> = (0..columns.len()).map(width).collect();
    let head = Row::new(columns.iter().map(|column| column.name)).bold();
    let painted = |row: &Vec<String>| {
        let colour = match row[2].as_str() {
            "failed" | "timed_out" | "lost" => Color::Red,
            "running" => Color::Green,
            _ => Color::Yellow,
        };
        Row::new(row.clone()).style(Style::new().fg(colour))
    };
    let shown = Table::new(rows.iter().map(painted), widths).header(head).column_spacing(2);
    frame.render_widget(shown.block(Block::bordered().title(title)), area);
}

#[cfg(test)]
mod tests {
    use ratatui::Terminal;
    use ratatui::backend::TestBackend;
    use serde_json::json;

    use super::*;

    fn screen(picture: &Picture, (width, height): (u16, u16)) -> String {
        let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
        terminal.draw(|frame| draw(frame, picture, "http://here", 0)).unwrap();
        terminal.backend().to_string()
    }

    #[test]
    fn what_runs_is_seen_on_a_terminal_of_any_size() {
        let run =
            json!({"id": "7-n1", "job_name": "backup", "state": "running", "node_name": "n1"});
        let picture = Picture {
            cluster: "3 jobs".into(),
            running: vec![run],
            coming: vec![json!({"at": "2026-01-01T00:00:00Z", "job": "report"})],
            ..Picture::default()
        };
        let shown = screen(&picture, (120, 30));
        for said in ["http://here", "3 jobs", "runs: 1", "backup", "report", "q ends"] {
            assert!(shown.contains(said), "{said}\n{shown}");
        }
        for size in [(1, 1), (20, 5), (300, 3)] {
            screen(&picture, size);
        }
    }
}
