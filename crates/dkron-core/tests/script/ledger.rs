//! Scripts of the ledger: one line is one entry of the log, or a question. After each entry the
//! ledger is rebuilt from its rows; that it is the same needs no words.

use std::collections::BTreeMap;

use dkron_core::domain::{
    ByHand, EndReason, Finish, Group, HistoryNo, JobNo, LogIndex, NodeName, Nominal, Origin,
    Output, PauseNo, RequestId, RequestKey, Scope, Seq, Settings, SkipReason, Skipped, State,
    Target, Tenure, Timestamp, Verb, Version,
};
use dkron_core::ledger::{
    Account, Base, Cancel, Command, Decision, End, Entry, Expire, Fire, Ledger, OfJob,
    PauseScheduling, Place, Prune, PutJob, PutOutput, RaiseVersion, Reply, Report,
    ResumeScheduling, Row, RowKey, RowOp, SetEligibility, TakeOffice, ToggleJob, Trigger, Write,
    outstanding,
};

use super::time::START;
use super::{Line, Machine, Names, figures, job, parse_time, policy, show};

/// A ledger, its store and its clock.
pub struct Book {
    ledger: Ledger,
    store: BTreeMap<RowKey, Row>,
    names: Names,
    now: Timestamp,
    /// Whether rows of charts and of the time index are shown.
    figures: bool,
}

impl Default for Book {
    fn default() -> Self {
        let (ledger, store, names) = Default::default();
        Book { ledger, store, names, now: Timestamp::from_secs(START), figures: false }
    }
}

impl Machine for Book {
    fn take(&mut self, mut line: Line) -> Vec<String> {
        if let Some(at) = line.at {
            self.now = at;
        }
        let verb = line.word();
        let answer = match verb.as_str() {
            "outstanding" => outstanding(&self.ledger).iter().map(show::effect).collect(),
            "holder" => {
                let name = line.word();
                vec![self.ledger.holder(&name).map_or("free".into(), |id| id.to_string())]
            }
            "queue" => self.queue(&line.word()),
            "due" => self.due(),
            "jobs" => self.jobs(),
            "stats" => figures::of_job(&self.ledger, &self.store, &line.word()),
            "series" => figures::series(&self.ledger),
            "count" => vec![self.count(&line.word())],
            _ => return self.entry(&verb, line),
        };
        line.done();
        answer.into_iter().map(|text| self.names.shorten(text)).collect()
    }
}

impl Book {
    fn entry(&mut self, verb: &str, mut line: Line) -> Vec<String> {
        let index = LogIndex(self.ledger.applied().0 + 1);
        let request = line.key("req").map(|text| request(&text));
        let own = matches!(
            verb,
            "fire" | "report" | "output" | "expire" | "prune" | "raise" | "end_pause"
        );
        let usual = if own { self.ledger.tenure() } else { Tenure(0) };
        let tenure = line.number("tenure").map_or(usual, Tenure);
        let quiet = line.flag("quiet");
        self.figures = line.flag("figures");
        let times = line.number("times").unwrap_or(1);
        let written = written(&mut line);
        let said = line.key("verb");
        let said = said.map(|said| *Verb::ALL.iter().find(|verb| verb.word() == said).unwrap());
        let command = self.command(verb, line);
        let command = match written.zip(said.or(command.verb())) {
            Some((origin, verb)) => Command::Write(Box::new(Write { origin, verb, command })),
            None => command,
        };
        let mut answer = Vec::new();
        for more in 0..times {
            let index = LogIndex(index.0 + more);
            let command = command.clone();
            answer = self.apply(Entry { index, at: self.now, tenure, request, command });
        }
        let went = |text: &String| !text.starts_with("rejected") && !text.starts_with("deposed");
        answer.retain(|text| !quiet || !went(text) && !text.starts_with(' '));
        answer
    }

    fn apply(&mut self, entry: Entry) -> Vec<String> {
        let outcome = self.ledger.apply(entry);
        if let Reply::Fired(fired) = &outcome.reply {
            for fired in fired {
                self.names.learn_fired(fired);
            }
        }
        let mut lines = vec![show::reply(&outcome.reply)];
        let rows = outcome.rows.iter().filter(|op| self.figures || !figures::is_figure(op));
        lines.extend(rows.map(|op| format!("  {}", show::row_op(op))));
        lines.extend(outcome.effects.iter().map(|one| format!("  owes {}", show::effect(one))));
        for op in outcome.rows {
            match op {
                RowOp::Put(row) | RowOp::PutNew(row) => drop(self.store.insert(row.key(), row)),
                RowOp::Delete(key) => drop(self.store.remove(&key)),
            }
        }
        assert!(self.ledger.is_consistent(), "the indexes differ from the state");
        let rows = self.store.values().cloned();
        let loaded = Ledger::load(self.ledger.applied(), rows).unwrap();
        assert_eq!(loaded.state_hash(), self.ledger.state_hash(), "the rows tell another story");
        lines.into_iter().map(|text| self.names.shorten(text)).collect()
    }

    fn command(&self, verb: &str, mut line: Line) -> Command {
        let command = match verb {
            "fire" => {
                let fires = line.parts().into_iter();
                return Command::Fire(fires.map(|part| self.fire(part)).collect());
            }
            "report" => return Command::Report(self.report(line)),
            "office" => Command::TakeOffice(TakeOffice {
                server: line.word().as_str().into(),
                boot_id: Default::default(),
                zone_data: line.key("zones").unwrap_or_else(|| "2026a".into()),
                rules: line.number("rules").unwrap_or(1) as u32,
            }),
            "settings" => {
                let mut settings = Settings::default();
                policy::change_settings(&mut settings, &mut line);
                Command::PutSettings(settings)
            }
            "cancel" => Command::Cancel(cancel(&mut line, &self.names)),
            "drain" => Command::SetEligibility(eligibility(&mut line, false)),
            "undrain" => Command::SetEligibility(eligibility(&mut line, true)),
            "pause_scheduling" => Command::PauseScheduling(pause_scheduling(&mut line)),
            "resume_scheduling" => Command::ResumeScheduling(resume_scheduling(&mut line)),
            "end_pause" => {
                Command::EndPause(PauseNo(line.word().trim_start_matches('p').parse().unwrap()))
            }
            "raise" => {
                let version = line.word().parse().unwrap();
                let rules = line.number("rules").unwrap_or(1) as u32;
                Command::RaiseVersion(RaiseVersion { version, rules })
            }
            "prune" => {
                let job_no = job_no(&line.word());
                let first = HistoryNo(line.word().parse().unwrap());
                Command::Prune(Prune { job_no, first })
            }
            "put" => Command::PutJob(Box::new(self.put(&mut line))),
            "restore" => Command::Restore(Box::new(self.put(&mut line))),
            "delete" => Command::DeleteJob(self.of_job(&mut line)),
            "toggle" => {
                let name = line.word();
                let base = self.base(&name, &mut line).unwrap_or(Base {
                    job_no: JobNo(0),
                    version: Version(0),
                    next: None,
                });
                let account = self.account(&mut line);
                let undecided = line.key("undecided").map(|text| undecided(&text));
                let name = name.as_str().into();
                Command::ToggleJob(ToggleJob { name, base, account, undecided })
            }
            "pause" => Command::Pause(line.word() == "on"),
            "output" => Command::PutOutput(PutOutput {
                seq: self.names.seq(&line.word()),
                output: Output::Inline(line.key("text").unwrap_or_default().into_bytes().into()),
                dropped: line.number("dropped").unwrap_or(0),
            }),
            "clear" => Command::ClearExecutions(self.of_job(&mut line)),
            "expire" => {
                let job_no = job_no(&line.word());
                let first = HistoryNo(line.word().parse().unwrap());
                let end = HistoryNo(line.word().parse().unwrap());
                Command::Expire(Expire { job_no, first, end })
            }
            _ => line.fail("unknown command"),
        };
        drop_envelope(&mut line);
        line.done();
        command
    }

    fn put(&self, line: &mut Line) -> PutJob {
        let submission = job::submission(line);
        let base = self.base(submission.job.name.as_str(), line);
        let account = self.account(line);
        let undecided = line.key("undecided").map(|text| undecided(&text));
        PutJob { submission, base, account, undecided }
    }

    /// The stored version unless the line says otherwise.
    /// The job that bears the name now, unless `no=` says which one is meant.
    fn of_job(&self, line: &mut Line) -> OfJob {
        let name: dkron_core::domain::JobName = line.word().as_str().into();
        let job_no = match line.key("no") {
            Some(text) => job_no(&text),
            None => self.ledger.job(name.as_str()).map_or(JobNo(0), |state| state.job_no),
        };
        OfJob { name, job_no }
    }

    fn base(&self, name: &str, line: &mut Line) -> Option<Base> {
        match line.key("base") {
            Some(text) if text == "none" => None,
            Some(text) => {
                let (no, version) = text.split_once('v').unwrap();
                let version = Version(version.parse().unwrap());
                let next = self.ledger.job(name).and_then(|state| state.runtime.next);
                Some(Base { job_no: job_no(no), version, next })
            }
            None => self.ledger.job(name).map(|state| Base {
                job_no: state.job_no,
                version: state.runtime.version,
                next: state.runtime.next,
            }),
        }
    }

    fn account(&self, line: &mut Line) -> Account {
        let anchor = line.flag("anchor");
        match line.key("next") {
            Some(text) if text == "none" => Account::Restart { next: None, anchor },
            Some(text) => {
                let next = Some(Nominal(parse_time(&text)));
                Account::Restart { next, anchor }
            }
            None => Account::Keep,
        }
    }

    /// `fire backup 01:00 on=n1,n2 next=02:00`, `fire child 01:00 child=#1 on=n1`,
    /// `fire a 01:00 retry=#1 on=n1`, `fire a 01:00 skip=missed last=03:00 count=3`.
    fn fire(&self, mut line: Line) -> Fire {
        drop_envelope(&mut line);
        line.flag("fire");
        let name = line.word();
        let state = self.ledger.job(&name);
        let job_no = line.key("job").map(|text| job_no(&text));
        let job_no = job_no.or(state.map(|state| state.job_no)).unwrap_or_default();
        let version = line.number("version").map(Version);
        let version = version.or(state.map(|state| state.runtime.version)).unwrap_or_default();
        let nominal = Nominal(parse_time(&line.word()));
        let trigger = self.trigger(&mut line);
        let next = line.time("next").map(Nominal);
        let decision = decision(&mut line, nominal);
        line.done();
        Fire { job_no, version, trigger, nominal, next, decision }
    }

    fn trigger(&self, line: &mut Line) -> Trigger {
        if let Some(id) = line.key("manual") {
            return Trigger::Manual(request(&id));
        }
        if let Some(id) = line.key("by_hand") {
            return Trigger::ByHand(by_hand(line, &id).into());
        }
        if let Some(parent) = line.key("child") {
            return Trigger::Child(Group(self.names.seq(&parent).0));
        }
        if let Some(no) = line.key("queued") {
            return Trigger::Queued(self.names.queue_no(&no));
        }
        if let Some(failed) = line.key("retry") {
            let failed = self.names.seq(&failed);
            let waits = self.ledger.retries().find(|(_, _, seq)| *seq == failed);
            let group = waits.map_or(Group(failed.0), |(_, group, _)| group);
            return Trigger::Retry { group, failed };
        }
        Trigger::Schedule
    }

    /// `report #1 success`, `report #1 failed retry=01:01 ; #2 started`.
    fn report(&self, line: Line) -> Report {
        let mut report = Report::default();
        for mut part in line.parts() {
            drop_envelope(&mut part);
            part.flag("report");
            let seq: Seq = self.names.seq(&part.word());
            let word = part.word();
            if word == "started" {
                report.starts.push((seq, self.now));
            } else {
                let retry_at = part.time("retry").unwrap_or(self.now);
                let output = part.key("text").map(|text| text.into_bytes().into());
                let output = output.map_or(Output::Empty, Output::Inline);
                let (state, reason) = (state(&word), EndReason::None);
                let finished_at = self.now;
                let started_at = part.time("started");
                let finish =
                    Finish { state, reason, started_at, finished_at, output, ..Finish::default() };
                report.ends.push(End { seq, finish, retry_at });
            }
            part.done();
        }
        report
    }

    fn due(&self) -> Vec<String> {
        let due = self.ledger.due().map(|(due, job)| (super::show_time(due), job));
        due.map(|(at, job)| format!("{at} j{job}")).collect()
    }

    /// What waits of a job, in its order.
    fn queue(&self, name: &str) -> Vec<String> {
        let job_no = self.ledger.job(name).map_or(JobNo(0), |state| state.job_no);
        let waiting = self.ledger.queue(job_no);
        waiting.map(|(no, queued)| format!("{no} {}", show::queued(queued))).collect()
    }

    fn jobs(&self) -> Vec<String> {
        let jobs = self.ledger.jobs().map(|state| show::snapshot(&state.snapshot()));
        jobs.collect()
    }

    /// How many rows of a kind the store has.
    fn count(&self, kind: &str) -> String {
        let fits = |key: &&RowKey| format!("{key:?}").to_lowercase().starts_with(kind);
        format!("{} {kind}", self.store.keys().filter(fits).count())
    }
}

/// Words that belong to the entry, not to its command.
fn drop_envelope(line: &mut Line) {
    for key in ["req", "tenure", "times", "as", "from", "key", "content"] {
        line.key(key);
    }
    line.flag("quiet");
    line.flag("figures");
}

fn decision(line: &mut Line, nominal: Nominal) -> Decision {
    if let Some(reason) = line.key("skip") {
        return Decision::Skip {
            last: line.time("last").map_or(nominal, Nominal),
            count: line.number("count").unwrap_or(1),
            reason: skip_reason(&reason),
            detail: line.key("detail").unwrap_or_default(),
        };
    }
    let nodes = line.key("on").unwrap_or_else(|| line.fail("a run needs on=node"));
    let nodes = nodes.split(',').filter(|node| !node.is_empty());
    let places = nodes.map(|node| match node.strip_suffix('!') {
        Some(dead) => place(dead, Some(EndReason::NodeUnreachable)),
        None => place(node, None),
    });
    Decision::Run(places.collect())
}

fn place(node: &str, born_failed: Option<EndReason>) -> Place {
    let (boot_id, journal_id) = Default::default();
    Place { target: Target { node: NodeName::from(node), boot_id, journal_id }, born_failed }
}

/// `cancel backup by=ann reason="too slow"`, `cancel backup #3`.
pub fn cancel(line: &mut Line, names: &Names) -> Cancel {
    let name = line.word().as_str().into();
    let execution = line.next_if('#').map(|text| names.seq(&text));
    let by = line.key("by").unwrap_or_else(|| "ann".into());
    Cancel { name, execution, by, reason: line.key("reason").unwrap_or_default() }
}

/// `config.command=false tag.role=web nodes=n1,n2 by=ann reason=test`.
pub fn by_hand(line: &mut Line, id: &str) -> ByHand {
    let config = line.prefixed("config.").into_iter().collect();
    let tags = Some(line.prefixed("tag.")).filter(|tags| !tags.is_empty());
    let tags = tags.map(|tags| tags.into_iter().collect());
    let nodes = line.key("nodes").unwrap_or_default();
    let nodes = nodes.split(',').filter(|name| !name.is_empty()).map(Into::into).collect();
    let by = line.key("by").unwrap_or_else(|| "ann".into());
    let reason = line.key("reason").unwrap_or_default();
    ByHand { id: request(id), config, tags, nodes, by, reason }
}

/// `drain n1 deadline=01:00 by=ann reason="new disks"`, `undrain n1`.
pub fn eligibility(line: &mut Line, eligible: bool) -> SetEligibility {
    let node = line.word().as_str().into();
    let (deadline, by) = (line.time("deadline"), line.key("by").unwrap_or_else(|| "ann".into()));
    let reason = line.key("reason").unwrap_or_default();
    SetEligibility { node, eligible, deadline, by, reason }
}

/// `pause_scheduling until=01:00 jobs=a,b prefix=db- metadata.team=red by=ann reason="freeze"`.
pub fn pause_scheduling(line: &mut Line) -> PauseScheduling {
    let jobs = line.key("jobs").unwrap_or_default();
    let jobs = jobs.split(',').filter(|name| !name.is_empty()).map(Into::into).collect();
    let prefix = line.key("prefix").unwrap_or_default();
    let metadata = line.prefixed("metadata.").into_iter().collect();
    let scope = Scope { jobs, prefix, metadata };
    let (until, by) = (line.time("until"), line.key("by").unwrap_or_else(|| "ann".into()));
    PauseScheduling { scope, until, by, reason: line.key("reason").unwrap_or_default() }
}

/// `resume_scheduling`, `resume_scheduling p7`.
pub fn resume_scheduling(line: &mut Line) -> ResumeScheduling {
    let id = line.next_if('p').map(|text| PauseNo(text[1..].parse().unwrap()));
    ResumeScheduling { id }
}

/// `as=ann from=10.0.0.9 key=k content=c`: who wants it.
pub fn written(line: &mut Line) -> Option<Origin> {
    let (by, from, key) = (line.key("as"), line.key("from"), line.key("key"));
    let content = line.key("content").unwrap_or_default();
    let key = key.map(|name| RequestKey { name: digest(&name), content: digest(&content) });
    (by.is_some() || key.is_some()).then(|| Origin {
        by: by.unwrap_or_default(),
        from: from.unwrap_or_default(),
        key,
    })
}

fn digest(text: &str) -> [u8; 16] {
    request(text).0
}

pub fn request(text: &str) -> RequestId {
    let mut id = RequestId::default();
    id.0[..text.len()].copy_from_slice(text.as_bytes());
    id
}

fn job_no(text: &str) -> JobNo {
    JobNo(text.trim_start_matches('j').parse().unwrap_or_else(|_| panic!("{text} is no job")))
}

pub fn state(word: &str) -> State {
    let ends = [State::Success, State::Failed, State::TimedOut, State::Cancelled, State::Lost];
    let all = ends.into_iter().chain([State::Running]);
    let mut all = all;
    all.find(|state| state.word() == word).unwrap_or_else(|| panic!("{word} is no end"))
}

fn skip_reason(word: &str) -> SkipReason {
    use SkipReason::{
        Changed, Disabled, Expired, Missed, NoCapacity, NoEligibleNode, Paused, QueueTimeout,
    };
    let all =
        [Changed, Disabled, Expired, Missed, NoCapacity, NoEligibleNode, Paused, QueueTimeout];
    let found = all.into_iter().find(|reason| reason.word() == word);
    found.unwrap_or_else(|| panic!("{word} is no reason"))
}

/// `01:00..03:00*3`.
fn undecided(text: &str) -> Skipped {
    let (span, count) = text.split_once('*').unwrap();
    let (first, last) = span.split_once("..").unwrap();
    let nominal = |text| Nominal(parse_time(text));
    let (first, last, count) = (nominal(first), nominal(last), count.parse().unwrap());
    Skipped { first, last, count, reason: SkipReason::Changed, detail: String::new() }
}

/// `v3`.
pub fn version(text: &str) -> Version {
    Version(text.strip_prefix('v').and_then(|number| number.parse().ok()).expect("a version"))
}
