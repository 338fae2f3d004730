use std::sync::Arc;

use dkron_core::domain::{
    Cause, ExecutionId, Group, Job, JobNo, Nominal, Seq, SkipReason, Skipped, State, Status,
    Timestamp, Version,
};
use dkron_core::schedule::Zone;
use dkron_node::service::{ExecutionView, JobView, Member};

use super::*;
use crate::rest::json::encode;

fn text<T: serde::Serialize>(value: &T) -> String {
    String::from_utf8(encode(value, false)).unwrap()
}

fn view(job: Job) -> JobView {
    JobView {
        job_no: JobNo(7),
        version: Version(1),
        job: Arc::new(job),
        success_count: 0,
        error_count: 0,
        last_success: None,
        last_error: None,
        status: Status::Untriggered,
        running: 0,
        next: None,
        dependents: Vec::new(),
    }
}

/// A job that has not lived, as clients see it.
pub fn shown_job(job: Job) -> String {
    text(&JobDto::from(&view(job)))
}

#[test]
fn a_fresh_job() {
    let job = Job { name: "raw1".into(), schedule: "@manually".into(), ..Job::default() };
    assert_eq!(
        text(&JobDto::from(&view(job))),
        concat!(
            r#"{"id":"raw1","name":"raw1","displayname":"","timezone":"","schedule":"@manually","#,
            r#""owner":"","owner_email":"","success_count":0,"error_count":0,"last_success":null,"#,
            r#""last_error":null,"disabled":false,"tags":null,"metadata":null,"retries":0,"#,
            r#""dependent_jobs":null,"parent_job":"","processors":{},"concurrency":"allow","#,
            r#""executor":"","executor_config":null,"status":"","next":"0001-01-01T00:00:00Z","#,
            r#""ephemeral":false,"starts_at":null,"expires_at":null,"running":0,"version":1}"#,
        )
    );
}

#[test]
fn a_job_that_has_lived() {
    let mut job = Job { name: "b".into(), parent_job: Some("a".into()), ..Job::default() };
    job.tags.insert("z".into(), "<1>".into());
    job.tags.insert("a".into(), "2".into());
    job.processors.insert("log".into(), Default::default());
    job.concurrency = dkron_core::domain::Concurrency::Forbid;
    job.starts_at = Some(Timestamp::MAX);
    let mut view = view(job);
    view.status = Status::PartiallyFailed;
    view.last_error = Some(Timestamp::new(1_773_144_000, 12_000_000));
    view.next = Some(Nominal(Timestamp::from_secs(1_773_144_001)));
    view.dependents = vec!["c".into(), "d".into()];
    view.running = 2;
    let shown = text(&JobDto::from(&view));
    for part in [
        r#""last_error":"2026-03-10T12:00:00.012Z""#,
        r#""tags":{"a":"2","z":"\u003c1\u003e"}"#,
        r#""dependent_jobs":["c","d"],"parent_job":"a","processors":{"log":{}},"#,
        r#""concurrency":"forbid""#,
        r#""status":"partially_failed","next":"2026-03-10T12:00:01Z""#,
        r#""starts_at":"9999-12-31T23:59:59Z","expires_at":null,"running":2"#,
    ] {
        assert!(shown.contains(part), "{part} not in {shown}");
    }
}

fn execution(output: &[u8]) -> ExecutionView {
    let at = Timestamp::from_secs(1_773_144_000);
    ExecutionView {
        id: ExecutionId { seq: Seq(1_773_144_000_000_000_001), node: "n1".into() },
        job_name: "j".into(),
        group: Group(1_773_144_000_000_000_001),
        attempt: 1,
        cause: Cause::Schedule,
        nominal: Nominal(at),
        fired_at: at,
        started_at: Some(at),
        finished_at: None,
        state: State::Running,
        reason: "",
        exit_code: None,
        output: output.to_vec(),
        dropped: 0,
        cancelled: None,
        late: None,
    }
}

#[test]
fn a_running_execution_in_a_zone() {
    let zone = Zone::parse("Europe/Berlin").unwrap();
    let shown = ListedExecution::new(&execution(b""), &zone, Tail(None));
    assert_eq!(
        text(&shown),
        concat!(
            r#"{"id":"1773144000000000001-n1","job_name":"j","#,
            r#""started_at":"2026-03-10T13:00:00+01:00","finished_at":"0001-01-01T00:00:00Z","#,
            r#""success":false,"node_name":"n1","group":1773144000000000001,"attempt":1,"#,
            r#""output_truncated":false,"state":"running","scheduled_at":"2026-03-10T12:00:00Z"}"#,
        )
    );
}

#[test]
fn an_ended_execution_by_itself() {
    let mut view = execution(b"one\n");
    view.finished_at = Some(Timestamp::new(1_773_144_001, 500_000_000));
    view.state = State::Failed;
    view.exit_code = Some(3);
    view.reason = "gone";
    assert_eq!(
        text(&ExecutionDto::new(&view)),
        concat!(
            r#"{"id":"1773144000000000001-n1","job_name":"j","started_at":"2026-03-10T12:00:00Z","#,
            r#""finished_at":"2026-03-10T12:00:01.5Z","success":false,"output":"one\n","#,
            r#""node_name":"n1","group":1773144000000000001,"attempt":1,"state":"failed","#,
            r#""scheduled_at":"2026-03-10T12:00:00Z","reason":"gone","exit_code":3}"#,
        )
    );
}

#[test]
fn the_tail_of_an_output() {
    let shown = |output: &[u8], tail: Option<usize>| {
        let text = text(&ListedExecution::new(&execution(output), &Zone::utc(), Tail(tail)));
        let value: serde_json::Value = serde_json::from_str(&text).unwrap();
        let output = value.get("output").map(|v| v.as_str().unwrap().to_owned());
        (output, value["output_truncated"].as_bool().unwrap())
    };
    assert_eq!(shown(b"abcdef\n", Some(3)), (Some("ef\n".into()), true));
    assert_eq!(shown(b"abcdef\n", Some(7)), (Some("abcdef\n".into()), false));
    assert_eq!(shown(b"abcdef\n", Some(0)), (None, true));
    assert_eq!(shown(b"", Some(0)), (None, false));
    assert_eq!(shown(b"abcdef\n", None), (Some("abcdef\n".into()), false));
    assert_eq!(shown("aü".as_bytes(), Some(1)), (Some("\u{fffd}".into()), true));
}

#[test]
fn members_and_skipped_slots() {
    let member = Member {
        name: "n1".into(),
        addr: "127.0.0.1".into(),
        port: 8946,
        tags: [("dc".to_owned(), "dc1".to_owned())].into(),
        status: 1,
    };
    let head = concat!(
        r#"{"Name":"n1","Addr":"127.0.0.1","Port":8946,"Tags":{"dc":"dc1"},"Status":1,"#,
        r#""ProtocolMin":1,"ProtocolMax":5,"ProtocolCur":2,"DelegateMin":2,"DelegateMax":5,"#,
        r#""DelegateCur":4"#,
    );
    assert_eq!(text(&MemberDto::from(&member)), format!("{head}}}"));
    let listed = format!("{head},\"id\":\"n1\",\"statusText\":\"alive\"}}");
    assert_eq!(text(&ListedMember::from(&member)), listed);
    let skipped = Skipped {
        first: Nominal(Timestamp::from_secs(0)),
        last: Nominal(Timestamp::from_secs(60)),
        count: 2,
        reason: SkipReason::Overlap,
        detail: "1-n1".into(),
    };
    assert_eq!(
        text(&SkippedDto::from(&skipped)),
        concat!(
            r#"{"scheduled_at":"1970-01-01T00:00:00Z","last_scheduled_at":"1970-01-01T00:01:00Z","#,
            r#""count":2,"reason":"overlap","detail":"1-n1"}"#,
        )
    );
}
