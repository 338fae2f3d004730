//! What can be done to a ledger next: every command that its state suggests, and some that it
//! does not.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use dkron_core::domain::{
    Concurrency, EndReason, Finish, Job, JobName, Nominal, Origin, Output, PauseNo, Policy, RULES,
    RequestId, RequestKey, Retry, RetryOn, Scope, Seq, SkipReason, State, Submission, Target,
    Tenure, Timestamp, Verb,
};
use dkron_core::ledger::{
    Account, Base, Cancel, Command, Decision, End, Expire, Fire, JobState, Ledger, OfJob,
    PauseScheduling, Place, Prune, PutJob, PutOutput, Report, ResumeScheduling, SetEligibility,
    TakeOffice, ToggleJob, Trigger, Write,
};

use super::Walk;

/// A command with its envelope.
#[derive(Clone, Debug)]
pub struct Move {
    pub command: Command,
    pub by_conductor: bool,
    pub tenure: Option<Tenure>,
    pub request: Option<RequestId>,
}

impl Move {
    fn user(command: Command) -> Self {
        Move { command, by_conductor: false, tenure: None, request: None }
    }

    fn conductor(command: Command) -> Self {
        Move { by_conductor: true, ..Move::user(command) }
    }

    pub fn office() -> Self {
        let (server, boot_id, zone_data) = ("s1".into(), Default::default(), "2026a".into());
        let rules = RULES;
        Move::user(Command::TakeOffice(TakeOffice { server, boot_id, zone_data, rules }))
    }

    /// Puts a job that a line like `child parent=top forbid retries` describes.
    pub fn put(ledger: &Ledger, text: &str) -> Self {
        let submission = submission(text);
        let base = ledger.job(submission.job.name.as_str()).map(base);
        // As a leader would: no slot that is decided already.
        let mark = ledger.job(submission.job.name.as_str()).and_then(|state| state.runtime.mark);
        let mark = mark.map_or(Timestamp::from_secs(super::START), |mark| mark.0);
        let next = Some(Nominal(mark.after(Duration::from_secs(600))));
        let next = next.filter(|_| submission.job.parent_job.is_none());
        let account = Account::Restart { next, anchor: true };
        let put = PutJob { submission, base, account, undecided: None };
        Move::user(Command::PutJob(Box::new(put)))
    }
}

/// Occurrences that wait at most.
pub const DEPTH: u32 = 2;

fn submission(text: &str) -> Submission {
    let mut words = text.split(' ');
    let name = words.next().expect("a name");
    let mut job = Job { name: name.into(), schedule: "@every 10m".into(), ..Job::default() };
    for word in words {
        match word {
            "forbid" => job.concurrency = Concurrency::Forbid,
            "queue" => {
                job.concurrency = Concurrency::Queue;
                let policy = Policy { queue_depth: DEPTH, ..Policy::default() };
                job.policy = Some(Arc::new(policy));
            }
            "replace" => job.concurrency = Concurrency::Replace,
            "lost" => {
                let on = RetryOn { lost: true, ..RetryOn::DEFAULT };
                let retry = Retry { on, ..Retry::default() };
                job.policy = Some(Arc::new(Policy { retry, ..Policy::default() }));
            }
            "ephemeral" => job.ephemeral = true,
            "processors" => job.processors = BTreeMap::from([("log".into(), Default::default())]),
            "retries" => job.retries = 1,
            other => {
                let parent = other.strip_prefix("parent=").expect("a known word");
                job.parent_job = Some(JobName::from(parent));
            }
        }
    }
    Submission { job, ..Submission::default() }
}

/// Everything that may sensibly happen next. `jobs` are the definitions that may be put.
pub fn entry_moves(walk: &Walk, jobs: &[&str]) -> Vec<Move> {
    let ledger = &walk.ledger;
    let mut moves = Vec::new();
    for job in jobs {
        let own = submission(job).job;
        let stored = ledger.job(own.name.as_str()).is_some_and(|state| *state.job == own);
        if !stored {
            moves.push(Move::put(ledger, job));
        }
    }
    for state in ledger.jobs().filter(|state| !state.runtime.deleted) {
        of_job(walk, state, &mut moves);
    }
    owed(ledger, &mut moves);
    for seq in live(ledger).into_iter().take(2) {
        moves.push(report(walk, &[(seq, State::Success)]));
        moves.push(report(walk, &[(seq, State::Failed)]));
        if tries_lost_again(ledger, seq) {
            moves.push(report(walk, &[(seq, State::Lost)]));
        }
    }
    moves.extend(ledger.lost().take(1).map(|(seq, _)| report(walk, &[(seq, State::Success)])));
    moves.extend(walk.last_fire().map(Move::conductor));
    for held in ledger.processing().take(1) {
        let output = PutOutput { seq: held.record.seq, output: Output::Empty, dropped: 0 };
        moves.push(Move::conductor(Command::PutOutput(output)));
    }
    turns(ledger, &mut moves);
    cancels(walk, &mut moves);
    for (job_no, first, end) in ledger.expiring().take(1) {
        moves.push(Move::conductor(Command::Expire(Expire { job_no, first, end })));
    }
    moves
}

fn tries_lost_again(ledger: &Ledger, seq: Seq) -> bool {
    let live = ledger.live(seq).map(|(live, _)| live);
    let job = live.and_then(|live| ledger.definition(live.job_no, live.version));
    job.is_some_and(|job| job.policy().retry.on.lost)
}

/// A node takes nothing new, or takes runs again.
pub fn drain(eligible: bool) -> Move {
    let (node, deadline) = ("n1".into(), None);
    let (by, reason) = ("ann".into(), String::new());
    let wanted = SetEligibility { node, eligible, deadline, by, reason };
    Move::user(Command::SetEligibility(wanted))
}

/// Scheduling is paused, for all jobs or one; or it goes on; or a pause that is over goes.
pub fn scheduling(walk: &Walk, pick: usize) -> Move {
    let pauses: Vec<PauseNo> = walk.ledger.scheduling_pauses().map(|pause| pause.id).collect();
    let one = pauses.get(pick / 4 % pauses.len().max(1)).copied();
    match (pick % 4, one) {
        (0, Some(id)) => Move::conductor(Command::EndPause(id)),
        (1, id) => Move::user(Command::ResumeScheduling(ResumeScheduling { id })),
        (pick, _) => {
            let jobs = if pick == 2 { vec!["top".into()] } else { Vec::new() };
            let scope = Scope { jobs, ..Scope::default() };
            let until = (pick == 3).then(|| walk.now().after(Duration::from_secs(600)));
            let (by, reason) = ("ann".into(), String::new());
            let wanted = PauseScheduling { scope, until, by, reason };
            Move::user(Command::PauseScheduling(wanted))
        }
    }
}

fn of_job(walk: &Walk, state: &JobState, moves: &mut Vec<Move>) {
    let name = state.job.name.clone();
    if let Some(nominal) = state.runtime.next.filter(|_| state.is_scheduled()) {
        moves.push(fire(state, Trigger::Schedule, nominal, &["n1"]));
        moves.push(skip(state, Trigger::Schedule, nominal));
        if state.job.concurrency.is_exclusive() {
            moves.push(fire(state, Trigger::Schedule, nominal, &[]));
        }
    }
    let this = OfJob { name: name.clone(), job_no: state.job_no };
    let request = RequestId([walk.ledger.applied().0 as u8; 16]);
    let nominal = Nominal(walk.now());
    moves.push(fire(state, Trigger::Manual(request), nominal, &["n1", "n2!"]));
    moves.push(Move::user(Command::DeleteJob(this.clone())));
    moves.push(Move::user(Command::ClearExecutions(this)));
    if state.runtime.first_no < state.runtime.next_no {
        let prune = Prune { job_no: state.job_no, first: state.runtime.next_no };
        moves.push(Move::conductor(Command::Prune(prune)));
    }
    let toggle = ToggleJob { name, base: base(state), account: Account::Keep, undecided: None };
    moves.push(Move::user(Command::ToggleJob(toggle.clone())));
    moves.push(keyed(state, Command::ToggleJob(toggle)));
}

/// The same under the key of its job: only the first is carried out.
fn keyed(state: &JobState, command: Command) -> Move {
    let name = [state.job_no.0 as u8; 16];
    let key = Some(RequestKey { name, content: name });
    let origin = Origin { by: "ann".into(), from: "10.0.0.9".into(), key };
    Move::user(Command::Write(Box::new(Write { origin, verb: Verb::Toggle, command })))
}

/// Triggers that the ledger owes.
fn owed(ledger: &Ledger, moves: &mut Vec<Move>) {
    for (parent, child, since) in ledger.owed().take(2) {
        let state = ledger.job_no(child).expect("a child that is owed a start");
        let trigger = Trigger::Child(parent);
        moves.push(fire(state, trigger.clone(), Nominal(since), &["n1"]));
        moves.push(skip(state, trigger, Nominal(since)));
    }
    for (_, group, failed) in ledger.retries().take(2) {
        let live = ledger.group(group).expect("a group that waits");
        let state = ledger.job_no(live.job_no).expect("its job");
        let trigger = Trigger::Retry { group, failed };
        moves.push(fire(state, trigger.clone(), live.nominal, &["n2"]));
        moves.push(skip(state, trigger, live.nominal));
    }
}

/// Occurrences that wait: the first of each job, in its turn or not, and the end of its patience.
fn turns(ledger: &Ledger, moves: &mut Vec<Move>) {
    for state in ledger.jobs() {
        let second = ledger.queue(state.job_no).nth(1);
        for (no, queued) in ledger.queue(state.job_no).take(1).chain(second) {
            let trigger = Trigger::Queued(no);
            moves.push(fire(state, trigger.clone(), queued.nominal, &["n1"]));
            moves.push(fire(state, trigger.clone(), queued.nominal, &["n1!"]));
            moves.push(skip(state, trigger, queued.nominal));
        }
    }
}

/// All that runs under a name, the newest execution of it, and the retry that waits.
fn cancels(walk: &Walk, moves: &mut Vec<Move>) {
    let ledger = &walk.ledger;
    let newest = live(ledger).into_iter().next_back();
    let waits = ledger.retries().next().map(|(_, _, failed)| failed);
    let names: BTreeSet<JobName> = ledger
        .groups()
        .filter_map(|live| ledger.definition(live.job_no, live.version))
        .chain(ledger.jobs().map(|state| &state.job))
        .map(|job| job.name.clone())
        .collect();
    for name in names {
        let ones = newest.into_iter().chain(waits).map(Some);
        for execution in ones.chain([None]) {
            let (by, reason) = ("ann".into(), "enough".into());
            let cancel = Cancel { name: name.clone(), execution, by, reason };
            moves.push(Move::user(Command::Cancel(cancel)));
        }
    }
}

/// An exclamation mark makes an execution that is born failed.
fn fire(state: &JobState, trigger: Trigger, nominal: Nominal, on: &[&str]) -> Move {
    let places = on.iter().map(|node| {
        let dead = node.ends_with('!').then_some(EndReason::NodeUnreachable);
        let (boot_id, journal_id) = Default::default();
        let target = Target { node: node.trim_end_matches('!').into(), boot_id, journal_id };
        Place { target, born_failed: dead }
    });
    decide(state, trigger, nominal, Decision::Run(places.collect()))
}

fn skip(state: &JobState, trigger: Trigger, nominal: Nominal) -> Move {
    let (reason, detail) = (SkipReason::Missed, String::new());
    let decision = Decision::Skip { last: nominal, count: 1, reason, detail };
    decide(state, trigger, nominal, decision)
}

fn decide(state: &JobState, trigger: Trigger, nominal: Nominal, decision: Decision) -> Move {
    let later = nominal.0.after(Duration::from_secs(600));
    let next = Some(Nominal(later)).filter(|_| trigger == Trigger::Schedule);
    let (job_no, version) = (state.job_no, state.runtime.version);
    let fire = Fire { job_no, version, trigger, nominal, next, decision };
    Move::conductor(Command::Fire(vec![fire]))
}

/// All live executions.
pub fn live(ledger: &Ledger) -> Vec<Seq> {
    ledger.nodes_with_live().flat_map(|node| ledger.live_on(node.as_str())).collect()
}

/// A report of several ends.
pub fn report(walk: &Walk, ends: &[(Seq, State)]) -> Move {
    let (finished_at, retry_at) = (walk.now(), walk.now());
    let ends = ends.iter().map(|(seq, state)| {
        let finish = Finish { state: *state, finished_at, ..Finish::default() };
        End { seq: *seq, finish, retry_at }
    });
    let ends = ends.collect();
    Move::conductor(Command::Report(Report { starts: Vec::new(), ends }))
}

fn base(state: &JobState) -> Base {
    Base { job_no: state.job_no, version: state.runtime.version, next: state.runtime.next }
}
