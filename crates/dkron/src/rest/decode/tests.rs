use dkron_core::domain::{Concurrency, Status};

use super::*;

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
    let Draft { submission, bad_concurrency, retries } = draft;
    assert!(!bad_concurrency);
    assert_eq!((submission.success_count, submission.error_count, retries), (9, 0, 3));
    assert_eq!(submission.status, Status::PartiallyFailed);
    assert_eq!(submission.last_error.unwrap().secs(), 1_704_164_640);
    let job = submission.job;
    assert_eq!((job.name.as_str(), job.displayname.as_str()), ("n", "D"));
    assert_eq!(job.metadata["m"], "");
    assert_eq!((job.metadata["n"].as_str(), job.metadata["b"].as_str()), ("5", "true"));
    assert_eq!(job.processors["files"]["forward"], "true");
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
