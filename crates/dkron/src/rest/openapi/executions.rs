//! Executions and their outputs.

use serde_json::json;

use super::bodies::CancelBody;
use super::book::{Book, flag, instant, one_of, text, whole};
use crate::rest::dto::{ExecutionDto, JobDto, ListedExecution, RecentExecution};
use crate::rest::routes::cancel::Met;

const EXECUTIONS: &str = "executions";

pub fn write(book: &mut Book) {
    of_a_job(book);
    across_jobs(book);
    one(book);
}

fn of_a_job(book: &mut Book) {
    book.op("GET /v1/jobs/{job_name}/executions", "listExecutionsByJob", EXECUTIONS)
        .about("List executions.", "Times in the job's zone.")
        .gives::<Vec<ListedExecution>>(200, "The executions, newest first")
        .pages()
        .query("_sort", one_of(&["id", "started_at", "finished_at", "attempt"]), "The field")
        .query("_order", one_of(&["ASC", "DESC"]), "Only `DESC` descends, and it is the default")
        .query("output_size_limit", whole(), "Bytes of output at the end that are shown")
        .query("group", whole(), "Those of one group")
        .with(200, "X-Dkron-Ended", "With `group`: whether all of it has ended")
        .missing("There is no such job")
        .reads();
    book.op("DELETE /v1/jobs/{job_name}/executions", "deleteExecutionsByJob", EXECUTIONS)
        .about("Delete a job's executions.", "And begin its figures anew.")
        .gives::<JobDto<'_>>(200, "The job")
        .missing("There is no such job")
        .writes();
}

fn one(book: &mut Book) {
    book.op("GET /v1/jobs/{job_name}/executions/{execution}", "showExecutionByID", EXECUTIONS)
        .about("Show execution.", "With its output.")
        .gives::<ExecutionDto>(200, "The execution")
        .missing("There is no such job or execution")
        .reads();
    book.op("GET /v1/jobs/{job_name}/executions/{execution}/output", "showOutput", EXECUTIONS)
        .about("What an execution wrote.", "Whole, a range, from an offset, or followed.")
        .query("from", text(), "`start`, `end` or an offset: at most 1 MiB from there")
        .query("follow", one_of(&["true", "false"]), "Go on until the execution ends")
        .query("format", one_of(&["text", "sse"]), "How it is followed")
        .query("download", one_of(&["true", "false"]), "Name a file for browsers")
        .gives_as(200, "text/plain", "The bytes")
        .with(200, "X-Dkron-Output-Total", "Bytes that were written in all")
        .gives_as(206, "text/plain", "The range that was asked for")
        .gives_nothing(204, "All was seen before: do not ask again")
        .missing("There is no such job or execution")
        .gives_nothing(416, "The range lies beyond the end")
        .reads();
    book.op(
        "POST /v1/jobs/{job_name}/executions/{execution}/cancel",
        "cancelExecution",
        EXECUTIONS,
    )
    .about("End an execution.", "")
    .body::<CancelBody>(false, "Who and why")
    .query("by", text(), "Who wants it")
    .query("reason", text(), "Why")
    .gives::<Met>(202, "What it met")
    .missing("There is no such job or execution")
    .fails(409, "It has ended already")
    .fails(413, "The body is larger than 64 KiB")
    .writes();
}

fn across_jobs(book: &mut Book) {
    book.op("GET /v1/executions", "listExecutions", EXECUTIONS)
        .about("List executions of all jobs.", "Newest first, page by page.")
        .query("state", text(), "A state, repeatable")
        .query("job", text(), "How the names of the jobs begin")
        .query("node", text(), "The node")
        .query("from", instant(), "Ended, or of those that go on started, not before")
        .query("to", instant(), "Ended or started before")
        .query("limit", json!({ "type": "integer", "minimum": 1, "maximum": 1000 }), "How many")
        .query("cursor", text(), "X-Dkron-Next-Cursor of the page before")
        .query(
            "output_size_limit",
            json!({ "type": "integer", "minimum": 0, "maximum": 4096 }),
            "Bytes of output at the end that are shown",
        )
        .gives::<Vec<RecentExecution>>(200, "A page, perhaps a short one")
        .with(200, "X-Dkron-Next-Cursor", "There is more: the cursor of the next page")
        .reads();
    book.op("GET /v1/busy", "busy", EXECUTIONS)
        .about("What runs now.", "With the output so far.")
        .gives::<Vec<ExecutionDto>>(200, "The executions by their start")
        .with(200, "X-Total-Count", "How many")
        .query("_sort", flag(), "Ignored, as Dkron does")
        .reads();
}
