//! A plan in words.

use serde_json::Value;

use super::diff::Change;
use super::plan::{Action, Item, Plan};

/// Letters of a value that are shown.
const SHOWN: usize = 120;

pub fn text(plan: &Plan, coloured: bool) -> String {
    let mut lines: Vec<String> = Vec::new();
    let changed = |item: &&Item| item.action != Action::Unchanged || item.warning.is_some();
    for item in plan.items.iter().filter(changed) {
        lines.push(head(item, coloured));
        lines.extend(item.changes.iter().map(change));
        if !item.next.is_empty() {
            lines.push(format!("    next: {}", item.next.join(", ")));
        }
        if let Some(targets) = &item.targets {
            lines.push(format!("    runs on: {targets}"));
        }
        if let Some(warning) = &item.warning {
            lines.push(format!("    note: {warning}"));
        }
    }
    lines.push(summary(plan));
    lines.join("\n")
}

pub fn summary(plan: &Plan) -> String {
    format!(
        "Plan: {} to create, {} to update, {} to delete, {} unchanged",
        plan.count(Action::Create),
        plan.count(Action::Update),
        plan.count(Action::Delete),
        plan.count(Action::Unchanged),
    )
}

fn head(item: &Item, coloured: bool) -> String {
    let (sign, word, colour) = match item.action {
        Action::Create => ('+', "create", 32),
        Action::Update => ('~', "update", 33),
        Action::Delete => ('-', "delete", 31),
        Action::Unchanged => ('=', "as it is", 0),
    };
    let line = format!("{sign} {word} {}", item.name);
    if coloured { format!("\x1b[{colour}m{line}\x1b[0m") } else { line }
}

fn change(change: &Change) -> String {
    let path = &change.path;
    match (&change.old, &change.new) {
        (None, Some(new)) => format!("    {path}: {} (new)", shown(new)),
        (Some(old), None) => format!("    {path}: {} (goes)", shown(old)),
        (old, new) => {
            let side = |value: &Option<Value>| value.as_ref().map(shown).unwrap_or_default();
            format!("    {path}: {} -> {}", side(old), side(new))
        }
    }
}

fn shown(value: &Value) -> String {
    let text = value.to_string();
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}
