//! The place of the web UI: until it is built in, a page that says so.

use axum::body::Body;
use axum::http::header::{ACCEPT, CONTENT_TYPE, HeaderMap, HeaderValue, LOCATION};
use axum::http::{Response, StatusCode};
use dkron_node::service::JobCounts;

use crate::rest::respond::{self, Answer};
use crate::rest::{Call, HTML};

/// People are led to the UI; programs that want no HTML find nothing.
pub fn root(headers: &HeaderMap) -> Answer {
    if !accepts_html(headers) {
        return respond::empty(StatusCode::NOT_FOUND);
    }
    let mut answer = respond::empty(StatusCode::SEE_OTHER);
    *answer.body_mut() = Body::from("<a href=\"/ui/\">See Other</a>.\n\n");
    answer.headers_mut().insert(CONTENT_TYPE, HTML);
    answer.headers_mut().insert(LOCATION, HeaderValue::from_static("/ui/"));
    answer
}

fn accepts_html(headers: &HeaderMap) -> bool {
    let mut kinds = headers.get_all(ACCEPT).iter().peekable();
    if kinds.peek().is_none() {
        return true;
    }
    kinds.any(|value| {
        let value = String::from_utf8_lossy(value.as_bytes());
        value.split(',').any(|kind| {
            let kind = kind.split(';').next().unwrap_or("").trim();
            matches!(kind, "text/html" | "text/*" | "*/*" | "")
        })
    })
}

pub async fn page(call: &Call<'_>) -> Answer {
    let counts = call.app.service.counts().await.unwrap_or_default();
    let leader = call.app.service.leader().await.ok().flatten();
    let leader = leader.map_or_else(|| "no leader".to_owned(), |leader| leader.name.to_string());
    let mut answer = Response::new(Body::from(index(&leader, counts)));
    answer.headers_mut().insert(CONTENT_TYPE, HTML);
    answer
}

/// The globals are those that Dkron's UI reads.
fn index(leader: &str, counts: JobCounts) -> String {
    let leader = String::from_utf8_lossy(&crate::rest::json::encode(leader, false)).into_owned();
    let JobCounts { total, success, failed, untriggered, .. } = counts;
    format!(
        r#"<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>Dkron</title>
<script>
window.DKRON_API_URL = "../v1";
window.DKRON_LEADER = {leader};
window.DKRON_TOTAL_JOBS = {total};
window.DKRON_SUCCESSFUL_JOBS = {success};
window.DKRON_FAILED_JOBS = {failed};
window.DKRON_UNTRIGGERED_JOBS = {untriggered};
window.DKRON_ACL_ENABLED = false;
</script>
</head>
<body>
<h1>Dkron</h1>
<p>This server runs. Its web UI is not part of this build: there is none yet to build in.</p>
<p>{total} jobs, {success} succeeded, {failed} failed, {untriggered} have not run.</p>
<p>The API answers under <a href="../v1/jobs?pretty">/v1/jobs</a>,
<a href="../v1/busy?pretty">/v1/busy</a> and <a href="../v1/members?pretty">/v1/members</a>.</p>
</body>
</html>
"#
    )
}
