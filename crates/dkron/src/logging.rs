//! Log lines on stderr: `time=… level=… msg="…" node=… key=value`, or the same as JSON.

use std::fmt::{self, Write};
use std::time::{SystemTime, UNIX_EPOCH};

use dkron_core::domain::Timestamp;
use dkron_core::domain::civil::rfc3339;
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;

use crate::config::{LogFormat, LogOptions};

/// Changes the level of the process that was started with it.
pub struct Levels(Box<dyn Fn(&str) + Send>);

impl Levels {
    pub fn set(&self, level: &str) {
        (self.0)(level);
    }
}

/// Starts logging for the whole process; a second call changes nothing.
pub fn start(options: &LogOptions, node: &str) -> Levels {
    let builder = tracing_subscriber::fmt().with_writer(std::io::stderr);
    let first = EnvFilter::new(filter(&options.level));
    // The only error is that a subscriber is there already, as in tests; and later that none is.
    match options.format {
        LogFormat::Text => {
            let builder = builder.event_format(Lines { node: node.to_owned() });
            let builder = builder.with_env_filter(first).with_filter_reloading();
            let handle = builder.reload_handle();
            let _ = builder.try_init();
            Levels(Box::new(move |level| {
                let _ = handle.reload(EnvFilter::new(filter(level)));
            }))
        }
        LogFormat::Json => {
            let builder = builder.json().flatten_event(true);
            let builder = builder.with_env_filter(first).with_filter_reloading();
            let handle = builder.reload_handle();
            let _ = builder.try_init();
            Levels(Box::new(move |level| {
                let _ = handle.reload(EnvFilter::new(filter(level)));
            }))
        }
    }
}

/// Libraries speak up one level later than this program; consensus warns of what it expects.
fn filter(level: &str) -> &'static str {
    match level {
        "trace" => "trace",
        "debug" => "info,dkron=debug",
        "warn" | "warning" => "warn,openraft=error",
        "error" => "error",
        "fatal" | "panic" => "error",
        _ => "warn,openraft=error,dkron=info",
    }
}

struct Lines {
    node: String,
}

impl<S, N> FormatEvent<S, N> for Lines
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        _: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let mut line = Line::default();
        event.record(&mut line);
        let level = match *event.metadata().level() {
            Level::ERROR => "error",
            Level::WARN => "warning",
            Level::INFO => "info",
            Level::DEBUG => "debug",
            Level::TRACE => "trace",
        };
        write!(writer, "time={} level={level} msg=", now())?;
        quoted(&mut writer, &line.message)?;
        if !line.names_node {
            write!(writer, " node=")?;
            word(&mut writer, &self.node)?;
        }
        writeln!(writer, "{}", line.fields)
    }
}

/// The fields of one event; `message` is apart.
#[derive(Default)]
struct Line {
    message: String,
    fields: String,
    /// The event is about a node, which may be another one.
    names_node: bool,
}

impl Line {
    fn add(&mut self, field: &Field, text: &str) {
        if field.name() == "message" {
            self.message = text.to_owned();
            return;
        }
        if field.name().starts_with("log.") {
            // Where in a library a line was written helps nobody here.
            return;
        }
        self.names_node |= field.name() == "node";
        // Writing into a string can not fail.
        let _ = write!(self.fields, " {}=", field.name());
        let _ = word(&mut self.fields, text);
    }
}

impl Visit for Line {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.add(field, value);
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.add(field, &format!("{value:?}"));
    }

    fn record_error(&mut self, field: &Field, value: &(dyn std::error::Error + 'static)) {
        let mut text = value.to_string();
        let mut source = value.source();
        while let Some(err) = source {
            let _ = write!(text, ": {err}");
            source = err.source();
        }
        self.add(field, &text);
    }
}

/// Bare where it is one plain word, else quoted.
fn word(out: &mut dyn Write, text: &str) -> fmt::Result {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-._/@^+:".contains(c);
    match !text.is_empty() && text.chars().all(plain) {
        true => out.write_str(text),
        false => quoted(out, text),
    }
}

/// Control characters are escaped: a line stays a line.
fn quoted(out: &mut dyn Write, text: &str) -> fmt::Result {
    write!(out, "{text:?}")
}

fn now() -> String {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let nanos = since.as_nanos() / 1_000_000 * 1_000_000;
    rfc3339(Timestamp::from_unix_nanos(i128::try_from(nanos).unwrap_or(0)), 0)
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::{Arc, Mutex};

    use super::*;

    #[derive(Clone, Default)]
    struct Sink(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Sink {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_line_is_keys_and_values() {
        let sink = Sink::default();
        let writer = sink.clone();
        let subscriber = tracing_subscriber::fmt()
            .with_writer(move || writer.clone())
            .event_format(Lines { node: "n1".into() })
            .finish();
        tracing::subscriber::with_default(subscriber, || {
            tracing::warn!(job = %"a b", count = 3, addr = "127.0.0.1:80", "two\nlines");
        });
        let text = String::from_utf8(sink.0.lock().unwrap().clone()).unwrap();
        assert!(text.starts_with("time=20"), "{text}");
        let end =
            "level=warning msg=\"two\\nlines\" node=n1 job=\"a b\" count=3 addr=127.0.0.1:80\n";
        assert!(text.ends_with(end), "{text}");
    }
}
