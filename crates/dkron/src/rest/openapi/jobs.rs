//! Jobs.

use std::collections::BTreeMap;

use serde_json::json;

use super::bodies::{BatchBody, CancelBody, JobBody, JobPatch, RunBody};
use super::book::{Book, flag, instant, one_of, text, whole};
use crate::rest::dto::{
    ActivityDto, BatchDto, DiffDto, JobDto, PreviewDto, SkippedDto, UpcomingDto, VersionDto, WhyDto,
};
use crate::rest::routes::cancel::Met;
use crate::rest::routes::import::Imported;

const JOBS: &str = "jobs";
const PATCHED: &str = "Change what a merge patch names; any other body replaces the job.";
const VERSION: &str = "The version of the definition";
const SORTS: &str = "A scalar field of the job; unknown ones are refused";

pub fn write(book: &mut Book) {
    lists(book);
    stores(book);
    acts(book);
    schedules(book);
    batches(book);
    versions(book);
}

fn lists(book: &mut Book) {
    book.op("GET /v1/jobs", "getJobs", JOBS)
        .about("List jobs.", "All filters must match. Without `_end` the list is whole.")
        .gives::<Vec<JobDto<'_>>>(200, "The jobs")
        .pages()
        .query("_sort", text(), SORTS)
        .query("_order", one_of(&["ASC", "DESC"]), "Only `DESC` descends")
        .query("q", text(), "Part of the name or display name")
        .query(
            "status",
            text(),
            "`success`, `failed`, `partially_failed`, `untriggered`, `running`",
        )
        .query("disabled", one_of(&["true", "false"]), "Whether it is switched off")
        .query(
            "metadata",
            text(),
            "`key:value` or `key=value`, repeatable; also `metadata[key]=value`",
        )
        .query("selector", text(), "What the metadata must be like: `team=infra,tier in (a,b)`")
        .query("prefix", text(), "How the name begins")
        .query("executor", text(), "The executor's name")
        .query("has_parent", one_of(&["true", "false"]), "Whether it is somebody's child")
        .reads();
    book.op("GET /v1/jobs/{job_name}", "showJobByName", JOBS)
        .about("Show a job.", "")
        .gives::<JobDto<'_>>(200, "The job")
        .with(200, "ETag", VERSION)
        .missing("There is no such job")
        .reads();
}

fn stores(book: &mut Book) {
    for (at, id, said) in [
        ("POST /v1/jobs", "createOrUpdateJob", "Create or replace a job."),
        ("PUT /v1/jobs/{job_name}", "replaceJob", "Create or replace the job of that name."),
        ("PATCH /v1/jobs", "patchJob", PATCHED),
    ] {
        let op = &mut book.op(at, id, JOBS);
        op.about(said, "What is not said gets its default; figures and children are kept.")
            .body::<JobBody>(true, "The job; any content type is read as JSON")
            .query("runoncreate", flag(), "Run it at once when it is stored; any value")
            .gives::<JobDto<'_>>(201, "The job as it is stored")
            .with(201, "Location", "Address of the job")
            .with(201, "ETag", VERSION)
            .with(201, "Warning", "Names an executor or processor that no node has")
            .missing("The parent job, or the one to be changed, is not there")
            .fails(409, "It was changed meanwhile")
            .fails(413, "The job is larger than 1 MiB")
            .demands()
            .writes();
        if id.starts_with("patch") {
            op.or_body::<JobPatch>("application/merge-patch+json")
                .gives::<JobDto<'_>>(200, "The job after a merge patch")
                .with(200, "ETag", VERSION);
        }
    }
    book.op("PATCH /v1/jobs/{job_name}", "patchJobByName", JOBS)
        .about("Change what a merge patch names.", "Any other type of body has no route here.")
        .body_as::<JobPatch>("application/merge-patch+json", "What is to change")
        .query("runoncreate", flag(), "Run it at once when it is stored; any value")
        .gives::<JobDto<'_>>(200, "The job after the patch")
        .with(200, "ETag", VERSION)
        .missing("There is no such job, or its parent")
        .fails(409, "It was changed meanwhile")
        .fails(413, "The job is larger than 1 MiB")
        .demands()
        .writes();
    book.op("DELETE /v1/jobs/{job_name}", "deleteJob", JOBS)
        .about("Delete a job.", "What runs goes on to its end.")
        .gives::<JobDto<'_>>(200, "The job as it was")
        .demands()
        .missing("There is no such job")
        .fails(409, "Other jobs have it as their parent; the text names them")
        .writes();
    book.op("POST /v1/restore", "restore", JOBS)
        .about("Import jobs.", "All of the file is checked before anything is stored.")
        .file("The list that `GET /v1/jobs` answers")
        .gives::<String>(200, "A JSON list as a text: `success create NAME` or `fail create NAME`")
        .silent(400, "The file is none, or one of its jobs can not be; nothing was stored")
        .fails(408, "Nothing came for a minute")
        .fails(413, "The file is larger than 256 MiB")
        .writes();
    book.op("GET /v1/export", "export", JOBS)
        .about(
            "Export everything as lines.",
            "A head, the settings, the jobs by name, and an end with counts and a checksum.",
        )
        .query("history", flag(), "Executions behind each job; any value")
        .query("output_size_limit", whole(), "Bytes of each output, 4096 unless said")
        .gives_as(200, "application/x-ndjson", "One JSON object a line")
        .reads();
    book.op("POST /v1/import", "import", JOBS)
        .about("Take in lines of an export.", "All are checked before anything is stored.")
        .query("settings", flag(), "Take over the settings too; any value")
        .lines("Lines of an export, or jobs as they are posted, one a line")
        .gives::<Imported>(200, "What was taken in")
        .fails(408, "Nothing came for a minute")
        .fails(413, "More jobs or bytes than one import holds")
        .writes();
}

fn acts(book: &mut Book) {
    for (at, id) in
        [("POST /v1/jobs/{job_name}", "runJob"), ("POST /v1/jobs/{job_name}/run", "runJobNow")]
    {
        book.op(at, id, JOBS)
            .about("Executes a job.", "It runs although it is disabled, never against `forbid`.")
            .query("wait", text(), "A duration, at most 10m: answer when the group has ended")
            .body::<RunBody>(false, "What is different about this run")
            .gives::<JobDto<'_>>(202, "The job when the run was decided")
            .with(202, "X-Dkron-Group", "Number of the group")
            .with(202, "X-Dkron-Queued", "It waits for its turn and has no group yet")
            .with(202, "X-Dkron-Ended", "With `wait`: whether the group has ended")
            .missing("There is no such job, or no node with its tags")
            .fails(409, "It runs already, or its queue is full")
            .fails(413, "The body is larger than 256 KiB")
            .writes();
    }
    book.op("POST /v1/jobs/{job_name}/toggle", "toggleJob", JOBS)
        .about("Toggle a job.", "Switches it off, or on again.")
        .gives::<JobDto<'_>>(200, "The job with its flag flipped")
        .with(200, "ETag", VERSION)
        .demands()
        .missing("There is no such job")
        .writes();
    book.op("POST /v1/jobs/{job_name}/cancel", "cancelJob", JOBS)
        .about("End all that runs of a job.", "And what waits for a further attempt or its turn.")
        .body::<CancelBody>(false, "Who and why")
        .query("by", text(), "Who wants it")
        .query("reason", text(), "Why")
        .gives::<Met>(202, "What it met")
        .missing("There is no such job")
        .fails(409, "It has ended already")
        .fails(413, "The body is larger than 64 KiB")
        .writes();
}

fn schedules(book: &mut Book) {
    book.op("GET /v1/jobs/{job_name}/skipped", "listSkippedByJob", JOBS)
        .about("List slots that did not run.", "Newest first, each with its reason.")
        .gives::<Vec<SkippedDto<'_>>>(200, "Runs of equal ones are one record")
        .pages()
        .missing("There is no such job")
        .reads();
    book.op("GET /v1/jobs/{job_name}/why", "whyJob", JOBS)
        .about("Why a job did or did not run.", "What became of one instant.")
        .query("at", instant(), "The instant, as `scheduled_at` has it")
        .gives::<WhyDto<'_>>(200, "A word, a sentence, and what they follow from")
        .missing("There is no such job")
        .reads();
    book.op("GET /v1/upcoming", "upcoming", JOBS)
        .about("What is due soon.", "Slots of all jobs, counted by time, and the next by name.")
        .query("window", text(), "A duration, at most 168h; 1h without it")
        .query("buckets", json!({ "type": "integer", "minimum": 1, "maximum": 1440 }), "Parts")
        .query("limit", json!({ "type": "integer", "minimum": 0, "maximum": 1000 }), "Names")
        .gives::<UpcomingDto<'_>>(200, "Counts and names")
        .reads();
    book.op("GET /v1/schedule/preview", "previewSchedule", JOBS)
        .about("When a schedule fires.", "")
        .query("schedule", text(), "As a job has it")
        .query("timezone", text(), "An IANA name; empty = the cluster's zone")
        .query("after", instant(), "Instants after this one; without it, after now")
        .query("n", whole(), "How many, at most 100")
        .query("dst", one_of(&["dkron", "once"]), "What happens around changes of the clock")
        .query("job", text(), "The job's name, which decides where `~` falls")
        .pretty()
        .gives::<PreviewDto<'_>>(200, "The instants in UTC")
        .gives::<BTreeMap<String, serde_json::Value>>(400, "Field, message and column")
        .fails(503, "This server can not answer now");
}

fn batches(book: &mut Book) {
    book.op("POST /v1/batch", "beginBatch", JOBS)
        .about("Do something with many jobs.", "The server goes on by itself.")
        .body::<BatchBody>(true, "What, and with which jobs")
        .gives::<BatchDto>(202, "It has begun")
        .fails(413, "The body is larger than 16 MiB")
        .writes();
    book.op("GET /v1/batch", "listBatches", JOBS)
        .about("List batches.", "The last ones of the leader.")
        .gives::<Vec<BatchDto>>(200, "Oldest first, without results")
        .with(200, "X-Total-Count", "How many")
        .pretty();
    book.op("GET /v1/batch/{batch}", "showBatch", JOBS)
        .about("Show a batch.", "And what became of its jobs.")
        .query("_start", whole(), "Results from here")
        .query("_end", whole(), "Results before this; 1,000 without it")
        .gives::<BatchDto>(200, "The batch")
        .with(200, "X-Total-Count", "How many results there are")
        .pretty()
        .fails(404, "No such batch is kept");
    book.op("DELETE /v1/batch/{batch}", "cancelBatch", JOBS)
        .about("End a batch.", "What is on its way comes to its end; nothing more is begun.")
        .gives::<BatchDto>(202, "It ends")
        .fails(404, "No such batch is kept")
        .writes();
}

fn versions(book: &mut Book) {
    book.op("GET /v1/jobs/{job_name}/versions", "listJobVersions", JOBS)
        .about("List versions of a job.", "Newest first, also of one deleted within 7 days.")
        .gives::<Vec<VersionDto<'_>>>(200, "The versions that are kept")
        .with(200, "X-Total-Count", "How many")
        .missing("There is no such job, and was none")
        .reads();
    book.op("GET /v1/jobs/{job_name}/versions/{version}", "showJobVersion", JOBS)
        .about("Show a version of a job.", "The definition; figures are left at nothing.")
        .gives::<JobDto<'_>>(200, "The job as it was defined")
        .with(200, "ETag", VERSION)
        .missing("There is no such job, or the version is not kept")
        .reads();
    book.op("GET /v1/jobs/{job_name}/versions/{version}/diff", "diffJobVersions", JOBS)
        .about("What differs between two versions.", "Field by field.")
        .query("to", text(), "The other version; the last one unless said")
        .gives::<DiffDto>(200, "The differences")
        .missing("There is no such job, or a version is not kept")
        .reads();
    book.op("POST /v1/jobs/{job_name}/versions/{version}/rollback", "rollbackJob", JOBS)
        .about("Go back to a version.", "Makes a new version with the old definition.")
        .gives::<JobDto<'_>>(200, "The job as it is now")
        .with(200, "ETag", VERSION)
        .missing("There is no such job or parent, or the version is not kept")
        .fails(409, "It was changed meanwhile")
        .demands()
        .writes();
    book.op("POST /v1/jobs/{job_name}/undelete", "undeleteJob", JOBS)
        .about("Bring a deleted job back.", "With its last definition; within 7 days.")
        .gives::<JobDto<'_>>(201, "The job as it is now")
        .with(201, "Location", "Address of the job")
        .with(201, "ETag", VERSION)
        .missing("No job of that name was deleted, or its parent is not there")
        .fails(409, "A job of that name is there")
        .writes();
    book.op("GET /v1/activity", "listActivity", JOBS)
        .about("What users did.", "Newest first; the last 10,000 writes.")
        .query("limit", json!({ "type": "integer", "minimum": 1, "maximum": 1000 }), "How many")
        .query("cursor", text(), "X-Dkron-Next-Cursor of the page before")
        .query("job", text(), "Only of this job or node")
        .query("by", text(), "Only of this user")
        .query("from", instant(), "Not before")
        .query("to", instant(), "Before")
        .gives::<Vec<ActivityDto<'_>>>(200, "A page, perhaps a short one")
        .with(200, "X-Dkron-Next-Cursor", "There is more: the cursor of the next page")
        .reads();
}
