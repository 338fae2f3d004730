//! One of each: every kind, and every variant of every enum, in values that differ.

use std::sync::Arc;
use std::time::Duration;

use dkron_core::domain::stats::{Bucket, Lag, Ran, Span};
use dkron_core::domain::{
    Backoff, BootId, ByHand, Cancellation, Cause, Concurrency, Digest, Drain, Dst, EndReason,
    ExecutionId, Finish, Group, HistoryNo, Job, JobNo, JournalId, Late, LogIndex, Misfire, Nominal,
    OnLost, Origin, Output, PauseNo, Policy, QueueNo, Record, RequestId, RequestKey, Retry,
    RetryNode, RetryOn, SchedulingPause, Scope, Seq, Settings, SkipNo, SkipReason, Skipped, State,
    Status, Submission, Target, Tenure, TextMap, Timestamp, Verb, Version,
};
use dkron_core::ledger::{
    Account, Activity, Answered, Base, Cancel, Command, Decision, End, Entry, Expire, Fire, Gone,
    JobVersion, Keyed, LiveGroup, Lost, Note, OfJob, Office, PauseScheduling, Phase, Place,
    Pointer, Processing, Prune, PutJob, PutOutput, Queued, RaiseVersion, Recent, Report,
    ResumeScheduling, Rollup, Row, Runtime, Series, SeriesNo, SetEligibility, Slot, TakeOffice,
    ToggleJob, Trigger, Write,
};
use dkron_core::worker::{JournalRecord, Process, Terms};

pub const STATES: [State; 8] = [
    State::Pending,
    State::Running,
    State::Unreachable,
    State::Success,
    State::Failed,
    State::TimedOut,
    State::Cancelled,
    State::Lost,
];
pub const END_REASONS: [EndReason; 12] = [
    EndReason::None,
    EndReason::NodeUnreachable,
    EndReason::NotStarted,
    EndReason::NoExecutor,
    EndReason::Gone,
    EndReason::Forgotten,
    EndReason::Silent,
    EndReason::MaxRuntime,
    EndReason::Fenced,
    EndReason::Cancelled,
    EndReason::Replaced,
    EndReason::NodeLeft,
];
pub const SKIP_REASONS: [SkipReason; 12] = [
    SkipReason::Overlap,
    SkipReason::Missed,
    SkipReason::NoEligibleNode,
    SkipReason::NoCapacity,
    SkipReason::NotStarted,
    SkipReason::Expired,
    SkipReason::Disabled,
    SkipReason::Changed,
    SkipReason::QueueFull,
    SkipReason::QueueTimeout,
    SkipReason::Replaced,
    SkipReason::Cancelled,
];
pub const CONCURRENCIES: [Concurrency; 4] =
    [Concurrency::Allow, Concurrency::Forbid, Concurrency::Queue, Concurrency::Replace];
pub const BACKOFFS: [Backoff; 3] = [Backoff::Exponential, Backoff::Linear, Backoff::Fixed];
pub const RETRY_NODES: [RetryNode; 4] =
    [RetryNode::Prefer, RetryNode::Same, RetryNode::Other, RetryNode::Any];
pub const ON_LOST: [OnLost; 3] = [OnLost::Kill, OnLost::Leave, OnLost::Hold];
pub const STATUSES: [Status; 4] =
    [Status::Untriggered, Status::Success, Status::Failed, Status::PartiallyFailed];

/// A time in late 2027, `n` seconds on.
pub fn at(n: u32) -> Timestamp {
    Timestamp::new(1_830_000_000 + i64::from(n), 500_000_000 + n)
}

pub fn nominal(n: u32) -> Nominal {
    Nominal(Timestamp::from_secs(1_830_000_000 + i64::from(n)))
}

fn base() -> Base {
    Base { job_no: JobNo(1234), version: Version(1), next: Some(nominal(0)) }
}

pub fn seq(n: u64) -> Seq {
    Seq(1_830_000_000_000_000_000 + n)
}

pub fn group(n: u64) -> Group {
    Group(1_830_000_000_000_000_000 + n)
}

pub fn ascending<const N: usize>(first: u8) -> [u8; N] {
    std::array::from_fn(|i| first.wrapping_add(i as u8))
}

fn map(pairs: &[(&str, &str)]) -> TextMap {
    pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}

fn target(node: &str) -> Target {
    Target {
        node: node.into(),
        boot_id: BootId(ascending(0x10)),
        journal_id: JournalId(ascending(0x20)),
    }
}

pub fn job() -> Job {
    let processors = [("files", map(&[("forward", "true")])), ("log", map(&[]))];
    Job {
        name: "backup".into(),
        displayname: "Nightly b\u{e4}ckup".into(),
        timezone: "Europe/Berlin".into(),
        schedule: "0 30 3 * * *".into(),
        owner: "ops".into(),
        owner_email: "ops@example.com".into(),
        disabled: true,
        tags: map(&[("role", "db:2"), ("zone", "a")]),
        metadata: map(&[("team", "storage")]),
        retries: 3,
        parent_job: Some("prepare".into()),
        processors: processors.map(|(name, config)| (name.to_owned(), config)).into(),
        concurrency: Concurrency::Forbid,
        executor: "shell".into(),
        executor_config: map(&[("command", "/bin/true"), ("shell", "false")]),
        ephemeral: true,
        starts_at: Some(at(1)),
        expires_at: Some(at(2)),
        policy: Some(Arc::new(policy())),
    }
}

fn policy() -> Policy {
    Policy {
        queue_depth: 5,
        misfire: Some(Misfire::RunAll { max: 300 }),
        misfire_threshold: Some(Duration::from_secs(1)),
        start_deadline: Some(Duration::from_secs(2)),
        retry: Retry {
            delay: Some(Duration::from_millis(1500)),
            backoff: Backoff::Linear,
            max_delay: Some(Duration::from_secs(3)),
            jitter: Duration::from_millis(4),
            node: RetryNode::Other,
            on: RetryOn { failed: true, timed_out: false, lost: true },
        },
        dst: Dst::Once,
        jitter: Duration::from_secs(5),
        max_runtime: Some(Duration::from_secs(6)),
        on_lost: OnLost::Hold,
        lost_after: Some(Duration::from_secs(7)),
        keep_executions: Some(8),
        keep_for: Some(Duration::from_secs(9)),
        output_limit: Some(1_000_000),
    }
}

fn cancellation() -> Option<Arc<Cancellation>> {
    let (by, reason) = ("ops".into(), "too slow".into());
    Some(Arc::new(Cancellation { at: at(8), by, reason }))
}

fn scope() -> Scope {
    let jobs = vec!["a".into(), "b".into()];
    Scope { jobs, prefix: "db-".into(), metadata: map(&[("team", "red")]) }
}

fn skipped(reason: SkipReason) -> Skipped {
    Skipped { first: nominal(1), last: nominal(3), count: 300, reason, detail: "held".into() }
}

pub fn finish() -> Finish {
    Finish {
        state: State::Success,
        reason: EndReason::None,
        started_at: Some(at(3)),
        finished_at: at(4),
        exit_code: Some(-1),
        output: Output::Inline(Arc::from(*b"hello\n")),
        dropped: 5,
        head: 2,
    }
}

fn record() -> Arc<Record> {
    Arc::new(Record {
        seq: seq(7),
        job_no: JobNo(1234),
        job_name: "backup".into(),
        version: Version(2),
        node: "db1".into(),
        group: group(6),
        attempt: 2,
        cause: Cause::Schedule,
        nominal: nominal(0),
        fired_at: at(0),
        finish: finish(),
        cancel: cancellation(),
    })
}

fn put_job() -> Box<PutJob> {
    Box::new(PutJob {
        submission: Submission {
            job: job(),
            success_count: 128,
            error_count: 2,
            last_success: Some(at(5)),
            last_error: Some(at(6)),
            status: Status::PartiallyFailed,
        },
        base: Some(base()),
        account: Account::Restart { next: Some(nominal(60)), anchor: true },
        undecided: Some(skipped(SkipReason::Changed)),
    })
}

fn fire(trigger: Trigger, decision: Decision) -> Fire {
    let next = Some(nominal(60));
    Fire { job_no: JobNo(1234), version: Version(2), trigger, nominal: nominal(0), next, decision }
}

fn fires() -> Vec<Fire> {
    let mut places = vec![Place { target: target("db1"), born_failed: None }];
    places.extend(
        END_REASONS.map(|reason| Place { target: target("db2"), born_failed: Some(reason) }),
    );
    let skip =
        |reason| Decision::Skip { last: nominal(9), count: 10, reason, detail: "late".into() };
    let mut fires = vec![
        fire(Trigger::Schedule, Decision::Run(places)),
        fire(Trigger::Manual(RequestId(ascending(0x40))), Decision::Run(Vec::new())),
        fire(Trigger::Child(group(1)), Decision::Run(Vec::new())),
        fire(Trigger::Retry { group: group(2), failed: seq(3) }, Decision::Run(Vec::new())),
        fire(Trigger::Queued(QueueNo(4)), Decision::Run(Vec::new())),
    ];
    fires.extend(SKIP_REASONS.map(|reason| fire(Trigger::Schedule, skip(reason))));
    fires
}

fn report() -> Report {
    let mut ends = vec![End { seq: seq(3), finish: finish(), retry_at: at(60) }];
    for state in STATES {
        let finish = Finish { state, ..Finish::default() };
        ends.push(End { seq: seq(4), finish, retry_at: at(61) });
    }
    for reason in END_REASONS {
        let finish = Finish { reason, ..Finish::default() };
        ends.push(End { seq: seq(5), finish, retry_at: at(62) });
    }
    Report { starts: vec![(seq(1), at(1)), (seq(2), at(2))], ends }
}

fn settings() -> Settings {
    Settings {
        zone: "UTC".into(),
        keep_executions: 100,
        misfire_threshold: Duration::from_millis(10_001),
        start_deadline: Duration::from_secs(3600),
        lost_after: Duration::from_secs(300),
        misfire: Misfire::RunAll { max: 10 },
        catch_up_rate: 1000,
        keep_for: Some(Duration::from_secs(86_400)),
        output_limit: 256_000,
    }
}

pub fn stored() -> Output {
    Output::Stored { digest: Digest(ascending(0x80)), len: 256_000 }
}

fn put_output(output: Output) -> Command {
    Command::PutOutput(PutOutput { seq: seq(7), output, dropped: 1 })
}

fn by_hand() -> ByHand {
    ByHand {
        id: RequestId(ascending(0x50)),
        config: map(&[("command", "true")]),
        tags: Some(map(&[("role", "web:1")])),
        nodes: vec!["db1".into()],
        by: "ann".into(),
        reason: "test".into(),
    }
}

/// Pauses of scheduling, and runs by hand.
fn pauses() -> Vec<(&'static str, Command)> {
    let paused_slot = Fire {
        job_no: JobNo(1234),
        version: Version(2),
        trigger: Trigger::Schedule,
        nominal: Nominal(at(1)),
        next: None,
        decision: Decision::Skip {
            last: Nominal(at(2)),
            count: 10,
            reason: SkipReason::Paused,
            detail: "release".into(),
        },
    };
    let pause_wanted = PauseScheduling {
        scope: scope(),
        until: Some(at(9)),
        by: "ann".into(),
        reason: "release".into(),
    };
    let trigger = Trigger::ByHand(by_hand().into());
    let decision = Decision::Run(Vec::new());
    let by_hand = Fire { trigger, decision, ..paused_slot.clone() };
    vec![
        ("a paused slot", Command::Fire(vec![paused_slot])),
        ("by hand", Command::Fire(vec![by_hand])),
        ("some jobs", Command::PauseScheduling(pause_wanted)),
        ("one", Command::ResumeScheduling(ResumeScheduling { id: Some(PauseNo(7)) })),
        ("seven", Command::EndPause(PauseNo(7))),
    ]
}

fn scheduling_pause() -> SchedulingPause {
    SchedulingPause {
        id: PauseNo(7),
        since: at(1),
        until: Some(at(9)),
        resumed: true,
        scope: scope(),
        by: "ann".into(),
        reason: "release".into(),
    }
}

pub fn entries() -> Vec<(&'static str, Entry)> {
    let entry = |command| Entry {
        index: LogIndex(42),
        at: at(0),
        tenure: Tenure(7),
        request: None,
        command,
    };
    let office = TakeOffice {
        server: "db1".into(),
        boot_id: BootId(ascending(0x10)),
        zone_data: "2027a".into(),
        rules: 1,
    };
    let toggle =
        ToggleJob { name: "backup".into(), base: base(), account: Account::Keep, undecided: None };
    let expire = Expire { job_no: JobNo(1234), first: HistoryNo(1), end: HistoryNo(1001) };
    let cancel = |execution| Cancel {
        name: "backup".into(),
        execution,
        by: "ops".into(),
        reason: "too slow".into(),
    };
    let prune = Prune { job_no: JobNo(1234), first: HistoryNo(55) };
    let eligibility = SetEligibility {
        node: "db1".into(),
        eligible: false,
        deadline: Some(at(9)),
        by: "ops".into(),
        reason: "new disks".into(),
    };
    let this = OfJob { name: "backup".into(), job_no: JobNo(1234) };
    let note = Note { object: "backup".into(), detail: "300 jobs".into() };
    let asked = Entry {
        at: Timestamp::YEAR_ONE,
        tenure: Tenure(0),
        request: Some(RequestId(ascending(0x40))),
        ..entry(Command::DeleteJob(this.clone()))
    };
    let mut entries = vec![
        ("whole", entry(Command::TakeOffice(office))),
        ("whole", entry(Command::PutSettings(settings()))),
        ("whole", entry(Command::PutJob(put_job()))),
        ("smallest", entry(Command::PutJob(Box::new(smallest_put())))),
        ("asked", asked),
        ("whole", entry(Command::ToggleJob(toggle))),
        ("on", entry(Command::Pause(true))),
        ("off", entry(Command::Pause(false))),
        ("each trigger, decision and reason", entry(Command::Fire(fires()))),
        ("each state and reason", entry(Command::Report(report()))),
        ("empty", entry(put_output(Output::Empty))),
        ("inline", entry(put_output(Output::Inline(Arc::from(*b"done"))))),
        ("stored", entry(put_output(stored()))),
        ("whole", entry(Command::Restore(put_job()))),
        ("whole", entry(Command::ClearExecutions(this))),
        ("whole", entry(Command::Expire(expire))),
        ("one", entry(Command::Cancel(cancel(Some(seq(7)))))),
        ("all", entry(Command::Cancel(cancel(None)))),
        ("whole", entry(Command::Prune(prune))),
        ("drain", entry(Command::SetEligibility(eligibility))),
        ("whole", entry(Command::RaiseVersion(RaiseVersion { version: 300, rules: 2 }))),
        ("whole", entry(Command::Note(note.clone()))),
        ("pause, by nobody", entry(write(Origin::default(), Verb::Pause, Command::Pause(true)))),
        ("note, with a key", entry(write(origin(), Verb::Undelete, Command::Note(note)))),
    ];
    entries.extend(pauses().into_iter().map(|(name, command)| (name, entry(command))));
    entries
}

fn origin() -> Origin {
    Origin { by: "ann".into(), from: "10.0.0.9".into(), key: Some(key()) }
}

fn key() -> RequestKey {
    RequestKey { name: ascending(0x50), content: ascending(0x60) }
}

fn write(origin: Origin, verb: Verb, command: Command) -> Command {
    Command::Write(Box::new(Write { origin, verb, command }))
}

fn smallest_put() -> PutJob {
    PutJob {
        submission: Submission::default(),
        base: None,
        account: Account::Keep,
        undecided: None,
    }
}

fn runtime(status: Status) -> Runtime {
    Runtime {
        version: Version(2),
        success_count: 128,
        error_count: 3,
        last_success: Some(at(5)),
        last_error: Some(at(6)),
        status,
        since: at(7),
        anchor: at(8),
        mark: Some(nominal(0)),
        next: Some(nominal(60)),
        first_no: HistoryNo(4),
        next_no: HistoryNo(104),
        first_skip: SkipNo(5),
        next_skip: SkipNo(6),
        last_skipped: Some(Box::new(skipped(SkipReason::Overlap))),
        rollup: Some(Arc::new(Rollup { since: 4, hour: bucket(508_333), day: bucket(21_180) })),
        deleted: true,
        leaving: false,
    }
}

fn bucket(no: u32) -> Bucket {
    Bucket {
        no,
        success: 300,
        failed: 2,
        timed_out: 3,
        cancelled: 4,
        lost: 5,
        skipped: 6,
        lag: Lag { count: 7, max_ms: 800, sum_ms: 900 },
        ran: Ran { max_ms: 70_000, sum_ms: 100_000, by_digits: vec![(3, 200), (17, 1)] },
    }
}

fn live_group(cause: Cause) -> LiveGroup {
    let phases = [
        Phase::Pending,
        Phase::Running { started_at: at(1) },
        Phase::Waiting { retry_at: at(2) },
        Phase::Done { success: true },
    ];
    let slot = |phase| Slot {
        target: target("db1"),
        seq: seq(7),
        attempt: 2,
        fired_at: at(3),
        tenure: Tenure(8),
        phase,
        cancel: cancellation().filter(|_| phase.is_live()),
    };
    LiveGroup {
        group: group(6),
        job_no: JobNo(1234),
        version: Version(2),
        cause,
        nominal: nominal(0),
        fired_at: at(0),
        tenure: Tenure(7),
        slots: phases.map(slot).into(),
    }
}

fn office() -> Office {
    Office {
        tenure: Tenure(7),
        server: "db1".into(),
        boot_id: BootId(ascending(0x10)),
        at: at(0),
        zone_data: "2027a".into(),
        rules: 1,
        former_lost_after: Duration::from_secs(300),
        lowered_at: at(4),
    }
}

pub fn rows() -> Vec<(&'static str, Row)> {
    let job_no = JobNo(1234);
    let allowed = Job { concurrency: Concurrency::Allow, ..Job::default() };
    let definition = |job| Row::Definition { job_no, version: Version(2), job: Arc::new(job) };
    let state = |status| Row::Runtime { job_no, runtime: runtime(status) };
    let live = |cause| Row::Group(live_group(cause));
    let (cause, nominal, since, until) = (Cause::Schedule, nominal(1), at(2), at(3));
    let queued = Queued { cause, nominal, since, until };
    let (no, name, since) = (SeriesNo(1), "db1".into(), 30_400_000);
    let node = Series { no, name, since, minute: bucket(30_500_000) };
    let over = |span, of, no| Row::Bucket { span, of, bucket: bucket(no) };
    let (no, history_no) = ((1 << 33) - 1, HistoryNo(103));
    let pointer = Pointer { no, at: at(4), job_no, history_no, seq: seq(7) };
    let lost = Lost { job_no, no: HistoryNo(103), at: at(4) };
    let late = Late { seq: seq(7), at: at(5), finish: finish() };
    let drain = Drain {
        node: "db1".into(),
        since: at(1),
        deadline: Some(at(9)),
        by: "ops".into(),
        reason: "new disks".into(),
    };
    let first = Row::Expiring { job_no, first: HistoryNo(4), end: HistoryNo(104) };
    let mut all = vec![
        ("in office", Row::Office(office())),
        ("agreed", Row::Settings(settings())),
        ("on", Row::Paused(true)),
        ("high", Row::LastSeq(seq(9))),
        ("full", definition(job())),
        ("smallest", definition(allowed)),
        ("untriggered", state(Status::Untriggered)),
        ("success", state(Status::Success)),
        ("failed", state(Status::Failed)),
        ("partially failed", state(Status::PartiallyFailed)),
        ("new", Row::Runtime { job_no, runtime: Runtime::default() }),
        ("scheduled", live(Cause::Schedule)),
        ("manual", live(Cause::Manual(RequestId(ascending(0x40))))),
        ("child", live(Cause::Child(group(1)))),
        ("by hand", live(Cause::ByHand(by_hand().into()))),
        ("since", Row::Owed { parent: group(6), child: JobNo(77), at: at(9) }),
        ("waiting", Row::Processing(Processing { no: HistoryNo(104), record: record() })),
        ("range", first),
        ("known", Row::Request { index: LogIndex(42), id: RequestId(ascending(0x40)) }),
        ("whole", Row::History { no: HistoryNo(104), record: record() }),
        ("turn", Row::Queued { job_no, no: QueueNo(9), queued }),
        ("run", Row::Skipped { job_no, no: SkipNo(5), skipped: skipped(SkipReason::Missed) }),
        ("ring", Row::Recent(Recent { first: 3, next: 1 << 33, at: at(4) })),
        ("cluster", Row::Series(Series { minute: bucket(30_500_000), ..Series::default() })),
        ("node", Row::Series(node)),
        ("minute", over(Span::Minute, 1, 30_500_000)),
        ("hour", over(Span::Hour, 1234, 508_333)),
        ("day", over(Span::Day, 1234, 21_180)),
        ("end", Row::Pointer(pointer)),
        ("raised", Row::Version(300)),
        ("given up", Row::Lost { seq: seq(7), lost }),
        ("result", Row::Late { job_no, no: HistoryNo(103), late }),
        ("newest", Row::LateMark { job_no, newest: HistoryNo(103) }),
        ("two", Row::Drains(vec![drain, Drain::default()])),
        ("two", Row::SchedulingPauses(vec![scheduling_pause(), SchedulingPause::default()])),
    ];
    all.extend(written());
    all
}

/// What a write of a user leaves.
fn written() -> Vec<(&'static str, Row)> {
    let job_no = JobNo(1234);
    let version = Version(2);
    let keyed = |answer| {
        let keyed = Keyed { key: key(), at: at(3), answer };
        Row::Keyed { index: LogIndex(42), keyed }
    };
    let executions = vec![ExecutionId { seq: seq(7), node: "db1".into() }];
    let ran = Answered::Ran { job_no, version, group: group(6), executions: executions.clone() };
    let cancelling = Answered::Cancelling { executions, retries: 1, queued: 300 };
    let (first, last) = (Version(1), version);
    let gone = Gone { name: "backup".into(), job_no, first, last, at: at(5) };
    let (verb, index) = (Some(Verb::Create), LogIndex(42));
    let (by, from) = ("ann".into(), "10.0.0.9".into());
    let row = JobVersion { job: Arc::new(job()), verb, at: at(4), index, by, from };
    let old = JobVersion { job: Arc::new(Job::default()), verb: None, ..row.clone() };
    let activity = Activity {
        no: 20_005,
        at: at(4),
        index: LogIndex(42),
        by: "ann".into(),
        from: "10.0.0.9".into(),
        verb: Verb::Rollback,
        object: "backup".into(),
        job: Some((job_no, version)),
        detail: "to version 1".into(),
    };
    vec![
        ("done", keyed(Answered::Done)),
        ("job", keyed(Answered::Job { job_no, version })),
        ("ran", keyed(ran)),
        ("queued", keyed(Answered::Queued { job_no, version })),
        ("cancelling", keyed(cancelling)),
        ("paused", keyed(Answered::SchedulingPaused(PauseNo(41)))),
        ("resumed", keyed(Answered::Resumed(2))),
        ("count", Row::Activities(300)),
        ("entry", Row::VersionsSince(LogIndex(300))),
        ("three", Row::Kept { job_no, sizes: vec![1, 300, 5] }),
        ("job", Row::Gone { index: LogIndex(43), gone }),
        ("whole", Row::JobVersion { job_no, version, row: row.clone() }),
        ("old", Row::JobVersion { job_no, version: Version(1), row: old }),
        ("whole", Row::Activity(activity)),
    ]
}

pub fn journal() -> Vec<(&'static str, JournalRecord)> {
    let process = Some(Process { group: 4321, start_time: 987_654 });
    let large = Box::new(Finish { output: stored(), ..finish() });
    let terms = Terms {
        exclusive: true,
        leave: true,
        lost_after: Some(Duration::from_secs(60)),
        max_runtime: Some(Duration::new(3600, 5)),
        output_limit: 256_000,
    };
    vec![
        ("plain", JournalRecord::Accepted { seq: seq(1), terms: Terms::default() }),
        ("whole", JournalRecord::Accepted { seq: seq(1), terms }),
        ("process", JournalRecord::Started { seq: seq(1), at: at(1), process }),
        ("no process", JournalRecord::Started { seq: seq(1), at: at(1), process: None }),
        ("inline", JournalRecord::Finished { seq: seq(1), finish: Box::new(finish()) }),
        ("stored", JournalRecord::Finished { seq: seq(1), finish: large }),
        ("whole", JournalRecord::Forgotten { seq: seq(1) }),
        ("fenced", JournalRecord::Ending { seq: seq(1), reason: EndReason::Fenced }),
    ]
}
