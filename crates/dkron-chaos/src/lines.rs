//! What the runs themselves write: one line at the start, one at the end, one if another run of
//! the same job holds the lock that keeps them apart.
//!
//! ```text
//!   start JOB EXECUTION SCHEDULED_AT ATTEMPT NODE FENCE NANOSECONDS
//!   end EXECUTION EXIT NANOSECONDS
//!   beside EXECUTION NANOSECONDS
//! ```
//!
//! A start without an end is a run that was killed; nothing is concluded from a missing end alone.

use dkron_conformance::instant;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// Whose file it stands in.
    pub host: String,
    pub said: Said,
    /// Microseconds; all hosts share the clock of one machine.
    pub at: i64,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Said {
    Start(Start),
    End {
        execution: String,
        exit: i64,
    },
    Beside {
        execution: String,
    },
    /// A line that is none of these, as it stands: two writers met, or something else is broken.
    Unreadable(String),
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Start {
    pub job: String,
    pub execution: String,
    pub scheduled: Option<i64>,
    pub attempt: u32,
    pub node: String,
    pub fence: u64,
}

/// All lines of one host's file. The last one may be torn by a kill: without its line break it
/// counts for nothing.
pub fn parse(host: &str, text: &str) -> Vec<Line> {
    let whole = text.split_inclusive('\n').filter_map(|line| line.strip_suffix('\n'));
    whole
        .map(|line| {
            let (said, at) = read(line).unwrap_or((Said::Unreadable(line.to_owned()), 0));
            Line { host: host.to_owned(), said, at }
        })
        .collect()
}

fn read(line: &str) -> Option<(Said, i64)> {
    let words: Vec<&str> = line.split(' ').collect();
    let micros = |word: &str| word.parse::<i64>().ok().map(|nanos| nanos / 1_000);
    match words.as_slice() {
        ["start", job, execution, scheduled, attempt, node, fence, at] => {
            let start = Start {
                job: (*job).to_owned(),
                execution: (*execution).to_owned(),
                scheduled: instant::parse(scheduled).filter(|at| *at > 0),
                attempt: attempt.parse().ok()?,
                node: (*node).to_owned(),
                fence: fence.parse().ok()?,
            };
            Some((Said::Start(start), micros(at)?))
        }
        ["end", execution, exit, at] => {
            let execution = (*execution).to_owned();
            Some((Said::End { execution, exit: exit.parse().ok()? }, micros(at)?))
        }
        ["beside", execution, at] => {
            Some((Said::Beside { execution: (*execution).to_owned() }, micros(at)?))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_read_and_a_torn_one_is_not() {
        let text = "start a x-1 1970-01-01T00:00:05Z 2 n1 77 5001000000\nend x-1 0 5100000000\n\
            beside x-2 6000000000\nstart a start a\nend x-2 0 61";
        let lines = parse("h1", text);
        let start = Start {
            job: "a".into(),
            execution: "x-1".into(),
            scheduled: Some(5_000_000),
            attempt: 2,
            node: "n1".into(),
            fence: 77,
        };
        assert_eq!(lines[0].said, Said::Start(start));
        assert_eq!(lines[0].at, 5_001_000);
        assert_eq!(lines[1].said, Said::End { execution: "x-1".into(), exit: 0 });
        assert_eq!(lines[2].said, Said::Beside { execution: "x-2".into() });
        assert_eq!(lines[3].said, Said::Unreadable("start a start a".into()));
        assert_eq!(lines.len(), 4);
    }
}
