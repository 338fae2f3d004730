//! Lines out and in.

use super::*;

async fn exported(client: &Client) -> String {
    let got = client.get("/v1/export").await;
    assert_eq!((got.status, got.header("content-type").as_str()), (200, "application/x-ndjson"));
    got.body
}

#[tokio::test]
async fn what_is_exported_can_be_imported() {
    let one = client();
    for name in ["a", "b", "c"] {
        one.job(name).await;
    }
    let lines = exported(&one).await;
    let kinds: Vec<&str> = lines.lines().map(|line| line.split('"').nth(1).unwrap()).collect();
    assert_eq!(kinds, ["export", "settings", "job", "job", "job", "end"]);
    let other = client();
    let got = other.post("/v1/import?settings", &lines).await;
    assert_eq!(got.status, 200, "{}", got.body);
    assert_eq!(
        (got.json()["jobs"].clone(), got.json()["settings"].clone()),
        (3.into(), true.into())
    );
    assert_eq!(exported(&other).await, lines);
}

#[tokio::test]
async fn an_import_is_checked_whole() {
    let one = client();
    one.job("a").await;
    let lines = exported(&one).await;
    let cut = lines.rsplit_once("{\"end\"").unwrap().0.to_owned();
    let job = |name: &str| format!(r#"{{"name":"{name}","schedule":"@manually"}}"#);
    for (body, said) in [
        (cut, "the export is cut off"),
        (lines.replace("\"name\":\"a\"", "\"name\":\"b\""), "line 4: the lines are not those"),
        (lines.replace("\"format\":1", "\"format\":9"), "line 1: form 9 is not known"),
        (format!("{lines}{}\n", job("b")), "line 5: there is more behind the end"),
        (format!("{}\n{{\"x\":{{}}}}\n", job("b")), "line 2: \"x\" is no line"),
        (format!("{}\nnonsense\n", job("b")), "line 2: "),
        (format!("{}\n{{\"job\":{{\"name\":3}}}}", job("b")), "line 2: job "),
        ("[]".to_owned(), "line 1: it wants a job"),
        (String::new(), "there are no lines"),
    ] {
        let other = client();
        let got = other.post("/v1/import", &body).await;
        assert_eq!(got.status, 400, "{body}: {}", got.body);
        assert!(got.body.starts_with(said), "{body}: {}", got.body);
        assert_eq!(other.get("/v1/jobs").await.body, "[]");
    }
    let got = one.post("/v1/import", &format!("{}\n\n{}", job("x"), job("y"))).await;
    assert_eq!(got.json()["jobs"], 2, "jobs one a line: {}", got.body);
}
