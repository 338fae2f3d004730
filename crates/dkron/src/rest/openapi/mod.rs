//! The API described by itself: OpenAPI 3.1, made from the shapes that the handlers answer with.
//! `docs/api/openapi.json` is the same document, held equal by a test.

mod bodies;
mod book;
mod cluster;
mod executions;
mod jobs;
mod page;

#[cfg(test)]
mod tests;

use std::sync::LazyLock;

use serde_json::{Value, json};

pub use bodies::Problem;

use super::route::Route;
use book::Book;

static DOCUMENT: LazyLock<Value> = LazyLock::new(write);
static PAGE: LazyLock<String> = LazyLock::new(|| page::render(&DOCUMENT));

/// The description.
pub fn document() -> &'static Value {
    &DOCUMENT
}

/// The description as a page for people.
pub fn page() -> &'static str {
    &PAGE
}

/// How the page looks.
pub const STYLE: &str = include_str!("page.css");

const ABOUT: &str = "A job scheduler that accounts for every due moment. Any server answers any \
                     request; what only the leader can do is carried there.";

fn write() -> Value {
    let mut book = Book::new();
    jobs::write(&mut book);
    executions::write(&mut book);
    cluster::write(&mut book);
    book.finish(json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Dkron REST API",
            "version": env!("CARGO_PKG_VERSION"),
            "description": ABOUT,
            "license": { "name": "Apache-2.0", "identifier": "Apache-2.0" },
        },
        "servers": [{ "url": "/", "description": "This server" }],
        "tags": [
            { "name": "jobs", "description": "Definitions, schedules, runs by hand" },
            { "name": "executions", "description": "What ran, what runs, what it wrote" },
            { "name": "cluster", "description": "Members, settings, figures" },
            { "name": "operator", "description": "For those who run the cluster" },
            { "name": "node", "description": "The answering node itself" },
        ],
    }))
}

/// The operations under which a route is described. Who adds a route describes it in one of the
/// files beside this one; a test looks whether all that is named here is there, and nothing else.
pub fn described(route: &Route) -> &'static [&'static str] {
    match route {
        Route::Index => &["status"],
        Route::Members => &["getMember"],
        Route::Leader => &["getLeader"],
        Route::IsLeader => &["isLeader"],
        Route::Leave => &["leave"],
        Route::Restore => &["restore"],
        Route::Export => &["export"],
        Route::Import => &["import"],
        Route::Busy => &["busy"],
        Route::Paused => &["showPause"],
        Route::Pause(true) => &["pause"],
        Route::Pause(false) => &["unpause"],
        Route::Preview => &["previewSchedule"],
        Route::Jobs => &["getJobs"],
        Route::Put(None) => &["createOrUpdateJob", "patchJob"],
        Route::Put(Some(_)) => &["replaceJob", "patchJobByName"],
        Route::Job(_) => &["showJobByName"],
        Route::Delete(_) => &["deleteJob"],
        Route::Run(_) => &["runJob", "runJobNow"],
        Route::Toggle(_) => &["toggleJob"],
        Route::Executions(_) => &["listExecutionsByJob"],
        Route::ClearExecutions(_) => &["deleteExecutionsByJob"],
        Route::Execution(..) => &["showExecutionByID"],
        Route::Skipped(_) => &["listSkippedByJob"],
        Route::Why(_) => &["whyJob"],
        Route::Output(..) => &["showOutput"],
        Route::Stats => &["stats"],
        Route::Recent => &["listExecutions"],
        Route::Events => &["followEvents"],
        Route::Versions(_) => &["listJobVersions"],
        Route::Version(..) => &["showJobVersion"],
        Route::VersionDiff(..) => &["diffJobVersions"],
        Route::Rollback(..) => &["rollbackJob"],
        Route::Undelete(_) => &["undeleteJob"],
        Route::Activity => &["listActivity"],
        Route::Upcoming => &["upcoming"],
        Route::Cancel(_, None) => &["cancelJob"],
        Route::Cancel(_, Some(_)) => &["cancelExecution"],
        Route::Settings => &["showSettings"],
        Route::ChangeSettings => &["replaceSettings", "changeSettings"],
        Route::ClusterHealth => &["clusterHealth"],
        Route::Configuration => &["raftConfiguration"],
        Route::RemovePeer => &["removePeer"],
        Route::Transfer => &["transferLeadership"],
        Route::StateAt => &["stateHash"],
        Route::Nodes => &["listNodes"],
        Route::Eligibility(_) => &["setEligibility"],
        Route::BeginBatch => &["beginBatch"],
        Route::Batches => &["listBatches"],
        Route::Batch(_) => &["showBatch"],
        Route::CancelBatch(_) => &["cancelBatch"],
        Route::Scheduling => &["showScheduling"],
        Route::PauseScheduling => &["pauseScheduling"],
        Route::ResumeScheduling(None) => &["resumeScheduling"],
        Route::ResumeScheduling(Some(_)) => &["endSchedulingPause"],
        Route::Health => &["health"],
        Route::Vars => &["debugVars"],
        Route::Metrics => &["metrics"],
        Route::OpenApi => &["openapi"],
        // For people.
        Route::Docs | Route::DocsStyle | Route::Root | Route::Ui => &[],
    }
}
