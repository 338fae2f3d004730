//! Which request means what: Dkron's table of routes, and its rule for a trailing slash.

use axum::http::Method;
use dkron_core::domain::JobName;
use dkron_node::service::ReadMode;

use super::query::Query;

/// A request that some handler answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Route {
    Index,
    Members,
    Leader,
    IsLeader,
    Leave,
    Restore,
    Busy,
    Paused,
    Pause(bool),
    Preview,
    Jobs,
    /// Create or replace; the name of the path, where it has one.
    Put(Option<JobName>),
    Job(JobName),
    Delete(JobName),
    Run(JobName),
    Toggle(JobName),
    Executions(JobName),
    ClearExecutions(JobName),
    Execution(JobName, String),
    Skipped(JobName),
    Versions(JobName),
    Version(JobName, String),
    VersionDiff(JobName, String),
    Rollback(JobName, String),
    Undelete(JobName),
    /// What users did.
    Activity,
    /// Why it did or did not run.
    Why(JobName),
    /// What an execution wrote, as bytes.
    Output(JobName, String),
    Stats,
    /// Executions of all jobs.
    Recent,
    /// What happens, as it happens.
    Events,
    /// What is due soon.
    Upcoming,
    /// One execution, or all of the job.
    Cancel(JobName, Option<String>),
    Settings,
    ChangeSettings,
    /// How the cluster is, for operators.
    ClusterHealth,
    Configuration,
    RemovePeer,
    Transfer,
    StateAt,
    Nodes,
    Eligibility(String),
    /// One wish for many jobs.
    BeginBatch,
    Batches,
    Batch(String),
    CancelBatch(String),
    /// What keeps jobs from starting by themselves.
    Scheduling,
    PauseScheduling,
    /// All pauses, or the one of that id.
    ResumeScheduling(Option<String>),
    Health,
    Vars,
    Metrics,
    /// The description of the API, for programs and for people.
    OpenApi,
    Docs,
    DocsStyle,
    /// All jobs and settings as lines, and such lines taken in.
    Export,
    Import,
    Root,
    Ui,
}

/// Who carries a request out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// The server that was asked.
    Here,
    /// The leader; without one nobody.
    Leader,
    /// The leader, who alone knows what happens at this moment; without one the server that was
    /// asked, as far as it knows.
    LeaderOrHere,
}

impl Place {
    /// Who puts up with old answers asks nobody else.
    pub fn for_query(self, query: &Query) -> Place {
        match self {
            Place::LeaderOrHere if query.read_mode() == ReadMode::Local => Place::Here,
            place => place,
        }
    }
}

/// The optional parts of the table.
#[derive(Clone, Copy, Debug)]
pub struct Enabled {
    pub ui: bool,
    pub metrics: bool,
}

/// Methods that some route has.
const METHODS: [Method; 5] =
    [Method::GET, Method::POST, Method::PUT, Method::PATCH, Method::DELETE];

impl Route {
    /// Everything that changes what the servers share is the leader's; so is what only it knows.
    pub fn place(&self) -> Place {
        match self {
            Route::Index
            | Route::Members
            | Route::Leader
            | Route::IsLeader
            | Route::Leave
            | Route::Paused
            | Route::Preview
            | Route::Export
            | Route::Jobs
            | Route::Job(_)
            | Route::Executions(_)
            | Route::Output(..)
            | Route::Skipped(_)
            | Route::Why(_)
            | Route::Versions(_)
            | Route::Version(..)
            | Route::VersionDiff(..)
            | Route::Activity
            | Route::Stats
            | Route::Recent
            | Route::Events
            | Route::Upcoming
            | Route::Settings
            | Route::Configuration
            | Route::StateAt
            | Route::Scheduling
            | Route::Health
            | Route::Vars
            | Route::Metrics
            | Route::OpenApi
            | Route::Docs
            | Route::DocsStyle
            | Route::Root
            | Route::Ui => Place::Here,
            Route::Batches | Route::Batch(_) => Place::LeaderOrHere,
            Route::Busy | Route::Execution(..) | Route::ClusterHealth | Route::Nodes => {
                Place::LeaderOrHere
            }
            Route::Restore
            | Route::Import
            | Route::Rollback(..)
            | Route::Undelete(_)
            | Route::Pause(_)
            | Route::Put(_)
            | Route::Delete(_)
            | Route::Run(_)
            | Route::Toggle(_)
            | Route::ClearExecutions(_)
            | Route::Cancel(..)
            | Route::ChangeSettings
            | Route::RemovePeer
            | Route::Transfer
            | Route::BeginBatch
            | Route::CancelBatch(_)
            | Route::PauseScheduling
            | Route::ResumeScheduling(_)
            | Route::Eligibility(_) => Place::Leader,
        }
    }

    /// Whether a request of this kind can change anything.
    pub fn writes(method: &Method) -> bool {
        !matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS)
    }

    /// The route of a decoded path; HEAD is answered as GET is, without the body.
    pub fn find(method: &Method, path: &str, enabled: Enabled) -> Option<Route> {
        let get = matches!(*method, Method::GET | Method::HEAD);
        let post = *method == Method::POST;
        let path = path.strip_prefix('/')?;
        if let Some(rest) = path.strip_prefix("v1/jobs/") {
            return job_route(method, rest);
        }
        if let Some(rest) = path.strip_prefix("v1/nodes/") {
            let name = rest.strip_suffix("/eligibility").filter(|_| *method == Method::PUT)?;
            let is_name = !name.is_empty() && !name.contains('/');
            return is_name.then(|| Route::Eligibility(name.to_owned()));
        }
        if let Some(id) = path.strip_prefix("v1/batch/") {
            let id = Some(id.to_owned()).filter(|id| !id.is_empty() && !id.contains('/'))?;
            return match *method == Method::DELETE {
                true => Some(Route::CancelBatch(id)),
                false => get.then_some(Route::Batch(id)),
            };
        }
        if let Some(id) = path.strip_prefix("v1/scheduling/pause/") {
            let is_id = *method == Method::DELETE && !id.is_empty() && !id.contains('/');
            return is_id.then(|| Route::ResumeScheduling(Some(id.to_owned())));
        }
        Some(match path {
            "v1" | "v1/" if get => Route::Index,
            "v1/members" if get => Route::Members,
            "v1/leader" if get => Route::Leader,
            "v1/isleader" if get => Route::IsLeader,
            "v1/leave" if post => Route::Leave,
            "v1/restore" if post => Route::Restore,
            "v1/export" if get => Route::Export,
            "v1/import" if post => Route::Import,
            "v1/busy" if get => Route::Busy,
            "v1/pause" if get => Route::Paused,
            "v1/pause" if post => Route::Pause(true),
            "v1/unpause" if post => Route::Pause(false),
            "v1/schedule/preview" if get => Route::Preview,
            "v1/stats" if get => Route::Stats,
            "v1/executions" if get => Route::Recent,
            "v1/events" if get => Route::Events,
            "v1/upcoming" if get => Route::Upcoming,
            "v1/activity" if get => Route::Activity,
            "v1/settings" if get => Route::Settings,
            "v1/settings" if matches!(*method, Method::PUT | Method::PATCH) => {
                Route::ChangeSettings
            }
            "v1/nodes" if get => Route::Nodes,
            "v1/batch" if get => Route::Batches,
            "v1/batch" if post => Route::BeginBatch,
            "v1/scheduling" if get => Route::Scheduling,
            "v1/scheduling/pause" if post => Route::PauseScheduling,
            "v1/scheduling/resume" if post => Route::ResumeScheduling(None),
            "v1/operator/health" if get => Route::ClusterHealth,
            "v1/operator/raft/configuration" if get => Route::Configuration,
            "v1/operator/raft/peer" if *method == Method::DELETE => Route::RemovePeer,
            "v1/operator/transfer" if post => Route::Transfer,
            "v1/operator/state" if get => Route::StateAt,
            "v1/jobs" if get => Route::Jobs,
            "v1/jobs" if post || *method == Method::PATCH => Route::Put(None),
            "v1/openapi.json" if get => Route::OpenApi,
            "docs" if get => Route::Docs,
            "docs/style.css" if get => Route::DocsStyle,
            "health" if get => Route::Health,
            "debug/vars" if get => Route::Vars,
            "metrics" if get && enabled.metrics => Route::Metrics,
            "" if get && enabled.ui => Route::Root,
            _ if get && enabled.ui && path.starts_with("ui/") => Route::Ui,
            _ => return None,
        })
    }

    /// Whether the answer shows what is replicated, so that it can be older than the cluster is.
    /// What a server says of itself and of its neighbours is not.
    pub fn shows_state(&self) -> bool {
        matches!(
            self,
            Route::Export
                | Route::Paused
                | Route::Busy
                | Route::Jobs
                | Route::Job(_)
                | Route::Executions(_)
                | Route::Execution(..)
                | Route::Skipped(_)
                | Route::Why(_)
                | Route::Output(..)
                | Route::Versions(_)
                | Route::Version(..)
                | Route::VersionDiff(..)
                | Route::Activity
                | Route::Stats
                | Route::Recent
                | Route::Upcoming
                | Route::Settings
                | Route::Nodes
                | Route::Scheduling
        )
    }

    /// Whether the version of the job may be demanded with `If-Match` and `If-None-Match`.
    pub fn has_demand(&self) -> bool {
        matches!(self, Route::Put(_) | Route::Delete(_) | Route::Toggle(_) | Route::Rollback(..))
    }

    /// Whether a client may give a name to the request, so that it is carried out once.
    pub fn has_key(&self) -> bool {
        let by_log = self.place() == Place::Leader;
        by_log
            && !matches!(self, Route::Restore | Route::Import | Route::RemovePeer | Route::Transfer)
            && !matches!(self, Route::BeginBatch | Route::CancelBatch(_))
    }

    /// Whether any method has a route here.
    pub fn known(path: &str, enabled: Enabled) -> bool {
        METHODS.iter().any(|method| Route::find(method, path, enabled).is_some())
    }
}

fn job_route(method: &Method, rest: &str) -> Option<Route> {
    let get = matches!(*method, Method::GET | Method::HEAD);
    let post = *method == Method::POST;
    let delete = *method == Method::DELETE;
    let mut parts = rest.splitn(5, '/');
    let name = parts.next().filter(|name| !name.is_empty())?;
    let name = || JobName::from(name);
    let rest = (parts.next(), parts.next(), parts.next(), parts.next());
    Some(match rest {
        (None, ..) if get => Route::Job(name()),
        (None, ..) if post => Route::Run(name()),
        (None, ..) if delete => Route::Delete(name()),
        (None, ..) if matches!(*method, Method::PUT | Method::PATCH) => Route::Put(Some(name())),
        (Some("run"), None, ..) if post => Route::Run(name()),
        (Some("toggle"), None, ..) if post => Route::Toggle(name()),
        (Some("executions"), None, ..) if get => Route::Executions(name()),
        (Some("executions"), None, ..) if delete => Route::ClearExecutions(name()),
        (Some("why"), None, ..) if get => Route::Why(name()),
        (Some("undelete"), None, ..) if post => Route::Undelete(name()),
        (Some("versions"), rest, verb, more) => {
            return version_route(method, name(), (rest, verb, more));
        }
        (Some("skipped"), None, ..) if get => Route::Skipped(name()),
        (Some("cancel"), None, ..) if post => Route::Cancel(name(), None),
        (Some("executions"), Some(id), Some("output"), None) if get && !id.is_empty() => {
            Route::Output(name(), id.to_owned())
        }
        (Some("executions"), Some(id), Some("cancel"), None) if post && !id.is_empty() => {
            Route::Cancel(name(), Some(id.to_owned()))
        }
        (Some("executions"), Some(id), None, _) if get && !id.is_empty() => {
            Route::Execution(name(), id.to_owned())
        }
        _ => return None,
    })
}

/// `versions`, and what follows it.
fn version_route(
    method: &Method,
    name: JobName,
    rest: (Option<&str>, Option<&str>, Option<&str>),
) -> Option<Route> {
    let get = matches!(*method, Method::GET | Method::HEAD);
    let version = rest.0.filter(|version| !version.is_empty()).map(str::to_owned);
    Some(match (version, rest.1, rest.2) {
        (None, None, None) if get && rest.0.is_none() => Route::Versions(name),
        (Some(version), None, None) if get => Route::Version(name, version),
        (Some(version), Some("diff"), None) if get => Route::VersionDiff(name, version),
        (Some(version), Some("rollback"), None) if *method == Method::POST => {
            Route::Rollback(name, version)
        }
        _ => return None,
    })
}

/// The same path with or without its last slash.
pub fn other_form(path: &str) -> Option<String> {
    match path.strip_suffix('/') {
        Some("") => None,
        Some(shorter) => Some(shorter.to_owned()),
        None => Some(format!("{path}/")),
    }
}

/// A request of every route.
#[cfg(test)]
pub const TABLE: &[(&str, &str)] = &[
    ("GET", "/v1"),
    ("GET", "/v1/"),
    ("GET", "/v1/export"),
    ("POST", "/v1/import"),
    ("HEAD", "/v1/jobs"),
    ("PATCH", "/v1/jobs"),
    ("PUT", "/v1/jobs/j"),
    ("POST", "/v1/jobs/j"),
    ("POST", "/v1/jobs/j/run"),
    ("POST", "/v1/jobs/j/toggle"),
    ("DELETE", "/v1/jobs/j"),
    ("DELETE", "/v1/jobs/j/executions"),
    ("GET", "/v1/jobs/j/executions/1-x"),
    ("GET", "/v1/jobs/j/skipped"),
    ("GET", "/v1/jobs/j/versions"),
    ("GET", "/v1/jobs/j/versions/3"),
    ("GET", "/v1/jobs/j/versions/3/diff"),
    ("POST", "/v1/jobs/j/versions/3/rollback"),
    ("POST", "/v1/jobs/j/undelete"),
    ("GET", "/v1/activity"),
    ("GET", "/v1/jobs/j/why"),
    ("POST", "/v1/jobs/j/cancel"),
    ("POST", "/v1/jobs/j/executions/1-x/cancel"),
    ("GET", "/v1/jobs/j/executions/1-x/output"),
    ("GET", "/v1/settings"),
    ("PATCH", "/v1/settings"),
    ("GET", "/v1/pause"),
    ("GET", "/v1/operator/health"),
    ("GET", "/v1/operator/raft/configuration"),
    ("DELETE", "/v1/operator/raft/peer"),
    ("POST", "/v1/operator/transfer"),
    ("GET", "/v1/operator/state"),
    ("GET", "/v1/nodes"),
    ("PUT", "/v1/nodes/n1/eligibility"),
    ("GET", "/v1/stats"),
    ("GET", "/v1/executions"),
    ("GET", "/v1/events"),
    ("GET", "/v1/upcoming"),
    ("POST", "/v1/unpause"),
    ("GET", "/v1/openapi.json"),
    ("GET", "/docs"),
    ("GET", "/docs/style.css"),
    ("GET", "/ui/x/y.js"),
    ("GET", "/"),
    ("POST", "/v1/batch"),
    ("GET", "/v1/batch"),
    ("GET", "/v1/batch/7"),
    ("DELETE", "/v1/batch/7"),
    ("GET", "/v1/scheduling"),
    ("POST", "/v1/scheduling/pause"),
    ("POST", "/v1/scheduling/resume"),
    ("DELETE", "/v1/scheduling/pause/7"),
];

#[cfg(test)]
mod tests;
