//! The ledger's words in short form: replies, rows, effects, commands. Fields that have their
//! first value are left out.

use std::sync::Arc;

use dkron_core::domain::stats::Span;
use dkron_core::domain::{
    ByHand, Cancellation, Cause, Drain, EndReason, Finish, Nominal, Origin, Output, Record,
    RequestId, RequestKey, SchedulingPause, Scope, SkipReason, Skipped, Status, TextMap, Timestamp,
};
use dkron_core::ledger::{
    Account, Activity, Answered, Command, Decision, Effect, Fire, Fired, Gone, JobSnapshot,
    LiveGroup, Office, Phase, Place, Pointer, PutJob, Queued, Rejection, Reply, Row, RowKey, RowOp,
    Runtime, Slot, Trigger, Write,
};

use super::figures;
use super::time::show_time;

pub fn reply(reply: &Reply) -> String {
    match reply {
        Reply::Done => "done".into(),
        Reply::InOffice(tenure) => format!("in office, tenure {tenure}"),
        Reply::Job(job) => format!("job {}", snapshot(job)),
        Reply::Fired(fired) => {
            format!("fired {}", fired.iter().map(one_fired).collect::<Vec<_>>().join(" ; "))
        }
        Reply::Cancelling { executions, retries, queued } => {
            format!("cancelling {executions:?}, {retries} retries, {queued} queued")
        }
        Reply::SchedulingPaused(id) => format!("paused as p{id}"),
        Reply::Resumed(pauses) => format!("resumed {pauses}"),
        Reply::Repeated => "repeated".into(),
        Reply::Again(again) => format!("again {}, {}", again.index, answered(&again.answer)),
        Reply::Deposed => "deposed".into(),
        Reply::Rejected(why) => format!("rejected {}", rejection(why)),
    }
}

pub fn snapshot(job: &JobSnapshot) -> String {
    format!("{} j{} {}", job.job.name, job.job_no, runtime(&job.runtime))
}

fn one_fired(fired: &Fired) -> String {
    match fired {
        Fired::Run { seqs, .. } => {
            let seqs: Vec<String> = seqs.iter().map(|seq| seq.to_string()).collect();
            format!("run {}", seqs.join(","))
        }
        Fired::Skipped => "skipped".into(),
        Fired::Queued(no) => format!("queued {no}"),
        Fired::Void => "void".into(),
        Fired::Rejected(why) => format!("rejected {}", rejection(why)),
    }
}

pub fn rejection(why: &Rejection) -> String {
    match why {
        Rejection::Paused => "paused".into(),
        Rejection::JobNotFound(name) => format!("job_not_found {name}"),
        Rejection::ParentNotFound(name) => format!("parent_not_found {name}"),
        Rejection::Cycle(name) => format!("cycle {name}"),
        Rejection::HasDependents(names) => format!("has_dependents {names:?}"),
        Rejection::Overlap(id) => format!("overlap {id}"),
        Rejection::Stale => "stale".into(),
        Rejection::NotLive(seq) => format!("not_live {seq}"),
        Rejection::QueueFull(depth) => format!("queue_full {depth}"),
        Rejection::TooManyPauses(most) => format!("too_many_pauses {most}"),
        Rejection::PauseNotFound(id) => format!("pause_not_found p{id}"),
        Rejection::KeyReused => "key_reused".into(),
        Rejection::TooManyDrains(most) => format!("too_many_drains {most}"),
    }
}

pub fn row_op(op: &RowOp) -> String {
    match op {
        RowOp::Put(row) => format!("put {}", show_row(row)),
        RowOp::PutNew(row) => format!("new {}", show_row(row)),
        RowOp::Delete(key) => format!("del {}", row_key(key)),
    }
}

fn row_key(key: &RowKey) -> String {
    match key {
        RowKey::Office => "office".into(),
        RowKey::Settings => "settings".into(),
        RowKey::Paused => "paused".into(),
        RowKey::LastSeq => "last_seq".into(),
        RowKey::Definition(job, version) => format!("definition j{job} v{version}"),
        RowKey::Runtime(job) => format!("runtime j{job}"),
        RowKey::Group(group) => format!("group {group}"),
        RowKey::Owed(parent, child) => format!("owed j{child} by {parent}"),
        RowKey::Processing(seq) => format!("processing {seq}"),
        RowKey::Expiring(job, first) => format!("expiring j{job} from {first}"),
        RowKey::Request(index) => format!("request {index}"),
        RowKey::Queued(job, no) => format!("queued j{job}/{no}"),
        RowKey::History(job, no) => format!("history j{job}/{no}"),
        RowKey::Skipped(job, no) => format!("skipped j{job}/{no}"),
        RowKey::Recent => "recent".into(),
        RowKey::Series(no) => format!("series {}", no.0),
        RowKey::Bucket(key) => format!("{} {}/{}", key.span.word(), key.of, key.slot),
        RowKey::Pointer(slot) => format!("pointer {slot}"),
        RowKey::Version => "version".into(),
        RowKey::Drains => "drains".into(),
        RowKey::SchedulingPauses => "scheduling_pauses".into(),
        RowKey::Lost(seq) => format!("lost {seq}"),
        RowKey::Late(job, no) => format!("late j{job}/{no}"),
        RowKey::LateMark(job) => format!("late_mark j{job}"),
        RowKey::Keyed(index) => format!("keyed {index}"),
        RowKey::Activities => "activities".into(),
        RowKey::VersionsSince => "versions_since".into(),
        RowKey::Kept(job) => format!("kept j{job}"),
        RowKey::Gone(index) => format!("gone {index}"),
        RowKey::JobVersion(job, version) => format!("version j{job} v{version}"),
        RowKey::Activity(slot) => format!("activity {slot}"),
    }
}

fn show_row(row: &Row) -> String {
    let key = row_key(&row.key());
    let value = match row {
        Row::Office(row) => office(row),
        Row::Settings(settings) => {
            format!("zone {} keep {}", settings.zone, settings.keep_executions)
        }
        Row::Paused(paused) => paused.to_string(),
        Row::LastSeq(seq) => seq.to_string(),
        Row::Definition { job, .. } => {
            let schedule = format!("{} {:?}", job.name, job.schedule);
            let off = if job.disabled { " disabled" } else { "" };
            let parent = job.parent_job.iter().map(|name| format!(" parent {name}"));
            format!("{schedule}{off}{}", parent.collect::<String>())
        }
        Row::Runtime { runtime: row, .. } => runtime(row),
        Row::Group(group) => show_group(group),
        Row::Owed { at, .. } => format!("since {}", show_time(*at)),
        Row::Processing(held) => format!("as history {}", held.no),
        Row::Expiring { end, .. } => format!("to {end}"),
        Row::Request { id, .. } => request(id),
        Row::Queued { queued: row, .. } => queued(row),
        Row::History { record, .. } => show_record(record),
        Row::Skipped { skipped, .. } => show_skipped(skipped),
        Row::Recent(recent) => {
            format!("{}..{} to {}", recent.first, recent.next, show_time(recent.at))
        }
        Row::Series(series) => {
            let name = if series.name.is_empty() { "cluster" } else { series.name.as_str() };
            format!("{name} {}", figures::bucket(Span::Minute, &series.minute))
        }
        Row::Bucket { span, bucket: over, .. } => figures::bucket(*span, over),
        Row::Pointer(pointer) => {
            let Pointer { no, at, job_no, history_no, seq } = pointer;
            format!("{no} at {} j{job_no}/{history_no} {seq}", show_time(*at))
        }
        Row::Version(version) => version.to_string(),
        Row::Lost { lost, .. } => format!("j{}/{} at {}", lost.job_no, lost.no, show_time(lost.at)),
        Row::Late { late, .. } => format!("{} {}", late.seq, finish(&late.finish)),
        Row::LateMark { newest, .. } => newest.to_string(),
        Row::SchedulingPauses(pauses) => {
            pauses.iter().map(scheduling_pause).collect::<Vec<_>>().join(" ; ")
        }
        Row::Keyed { keyed, .. } => {
            let at = show_time(keyed.at);
            format!("{} at {at}: {}", key_name(&keyed.key), answered(&keyed.answer))
        }
        Row::Activities(next) => next.to_string(),
        Row::VersionsSince(index) => format!("entry {index}"),
        Row::Kept { sizes, .. } => format!("{sizes:?}"),
        Row::Gone { gone, .. } => {
            let Gone { name, job_no, first, last, at } = gone;
            format!("{name} j{job_no} v{first}..=v{last} at {}", show_time(*at))
        }
        Row::JobVersion { row, .. } => {
            let verb = row.verb.map_or("before", |verb| verb.word());
            let (at, by) = (show_time(row.at), &row.by);
            format!("{verb} at {at} by {by}: {:?} {}", row.job.schedule, row.job.owner)
        }
        Row::Activity(row) => activity(row),
        Row::Drains(drains) => drains.iter().map(drain).collect::<Vec<_>>().join(" ; "),
    };
    format!("{key}: {value}")
}

fn key_name(key: &RequestKey) -> String {
    let name = key.name.iter().take_while(|byte| **byte > 0);
    name.map(|byte| char::from(*byte)).collect()
}

pub fn answered(answer: &Answered) -> String {
    match answer {
        Answered::Done => "done".into(),
        Answered::Job { job_no, version } => format!("job j{job_no} v{version}"),
        Answered::Ran { job_no, version, executions, .. } => {
            format!("ran j{job_no} v{version} {executions:?}")
        }
        Answered::Queued { job_no, version } => format!("queued j{job_no} v{version}"),
        Answered::SchedulingPaused(id) => format!("paused as p{id}"),
        Answered::Resumed(pauses) => format!("resumed {pauses}"),
        Answered::Cancelling { executions, retries, queued } => {
            format!("cancelling {executions:?}, {retries} retries, {queued} queued")
        }
    }
}

pub fn activity(activity: &Activity) -> String {
    let Activity { no, at, index, by, from, verb, object, job, detail } = activity;
    let head = format!("{no} at {} entry {index} by {by} from {from}", show_time(*at));
    let job = job.map(|(job_no, version)| format!(" j{job_no} v{version}"));
    format!("{head}: {} {object}{} {detail}", verb.word(), job.unwrap_or_default())
}

fn office(office: &Office) -> String {
    let Office { tenure, server, zone_data, rules, former_lost_after, .. } = office;
    let head = format!("tenure {tenure} {server} since {}", show_time(office.at));
    let lowered = match former_lost_after.is_zero() {
        true => String::new(),
        false => format!(" leases were {former_lost_after:?} to {}", show_time(office.lowered_at)),
    };
    format!("{head} zones {zone_data} rules {rules}{lowered}")
}

pub fn drain(drain: &Drain) -> String {
    let Drain { node, by, reason, .. } = drain;
    let until = drain.deadline.map(|at| format!(" until {}", show_time(at)));
    let head = format!("{node} since {}{}", show_time(drain.since), until.unwrap_or_default());
    let why = if reason.is_empty() { "" } else { ": " };
    format!("{head} by {by}{why}{reason}")
}

pub fn scheduling_pause(pause: &SchedulingPause) -> String {
    let until = pause.until.map(|at| format!(" until {}", show_time(at)));
    let resumed = if pause.resumed { ", resumed" } else { "" };
    let why = if pause.reason.is_empty() { "" } else { ": " };
    let SchedulingPause { id, by, reason, .. } = pause;
    let span = format!("since {}{}", show_time(pause.since), until.unwrap_or_default());
    format!("p{id} of {} {span}{resumed} by {by}{why}{reason}", scope(&pause.scope))
}

fn scope(scope: &Scope) -> String {
    if scope.is_all() {
        return "all".into();
    }
    let jobs = (!scope.jobs.is_empty()).then(|| format!("{:?}", scope.jobs));
    let prefix = (!scope.prefix.is_empty()).then(|| format!("{}*", scope.prefix));
    let metadata = scope.metadata.iter().map(|(key, value)| format!("{key}={value}"));
    jobs.into_iter().chain(prefix).chain(metadata).collect::<Vec<_>>().join(" and ")
}

pub fn queued(queued: &Queued) -> String {
    let until = show_time(queued.until);
    format!("{} {} until {until}", cause(&queued.cause), nominal(queued.nominal))
}

fn cancelled(cancel: Option<&Arc<Cancellation>>) -> String {
    cancel.map_or(String::new(), |cancel| {
        let why = if cancel.reason.is_empty() { "" } else { ": " };
        format!(" (cancelled by {}{why}{})", cancel.by, cancel.reason)
    })
}

fn show_group(group: &LiveGroup) -> String {
    let slots: Vec<String> = group.slots.iter().map(slot).collect();
    let head = format!("j{} v{} {}", group.job_no, group.version, cause(&group.cause));
    format!("{head} {}, {}", show_time(group.nominal.0), slots.join(", "))
}

fn slot(slot: &Slot) -> String {
    let phase = match slot.phase {
        Phase::Pending => "pending".into(),
        Phase::Running { started_at } => format!("running since {}", show_time(started_at)),
        Phase::Waiting { retry_at } => format!("retry at {}", show_time(retry_at)),
        Phase::Done { success: true } => "succeeded".into(),
        Phase::Done { success: false } => "failed".into(),
    };
    let cancelled = cancelled(slot.cancel.as_ref());
    format!("{}-{} attempt {} {phase}{cancelled}", slot.seq, slot.target.node, slot.attempt)
}

pub fn show_record(record: &Record) -> String {
    let id = format!("{}-{} of {}", record.seq, record.node, record.group);
    let why = format!("v{} {} {}", record.version, cause(&record.cause), nominal(record.nominal));
    let cancelled = cancelled(record.cancel.as_ref());
    format!("{id} {why} attempt {} {}{cancelled}", record.attempt, finish(&record.finish))
}

pub fn finish(finish: &Finish) -> String {
    let mut text = finish.state.word().to_string();
    if finish.reason != EndReason::None {
        text += &format!(" ({})", finish.reason.word());
    }
    if let Output::Inline(bytes) = &finish.output {
        text += &format!(" {:?}", String::from_utf8_lossy(bytes));
    }
    if let Output::Stored { len, .. } = &finish.output {
        text += &format!(" blob of {len}");
    }
    if finish.dropped > 0 {
        text += &format!(" dropped {}", finish.dropped);
    }
    text
}

pub fn show_skipped(skipped: &Skipped) -> String {
    let Skipped { first, last, count, reason, detail } = skipped;
    let tail = if detail.is_empty() { String::new() } else { format!(": {detail}") };
    let span = span(*first, *last, *count);
    format!("{span} {}{tail}", reason.word())
}

fn span(first: Nominal, last: Nominal, count: u64) -> String {
    if first == last && count == 1 {
        return nominal(first);
    }
    format!("{}..{} x{count}", nominal(first), nominal(last))
}

fn nominal(nominal: Nominal) -> String {
    show_time(nominal.0)
}

pub fn cause(cause: &Cause) -> String {
    match cause {
        Cause::Schedule => "schedule".into(),
        Cause::Manual(id) => format!("manual {}", request(id)),
        Cause::Child(group) => format!("child of {group}"),
        Cause::ByHand(by_hand) => show_by_hand(by_hand),
    }
}

pub fn show_by_hand(by_hand: &ByHand) -> String {
    let pairs = |head: &str, map: &TextMap| {
        let pairs = map.iter().map(|(key, value)| format!(" {head}{key}={value}"));
        pairs.collect::<String>()
    };
    let tags = by_hand.tags.as_ref().map(|tags| format!(" tags{}", pairs("", tags)));
    let nodes = (!by_hand.nodes.is_empty()).then(|| format!(" on {:?}", by_hand.nodes));
    let (config, why) = (pairs("", &by_hand.config), &by_hand.reason);
    let head = format!("by hand {}{config}{}", request(&by_hand.id), tags.unwrap_or_default());
    format!("{head}{} by {}: {why}", nodes.unwrap_or_default(), by_hand.by)
}

/// Request ids of scripts are short texts.
pub fn request(id: &RequestId) -> String {
    String::from_utf8_lossy(&id.0).trim_end_matches('\0').to_string()
}

fn runtime(runtime: &Runtime) -> String {
    let mut words = vec![format!("v{}", runtime.version)];
    let mut time = |key: &str, at: Option<Timestamp>| {
        words.extend(at.map(|at| format!("{key}={}", show_time(at))));
    };
    time("since", Some(runtime.since));
    time("anchor", Some(runtime.anchor).filter(|anchor| *anchor != runtime.since));
    time("mark", runtime.mark.map(|mark| mark.0));
    time("next", runtime.next.map(|next| next.0));
    time("last_success", runtime.last_success);
    time("last_error", runtime.last_error);
    let mut number = |key: &str, value: String, shown: bool| {
        words.extend(shown.then(|| format!("{key}={value}")));
    };
    number("successes", runtime.success_count.to_string(), runtime.success_count > 0);
    number("errors", runtime.error_count.to_string(), runtime.error_count > 0);
    let history = format!("{}..{}", runtime.first_no, runtime.next_no);
    number("history", history, runtime.next_no.0 > 0);
    let skips = format!("{}..{}", runtime.first_skip, runtime.next_skip);
    number("skips", skips, runtime.next_skip.0 > 0);
    let status = format!("{:?}", runtime.status).to_lowercase();
    number("status", status, runtime.status != Status::Untriggered);
    words.extend(runtime.leaving.then(|| "leaving".into()));
    words.extend(runtime.deleted.then(|| "deleted".into()));
    words.join(" ")
}

pub fn effect(effect: &Effect) -> String {
    match effect {
        Effect::Start(seq) => format!("start {seq}"),
        Effect::Retry { at, failed, .. } => format!("retry {failed} at {}", show_time(*at)),
        Effect::Child { parent, child } => format!("child j{child} by {parent}"),
        Effect::Process(seq) => format!("process {seq}"),
        Effect::Cancel(seq) => format!("cancel {seq}"),
        Effect::Dequeue(job_no) => format!("dequeue j{job_no}"),
        Effect::Expire { job_no, first, end } => format!("expire j{job_no} {first}..{end}"),
    }
}

/// A command as a leader proposes it.
pub fn command(command: &Command) -> String {
    match command {
        Command::TakeOffice(office) => format!("take_office {}", office.server),
        Command::PutSettings(settings) => format!("put_settings zone {}", settings.zone),
        Command::PutJob(put) => format!("put {}", put_job(put)),
        Command::Restore(put) => format!("restore {}", put_job(put)),
        Command::DeleteJob(delete) => format!("delete {}", delete.name),
        Command::ToggleJob(toggle) => {
            let undecided = toggle.undecided.iter().map(show_skipped);
            let undecided: String = undecided.map(|text| format!(", left over {text}")).collect();
            format!("toggle {} {}{undecided}", toggle.name, account(&toggle.account))
        }
        Command::Pause(paused) => format!("pause {paused}"),
        Command::Fire(fires) => {
            let fires: Vec<String> = fires.iter().map(fire).collect();
            format!("fire {}", fires.join(" ; "))
        }
        Command::Report(report) => {
            let starts = report.starts.iter().map(|(seq, _)| format!("{seq} started"));
            let ends = report.ends.iter().map(|end| {
                format!("{} {} retry {}", end.seq, finish(&end.finish), show_time(end.retry_at))
            });
            format!("report {}", starts.chain(ends).collect::<Vec<_>>().join(" ; "))
        }
        Command::PutOutput(output) => format!("put_output {}", output.seq),
        Command::Cancel(cancel) => {
            let which = cancel.execution.map_or("all".into(), |seq| seq.to_string());
            format!("cancel {} {which} by {}: {}", cancel.name, cancel.by, cancel.reason)
        }
        Command::SetEligibility(wanted) => {
            let verb = if wanted.eligible { "undrain" } else { "drain" };
            format!("{verb} {} by {}: {}", wanted.node, wanted.by, wanted.reason)
        }
        Command::PauseScheduling(wanted) => {
            let until = wanted.until.map(|at| format!(" until {}", show_time(at)));
            let (scope, until) = (scope(&wanted.scope), until.unwrap_or_default());
            format!("pause_scheduling {scope}{until} by {}: {}", wanted.by, wanted.reason)
        }
        Command::ResumeScheduling(wanted) => match wanted.id {
            Some(id) => format!("resume_scheduling p{id}"),
            None => "resume_scheduling".into(),
        },
        Command::EndPause(id) => format!("end_pause p{id}"),
        Command::RaiseVersion(raise) => format!("raise {} rules {}", raise.version, raise.rules),
        Command::Prune(prune) => format!("prune j{} to {}", prune.job_no, prune.first),
        Command::ClearExecutions(clear) => format!("clear {}", clear.name),
        Command::Note(note) => format!("note {}: {}", note.object, note.detail),
        Command::Write(write) => {
            let Write { origin: Origin { by, key, .. }, verb, command } = &**write;
            let key = key.iter().map(|key| format!(" key {}", key_name(key))).collect::<String>();
            format!("{}{key} by {by}: {}", verb.word(), self::command(command))
        }
        Command::Expire(expire) => {
            format!("expire j{} {}..{}", expire.job_no, expire.first, expire.end)
        }
    }
}

fn put_job(put: &PutJob) -> String {
    let base = match put.base {
        None => "new".into(),
        Some(base) => format!("over j{} v{}", base.job_no, base.version),
    };
    let undecided = put.undecided.iter().map(show_skipped);
    let undecided: String = undecided.map(|text| format!(", left over {text}")).collect();
    format!("{} {base} {}{undecided}", put.submission.job.name, account(&put.account))
}

fn account(account: &Account) -> String {
    match account {
        Account::Keep => "keep".into(),
        Account::Restart { next, anchor } => {
            let next = next.map_or("none".into(), nominal);
            format!("restart next {next}{}", if *anchor { " new anchor" } else { "" })
        }
    }
}

fn fire(fire: &Fire) -> String {
    let trigger = match &fire.trigger {
        Trigger::Schedule => "schedule".into(),
        Trigger::Manual(id) => format!("manual {}", request(id)),
        Trigger::Child(group) => format!("child of {group}"),
        Trigger::Retry { failed, .. } => format!("retry of {failed}"),
        Trigger::Queued(no) => format!("queued {no}"),
        Trigger::ByHand(by_hand) => show_by_hand(by_hand),
    };
    let next = fire.next.map_or(String::new(), |next| format!(" next {}", nominal(next)));
    let decision = match &fire.decision {
        Decision::Run(places) => {
            format!("run {}", places.iter().map(place).collect::<Vec<_>>().join(","))
        }
        Decision::Skip { last, count, reason, detail } => {
            skip(fire, *last, *count, *reason, detail)
        }
    };
    format!("j{} {trigger} {} {decision}{next}", fire.job_no, nominal(fire.nominal))
}

fn skip(fire: &Fire, last: Nominal, count: u64, reason: SkipReason, detail: &str) -> String {
    let detail = detail.to_string();
    let skipped = Skipped { first: fire.nominal, last, count, reason, detail };
    format!("skip {}", show_skipped(&skipped))
}

fn place(place: &Place) -> String {
    let dead = place.born_failed.map(|reason| format!("({})", reason.word()));
    format!("{}{}", place.target.node, dead.unwrap_or_default())
}
