//! Bodies that are almost jobs: wrong types, deep nesting, huge numbers, broken text, torn ends.
//! A job that happens to be valid runs nothing but `true` or a closed port.

use crate::dice::Dice;

const KEYS: [&str; 44] = [
    "id",
    "name",
    "displayname",
    "timezone",
    "schedule",
    "owner",
    "owner_email",
    "success_count",
    "error_count",
    "last_success",
    "last_error",
    "disabled",
    "tags",
    "metadata",
    "retries",
    "dependent_jobs",
    "parent_job",
    "processors",
    "concurrency",
    "executor",
    "executor_config",
    "status",
    "next",
    "ephemeral",
    "starts_at",
    "expires_at",
    "queue_depth",
    "misfire",
    "misfire_threshold",
    "start_deadline",
    "retry",
    "dst",
    "jitter",
    "max_runtime",
    "on_lost",
    "lost_after",
    "retention",
    "output_limit",
    "Retries",
    "by",
    "reason",
    "keep_for",
    "NAME",
    "unknown",
];

const VALUES: [&str; 52] = [
    "null",
    "true",
    "false",
    "0",
    "-1",
    "1",
    "1.5",
    "1e400",
    "-1e400",
    "1e-400",
    "99999999999999999999999999",
    "18446744073709551616",
    "-9223372036854775809",
    "\"\"",
    "\"a\"",
    "\"fz-1\"",
    "\"*/5 * * * * *\"",
    "\"@every 1h\"",
    "\"@every 0s\"",
    "\"@every -1h\"",
    "\"@at 2999-01-01T00:00:00Z\"",
    "\"TZ=UTC\"",
    "\"CRON_TZ=Mars/Base 0 0 0 * * *\"",
    "\"H H(0-99) * * *\"",
    "\"0 0 0 99999999999 * *\"",
    "\"0001-01-01T00:00:00Z\"",
    "\"9999-12-31T23:59:59.999999999Z\"",
    "\"2026-02-30T00:00:00Z\"",
    "\"Europe/Berlin\"",
    "\"../../etc/passwd\"",
    "\"\\u0000\"",
    "\"\\ud800\"",
    "\"\\x\"",
    "{}",
    "[]",
    "[null]",
    "{\"a\": null}",
    "{\"a\": {\"b\": []}}",
    "[[[[]]]]",
    "{\"server\": \"true:99999999999999999\"}",
    "\"90s\"",
    "\"-90s\"",
    "\"9223372036s\"",
    "\"run_all(99999999999)\"",
    "\"run_all(5)\"",
    "\"queue\"",
    "\"replace\"",
    "\"once\"",
    "\"hold\"",
    "{\"max\": 3, \"delay\": \"1ns\", \"on\": [\"lost\"], \"backoff\": \"linear\"}",
    "{\"max\": -1, \"on\": [[]], \"jitter\": {}}",
    "{\"executions\": 0, \"age\": \"0s\"}",
];

pub fn any(dice: &mut Dice) -> Vec<u8> {
    let mut body = match dice.below(12) {
        0 => Vec::new(),
        1 => dice.bytes(200),
        2 => deep(dice),
        3 => dice.pick(&VALUES).as_bytes().to_vec(),
        4 => format!("[{}, {}]", job(dice), job(dice)).into_bytes(),
        5 => long(dice),
        _ => job(dice).into_bytes(),
    };
    if !body.is_empty() && dice.once_in(4) {
        body.truncate(dice.below(body.len()));
    }
    if !body.is_empty() && dice.once_in(4) {
        let at = dice.below(body.len());
        body[at] = dice.below(256) as u8;
    }
    if dice.once_in(30) {
        body.splice(0..0, *b"\xef\xbb\xbf");
    }
    body
}

fn job(dice: &mut Dice) -> String {
    let mut pairs = Vec::new();
    if !dice.once_in(5) {
        pairs.push(format!("\"name\": \"fz-{}\"", dice.below(20)));
        pairs.push("\"schedule\": \"@manually\"".to_owned());
        pairs.push(executor(dice).to_owned());
    }
    for _ in 0..dice.below(6) {
        pairs.push(format!("\"{}\": {}", dice.pick(&KEYS), value(dice, 0)));
    }
    format!("{{{}}}", pairs.join(", "))
}

fn executor(dice: &mut Dice) -> &'static str {
    dice.pick(&[
        r#""executor": "shell", "executor_config": {"command": "true"}"#,
        r#""executor": "http", "executor_config": {"url": "http://127.0.0.1:1/", "method": "GET"}"#,
        r#""executor": "none-such", "executor_config": {"a": "b"}"#,
    ])
}

fn value(dice: &mut Dice, depth: usize) -> String {
    match dice.below(8) {
        0 if depth < 6 => format!("[{}, {}]", value(dice, depth + 1), value(dice, depth + 1)),
        1 if depth < 6 => format!("{{\"{}\": {}}}", dice.pick(&KEYS), value(dice, depth + 1)),
        _ => dice.pick(&VALUES).to_owned(),
    }
}

fn deep(dice: &mut Dice) -> Vec<u8> {
    let open = dice.pick(&["[", "{\"a\":", "{\"tags\":", "[{\"metadata\":"]);
    let body = open.repeat(dice.below(20_000));
    match dice.once_in(2) {
        true => format!("{{\"name\": \"fz-d\", \"metadata\": {body}"),
        false => body,
    }
    .into_bytes()
}

fn long(dice: &mut Dice) -> Vec<u8> {
    let text = dice.pick(&["a", "é", "*", "1", " ", "0 "]).repeat(1 << dice.below(17));
    let key = dice.pick(&["name", "schedule", "timezone", "displayname", "parent_job", "status"]);
    format!("{{\"{key}\": \"{text}\", \"executor\": \"shell\"}}").into_bytes()
}
