//! What an execution wrote, through the door.

use super::cancel::endless;
use super::*;

/// A job with a run that has ended, and where its output is.
async fn ended(client: &Client) -> String {
    client.job("o").await;
    client.post("/v1/jobs/o/run", "").await;
    let list = client.get("/v1/jobs/o/executions").await.json();
    format!("/v1/jobs/o/executions/{}/output", list[0]["id"].as_str().unwrap())
}

#[tokio::test]
async fn whole_and_in_parts() {
    let client = client();
    let path = ended(&client).await;
    let got = client.get(&path).await;
    assert_eq!((got.status, got.body.as_str()), (200, "abcdef\n"));
    assert_eq!(
        (got.header("content-type"), got.header("accept-ranges")),
        (TEXT.into(), "bytes".into())
    );
    for (name, value) in
        [("output-total", "7"), ("output-dropped", "0"), ("execution-state", "success")]
    {
        assert_eq!(got.header(&format!("x-dkron-{name}")), value);
    }
    for (range, status, body, content) in [
        ("bytes=1-2", 206, "bc", "bytes 1-2/7"),
        ("bytes=-2", 206, "f\n", "bytes 5-6/7"),
        ("bytes=7-", 416, "", "bytes */7"),
        ("bytes=0-1,3-4", 200, "abcdef\n", ""),
    ] {
        let got = client.send("GET", &path, &[("range", range)], b"").await;
        assert_eq!((got.status, got.body.as_str()), (status, body), "{range}");
        assert_eq!(got.header("content-range"), content, "{range}");
    }
    let got = client.get(&format!("{path}?download=true")).await;
    let name = got.header("content-disposition");
    assert!(name.starts_with("attachment; filename=\"o-1773144000000000001-n1.log"), "{name}");
    let got = client.get(&format!("{path}?from=5")).await;
    assert_eq!((got.body.as_str(), got.header("x-dkron-output-next").as_str()), ("f\n", "7"));
}

#[tokio::test]
async fn followed_to_the_end() {
    let client = client();
    let path = ended(&client).await;
    assert_eq!(client.get(&format!("{path}?follow=true")).await.body, "abcdef\n");
    assert_eq!(client.get(&format!("{path}?follow&from=end")).await.body, "");
    let events = "id: 7\ndata: abcdef\ndata: \n\nid: end\nevent: end\ndata: success\n\n";
    let accept = [("accept", "text/event-stream")];
    let got = client.send("GET", &format!("{path}?follow=1"), &accept, b"").await;
    assert_eq!(
        (got.body.as_str(), got.header("content-type").as_str()),
        (events, "text/event-stream")
    );
    let path = format!("{path}?follow=true&format=sse");
    assert_eq!(client.get(&path).await.body, events);
    let resumed = client.send("GET", &path, &[("last-event-id", "3")], b"").await;
    assert!(resumed.body.starts_with("id: 7\ndata: def\ndata: \n\n"), "{}", resumed.body);
    let over = client.send("GET", &path, &[("last-event-id", "end")], b"").await;
    assert_eq!((over.status, over.body.as_str()), (204, ""));
}

#[tokio::test]
async fn what_goes_on_is_waited_for() {
    let client = client();
    let id = endless(&client, "e", "allow").await;
    let path = format!("/v1/jobs/e/executions/{id}/output");
    let got = client.get(&format!("{path}?follow=true&format=sse")).await;
    assert!(got.body.ends_with("event: end\ndata: failed\n\n"), "{}", got.body);
}

#[tokio::test]
async fn mistakes_are_told() {
    let client = client();
    let path = ended(&client).await;
    for (query, said) in [
        ("follow=maybe", "follow: \"maybe\" is unknown"),
        ("from=-1", "from: \"-1\" is unknown, use \"start\", \"end\" or an offset"),
        ("format=xml", "format: \"xml\" is unknown, use \"text\" or \"sse\""),
        ("download=2", "download: \"2\" is unknown"),
    ] {
        let got = client.get(&format!("{path}?{query}")).await;
        assert!(got.status == 400 && got.body.starts_with(said), "{query}: {}", got.body);
    }
    for (path, said) in [
        ("/v1/jobs/none/executions/1-n1/output", "job \"none\" not found"),
        ("/v1/jobs/o/executions/1-n1/output", "job \"o\" has no execution \"1-n1\""),
        ("/v1/jobs/o/executions/1-n1/output?follow=true", "job \"o\" has no execution \"1-n1\""),
    ] {
        let got = client.get(path).await;
        assert_eq!((got.status, got.body.as_str()), (404, said), "{path}");
    }
}
