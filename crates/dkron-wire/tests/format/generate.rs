//! Any command, row and journal record. Long, because each stored form has its generator here, so
//! that one that is missing is seen.

use std::sync::Arc;
use std::time::Duration;

use dkron_core::domain::{
    BootId, ByHand, Cancellation, Cause, Concurrency, Digest, Drain, Dst, EndReason, ExecutionId,
    Finish, Group, HistoryNo, Job, JobName, JobNo, JournalId, Late, LogIndex, Misfire, NodeName,
    Nominal, Origin, Output, PauseNo, Policy, QueueNo, Record, RequestId, RequestKey, Retry,
    RetryOn, SchedulingPause, Scope, Seq, Settings, SkipNo, SkipReason, Skipped, State, Status,
    Submission, Target, Tenure, TextMap, Timestamp, Verb, Version,
};
use dkron_core::ledger::{
    Account, Activity, Answered, Base, Cancel, Command, Decision, End, Expire, Fire, Gone,
    JobVersion, Keyed, LiveGroup, Lost, Note, OfJob, Office, PauseScheduling, Phase, Place,
    Processing, Prune, PutJob, PutOutput, Queued, RaiseVersion, Report, ResumeScheduling, Row,
    Runtime, SetEligibility, Slot, TakeOffice, ToggleJob, Trigger, Write,
};
use dkron_core::worker::{JournalRecord, Process, Terms};
use proptest::collection::{btree_map, vec};
use proptest::option;
use proptest::prelude::{Just, Strategy, any, prop_oneof};
use proptest::sample::select;

use super::figures;

pub fn number() -> impl Strategy<Value = u64> {
    prop_oneof![0..300u64, any::<u64>()]
}

fn text() -> impl Strategy<Value = String> {
    vec(any::<char>(), 0..12).prop_map(String::from_iter)
}

fn job_name() -> impl Strategy<Value = JobName> {
    text().prop_map(JobName::from)
}

pub fn node() -> impl Strategy<Value = NodeName> {
    text().prop_map(NodeName::from)
}

fn of_job() -> impl Strategy<Value = OfJob> {
    (job_name(), any::<u64>()).prop_map(|(name, no)| OfJob { name, job_no: JobNo(no) })
}

fn map() -> impl Strategy<Value = TextMap> {
    btree_map(text(), text(), 0..4).prop_map(|map| map.into_iter().collect())
}

pub fn bytes16() -> impl Strategy<Value = [u8; 16]> {
    any::<u128>().prop_map(u128::to_be_bytes)
}

pub fn at() -> impl Strategy<Value = Timestamp> {
    (any::<i64>(), 0..1_000_000_000u32).prop_map(|(secs, nanos)| Timestamp::new(secs, nanos))
}

pub fn nominal() -> impl Strategy<Value = Nominal> {
    at().prop_map(Nominal)
}

pub fn span() -> impl Strategy<Value = Duration> {
    (any::<u64>(), 0..1_000_000_000u32).prop_map(|(secs, nanos)| Duration::new(secs, nanos))
}

pub fn request() -> impl Strategy<Value = Option<RequestId>> {
    option::of(bytes16().prop_map(RequestId))
}

pub fn tenure() -> impl Strategy<Value = Tenure> {
    number().prop_map(Tenure)
}

pub fn job_no() -> impl Strategy<Value = JobNo> {
    number().prop_map(JobNo)
}

pub fn version() -> impl Strategy<Value = Version> {
    number().prop_map(Version)
}

pub fn seq() -> impl Strategy<Value = Seq> {
    number().prop_map(Seq)
}

pub fn group() -> impl Strategy<Value = Group> {
    number().prop_map(Group)
}

fn state() -> impl Strategy<Value = State> {
    select(super::sample::STATES.as_slice())
}

pub fn reason() -> impl Strategy<Value = EndReason> {
    select(super::sample::END_REASONS.as_slice())
}

fn skip_reason() -> impl Strategy<Value = SkipReason> {
    select(super::sample::SKIP_REASONS.as_slice())
}

fn status() -> impl Strategy<Value = Status> {
    select(super::sample::STATUSES.as_slice())
}

fn by_hand() -> impl Strategy<Value = ByHand> {
    (bytes16(), map(), option::of(map()), vec(node(), 0..3), text(), text()).prop_map(
        |(id, config, tags, nodes, by, reason)| ByHand {
            id: RequestId(id),
            config,
            tags,
            nodes,
            by,
            reason,
        },
    )
}

pub fn cause() -> impl Strategy<Value = Cause> {
    prop_oneof![
        Just(Cause::Schedule),
        bytes16().prop_map(|id| Cause::Manual(RequestId(id))),
        group().prop_map(Cause::Child),
        by_hand().prop_map(|by_hand| Cause::ByHand(by_hand.into())),
    ]
}

fn output() -> impl Strategy<Value = Output> {
    let digest = vec(any::<u8>(), 32).prop_map(|bytes| bytes.try_into().unwrap());
    prop_oneof![
        Just(Output::Empty),
        vec(any::<u8>(), 0..200).prop_map(|bytes| Output::Inline(Arc::from(bytes))),
        (digest, number()).prop_map(|(bytes, len)| Output::Stored { digest: Digest(bytes), len }),
    ]
}

fn target() -> impl Strategy<Value = Target> {
    (node(), bytes16(), bytes16()).prop_map(|(node, boot, journal)| Target {
        node,
        boot_id: BootId(boot),
        journal_id: JournalId(journal),
    })
}

fn skipped() -> impl Strategy<Value = Skipped> {
    (nominal(), nominal(), number(), skip_reason(), text()).prop_map(
        |(first, last, count, reason, detail)| Skipped { first, last, count, reason, detail },
    )
}

pub fn finish() -> impl Strategy<Value = Finish> {
    let times = (option::of(at()), at());
    let kept = (output(), number(), any::<u32>());
    (state(), reason(), times, option::of(any::<i32>()), kept).prop_map(
        |(state, reason, (started_at, finished_at), exit_code, (output, dropped, head))| Finish {
            state,
            reason,
            started_at,
            finished_at,
            exit_code,
            output,
            dropped,
            head,
        },
    )
}

fn cancellation() -> impl Strategy<Value = Option<Arc<Cancellation>>> {
    let cancel = (at(), text(), text());
    let cancel = cancel.prop_map(|(at, by, reason)| Arc::new(Cancellation { at, by, reason }));
    option::of(cancel)
}

fn record() -> impl Strategy<Value = Arc<Record>> {
    let numbers = (seq(), job_no(), version(), group(), any::<u32>());
    let ends = (finish(), cancellation());
    (numbers, job_name(), node(), cause(), nominal(), at(), ends).prop_map(
        |(numbers, job_name, node, cause, nominal, fired_at, (finish, cancel))| {
            let (seq, job_no, version, group, attempt) = numbers;
            Arc::new(Record {
                seq,
                job_no,
                job_name,
                version,
                node,
                group,
                attempt,
                cause,
                nominal,
                fired_at,
                finish,
                cancel,
            })
        },
    )
}

pub fn job() -> impl Strategy<Value = Job> {
    let texts = (job_name(), text(), text(), text(), text(), text(), text());
    let maps = (map(), map(), map(), btree_map(text(), map(), 0..3));
    let flags = (any::<bool>(), concurrency(), any::<bool>(), any::<u32>());
    let policy = option::of(policy().prop_map(Arc::new));
    let rest = (option::of(job_name()), option::of(at()), option::of(at()), policy);
    (texts, maps, flags, rest).prop_map(|(texts, maps, flags, rest)| {
        let (name, displayname, timezone, schedule, owner, owner_email, executor) = texts;
        let (tags, metadata, executor_config, processors) = maps;
        let (disabled, concurrency, ephemeral, retries) = flags;
        let (parent_job, starts_at, expires_at, policy) = rest;
        Job {
            name,
            displayname,
            timezone,
            schedule,
            owner,
            owner_email,
            disabled,
            tags,
            metadata,
            retries,
            parent_job,
            processors,
            concurrency,
            executor,
            executor_config,
            ephemeral,
            starts_at,
            expires_at,
            policy,
        }
    })
}

fn concurrency() -> impl Strategy<Value = Concurrency> {
    select(&super::sample::CONCURRENCIES[..])
}

fn misfire() -> impl Strategy<Value = Misfire> {
    prop_oneof![
        Just(Misfire::Skip),
        Just(Misfire::RunOnce),
        any::<u32>().prop_map(|max| Misfire::RunAll { max }),
    ]
}

fn retry() -> impl Strategy<Value = Retry> {
    let on = (any::<bool>(), any::<bool>(), any::<bool>());
    let on = on.prop_map(|(failed, timed_out, lost)| RetryOn { failed, timed_out, lost });
    let backoff = select(&super::sample::BACKOFFS[..]);
    let node = select(&super::sample::RETRY_NODES[..]);
    (option::of(span()), backoff, option::of(span()), span(), node, on).prop_map(
        |(delay, backoff, max_delay, jitter, node, on)| Retry {
            delay,
            backoff,
            max_delay,
            jitter,
            node,
            on,
        },
    )
}

fn policy() -> impl Strategy<Value = Policy> {
    let numbers = (any::<u32>(), option::of(any::<u32>()), option::of(any::<u32>()));
    let spans = (option::of(span()), option::of(span()), option::of(span()), option::of(span()));
    let dst = select(&[Dst::Dkron, Dst::Once][..]);
    let on_lost = select(&super::sample::ON_LOST[..]);
    let words = (option::of(misfire()), retry(), dst, on_lost, span(), option::of(span()));
    (numbers, spans, words).prop_map(|(numbers, spans, words)| {
        let (queue_depth, keep_executions, output_limit) = numbers;
        let (misfire_threshold, start_deadline, max_runtime, lost_after) = spans;
        let (misfire, retry, dst, on_lost, jitter, keep_for) = words;
        Policy {
            queue_depth,
            misfire,
            misfire_threshold,
            start_deadline,
            retry,
            dst,
            jitter,
            max_runtime,
            on_lost,
            lost_after,
            keep_executions,
            keep_for,
            output_limit,
        }
    })
}

fn submission() -> impl Strategy<Value = Submission> {
    (job(), number(), number(), option::of(at()), option::of(at()), status()).prop_map(
        |(job, success_count, error_count, last_success, last_error, status)| Submission {
            job,
            success_count,
            error_count,
            last_success,
            last_error,
            status,
        },
    )
}

fn settings() -> impl Strategy<Value = Settings> {
    let more = (misfire(), any::<u32>(), option::of(span()), any::<u32>());
    (text(), any::<u32>(), span(), span(), span(), more).prop_map(
        |(zone, keep_executions, misfire_threshold, start_deadline, lost_after, more)| Settings {
            zone,
            keep_executions,
            misfire_threshold,
            start_deadline,
            lost_after,
            misfire: more.0,
            catch_up_rate: more.1,
            keep_for: more.2,
            output_limit: more.3,
        },
    )
}

fn base() -> impl Strategy<Value = Base> {
    (job_no(), version(), option::of(nominal())).prop_map(|(job_no, version, next)| Base {
        job_no,
        version,
        next,
    })
}

fn account() -> impl Strategy<Value = Account> {
    prop_oneof![
        Just(Account::Keep),
        (option::of(nominal()), any::<bool>())
            .prop_map(|(next, anchor)| Account::Restart { next, anchor }),
    ]
}

fn put_job() -> impl Strategy<Value = Box<PutJob>> {
    (submission(), option::of(base()), account(), option::of(skipped())).prop_map(
        |(submission, base, account, undecided)| {
            Box::new(PutJob { submission, base, account, undecided })
        },
    )
}

fn fire() -> impl Strategy<Value = Fire> {
    let trigger = prop_oneof![
        Just(Trigger::Schedule),
        bytes16().prop_map(|id| Trigger::Manual(RequestId(id))),
        group().prop_map(Trigger::Child),
        (group(), seq()).prop_map(|(group, failed)| Trigger::Retry { group, failed }),
        number().prop_map(|no| Trigger::Queued(QueueNo(no))),
    ];
    let place = (target(), option::of(reason()))
        .prop_map(|(target, born_failed)| Place { target, born_failed });
    let decision = prop_oneof![
        vec(place, 0..20).prop_map(Decision::Run),
        (nominal(), number(), skip_reason(), text()).prop_map(|(last, count, reason, detail)| {
            Decision::Skip { last, count, reason, detail }
        }),
    ];
    (job_no(), version(), trigger, nominal(), option::of(nominal()), decision).prop_map(
        |(job_no, version, trigger, nominal, next, decision)| Fire {
            job_no,
            version,
            trigger,
            nominal,
            next,
            decision,
        },
    )
}

fn report() -> impl Strategy<Value = Report> {
    let end =
        (seq(), finish(), at()).prop_map(|(seq, finish, retry_at)| End { seq, finish, retry_at });
    (vec((seq(), at()), 0..20), vec(end, 0..5)).prop_map(|(starts, ends)| Report { starts, ends })
}

pub fn command() -> impl Strategy<Value = Command> {
    let take_office =
        (node(), bytes16(), text(), any::<u32>()).prop_map(|(server, boot, zone_data, rules)| {
            TakeOffice { server, boot_id: BootId(boot), zone_data, rules }
        });
    let toggle = (job_name(), base(), account(), option::of(skipped()))
        .prop_map(|(name, base, account, undecided)| ToggleJob { name, base, account, undecided });
    let put_output = (seq(), output(), number()).prop_map(|(seq, output, dropped)| PutOutput {
        seq,
        output,
        dropped,
    });
    let expire = (job_no(), number(), number()).prop_map(|(job_no, first, end)| Expire {
        job_no,
        first: HistoryNo(first),
        end: HistoryNo(end),
    });
    let cancel = (job_name(), option::of(seq()), text(), text())
        .prop_map(|(name, execution, by, reason)| Cancel { name, execution, by, reason });
    let prune =
        (job_no(), number()).prop_map(|(job_no, first)| Prune { job_no, first: HistoryNo(first) });
    let eligibility = (node(), any::<bool>(), option::of(at()), text(), text()).prop_map(
        |(node, eligible, deadline, by, reason)| SetEligibility {
            node,
            eligible,
            deadline,
            by,
            reason,
        },
    );
    let pause = (scope(), option::of(at()), text(), text())
        .prop_map(|(scope, until, by, reason)| PauseScheduling { scope, until, by, reason });
    let resume = option::of(number()).prop_map(|id| ResumeScheduling { id: id.map(PauseNo) });
    let raise =
        (any::<u32>(), any::<u32>()).prop_map(|(version, rules)| RaiseVersion { version, rules });
    prop_oneof![
        take_office.prop_map(Command::TakeOffice),
        settings().prop_map(Command::PutSettings),
        put_job().prop_map(Command::PutJob),
        of_job().prop_map(Command::DeleteJob),
        toggle.prop_map(Command::ToggleJob),
        any::<bool>().prop_map(Command::Pause),
        vec(fire(), 0..4).prop_map(Command::Fire),
        report().prop_map(Command::Report),
        put_output.prop_map(Command::PutOutput),
        put_job().prop_map(Command::Restore),
        of_job().prop_map(Command::ClearExecutions),
        expire.prop_map(Command::Expire),
        cancel.prop_map(Command::Cancel),
        prune.prop_map(Command::Prune),
        eligibility.prop_map(Command::SetEligibility),
        raise.prop_map(Command::RaiseVersion),
        pause.prop_map(Command::PauseScheduling),
        resume.prop_map(Command::ResumeScheduling),
        number().prop_map(|id| Command::EndPause(PauseNo(id))),
        note().prop_map(Command::Note),
        (origin(), verb(), put_job()).prop_map(|(origin, verb, put)| {
            Command::Write(Box::new(Write { origin, verb, command: Command::PutJob(put) }))
        }),
        (origin(), verb(), note()).prop_map(|(origin, verb, note)| {
            Command::Write(Box::new(Write { origin, verb, command: Command::Note(note) }))
        }),
    ]
}

fn note() -> impl Strategy<Value = Note> {
    (text(), text()).prop_map(|(object, detail)| Note { object, detail })
}

fn key() -> impl Strategy<Value = RequestKey> {
    (bytes16(), bytes16()).prop_map(|(name, content)| RequestKey { name, content })
}

fn origin() -> impl Strategy<Value = Origin> {
    (text(), text(), option::of(key())).prop_map(|(by, from, key)| Origin { by, from, key })
}

fn verb() -> impl Strategy<Value = Verb> {
    (0..Verb::ALL.len()).prop_map(|at| Verb::ALL[at])
}

fn answered() -> impl Strategy<Value = Answered> {
    let ids = || {
        let id = (seq(), node()).prop_map(|(seq, node)| ExecutionId { seq, node });
        vec(id, 0..4)
    };
    prop_oneof![
        Just(Answered::Done),
        number().prop_map(|no| Answered::SchedulingPaused(PauseNo(no))),
        any::<u32>().prop_map(Answered::Resumed),
        (job_no(), version()).prop_map(|(job_no, version)| Answered::Job { job_no, version }),
        (job_no(), version(), group(), ids()).prop_map(|(job_no, version, group, executions)| {
            Answered::Ran { job_no, version, group, executions }
        }),
        (job_no(), version()).prop_map(|(job_no, version)| Answered::Queued { job_no, version }),
        (ids(), any::<u32>(), any::<u32>()).prop_map(|(executions, retries, queued)| {
            Answered::Cancelling { executions, retries, queued }
        }),
    ]
}

fn gone() -> impl Strategy<Value = Gone> {
    (job_name(), job_no(), version(), version(), at())
        .prop_map(|(name, job_no, first, last, at)| Gone { name, job_no, first, last, at })
}

fn job_version() -> impl Strategy<Value = JobVersion> {
    (job(), option::of(verb()), at(), number(), text(), text()).prop_map(
        |(job, verb, at, index, by, from)| {
            let (job, index) = (Arc::new(job), LogIndex(index));
            JobVersion { job, verb, at, index, by, from }
        },
    )
}

fn activity() -> impl Strategy<Value = Activity> {
    let job = option::of((job_no(), version()));
    (number(), at(), number(), (text(), text()), verb(), (text(), text()), job).prop_map(
        |(no, at, index, (by, from), verb, (object, detail), job)| {
            let index = LogIndex(index);
            Activity { no, at, index, by, from, verb, object, job, detail }
        },
    )
}

fn runtime() -> impl Strategy<Value = Runtime> {
    let numbers = [(); 7].map(|()| number());
    let times = (option::of(at()), option::of(at()), at(), at());
    let slots = (option::of(nominal()), option::of(nominal()), option::of(skipped()));
    let figures = option::of(figures::rollup());
    (numbers, times, slots, (status(), figures), any::<bool>(), any::<bool>()).prop_map(
        |(numbers, times, slots, (status, rollup), deleted, leaving)| {
            let [version, success_count, error_count, first_no, next_no, first_skip, next_skip] =
                numbers;
            let (last_success, last_error, since, anchor) = times;
            let (mark, next, last_skipped) = slots;
            Runtime {
                version: Version(version),
                success_count,
                error_count,
                last_success,
                last_error,
                status,
                since,
                anchor,
                mark,
                next,
                first_no: HistoryNo(first_no),
                next_no: HistoryNo(next_no),
                first_skip: SkipNo(first_skip),
                next_skip: SkipNo(next_skip),
                last_skipped: last_skipped.map(Box::new),
                rollup: rollup.map(Arc::new),
                deleted,
                leaving,
            }
        },
    )
}

fn live_group() -> impl Strategy<Value = LiveGroup> {
    let phase = prop_oneof![
        Just(Phase::Pending),
        at().prop_map(|started_at| Phase::Running { started_at }),
        at().prop_map(|retry_at| Phase::Waiting { retry_at }),
        any::<bool>().prop_map(|success| Phase::Done { success }),
    ];
    let slot = (target(), seq(), any::<u32>(), at(), tenure(), (phase, cancellation())).prop_map(
        |(target, seq, attempt, fired_at, tenure, (phase, cancel))| Slot {
            target,
            seq,
            attempt,
            fired_at,
            tenure,
            phase,
            cancel,
        },
    );
    (group(), job_no(), version(), cause(), nominal(), at(), tenure(), vec(slot, 0..20)).prop_map(
        |(group, job_no, version, cause, nominal, fired_at, tenure, slots)| LiveGroup {
            group,
            job_no,
            version,
            cause,
            nominal,
            fired_at,
            tenure,
            slots,
        },
    )
}

fn queued() -> impl Strategy<Value = Queued> {
    (cause(), nominal(), at(), at()).prop_map(|(cause, nominal, since, until)| Queued {
        cause,
        nominal,
        since,
        until,
    })
}

fn scope() -> impl Strategy<Value = Scope> {
    (vec(job_name(), 0..4), text(), map()).prop_map(|(jobs, prefix, metadata)| Scope {
        jobs,
        prefix,
        metadata,
    })
}

fn scheduling_pause() -> impl Strategy<Value = SchedulingPause> {
    let times = (at(), option::of(at()));
    (number(), times, any::<bool>(), scope(), text(), text()).prop_map(
        |(id, (since, until), resumed, scope, by, reason)| SchedulingPause {
            id: PauseNo(id),
            since,
            until,
            resumed,
            scope,
            by,
            reason,
        },
    )
}

fn drain() -> impl Strategy<Value = Drain> {
    (node(), at(), option::of(at()), text(), text())
        .prop_map(|(node, since, deadline, by, reason)| Drain { node, since, deadline, by, reason })
}

/// What a write of a user leaves.
fn written() -> impl Strategy<Value = Row> {
    prop_oneof![
        (number(), key(), at(), answered()).prop_map(|(index, key, at, answer)| Row::Keyed {
            index: LogIndex(index),
            keyed: Keyed { key, at, answer }
        }),
        number().prop_map(Row::Activities),
        number().prop_map(|index| Row::VersionsSince(LogIndex(index))),
        (job_no(), vec(any::<u32>(), 0..4)).prop_map(|(job_no, sizes)| Row::Kept { job_no, sizes }),
        (number(), gone()).prop_map(|(index, gone)| Row::Gone { index: LogIndex(index), gone }),
        (job_no(), version(), job_version()).prop_map(|(job_no, version, row)| Row::JobVersion {
            job_no,
            version,
            row
        }),
        activity().prop_map(Row::Activity),
    ]
}

pub fn row() -> impl Strategy<Value = Row> {
    let office = (tenure(), node(), bytes16(), (at(), at()), text(), any::<u32>(), span());
    let office = office.prop_map(
        |(tenure, server, boot, (at, lowered_at), zone_data, rules, former_lost_after)| Office {
            tenure,
            server,
            boot_id: BootId(boot),
            at,
            zone_data,
            rules,
            former_lost_after,
            lowered_at,
        },
    );
    prop_oneof![
        office.prop_map(Row::Office),
        settings().prop_map(Row::Settings),
        any::<bool>().prop_map(Row::Paused),
        seq().prop_map(Row::LastSeq),
        (job_no(), version(), job()).prop_map(|(job_no, version, job)| Row::Definition {
            job_no,
            version,
            job: Arc::new(job)
        }),
        (job_no(), runtime()).prop_map(|(job_no, runtime)| Row::Runtime { job_no, runtime }),
        live_group().prop_map(Row::Group),
        (group(), job_no(), at()).prop_map(|(parent, child, at)| Row::Owed { parent, child, at }),
        (number(), record())
            .prop_map(|(no, record)| Row::Processing(Processing { no: HistoryNo(no), record })),
        (job_no(), number(), number()).prop_map(|(job_no, first, end)| Row::Expiring {
            job_no,
            first: HistoryNo(first),
            end: HistoryNo(end)
        }),
        (number(), bytes16())
            .prop_map(|(index, id)| Row::Request { index: LogIndex(index), id: RequestId(id) }),
        (job_no(), number(), queued()).prop_map(|(job_no, no, queued)| Row::Queued {
            job_no,
            no: QueueNo(no),
            queued
        }),
        (number(), record()).prop_map(|(no, record)| Row::History { no: HistoryNo(no), record }),
        (job_no(), number(), skipped()).prop_map(|(job_no, no, skipped)| Row::Skipped {
            job_no,
            no: SkipNo(no),
            skipped
        }),
        any::<u32>().prop_map(Row::Version),
        (seq(), job_no(), number(), at()).prop_map(|(seq, job_no, no, at)| Row::Lost {
            seq,
            lost: Lost { job_no, no: HistoryNo(no), at }
        }),
        (job_no(), number(), seq(), at(), finish()).prop_map(|(job_no, no, seq, at, finish)| {
            Row::Late { job_no, no: HistoryNo(no), late: Late { seq, at, finish } }
        }),
        (job_no(), number())
            .prop_map(|(job_no, no)| Row::LateMark { job_no, newest: HistoryNo(no) }),
        vec(drain(), 0..4).prop_map(Row::Drains),
        vec(scheduling_pause(), 0..4).prop_map(Row::SchedulingPauses),
        written(),
        figures::row(),
    ]
}

fn terms() -> impl Strategy<Value = Terms> {
    let spans = (option::of(span()), option::of(span()));
    (any::<bool>(), any::<bool>(), spans, any::<u32>()).prop_map(
        |(exclusive, leave, (lost_after, max_runtime), output_limit)| Terms {
            exclusive,
            leave,
            lost_after,
            max_runtime,
            output_limit,
        },
    )
}

pub fn journal() -> impl Strategy<Value = JournalRecord> {
    let process =
        (any::<u32>(), number()).prop_map(|(group, start_time)| Process { group, start_time });
    prop_oneof![
        (seq(), terms()).prop_map(|(seq, terms)| JournalRecord::Accepted { seq, terms }),
        (seq(), at(), option::of(process)).prop_map(|(seq, at, process)| JournalRecord::Started {
            seq,
            at,
            process
        }),
        (seq(), finish())
            .prop_map(|(seq, finish)| JournalRecord::Finished { seq, finish: Box::new(finish) }),
        seq().prop_map(|seq| JournalRecord::Forgotten { seq }),
        (seq(), reason()).prop_map(|(seq, reason)| JournalRecord::Ending { seq, reason }),
    ]
}
