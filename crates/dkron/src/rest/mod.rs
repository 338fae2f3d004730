//! Dkron's REST API over the façade of a node. It knows HTTP and Dkron's JSON, and nothing of how
//! a job is run or stored.

pub mod batch;
mod body;
mod cors;
mod decode;
mod demand;
mod dto;
mod follow;
mod forward;
pub(crate) mod instant;
mod json;
pub(crate) mod normal;
mod openapi;
mod origin;
mod problem;
mod query;
mod range;
mod respond;
mod route;
mod routes;
mod stream;

#[cfg(test)]
mod tests;

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::http::header::{CONTENT_TYPE, HeaderName, HeaderValue, LOCATION};
use axum::http::{Method, StatusCode, Uri};
use dkron_node::forward::Forward;
use dkron_node::service::{Asked, Service};
use metrics_exporter_prometheus::PrometheusHandle;
use tokio::net::TcpStream;
use tokio::sync::watch;
use tower_http::catch_panic::CatchPanicLayer;

use crate::config::HttpOptions;
pub use forward::front;
use forward::{Carried, Via};
use query::Query;
use respond::Answer;
use route::{Enabled, Route};

const WHOM: HeaderName = HeaderName::from_static("x-whom");
const HTML: HeaderValue = HeaderValue::from_static("text/html; charset=utf-8");

/// What the handlers share.
pub struct App {
    pub service: Service,
    pub node: String,
    pub http: HttpOptions,
    /// Names of executors and processors that some node has: others are warned of.
    pub executors: Vec<String>,
    pub processors: Vec<String>,
    pub metrics: Option<PrometheusHandle>,
    /// The way to the leader; none where this server is the whole cluster.
    pub forward: Option<Arc<dyn Forward>>,
    /// Whether members prove themselves with a key.
    pub encrypted: bool,
    /// For `/debug/vars`, secrets taken out.
    pub command_line: Vec<String>,
    /// Wishes for many jobs.
    pub batches: batch::Batches,
}

/// Who is at the other end of the connection; the connection's server puts it into each request.
#[derive(Clone, Debug)]
pub struct Peer {
    pub addr: SocketAddr,
    /// Becomes true when the door closes: what has no end of its own ends then.
    pub closing: watch::Receiver<bool>,
    pub socket: Arc<TcpStream>,
}

impl Peer {
    /// Comes when there is nobody to go on for: the door closes.
    async fn door_closes(&self) {
        // An error means that the sender is gone, which is the end too.
        let _ = self.closing.clone().wait_for(|closing| *closing).await;
    }

    /// Comes when the client has ended its side. One that has sent more already is there.
    async fn leaves(&self) {
        if matches!(self.socket.peek(&mut [0]).await, Ok(1..)) {
            std::future::pending().await
        }
    }
}

/// One routed request without its body.
struct Call<'a> {
    app: &'a App,
    /// What belongs to the request if it writes, and the service that says so.
    asked: Asked,
    service: Service,
    uri: &'a Uri,
    query: Query,
    pretty: bool,
}

impl Call<'_> {
    /// A value as JSON, pretty where that was asked for.
    fn json<T: serde::Serialize + ?Sized>(&self, status: StatusCode, value: &T) -> Answer {
        respond::json(status, value, self.pretty)
    }

    fn ok<T: serde::Serialize + ?Sized>(&self, value: &T) -> Answer {
        self.json(StatusCode::OK, value)
    }
}

/// The whole door as a service for HTTP connections.
pub fn router(app: App) -> Router {
    let whom = HeaderValue::from_bytes(app.node.as_bytes());
    let door = Arc::new(Door { whom: whom.ok(), app });
    Router::new()
        .fallback(answer)
        .with_state(door)
        .layer(DefaultBodyLimit::disable())
        .layer(CatchPanicLayer::custom(panicked))
}

struct Door {
    app: App,
    whom: Option<HeaderValue>,
}

/// A handler's panic stays its own request's. It is a defect, so it is logged as one.
fn panicked(panic: Box<dyn std::any::Any + Send>) -> Answer {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    let text = text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("");
    tracing::error!(panic = text, "rest: a handler panicked, please report it");
    respond::empty(StatusCode::INTERNAL_SERVER_ERROR)
}

async fn answer(State(door): State<Arc<Door>>, request: Request) -> Answer {
    let wants_problems = problem::wanted(request.headers());
    let request = request.map(body::kept);
    let answer = routed(&door, request).await;
    if wants_problems { problem::told(answer).await } else { answer }
}

async fn routed(door: &Door, request: Request) -> Answer {
    let method = request.method().clone();
    let uri = request.uri().clone();
    let Some(path) = query::decode(uri.path(), false) else {
        return respond::text(StatusCode::BAD_REQUEST, "400 Bad Request: bad escape in the path");
    };
    let http = &door.app.http;
    let enabled = Enabled { ui: http.ui, metrics: door.app.metrics.is_some() };
    let foreign = cors::foreign(request.headers(), &uri);
    let Some(route) = Route::find(&method, &path, enabled) else {
        let asks = method == Method::OPTIONS && foreign.is_some() && path != "/health";
        if asks && Route::known(&path, enabled) {
            return cors::preflight();
        }
        return redirect(&method, &path, &uri, enabled).unwrap_or_else(respond::no_route);
    };
    // Dkron has no PATCH there; only what it never understood is new.
    let whole = method == Method::PATCH && !routes::put::is_merge_patch(request.headers());
    if whole && matches!(route, Route::Put(Some(_))) {
        return respond::no_route();
    }
    let bare = route == Route::Health;
    let operation = openapi::described(&route).first().copied();
    let query = Query::parse(uri.query().unwrap_or(""));
    // Another server's door has let it in.
    let carried = request.extensions().get::<Via>().is_some_and(|via| via.from_server);
    let origin = foreign.as_deref().filter(|_| !carried);
    let refused = cors::refuse(&method, origin, &http.allowed_origins);
    let carried = match refused {
        Some(refusal) => Carried::Answered(refusal),
        None if carried => Carried::Here(request),
        None => {
            let place = route.place().for_query(&query);
            forward::carry(door.app.forward.as_deref(), place, request).await
        }
    };
    let mut answer = match carried {
        Carried::Answered(answer) => answer,
        Carried::Here(request) => {
            let pretty = query.has("pretty");
            match asked(&route, request).await {
                Ok((asked, request)) => {
                    let service = door.app.service.asked(asked.clone());
                    let call = Call { app: &door.app, asked, service, uri: &uri, query, pretty };
                    let mut answer = read_or_write(&call, route, request).await;
                    respond::carried(&mut answer, &call.asked.receipt);
                    answer
                }
                Err(refusal) => refusal,
            }
        }
    };
    if !bare {
        if foreign.is_some() {
            cors::open(&mut answer);
        }
        if let Some(whom) = &door.whom {
            answer.headers_mut().insert(WHOM, whom.clone());
        }
    }
    tracing::debug!(%method, path, operation, status = answer.status().as_u16(), "rest: request");
    answer
}

/// What a write says of itself.
async fn asked(route: &Route, request: Request) -> Result<(Asked, Request), Answer> {
    let mut asked = Asked::default();
    if !Route::writes(request.method()) {
        return Ok((asked, request));
    }
    if route.has_demand() {
        asked.demand = demand::demanded(request.headers()).map_err(origin::wrong)?;
    }
    let mut origin = origin::origin(&request).map_err(origin::wrong)?;
    let name = origin::key_name(request.headers()).map_err(origin::wrong)?.map(str::to_owned);
    let request = match name.filter(|_| route.has_key()) {
        Some(name) => {
            let (key, request) = origin::keyed(request, name).await?;
            origin.key = Some(key);
            request
        }
        None => request,
    };
    asked.origin = Some(origin);
    Ok((asked, request))
}

/// What shows the state of the cluster waits until this server knows that state.
async fn read_or_write(call: &Call<'_>, route: Route, request: Request) -> Answer {
    if !route.shows_state() {
        return dispatch(call, route, request).await;
    }
    match query::awaited(&call.query) {
        Ok(None) => {}
        Ok(Some((index, wait))) => match call.app.service.reached(index, wait).await {
            Ok(()) => {}
            Err(err) => return respond::error(&err),
        },
        Err(said) => return respond::text(StatusCode::BAD_REQUEST, said),
    }
    match call.app.service.fresh(call.query.read_mode()).await {
        Ok(freshness) => {
            let mut answer = dispatch(call, route, request).await;
            respond::mark(&mut answer, freshness);
            answer
        }
        Err(err) => respond::error(&err),
    }
}

async fn dispatch(call: &Call<'_>, route: Route, request: Request) -> Answer {
    match route {
        Route::Index => routes::node::index(call).await,
        Route::Members => routes::cluster::members(call).await,
        Route::Leader => routes::cluster::leader(call).await,
        Route::IsLeader => routes::cluster::is_leader(call).await,
        Route::Leave => routes::cluster::leave(call).await,
        Route::Paused => routes::cluster::paused(call).await,
        Route::Pause(paused) => routes::cluster::pause(call, paused).await,
        Route::Export => {
            let peer = request.extensions().get::<Peer>().cloned();
            drop(request);
            routes::export::export(call, peer).await
        }
        Route::Import => routes::import::import(call, request).await,
        Route::Restore => routes::restore::restore(call, request).await,
        Route::Busy => routes::executions::busy(call).await,
        Route::Preview => routes::preview::preview(call).await,
        Route::Jobs => {
            let peer = request.extensions().get::<Peer>().cloned();
            routes::jobs::list(call, peer).await
        }
        Route::Put(name) => routes::put::put(call, name, request).await,
        Route::Job(name) => routes::jobs::show(call, name).await,
        Route::Delete(name) => routes::jobs::delete(call, name).await,
        Route::Run(name) => routes::run::run(call, name, request).await,
        Route::Toggle(name) => routes::jobs::toggle(call, name).await,
        Route::Executions(name) => routes::executions::list(call, name).await,
        Route::ClearExecutions(name) => routes::executions::clear(call, name).await,
        Route::Execution(name, id) => routes::executions::show(call, name, id).await,
        Route::Output(name, id) => {
            let head = request.into_parts().0;
            routes::output::output(call, name, id, &head).await
        }
        Route::Cancel(name, id) => routes::cancel::cancel(call, name, id, request).await,
        Route::Settings => routes::settings::show(call).await,
        Route::ChangeSettings => routes::settings::change(call, request).await,
        Route::ClusterHealth => routes::operator::health(call).await,
        Route::Configuration => routes::operator::configuration(call).await,
        Route::RemovePeer => routes::operator::remove_peer(call).await,
        Route::Transfer => routes::operator::transfer(call).await,
        Route::StateAt => routes::operator::state_at(call).await,
        Route::Nodes => routes::operator::nodes(call).await,
        Route::Eligibility(name) => routes::operator::eligibility(call, name, request).await,
        Route::Upcoming => routes::upcoming::upcoming(call).await,
        Route::Why(name) => routes::why::why(call, name).await,
        Route::Events => routes::events::events(call, request).await,
        Route::Activity => routes::activity::list(call).await,
        Route::Recent => routes::recent::recent(call).await,
        Route::BeginBatch => routes::batch::begin(call, request).await,
        Route::Batches => routes::batch::list(call).await,
        Route::Batch(id) => routes::batch::show(call, &id).await,
        Route::CancelBatch(id) => routes::batch::cancel(call, &id).await,
        Route::Scheduling => routes::scheduling::show(call).await,
        Route::PauseScheduling => routes::scheduling::pause(call, request).await,
        Route::ResumeScheduling(id) => routes::scheduling::resume(call, id, request).await,
        Route::Skipped(name) => routes::executions::skipped(call, name).await,
        Route::Stats => routes::stats::stats(call).await,
        Route::Health => routes::node::health(),
        Route::Vars => routes::node::vars(call).await,
        Route::Metrics => routes::node::metrics(call),
        Route::OpenApi => routes::docs::openapi(call),
        Route::Docs => routes::docs::page(),
        Route::DocsStyle => routes::docs::style(),
        Route::Root => routes::ui::root(request.headers()),
        Route::Ui => routes::ui::page(call).await,
        route => of_versions(call, route).await,
    }
}

/// Versions of a job, and the way back.
async fn of_versions(call: &Call<'_>, route: Route) -> Answer {
    match route {
        Route::Versions(name) => routes::versions::list(call, name).await,
        Route::Version(name, version) => routes::versions::show(call, name, &version).await,
        Route::VersionDiff(name, version) => routes::versions::diff(call, name, &version).await,
        Route::Rollback(name, version) => routes::versions::rollback(call, name, &version).await,
        Route::Undelete(name) => routes::versions::undelete(call, name).await,
        // Everything else was carried out above.
        _ => respond::no_route(),
    }
}

/// A path that is known with its last slash added or taken away leads there.
fn redirect(method: &Method, path: &str, uri: &Uri, enabled: Enabled) -> Option<Answer> {
    Route::find(method, &route::other_form(path)?, enabled)?;
    let target = route::other_form(uri.path())?;
    let target = match uri.query() {
        Some(query) => format!("{target}?{query}"),
        None => target,
    };
    let get = matches!(*method, Method::GET | Method::HEAD);
    let status = if get { StatusCode::MOVED_PERMANENTLY } else { StatusCode::TEMPORARY_REDIRECT };
    let mut answer = respond::empty(status);
    if get {
        let shown = target.replace('&', "&amp;").replace('"', "&#34;").replace('<', "&lt;");
        let body = format!("<a href=\"{shown}\">Moved Permanently</a>.\n\n");
        *answer.body_mut() = Body::from(body);
        answer.headers_mut().insert(CONTENT_TYPE, HTML);
    }
    answer.headers_mut().insert(LOCATION, HeaderValue::from_str(&target).ok()?);
    Some(answer)
}
