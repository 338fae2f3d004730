use super::*;

const ALL: Enabled = Enabled { ui: true, metrics: true };
const LEAST: Enabled = Enabled { ui: false, metrics: false };

fn find(method: &str, path: &str) -> Option<Route> {
    Route::find(&method.parse().unwrap(), path, ALL)
}

#[test]
fn the_table() {
    let j = || JobName::from("j");
    for (method, path, wanted) in [
        ("GET", "/v1", Route::Index),
        ("GET", "/v1/", Route::Index),
        ("HEAD", "/v1/jobs", Route::Jobs),
        ("PATCH", "/v1/jobs", Route::Put(None)),
        ("PUT", "/v1/jobs/j", Route::Put(Some(j()))),
        ("PATCH", "/v1/jobs/j", Route::Put(Some(j()))),
        ("POST", "/v1/jobs/j", Route::Run(j())),
        ("POST", "/v1/jobs/j/run", Route::Run(j())),
        ("POST", "/v1/jobs/j/toggle", Route::Toggle(j())),
        ("DELETE", "/v1/jobs/j", Route::Delete(j())),
        ("DELETE", "/v1/jobs/j/executions", Route::ClearExecutions(j())),
        ("GET", "/v1/jobs/j/executions/1-x", Route::Execution(j(), "1-x".into())),
        ("GET", "/v1/jobs/j/skipped", Route::Skipped(j())),
        ("GET", "/v1/jobs/j/why", Route::Why(j())),
        ("POST", "/v1/jobs/j/cancel", Route::Cancel(j(), None)),
        ("POST", "/v1/jobs/j/executions/1-x/cancel", Route::Cancel(j(), Some("1-x".into()))),
        ("GET", "/v1/jobs/j/executions/1-x/output", Route::Output(j(), "1-x".into())),
        ("GET", "/v1/settings", Route::Settings),
        ("PATCH", "/v1/settings", Route::ChangeSettings),
        ("GET", "/v1/pause", Route::Paused),
        ("GET", "/v1/operator/health", Route::ClusterHealth),
        ("GET", "/v1/operator/raft/configuration", Route::Configuration),
        ("DELETE", "/v1/operator/raft/peer", Route::RemovePeer),
        ("POST", "/v1/operator/transfer", Route::Transfer),
        ("GET", "/v1/operator/state", Route::StateAt),
        ("GET", "/v1/nodes", Route::Nodes),
        ("PUT", "/v1/nodes/n1/eligibility", Route::Eligibility("n1".into())),
        ("POST", "/v1/batch", Route::BeginBatch),
        ("GET", "/v1/batch", Route::Batches),
        ("GET", "/v1/batch/7", Route::Batch("7".into())),
        ("DELETE", "/v1/batch/7", Route::CancelBatch("7".into())),
        ("GET", "/v1/scheduling", Route::Scheduling),
        ("POST", "/v1/scheduling/pause", Route::PauseScheduling),
        ("POST", "/v1/scheduling/resume", Route::ResumeScheduling(None)),
        ("DELETE", "/v1/scheduling/pause/7", Route::ResumeScheduling(Some("7".into()))),
        ("GET", "/v1/jobs/j/versions", Route::Versions(j())),
        ("GET", "/v1/jobs/j/versions/3", Route::Version(j(), "3".into())),
        ("GET", "/v1/jobs/j/versions/3/diff", Route::VersionDiff(j(), "3".into())),
        ("POST", "/v1/jobs/j/versions/3/rollback", Route::Rollback(j(), "3".into())),
        ("POST", "/v1/jobs/j/undelete", Route::Undelete(j())),
        ("GET", "/v1/activity", Route::Activity),
        ("GET", "/v1/stats", Route::Stats),
        ("GET", "/v1/executions", Route::Recent),
        ("GET", "/v1/events", Route::Events),
        ("GET", "/v1/upcoming", Route::Upcoming),
        ("POST", "/v1/unpause", Route::Pause(false)),
        ("GET", "/v1/openapi.json", Route::OpenApi),
        ("GET", "/docs", Route::Docs),
        ("GET", "/docs/style.css", Route::DocsStyle),
        ("GET", "/ui/x/y.js", Route::Ui),
        ("GET", "/", Route::Root),
    ] {
        assert_eq!(find(method, path), Some(wanted), "{method} {path}");
    }
}

#[test]
fn everything_else_is_unknown() {
    for (method, path) in [
        ("GET", "/nope"),
        ("GET", "/v1/nope"),
        ("POST", "/v1/members"),
        ("DELETE", "/v1/jobs"),
        ("PUT", "/v1/jobs"),
        ("PATCH", "/v1/jobs/x/run"),
        ("GET", "/v1/jobs/x/run"),
        ("GET", "/v1/jobs//executions"),
        ("GET", "/v1/jobs/x/executions/1/2"),
        ("GET", "/v1/jobs/x/y"),
        ("GET", "/v1/jobs/x/cancel"),
        ("GET", "/v1/jobs/x/versions/"),
        ("POST", "/v1/jobs/x/versions"),
        ("GET", "/v1/jobs/x/versions/3/rollback"),
        ("GET", "/v1/jobs/x/versions/3/diff/4"),
        ("POST", "/v1/jobs/x/why"),
        ("POST", "/v1/jobs/x/executions//cancel"),
        ("POST", "/v1/jobs/x/executions/1/output"),
        ("POST", "/v1/jobs/x/executions/1/cancel/2"),
        ("POST", "/v1/settings"),
        ("POST", "/v1/executions"),
        ("GET", "//v1/jobs"),
        ("GET", "/ui"),
        ("POST", "/"),
        ("GET", "v1/jobs"),
        ("OPTIONS", "/v1/jobs"),
        ("GET", "/v1/unpause"),
        ("GET", "/v1/nodes/n1/eligibility"),
        ("PUT", "/v1/nodes//eligibility"),
        ("PUT", "/v1/nodes/a/b/eligibility"),
        ("PUT", "/v1/nodes/n1"),
        ("GET", "/v1/scheduling/pause"),
        ("GET", "/v1/scheduling/pause/7"),
        ("DELETE", "/v1/scheduling/pause/"),
        ("DELETE", "/v1/scheduling/pause/7/8"),
    ] {
        assert_eq!(find(method, path), None, "{method} {path}");
    }
    for path in ["/", "/ui/", "/metrics"] {
        assert_eq!(Route::find(&Method::GET, path, LEAST), None, "{path}");
    }
}

#[test]
fn writes_are_the_leaders_and_reads_are_not() {
    for method in METHODS {
        for path in ["/v1/jobs", "/v1/jobs/j", "/v1/jobs/j/run", "/v1/pause", "/v1/settings"] {
            let Some(route) = Route::find(&method, path, ALL) else { continue };
            let wanted = if Route::writes(&method) { Place::Leader } else { Place::Here };
            assert_eq!(route.place(), wanted, "{method} {path}");
        }
    }
    assert_eq!(Route::Leave.place(), Place::Here, "who is asked to leave leaves");
    assert_eq!(Route::Busy.place(), Place::LeaderOrHere);
    let output = Route::Output("j".into(), "1-x".into());
    assert_eq!(output.place(), Place::Here, "the run's node is asked, whoever leads");
}

#[test]
fn slashes() {
    assert_eq!(other_form("/v1/jobs/").unwrap(), "/v1/jobs");
    assert_eq!(other_form("/ui").unwrap(), "/ui/");
    assert_eq!(other_form("/"), None);
    assert!(Route::known("/v1/restore", ALL) && !Route::known("/v1/nope", ALL));
}
