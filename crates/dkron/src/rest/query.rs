//! Query strings by Go's rules, and the parameters of the lists.

use std::time::Duration;

use dkron_core::domain::{Group, LogIndex, Selector, Status};
use dkron_node::service::{ExecutionSort, JobSort, ListQuery, ReadMode, StatusFilter};

use crate::config::duration;
use crate::words::shown;

/// A read waits for its entry so long, unless it says otherwise.
const WAIT: Duration = Duration::from_secs(5);
/// A connection is not held longer than this.
const WAIT_MOST: Duration = Duration::from_secs(600);

/// Decoded pairs in the order they were sent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Query(Vec<(String, String)>);

impl Query {
    /// Pairs that can not be decoded, or that hold a semicolon, are left out.
    pub fn parse(text: &str) -> Query {
        let pair = |part: &str| {
            if part.is_empty() || part.contains(';') {
                return None;
            }
            let (key, value) = part.split_once('=').unwrap_or((part, ""));
            Some((decode(key, true)?, decode(value, true)?))
        };
        Query(text.split('&').filter_map(pair).collect())
    }

    /// The first value of a key.
    pub fn get(&self, key: &str) -> Option<&str> {
        self.0.iter().find(|(name, _)| name == key).map(|(_, value)| value.as_str())
    }

    /// All values of a key that may be repeated.
    pub fn all(&self, key: &str) -> impl Iterator<Item = &str> {
        self.0.iter().filter(move |(name, _)| name == key).map(|(_, value)| value.as_str())
    }

    pub fn has(&self, key: &str) -> bool {
        self.get(key).is_some()
    }

    /// `stale` and `consistent`, whatever their values.
    pub fn read_mode(&self) -> ReadMode {
        match (self.has("consistent"), self.has("stale")) {
            (true, _) => ReadMode::Consistent,
            (false, true) => ReadMode::Local,
            (false, false) => ReadMode::Fresh,
        }
    }

    fn text(&self, key: &str) -> &str {
        self.get(key).unwrap_or("")
    }

    /// `metadata[key]=value`, of a repeated key the first; and `metadata=key:value` or
    /// `metadata=key=value`.
    fn metadata(&self) -> Vec<(String, String)> {
        let mut pairs: Vec<(String, String)> = Vec::new();
        for (name, value) in &self.0 {
            let bracket = name.strip_prefix("metadata[").and_then(|rest| rest.split_once(']'));
            let Some((key, _)) = bracket.filter(|(key, _)| !key.is_empty()) else { continue };
            if !pairs.iter().any(|(known, _)| known == key) {
                pairs.push((key.to_owned(), value.clone()));
            }
        }
        let listed = self.0.iter().filter(|(name, _)| name == "metadata");
        pairs.extend(listed.filter_map(|(_, text)| {
            let (key, value) = text.split_once([':', '='])?;
            (!key.is_empty()).then(|| (key.to_owned(), value.to_owned()))
        }));
        pairs
    }
}

/// Percent-decodes; bytes that are no text become U+FFFD, a broken escape is `None`.
pub fn decode(text: &str, plus: bool) -> Option<String> {
    if !text.contains(['%', '+']) {
        return Some(text.to_owned());
    }
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes().iter();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'%' => {
                let high = char::from(*rest.next()?).to_digit(16)?;
                let low = char::from(*rest.next()?).to_digit(16)?;
                (high * 16 + low) as u8
            }
            b'+' if plus => b' ',
            byte => *byte,
        });
    }
    Some(super::json::lossy(&bytes))
}

/// A position: below zero is zero, beyond all numbers is the end, other texts are `None`.
fn position(text: &str) -> Option<usize> {
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    if text.starts_with('-') {
        return Some(0);
    }
    Some(digits.parse().unwrap_or(usize::MAX))
}

/// `_start` and `_end` of a list.
pub fn page(query: &Query) -> (usize, Option<usize>) {
    (position(query.text("_start")).unwrap_or(0), position(query.text("_end")))
}

/// The part of `items` that a page asks for, whatever it asks for.
pub fn slice<T>(items: &[T], (start, end): (usize, Option<usize>)) -> &[T] {
    let end = end.unwrap_or(items.len()).min(items.len());
    items.get(start.min(end)..end).unwrap_or_default()
}

/// The question behind `GET /v1/jobs`; the error is a text for the client.
pub fn jobs(query: &Query) -> Result<ListQuery, String> {
    let (start, end) = page(query);
    let mut list = ListQuery {
        metadata: query.metadata(),
        text: query.text("q").to_owned(),
        sort: job_sort(query.text("_sort"))?,
        descending: query.get("_order") == Some("DESC"),
        selector: Selector::parse(query.text("selector"))
            .map_err(|err| format!("selector: {err}"))?,
        prefix: query.text("prefix").to_owned(),
        executor: query.get("executor").filter(|name| !name.is_empty()).map(ToOwned::to_owned),
        has_parent: match query.text("has_parent") {
            "" => None,
            "true" => Some(true),
            "false" => Some(false),
            other => return Err(format!("has_parent: {other:?} is neither true nor false")),
        },
        start,
        end,
        ..ListQuery::default()
    };
    list.status = match query.text("status") {
        "" => None,
        "untriggered" => Some(StatusFilter::Is(Status::Untriggered)),
        "success" => Some(StatusFilter::Is(Status::Success)),
        "failed" => Some(StatusFilter::Is(Status::Failed)),
        "partially_failed" => Some(StatusFilter::Is(Status::PartiallyFailed)),
        "running" => Some(StatusFilter::Running),
        _ => Some(StatusFilter::Nothing),
    };
    match query.text("disabled") {
        "" => {}
        "true" => list.disabled = Some(true),
        "false" => list.disabled = Some(false),
        _ => list.status = Some(StatusFilter::Nothing),
    }
    Ok(list)
}

fn job_sort(field: &str) -> Result<JobSort, String> {
    Ok(match field {
        "" | "id" | "name" => JobSort::Name,
        "displayname" => JobSort::DisplayName,
        "schedule" => JobSort::Schedule,
        "timezone" => JobSort::Timezone,
        "owner" => JobSort::Owner,
        "owner_email" => JobSort::OwnerEmail,
        "parent_job" => JobSort::ParentJob,
        "concurrency" => JobSort::Concurrency,
        "executor" => JobSort::Executor,
        "status" => JobSort::Status,
        "success_count" => JobSort::SuccessCount,
        "error_count" => JobSort::ErrorCount,
        "last_success" => JobSort::LastSuccess,
        "last_error" => JobSort::LastError,
        "next" => JobSort::Next,
        "disabled" => JobSort::Disabled,
        "ephemeral" => JobSort::Ephemeral,
        "retries" => JobSort::Retries,
        "starts_at" => JobSort::StartsAt,
        "expires_at" => JobSort::ExpiresAt,
        other => return Err(unknown_sort(other)),
    })
}

/// `index` and `wait` of a read: the entry that it must have seen, and for how long it waits.
pub fn awaited(query: &Query) -> Result<Option<(LogIndex, Duration)>, String> {
    let text = query.text("index");
    if text.is_empty() {
        return Ok(None);
    }
    let index = text.parse().map_err(|_| {
        format!("index: {} is no number, use that of a write's X-Dkron-Index", shown(text))
    })?;
    let wait = match query.text("wait") {
        "" => WAIT,
        text => duration(text).filter(|wait| *wait <= WAIT_MOST).ok_or_else(|| {
            format!("wait: {} is none, use a duration such as 30s or 2m, at most 10m", shown(text))
        })?,
    };
    Ok(Some((LogIndex(index), wait)))
}

/// Field and direction of an executions list.
pub fn executions(query: &Query) -> Result<(ExecutionSort, bool), String> {
    let sort = match query.text("_sort") {
        "" => ExecutionSort::Key,
        "id" | "started_at" => ExecutionSort::StartedAt,
        "finished_at" => ExecutionSort::FinishedAt,
        "attempt" => ExecutionSort::Attempt,
        other => return Err(unknown_sort(other)),
    };
    Ok((sort, query.get("_order").unwrap_or("DESC") == "DESC"))
}

/// The group that a list of executions is limited to.
pub fn group(query: &Query) -> Result<Option<Group>, String> {
    match query.text("group") {
        "" => Ok(None),
        text => text.parse().map(|group| Some(Group(group))).map_err(|_| {
            "group: it wants the number of a group, such as X-Dkron-Group tells".to_owned()
        }),
    }
}

fn unknown_sort(field: &str) -> String {
    let shown: String = field.chars().take(64).collect();
    format!("_sort: no field `{}` to sort by", shown.escape_debug())
}

/// How many of an output's last bytes are wanted; no number or one below zero = all.
pub fn output_limit(query: &Query) -> Option<usize> {
    query.get("output_size_limit").filter(|text| !text.starts_with('-')).and_then(position)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(text: &str) -> ListQuery {
        jobs(&Query::parse(text)).unwrap()
    }

    #[test]
    fn how_new_an_answer_must_be() {
        let mode = |text| Query::parse(text).read_mode();
        assert_eq!(mode("pretty"), ReadMode::Fresh);
        assert_eq!(mode("stale"), ReadMode::Local);
        assert_eq!(mode("stale=&x=1"), ReadMode::Local);
        assert_eq!(mode("consistent&stale"), ReadMode::Consistent);
    }

    #[test]
    fn what_a_read_waits_for() {
        let read = |text: &str| awaited(&Query::parse(text));
        assert_eq!(read("wait=30s"), Ok(None));
        assert_eq!(read("index="), Ok(None));
        assert_eq!(read("index=7"), Ok(Some((LogIndex(7), WAIT))));
        assert_eq!(read("index=7&wait=2m"), Ok(Some((LogIndex(7), Duration::from_secs(120)))));
        assert_eq!(read("index=7&wait=10m"), Ok(Some((LogIndex(7), WAIT_MOST))));
        assert!(read("index=-1").unwrap_err().starts_with("index: \"-1\" is no number"));
        for wait in ["11m", "soon", "-1s", "99999999999999h"] {
            let said = read(&format!("index=7&wait={wait}")).unwrap_err();
            assert!(said.starts_with("wait: ") && said.contains("at most 10m"), "{said}");
        }
    }

    #[test]
    fn pairs_are_decoded_as_go_does() {
        let query = Query::parse("a=1+2&b=%41%zz&c=x;y&d&e=%C3%BC=&a=3&&=v&f=%ff");
        assert_eq!(query.get("a"), Some("1 2"));
        assert!(!query.has("b") && !query.has("c"));
        assert_eq!(query.get("d"), Some(""));
        assert_eq!(query.get("e"), Some("ü="));
        assert_eq!(query.get("f"), Some("\u{fffd}"));
        assert_eq!(decode("a+b", false).unwrap(), "a+b");
        assert_eq!(decode("%", false), None);
        assert_eq!(decode("%4", false), None);
        assert_eq!(decode("%+4", false), None);
    }

    #[test]
    fn metadata_in_all_its_forms() {
        let pairs = |text: &str| {
            let pairs = list(text).metadata;
            pairs.iter().map(|(k, v)| format!("{k}~{v}")).collect::<Vec<_>>().join(" ")
        };
        assert_eq!(pairs("metadata[team]=red&metadata[n]=1"), "team~red n~1");
        assert_eq!(pairs("metadata%5Bteam%5D=red&metadata[team]=blue"), "team~red");
        assert_eq!(pairs("metadata=team:x&metadata=tier=2"), "team~x tier~2");
        assert_eq!(pairs("metadata=a:b=c&metadata=d=e:f"), "a~b=c d~e:f");
        assert_eq!(pairs("metadata=x&metadata[]=y&metadata[z=1&metadata=:v"), "");
    }

    /// Bears T-52.
    #[test]
    fn pages_never_break() {
        for (text, wanted) in [
            ("", (0, None)),
            ("_start=2&_end=5", (2, Some(5))),
            ("_start=abc&_end=abc", (0, None)),
            ("_start=-1&_end=-1", (0, Some(0))),
            ("_start=99999999999999999999999", (usize::MAX, None)),
            ("_start=%2B3&_end=1.5", (3, None)),
        ] {
            assert_eq!(page(&Query::parse(text)), wanted, "{text}");
        }
        let items = [0, 1, 2, 3];
        assert_eq!(slice(&items, (1, Some(3))), [1, 2]);
        assert_eq!(slice(&items, (3, Some(1))), [0; 0]);
        assert_eq!(slice(&items, (9, None)), [0; 0]);
        assert_eq!(slice(&items, (0, Some(usize::MAX))), items);
    }

    #[test]
    fn filters_of_jobs() {
        assert_eq!(list("").status, None);
        assert_eq!(list("status=untriggered").status, Some(StatusFilter::Is(Status::Untriggered)));
        assert_eq!(list("status=running").status, Some(StatusFilter::Running));
        assert_eq!(list("status=Success").status, Some(StatusFilter::Nothing));
        assert_eq!(list("disabled=true").disabled, Some(true));
        assert_eq!(list("disabled=1").status, Some(StatusFilter::Nothing));
        assert!(list("_order=DESC").descending);
        assert!(!list("_order=desc").descending);
        assert_eq!(list("_sort=").sort, JobSort::Name);
        assert_eq!(list("_sort=next").sort, JobSort::Next);
        let chosen = list("prefix=etl-&executor=http&has_parent=false&selector=a%3Db,!c");
        assert_eq!((&*chosen.prefix, chosen.executor.as_deref()), ("etl-", Some("http")));
        assert_eq!(chosen.has_parent, Some(false));
        assert_eq!(chosen.selector, Selector::parse("a=b,!c").unwrap());
        let said = |text: &str| jobs(&Query::parse(text)).unwrap_err();
        assert_eq!(
            said("selector=a+b"),
            "selector: 'b': it wants one of , = == != in notin < > (column 3)"
        );
        assert!(said("has_parent=1").starts_with("has_parent: "));
        assert!(jobs(&Query::parse("_sort=nonsense")).unwrap_err().contains("`nonsense`"));
    }

    #[test]
    fn a_group_is_a_number() {
        assert_eq!(group(&Query::parse("")).unwrap(), None);
        assert_eq!(group(&Query::parse("group=17")).unwrap(), Some(Group(17)));
        assert!(group(&Query::parse("group=x")).unwrap_err().starts_with("group: "));
    }

    #[test]
    fn executions_and_their_tails() {
        let sort = |text: &str| executions(&Query::parse(text));
        assert_eq!(sort("").unwrap(), (ExecutionSort::Key, true));
        assert_eq!(sort("_sort=id&_order=ASC").unwrap(), (ExecutionSort::StartedAt, false));
        assert!(sort("_sort=name").is_err());
        let limit = |text: &str| output_limit(&Query::parse(text));
        assert_eq!(limit("output_size_limit=12"), Some(12));
        assert_eq!(limit("output_size_limit=0"), Some(0));
        assert_eq!(limit("output_size_limit=-3"), None);
        assert_eq!(limit("output_size_limit=x"), None);
        assert_eq!(limit(""), None);
    }
}
