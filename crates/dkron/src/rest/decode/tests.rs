use dkron_core::domain::{Concurrency, Misfire, Policy, Retry, RetryOn, Status};

use super::*;
use crate::words;

fn ok(text: &str) -> Draft {
    job(text.as_bytes()).unwrap_or_else(|err| panic!("{text}: {err}"))
}

fn err(text: &str) -> String {
    job(text.as_bytes()).unwrap_err().to_string()
}

#[test]
fn syntax_errors_have_gos_words() {
    for (text, wanted) in [
        ("", "EOF"),
        (" \n\t", "EOF"),
        ("{", "unexpected EOF"),
        ("{\"name\":", "unexpected EOF"),
        ("{\"name\":\"a", "unexpected EOF"),
        ("[1", "unexpected EOF"),
        ("-", "unexpected EOF"),
        ("tru", "unexpected EOF"),
        ("\u{feff}{}", "invalid character 'ï' looking for beginning of value"),
        ("x", "invalid character 'x' looking for beginning of value"),
        ("}", "invalid character '}' looking for beginning of value"),
        ("{,", "invalid character ',' looking for beginning of object key string"),
        ("{\"a\":1,}", "invalid character '}' looking for beginning of object key string"),
        ("{\"a\" 1}", "invalid character '1' after object key"),
        ("{\"a\":1 \"b\"}", "invalid character '\"' after object key:value pair"),
        ("[1 2]", "invalid character '2' after array element"),
        ("[1,]", "invalid character ']' looking for beginning of value"),
        ("{\"a\":\"\n\"}", "invalid character '\\n' in string literal"),
        ("{\"a\":\"\\x\"}", "invalid character 'x' in string escape code"),
        ("{\"a\":\"\\u12g4\"}", "invalid character 'g' in \\u hexadecimal character escape"),
        ("{\"a\":truE}", "invalid character 'E' in literal true (expecting 'e')"),
        ("{\"a\":-x}", "invalid character 'x' in numeric literal"),
        ("{\"a\":1.x}", "invalid character 'x' after decimal point in numeric literal"),
        ("{\"a\":1ex}", "invalid character 'x' in exponent of numeric literal"),
        ("{\"a\":01}", "invalid character '1' after object key:value pair"),
        ("{'a':1}", "invalid character '\\'' looking for beginning of object key string"),
    ] {
        assert_eq!(err(text), wanted, "{text}");
    }
}

#[test]
fn type_errors_have_gos_words() {
    let field = |kind: &str, field: &str, of: &str| {
        format!("json: cannot unmarshal {kind} into Go struct field Job.{field} of type {of}")
    };
    for (text, wanted) in [
        ("[]", "json: cannot unmarshal array into Go value of type dkron.Job".to_owned()),
        ("12", "json: cannot unmarshal number into Go value of type dkron.Job".to_owned()),
        ("\"x\"", "json: cannot unmarshal string into Go value of type dkron.Job".to_owned()),
        ("true", "json: cannot unmarshal bool into Go value of type dkron.Job".to_owned()),
        ("{\"name\":5}", field("number", "name", "string")),
        ("{\"NAME\":{}}", field("object", "name", "string")),
        ("{\"disabled\":\"true\"}", field("string", "disabled", "bool")),
        ("{\"retries\":1.5}", field("number 1.5", "retries", "uint")),
        ("{\"retries\":-1}", field("number -1", "retries", "uint")),
        ("{\"retries\":\"2\"}", field("string", "retries", "uint")),
        ("{\"success_count\":1e3}", field("number 1e3", "success_count", "int")),
        ("{\"tags\":\"x\"}", field("string", "tags", "map[string]string")),
        ("{\"processors\":\"log\"}", field("string", "processors", "map[string]plugin.Config")),
        ("{\"processors\":{\"log\":1}}", field("number", "processors", "plugin.Config")),
        (
            "{\"executor_config\":{\"command\":[\"true\"]}}",
            field("array", "executor_config", "string"),
        ),
        ("{\"dependent_jobs\":[1]}", field("number", "dependent_jobs", "string")),
        ("{\"name\":5,\"retries\":\"2\"}", field("number", "name", "string")),
        ("{\"next\":5}", "Time.UnmarshalJSON: input is not a JSON string".to_owned()),
    ] {
        assert_eq!(err(text), wanted, "{text}");
    }
    assert!(err("{\"name\":5,\"starts_at\":\"\"}").starts_with("parsing time \"\""));
}

#[test]
fn lenient_where_go_is() {
    assert_eq!(ok("null"), Draft::default());
    assert_eq!(ok("{} trailing"), Draft::default());
    let draft = ok(r#"{"name":"x","NaMe":"d","unknown":{"a":[1,"]}",{}]},"disabled":null}"#);
    assert_eq!(draft.submission.job.name.as_str(), "d");
    let kept = ok(r#"{"name":"x","name":null,"tags":{"a":"1"},"tags":{"b":"2"}}"#);
    assert_eq!(kept.submission.job.name.as_str(), "x");
    assert_eq!(kept.submission.job.tags.len(), 2);
    assert!(ok(r#"{"tags":{"a":"1"},"tags":null}"#).submission.job.tags.is_empty());
}

#[test]
fn every_field_arrives() {
    let draft = ok(r#"{"id":"i","name":"n","displayname":"D","timezone":"UTC","schedule":"@daily",
        "owner":"o","owner_email":"e","success_count":9,"error_count":-4,
        "last_success":"2024-01-02T03:04:05Z","last_error":"2024-01-02T03:04",
        "disabled":true,"tags":{"t":"v"},"metadata":{"m":null,"n":5,"b":true},"retries":3,
        "dependent_jobs":["c"],"parent_job":"p","processors":{"files":{"forward":true},"log":null},
        "concurrency":"forbid","executor":"shell","executor_config":{"command":"true"},
        "status":"partially_failed","next":"0001-01-01T00:00:00Z","ephemeral":true,
        "starts_at":"2030-01-01T00:00:00+02:00","expires_at":"9999-12-31T23:59:59Z"}"#);
    let Draft { submission, bad_concurrency, retries, .. } = draft;
    assert!(!bad_concurrency);
    assert_eq!((submission.success_count, submission.error_count, retries), (9, 0, 3));
    assert_eq!(submission.status, Status::PartiallyFailed);
    assert_eq!(submission.last_error.unwrap().secs(), 1_704_164_640);
    let job = submission.job;
    assert_eq!((job.name.as_str(), job.displayname.as_str()), ("n", "D"));
    assert_eq!(&job.metadata["m"], "");
    assert_eq!((&job.metadata["n"], &job.metadata["b"]), ("5", "true"));
    assert_eq!(&job.processors["files"]["forward"], "true");
    assert!(job.processors["log"].is_empty());
    assert_eq!(job.concurrency, Concurrency::Forbid);
    assert_eq!(job.parent_job.unwrap().as_str(), "p");
    assert!(job.disabled && job.ephemeral);
    assert_eq!(job.starts_at.unwrap().secs(), 1_893_448_800);
}

#[test]
fn words_that_the_domain_has_no_place_for() {
    assert!(ok(r#"{"concurrency":"Allow"}"#).bad_concurrency);
    assert!(!ok(r#"{"concurrency":""}"#).bad_concurrency);
    assert!(!ok(r#"{"concurrency":"x","concurrency":"allow"}"#).bad_concurrency);
    assert_eq!(ok(r#"{"retries":4294967296}"#).retries, 4_294_967_296);
    assert_eq!(ok(r#"{"status":"running"}"#).submission.status, Status::Untriggered);
}

#[test]
fn strings_become_text_whatever_they_hold() {
    let shown = |text: &[u8]| job(text).unwrap().submission.job.displayname;
    assert_eq!(
        shown(br#"{"displayname":"\u00e9\ud83d\ude42\n\/\"\\\b\f\r\t"}"#),
        "é🙂\n/\"\\\u{8}\u{c}\r\t"
    );
    assert_eq!(shown(br#"{"displayname":"\ud83d"}"#), "\u{fffd}");
    assert_eq!(shown(br#"{"displayname":"\ud83d\u0041\udc00"}"#), "\u{fffd}A\u{fffd}");
    assert_eq!(shown(b"{\"displayname\":\"a\xff\xe2b\"}"), "a\u{fffd}\u{fffd}b");
    assert_eq!(shown(b"{\"displayname\":\"\x7f\"}"), "\u{7f}");
}

#[test]
fn nesting_is_bounded() {
    let deep = |n: usize| format!("{{\"x\":{}{}}}", "[".repeat(n), "]".repeat(n));
    assert_eq!(ok(&deep(9_999)), Draft::default());
    assert_eq!(err(&deep(10_000)), "exceeded max depth");
    assert_eq!(err(&"[".repeat(500_000)), "exceeded max depth");
    assert!(err(&"{\"a\":".repeat(9_000)).contains("unexpected EOF"));
}

#[test]
fn lists_of_jobs() {
    let list = jobs(br#" [{"name":"a"},null,{"name":"b"}] "#).unwrap();
    assert_eq!(list.len(), 3);
    assert_eq!(list[2].submission.job.name.as_str(), "b");
    for text in ["nope", "{}", "null", "", "[] x", "[1]", "[{\"name\":1}]", "[{}"] {
        assert!(jobs(text.as_bytes()).is_err(), "{text}");
    }
}

#[test]
fn no_bytes_break_it() {
    let seed = br#"{"name":"x","tags":{"a":"\ud83d\u0041"},"retries":-1.5e+3,
        "next":"2024-01-01T00:00:00Z","z":[[],{}]}"#;
    for at in 0..seed.len() {
        let _ = job(&seed[..at]);
        for byte in [0u8, b'"', b'\\', b'{', b']', b',', 0xff, b'9'] {
            let mut bytes = seed.to_vec();
            bytes[at] = byte;
            let _ = job(&bytes);
            let _ = jobs(&bytes);
        }
    }
}

/// A small generator: the same policies on every machine.
struct Dice(u64);

impl Dice {
    fn below(&mut self, n: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963);
        (self.0 >> 33) % n
    }

    fn span(&mut self) -> std::time::Duration {
        let nanos = [1, 1_000, 1_500_000, 1_000_000_000, 60_000_000_000, 3_600_000_000_000];
        let unit = nanos[usize::try_from(self.below(6)).unwrap()];
        std::time::Duration::from_nanos(unit * (1 + self.below(2_000)))
    }

    fn maybe<T>(&mut self, make: impl FnOnce(&mut Dice) -> T) -> Option<T> {
        (self.below(3) == 0).then(|| make(self))
    }

    fn of<T: Copy>(&mut self, all: &[(&str, T)]) -> T {
        let number = self.below(all.len() as u64);
        all[usize::try_from(number).unwrap()].1
    }

    fn number(&mut self, most: u32) -> u32 {
        1 + u32::try_from(self.below(u64::from(most))).unwrap()
    }
}

fn random_policy(dice: &mut Dice) -> Policy {
    Policy {
        queue_depth: dice.maybe(|dice| dice.number(1000)).unwrap_or(0),
        misfire: dice.maybe(|dice| match dice.below(3) {
            0 => Misfire::Skip,
            1 => Misfire::RunOnce,
            _ => Misfire::RunAll { max: dice.number(1000) },
        }),
        misfire_threshold: dice.maybe(Dice::span),
        start_deadline: dice.maybe(Dice::span),
        retry: Retry {
            delay: dice.maybe(Dice::span),
            backoff: dice.of(words::BACKOFFS),
            max_delay: dice.maybe(Dice::span),
            jitter: dice.maybe(Dice::span).unwrap_or_default(),
            node: dice.of(words::RETRY_NODES),
            on: RetryOn {
                failed: dice.below(2) == 0,
                timed_out: dice.below(2) == 0,
                lost: dice.below(2) == 0,
            },
        },
        dst: dice.of(words::DSTS),
        jitter: dice.maybe(Dice::span).unwrap_or_default(),
        max_runtime: dice.maybe(Dice::span),
        on_lost: dice.of(words::ON_LOST),
        lost_after: dice.maybe(Dice::span),
        keep_executions: dice.maybe(|dice| dice.number(5_000)),
        keep_for: dice.maybe(Dice::span),
        output_limit: dice.maybe(|dice| dice.number(1_000_000)),
    }
}

#[test]
fn what_is_shown_can_be_posted_back() {
    let mut dice = Dice(17);
    for round in 0..2_000 {
        let policy = random_policy(&mut dice);
        let job = dkron_core::domain::Job {
            name: "j".into(),
            retries: dice.number(9),
            concurrency: dice.of(words::CONCURRENCIES),
            policy: (policy != Policy::DEFAULT).then(|| std::sync::Arc::new(policy)),
            ..Default::default()
        };
        let shown = crate::rest::dto::shown_job(job.clone());
        let draft = ok(&shown);
        assert_eq!(draft.wishes.wrong, None, "{round}: {shown}");
        assert_eq!(draft.submission.job, job, "{round}: {shown}");
    }
}

#[test]
fn wishes_in_all_their_forms() {
    let job = |text: &str| {
        let draft = ok(text);
        assert_eq!(draft.wishes.wrong, None, "{text}");
        draft.submission.job
    };
    assert_eq!(job(r#"{"concurrency":"Replace"}"#).concurrency, Concurrency::Allow);
    assert_eq!(job(r#"{"concurrency":"replace"}"#).concurrency, Concurrency::Replace);
    assert_eq!(
        job(r#"{"jitter":"","misfire":"","dst":"","retry":{},"retention":null}"#).policy,
        None
    );
    let five = Some(Misfire::RunAll { max: 5 });
    for text in [r#""run_all(5)""#, r#"{"policy":"run_all","MAX":5}"#] {
        assert_eq!(job(&format!(r#"{{"Misfire":{text}}}"#)).policy().misfire, five);
    }
    let all =
        job(r#"{"misfire":{"policy":"run_all"},"retries":{"Max":3,"delay":"2s","node":"other",
        "on":["lost","failed"]},"retention":{"executions":7,"age":"168h"},"output_limit":10,
        "lost_after":"1m","lost_after":"20s","start_deadline":"1h","start_deadline":null}"#);
    let policy = all.policy();
    assert_eq!(all.retries, 3);
    assert_eq!(policy.misfire, Some(Misfire::RunAll { max: 1000 }));
    assert_eq!(policy.retry.delay.unwrap().as_secs(), 2);
    assert_eq!(policy.retry.on, RetryOn { failed: true, timed_out: false, lost: true });
    assert_eq!((policy.keep_executions, policy.keep_for.unwrap().as_secs()), (Some(7), 604_800));
    assert_eq!((policy.lost_after.unwrap().as_secs(), policy.output_limit), (20, Some(10)));
    assert_eq!(policy.start_deadline.unwrap().as_secs(), 3600);
    assert_eq!(job(r#"{"retry":{"max":2}}"#).retries, 2);
    assert_eq!(job(r#"{"retries":2,"retry":{"max":2}}"#).retries, 2);
}

#[test]
fn wishes_that_can_not_be_name_the_field() {
    let wrong = |text: &str| ok(text).wishes.wrong.unwrap_or_else(|| panic!("{text} is right"));
    for (text, said) in [
        (r#"{"jitter":90}"#, r#"jitter: 90 has no unit, write "90s" for seconds"#),
        (
            r#"{"max_runtime":"soon"}"#,
            r#"max_runtime: "soon" is no duration, write one such as "90s" or "1h30m""#,
        ),
        (r#"{"lost_after":"-1m"}"#, r#"lost_after: "-1m" is below zero, a duration can not be"#),
        (r#"{"dst":"twice"}"#, r#"dst: "twice" is unknown, use "dkron" or "once""#),
        (r#"{"on_lost":"x"}"#, r#"on_lost: "x" is unknown, use "kill", "leave" or "hold""#),
        (r#"{"queue_depth":1001}"#, "queue_depth: 1001 is too many, use at most 1000"),
        (r#"{"misfire":"run_all(0)"}"#, r#"misfire: "run_all(0)" wants a number from 1 to 1000"#),
        (r#"{"misfire":{"max":3}}"#, r#"misfire.policy: it is missing, use "run_all""#),
        (
            r#"{"misfire":{"policy":"skip","max":3}}"#,
            r#"misfire.max: only the policy "run_all" has a number"#,
        ),
        (r#"{"misfire":{"most":3}}"#, r#"misfire: it has no "most", use "policy" or "max""#),
        (
            r#"{"retention":{"days":3}}"#,
            r#"retention: it has no "days", use "executions" or "age""#,
        ),
        (r#"{"retention":{"age":7}}"#, r#"retention.age: 7 has no unit, write "7s" for seconds"#),
        (
            r#"{"retry":{"on":["success"]}}"#,
            r#"retry.on: "success" is unknown, use "failed", "timed_out" or "lost""#,
        ),
        (
            r#"{"retries":{"delay":"1s"}}"#,
            "retries.max: it is missing, say how many attempts follow the first",
        ),
        (
            r#"{"retry":{"max":2},"retries":3}"#,
            "retry.max: 2 does not agree with retries: 3, say it once",
        ),
        (
            r#"{"retry":{"max":2},"retries":{"max":3}}"#,
            "retries.max: it stands twice with two numbers, say it once",
        ),
        (
            r#"{"output_limit":99999999999999999999}"#,
            "output_limit: 99999999999999999999 is too many, use at most 67108864",
        ),
    ] {
        assert_eq!(wrong(text), said, "{text}");
    }
    for (text, said) in [
        (r#"{"jitter":[]}"#, "array into Go struct field Job.jitter of type string"),
        (r#"{"retry":[]}"#, "array into Go struct field Job.retry of type object"),
        (r#"{"retry":{"on":"lost"}}"#, "string into Go struct field Job.retry.on of type []string"),
        (r#"{"queue_depth":1.5}"#, "number 1.5 into Go struct field Job.queue_depth of type uint"),
        (r#"{"misfire":7}"#, "number into Go struct field Job.misfire of type string"),
    ] {
        assert_eq!(err(text), format!("json: cannot unmarshal {said}"));
    }
}
