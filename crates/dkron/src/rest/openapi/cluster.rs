//! Members, leadership, settings, nodes, and what operators ask.

use std::collections::BTreeMap;

use super::bodies::{EligibilityBody, PauseBody, ResumeBody, SettingsBody};
use super::book::{Book, instant, one_of, text, whole};
use crate::rest::dto::{
    ConfigurationDto, EligibilityDto, EventDto, HealthDto, HealthyDto, IndexDto, ListedMember,
    MemberDto, NewLeaderDto, NodeDto, PauseDto, PausedDto, RemovedDto, ResumedDto, SchedulingDto,
    SettingsDto, StateDto, StatsDto, SummaryDto,
};

const CLUSTER: &str = "cluster";
const OPERATOR: &str = "operator";
const SELF: &str = "node";

pub fn write(book: &mut Book) {
    members(book);
    events(book);
    settings(book);
    scheduling(book);
    operators(book);
    own(book);
}

fn members(book: &mut Book) {
    book.op("GET /v1/members", "getMember", CLUSTER)
        .about("List members.", "Servers and agents, those that left included.")
        .gives::<Vec<ListedMember<'_>>>(200, "The members")
        .with(200, "X-Total-Count", "How many")
        .pretty()
        .fails(503, "The node ends");
    book.op("GET /v1/leader", "getLeader", CLUSTER)
        .about("Show the leader.", "")
        .gives::<MemberDto<'_>>(200, "The leader")
        .pretty()
        .gives::<BTreeMap<String, String>>(503, "Nobody leads");
    book.op("GET /v1/isleader", "isLeader", CLUSTER)
        .about("Whether this server leads.", "Load balancers go by the status.")
        .gives::<String>(200, "It does")
        .pretty()
        .gives::<String>(404, "It does not")
        .fails(503, "The node ends");
    book.op("POST /v1/leave", "leave", CLUSTER)
        .about("Leave the cluster.", "The node ends its runs, leaves, and its process ends.")
        .gives::<Vec<MemberDto<'_>>>(200, "The members")
        .writes();
    book.op("GET /v1/nodes", "listNodes", CLUSTER)
        .about("List nodes.", "And whether they take new runs.")
        .gives::<Vec<NodeDto<'_>>>(200, "The nodes")
        .with(200, "X-Total-Count", "How many")
        .reads();
    book.op("PUT /v1/nodes/{node_name}/eligibility", "setEligibility", CLUSTER)
        .about("Drain a node, or take it back.", "")
        .body::<EligibilityBody>(true, "What is to become of it")
        .gives::<EligibilityDto<'_>>(200, "What was decided")
        .fails(404, "There is no such node")
        .fails(409, "Not all servers know how")
        .fails(413, "The body is larger than 64 KiB")
        .writes();
    book.op("GET /v1/stats", "stats", CLUSTER)
        .about("Figures over time.", "Counts by outcome, lateness of starts, lengths of runs.")
        .query("scope", one_of(&["cluster", "node", "job"]), "Of whom")
        .query("name", text(), "Of which node or job")
        .query("span", one_of(&["minute", "hour", "day"]), "How long a bucket is")
        .query("from", instant(), "Buckets from here")
        .query("to", instant(), "Buckets before this")
        .gives::<StatsDto<'_>>(200, "Oldest first; empty buckets are left out")
        .missing("There is no such job or node")
        .reads();
}

fn events(book: &mut Book) {
    book.op("GET /v1/events", "followEvents", CLUSTER)
        .about(
            "What happens, as it happens.",
            "Server-sent events. An id is a place in the log, `4711:2`, the same on every server. \
             First `members`; then `job.*`, `execution.*`, `slot.skipped` and the like, whose data \
             is an `Event`; `reset` when what lies between is not kept any more: read anew.",
        )
        .query("after", text(), "The id of the last event seen; `Last-Event-ID` counts before it")
        .query("kind", text(), "Names of events, repeatable or with commas")
        .query("state", text(), "Of ended executions those with such a state")
        .query("job", text(), "How the names of the jobs begin")
        .query("view", one_of(&["all", "summary"]), "Counts four times a second instead of events")
        .gives_as(200, "text/event-stream", "Until the client or the server ends it")
        .fails(503, "Too many streams; Retry-After");
    book.shape::<EventDto<'_>>();
    book.shape::<SummaryDto>();
}

fn settings(book: &mut Book) {
    book.op("GET /v1/settings", "showSettings", CLUSTER)
        .about("What the whole cluster agrees on.", "")
        .gives::<SettingsDto<'_>>(200, "The settings")
        .reads();
    for (at, id, said) in [
        ("PUT /v1/settings", "replaceSettings", "Replace all settings."),
        ("PATCH /v1/settings", "changeSettings", "Change some settings."),
    ] {
        book.op(at, id, CLUSTER)
            .about(said, "`null` takes the built-in default.")
            .body::<SettingsBody>(true, "The settings")
            .gives::<SettingsDto<'_>>(200, "The settings as they are stored")
            .fails(413, "The body is larger than 64 KiB")
            .writes();
    }
    book.op("GET /v1/pause", "showPause", CLUSTER)
        .about("Whether submissions are blocked.", "")
        .gives::<PausedDto>(200, "Whether they are")
        .reads();
    book.op("POST /v1/pause", "pause", CLUSTER)
        .about("Block new submissions of jobs.", "In the whole cluster, until somebody unblocks.")
        .gives::<PausedDto>(200, "They are blocked")
        .writes();
    book.op("POST /v1/unpause", "unpause", CLUSTER)
        .about("Admit submissions again.", "")
        .gives::<PausedDto>(200, "They are admitted")
        .writes();
}

fn scheduling(book: &mut Book) {
    book.op("GET /v1/scheduling", "showScheduling", CLUSTER)
        .about("What keeps jobs from starting by themselves.", "")
        .gives::<SchedulingDto<'_>>(200, "The pauses, oldest first")
        .reads();
    book.op("POST /v1/scheduling/pause", "pauseScheduling", CLUSTER)
        .about(
            "Start nothing by itself.",
            "Stops schedules, retries and children of all jobs or some; runs by hand go on.",
        )
        .body::<PauseBody>(false, "Which jobs, until when, and why")
        .gives::<PauseDto<'_>>(201, "The pause")
        .fails(404, "Somebody else ended it at once")
        .fails(409, "There are as many as there may be")
        .fails(413, "The body is larger than 256 KiB")
        .writes();
    book.op("POST /v1/scheduling/resume", "resumeScheduling", CLUSTER)
        .about("Go on.", "Nothing that fell due before is owed.")
        .body::<ResumeBody>(false, "Which pause ends; without one all do")
        .gives::<ResumedDto>(200, "How many ended")
        .fails(404, "There is no such pause")
        .fails(413, "The body is larger than 256 KiB")
        .writes();
    book.op("DELETE /v1/scheduling/pause/{pause}", "endSchedulingPause", CLUSTER)
        .about("End one pause.", "")
        .gives::<ResumedDto>(200, "It ended")
        .fails(404, "There is no such pause")
        .writes();
}

fn operators(book: &mut Book) {
    book.op("GET /v1/operator/health", "clusterHealth", OPERATOR)
        .about("How the cluster is.", "And what the loss of one more server would mean.")
        .gives::<HealthDto<'_>>(200, "A leader with a majority decides")
        .pretty()
        .gives::<HealthDto<'_>>(503, "Nobody decides");
    book.op("GET /v1/operator/raft/configuration", "raftConfiguration", OPERATOR)
        .about("Servers of the consensus group.", "")
        .gives::<ConfigurationDto<'_>>(200, "The servers")
        .pretty()
        .fails(503, "The node ends");
    book.op("DELETE /v1/operator/raft/peer", "removePeer", OPERATOR)
        .about("Take a server out of the consensus group.", "")
        .query("id", text(), "Its id or name")
        .query("name", text(), "The same")
        .gives::<RemovedDto<'_>>(200, "It does not vote any more")
        .fails(404, "There is no such server")
        .fails(409, "It can not be taken out; the text says why")
        .writes();
    book.op("POST /v1/operator/transfer", "transferLeadership", OPERATOR)
        .about("Hand the leadership over.", "")
        .query("to", text(), "Name of a server; without it, whoever is nearest")
        .gives::<NewLeaderDto<'_>>(200, "Who leads now")
        .fails(404, "There is no such server")
        .fails(409, "Nobody can take it; the text says why")
        .writes();
    book.op("GET /v1/operator/state", "stateHash", OPERATOR)
        .about("Hash of the replicated state.", "Equal on all servers at the same index.")
        .query("index", whole(), "Position in the log; without it, the present one")
        .gives::<StateDto>(200, "The hash")
        .pretty()
        .fails(503, "The node ends");
}

fn own(book: &mut Book) {
    book.op("GET /v1", "status", SELF)
        .about("Show the answering node.", "")
        .gives::<IndexDto<'_>>(200, "Name, version, tags; all values are texts")
        .pretty()
        .fails(503, "The node ends");
    book.op("GET /health", "health", SELF)
        .about("Whether HTTP works.", "")
        .gives::<HealthyDto>(200, "It does");
    book.op("GET /debug/vars", "debugVars", SELF)
        .about("Variables of the process.", "Secrets are left out.")
        .gives::<BTreeMap<String, serde_json::Value>>(200, "Memory, command line, some schedules");
    book.op("GET /metrics", "metrics", SELF)
        .about("Figures for Prometheus.", "With `--enable-prometheus` only.")
        .gives_as(200, "text/plain", "Prometheus' text format")
        .fails(404, "They are not switched on");
    book.op("GET /v1/openapi.json", "openapi", SELF)
        .about("This description.", "")
        .gives::<BTreeMap<String, serde_json::Value>>(200, "OpenAPI 3.1")
        .pretty();
}
