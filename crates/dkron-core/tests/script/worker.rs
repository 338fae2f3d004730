//! Scripts of a node: messages and events in, journal records, starts and messages out.

use std::collections::BTreeMap;
use std::time::Duration;

use dkron_core::domain::{
    BootId, CLUSTER_VERSION, Cause, Concurrency, EndReason, ExecutionId, Finish, Group, Job, JobNo,
    JournalId, Nominal, Now, OnLost, Policy, Seq, State, Tenure, Timestamp, Version,
};
use dkron_core::worker::{
    Action, Event, JournalRecord, Known, News, Options, Order, Past, Process, Run, SessionNo,
    Statement, Survivor, Terms, ToLeader, ToNode, Worker,
};

use super::time::START;
use super::{Line, Machine, parse_span, show, show_time};

/// A node with its journal and the leader's numbering.
pub struct Node {
    worker: Worker,
    journal: Vec<JournalRecord>,
    mono: Duration,
    tenure: u64,
    session: u64,
    no: u64,
    hello: u64,
    /// What the process runner knows of the executions that it started.
    runner: BTreeMap<Seq, (Timestamp, Option<Process>)>,
}

impl Default for Node {
    fn default() -> Self {
        let mono = Duration::from_secs(1000);
        let now = Now { wall: Timestamp::from_secs(START), mono };
        let past = Past { journal: [], survivors: Vec::new(), same_boot: true };
        let (worker, _) = Worker::recover(options(), now, past);
        let (tenure, session, no, hello) = (0, 0, 0, 0);
        let (journal, runner) = (Vec::new(), BTreeMap::new());
        Node { worker, journal, mono, tenure, session, no, hello, runner }
    }
}

fn options() -> Options {
    let (boot_id, journal_id) = (BootId([1; 16]), JournalId([1; 16]));
    Options { node: "n1".into(), boot_id, journal_id, capacity: 10, version: CLUSTER_VERSION }
}

impl Machine for Node {
    fn take(&mut self, mut line: Line) -> Vec<String> {
        let verb = line.word();
        let actions = match verb.as_str() {
            "wait" => {
                self.mono += parse_span(&line.word());
                self.step(Event::Tick)
            }
            "tick" => self.step(Event::Tick),
            "leave" => self.step(Event::Leave),
            "part" => {
                let actions = self.step(Event::Part);
                let mut said = self.note(actions);
                said.push(format!("parted: {}", self.worker.has_parted()));
                return said;
            }
            "linked" => self.step(Event::Linked),
            "recovered" => self.step(Event::Recovered),
            "alive" => return self.alive(&parse_span(&line.word())),
            "started" => {
                let seq = seq(&line.word());
                let process =
                    line.number("pid").map(|group| Process { group: group as u32, start_time: 7 });
                self.runner.insert(seq, (self.wall(), process));
                self.step(Event::Started { seq, at: self.wall(), process })
            }
            "finished" => {
                let seq = seq(&line.word());
                let state = super::ledger::state(&line.word());
                self.step(Event::Finished { seq, finish: self.finish(state) })
            }
            "restart" => {
                let same_boot = !line.flag("rebooted");
                let survivors = self.survivors(&line.key("runner").unwrap_or_default());
                let past = Past { journal: self.journal.clone(), survivors, same_boot };
                let now = Now { wall: self.wall(), mono: self.mono };
                let (worker, actions) = Worker::recover(options(), now, past);
                self.worker = worker;
                self.hello = 0;
                actions
            }
            "compact" => {
                self.journal = self.worker.journal();
                return self.journal.iter().map(record).collect();
            }
            _ => self.message(&verb, &mut line),
        };
        line.done();
        self.note(actions)
    }
}

impl Node {
    /// Executions, parted by commas, that the runner holds.
    fn survivors(&self, text: &str) -> Vec<Survivor> {
        let seqs = text.split(',').filter(|text| !text.is_empty()).map(seq);
        let survivor = |seq| {
            let known = self.runner.get(&seq).copied();
            let (started_at, process) = known.unwrap_or((self.wall(), None));
            Survivor { seq, started_at, process }
        };
        seqs.map(survivor).collect()
    }

    fn wall(&self) -> Timestamp {
        Timestamp::from_secs(START).after(self.mono - Duration::from_secs(1000))
    }

    fn finish(&self, state: State) -> Box<Finish> {
        Box::new(Finish { state, finished_at: self.wall(), ..Finish::default() })
    }

    fn step(&mut self, event: Event) -> Vec<Action> {
        let now = Now { wall: self.wall(), mono: self.mono };
        self.worker.step(now, event)
    }

    /// Lets time go by with a leader that acknowledges each heartbeat at once.
    fn alive(&mut self, span: &Duration) -> Vec<String> {
        let end = self.mono + *span;
        let mut shown = Vec::new();
        while self.mono < end {
            self.mono += Duration::from_millis(100);
            let actions = self.step(Event::Tick);
            for action in &actions {
                if let Action::Send(ToLeader { body: News::Beat { sent }, .. }) = action {
                    let sent = *sent;
                    self.say(Order::Beat { sent });
                }
            }
            let beat = |action: &Action| {
                matches!(action, Action::Send(ToLeader { body: News::Beat { .. }, .. }))
            };
            let others = actions.into_iter().filter(|action| !beat(action)).collect();
            shown.extend(self.note(others));
        }
        shown
    }

    fn say(&mut self, body: Order) -> Vec<Action> {
        self.no += 1;
        let (tenure, session) = (Tenure(self.tenure), SessionNo(self.session));
        self.step(Event::Message(ToNode { tenure, session, no: self.no, body }))
    }

    fn message(&mut self, verb: &str, line: &mut Line) -> Vec<Action> {
        if verb == "welcome" {
            self.tenure = line.number("tenure").unwrap_or(self.tenure);
            self.session = line.number("session").unwrap_or(self.session + 1);
            self.no = 0;
            let hello = line.number("hello").unwrap_or(self.hello);
            let lost_after = line.key("lost_after").unwrap_or_else(|| "5m".into());
            let body = Order::Welcome { hello, lost_after: parse_span(&lost_after) };
            let (tenure, session) = (Tenure(self.tenure), SessionNo(self.session));
            return self.step(Event::Message(ToNode { tenure, session, no: 0, body }));
        }
        let body = match verb {
            "run" => Order::Run(Box::new(run(line))),
            "kill" => Order::Kill(seq(&line.word())),
            "cancel" => {
                let seq = seq(&line.word());
                let replaced = line.flag("replaced");
                let recalled = line.flag("not_started");
                let reason = match () {
                    () if replaced => EndReason::Replaced,
                    () if recalled => EndReason::NotStarted,
                    () => EndReason::Cancelled,
                };
                Order::Cancel { seq, reason }
            }
            "end_committed" => Order::EndCommitted(seq(&line.word())),
            "output_stored" => Order::OutputStored(seq(&line.word())),
            "beat" => {
                let ago = line.key("ago").map_or(Duration::ZERO, |text| parse_span(&text));
                Order::Beat { sent: self.mono - ago }
            }
            "refused" => {
                let session = SessionNo(line.number("session").unwrap_or(self.session));
                let (tenure, body) = (Tenure(self.tenure), Order::Refused { hello: 0 });
                return self.step(Event::Message(ToNode { tenure, session, no: 0, body }));
            }
            _ => line.fail("unknown line"),
        };
        let tenure = Tenure(line.number("tenure").unwrap_or(self.tenure));
        let session = SessionNo(line.number("session").unwrap_or(self.session));
        let no = match line.number("no") {
            Some(no) => no,
            None if session.0 == self.session && tenure.0 == self.tenure => {
                self.no += 1;
                self.no
            }
            None => self.no + 1,
        };
        self.step(Event::Message(ToNode { tenure, session, no, body }))
    }

    fn note(&mut self, actions: Vec<Action>) -> Vec<String> {
        for action in &actions {
            match action {
                Action::Journal(record) => self.journal.push(record.clone()),
                Action::Send(ToLeader { body: News::Hello(hello), .. }) => self.hello = hello.hello,
                _ => {}
            }
        }
        actions.iter().filter_map(shown).collect()
    }
}

fn run(line: &mut Line) -> Run {
    let seq = seq(&line.word());
    let concurrency = match () {
        () if line.flag("forbid") => Concurrency::Forbid,
        () if line.flag("queue") => Concurrency::Queue,
        () => Concurrency::Allow,
    };
    let mut policy = Policy::DEFAULT;
    policy.retry.on.lost = line.flag("retry_lost");
    policy.lost_after = line.key("lost_after").map(|text| parse_span(&text));
    policy.max_runtime = line.key("max_runtime").map(|text| parse_span(&text));
    policy.on_lost = match () {
        () if line.flag("leave") => OnLost::Leave,
        () if line.flag("hold") => OnLost::Hold,
        () => OnLost::Kill,
    };
    let policy = Some(policy.into());
    let job = Job { name: "backup".into(), concurrency, policy, ..Job::default() };
    Run {
        seq,
        node: "n1".into(),
        job_no: JobNo(2),
        version: Version(1),
        job: job.into(),
        group: Group(seq.0),
        attempt: 1,
        cause: Cause::Schedule,
        nominal: Nominal::default(),
        fence: Tenure(1),
        output_limit: 1000,
    }
}

fn seq(text: &str) -> Seq {
    Seq(text.trim_start_matches('#').parse().unwrap_or_else(|_| panic!("{text} is no execution")))
}

/// The lease is said with each heartbeat, and not shown.
fn shown(action: &Action) -> Option<String> {
    Some(match action {
        Action::Journal(written) => format!("journal {}", record(written)),
        Action::Start(run) => format!("start {}", id(&run.id())),
        Action::Resume { seq, started_at, terms } => {
            format!("resume #{seq} of {}{}", show_time(*started_at), shown_terms(terms))
        }
        Action::Kill(seq) => format!("kill #{seq}"),
        Action::KillGroup(process) => format!("kill process group {}", process.group),
        Action::Discard(seq) => format!("discard #{seq}"),
        Action::Lease { .. } => return None,
        Action::Send(message) => format!("send {}", sent(message)),
    })
}

fn id(id: &ExecutionId) -> String {
    format!("#{id}")
}

fn record(record: &JournalRecord) -> String {
    match record {
        JournalRecord::Accepted { seq, terms } => format!("accepted #{seq}{}", shown_terms(terms)),
        JournalRecord::Started { seq, process, .. } => {
            let group = process.map_or(String::new(), |process| format!(" pid {}", process.group));
            format!("started #{seq}{group}")
        }
        JournalRecord::Finished { seq, finish } => {
            format!("finished #{seq} {}", show::finish(finish))
        }
        JournalRecord::Forgotten { seq } => format!("forgotten #{seq}"),
        JournalRecord::Ending { seq, reason } => format!("ending #{seq} {}", reason.word()),
    }
}

/// What is said of them beyond the usual.
fn shown_terms(terms: &Terms) -> String {
    let mut text = String::new();
    let flags = [("exclusive", terms.exclusive), ("leave", terms.leave)];
    for (word, _) in flags.iter().filter(|(_, said)| *said) {
        text.push(' ');
        text.push_str(word);
    }
    let spans = [("lost_after", terms.lost_after), ("max_runtime", terms.max_runtime)];
    for (word, span) in spans {
        text.extend(span.map(|span| format!(" {word}={span:?}")));
    }
    text
}

fn sent(message: &ToLeader) -> String {
    let head = format!("s{}/{}", message.session.0, message.no);
    let body = match &message.body {
        News::Hello(hello) => return format!("hello {}", hello.hello),
        News::Stated(page) => {
            format!("stated {}", page.iter().map(statement).collect::<Vec<_>>().join(", "))
        }
        News::StatedAll => "stated all".into(),
        News::Started { seq, .. } => format!("started #{seq}"),
        News::Finished { seq, finish } => format!("finished #{seq} {}", show::finish(finish)),
        News::Beat { .. } => "beat".into(),
    };
    format!("{head} {body}")
}

fn statement(said: &Statement) -> String {
    let known = match said.known {
        Known::Running { started_at: None } => "accepted",
        Known::Running { started_at: Some(_) } => "running",
        Known::Finished => "finished",
        Known::Gone => "gone",
    };
    format!("#{} {known}", said.seq)
}
