//! Scripts of the conductor: it talks to a ledger that commits every proposal at once (or when
//! told to), to nodes that answer heartbeats while nobody silences them, and to users.
//! Long, because it is one table: each word of a line with what it does.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use dkron_core::conductor::{
    Action, Answer, Asked, Conductor, Demand, Fate, Input, Note, Options, Refusal, Request,
    RosterMember, Ticket, Versions,
};
use dkron_core::domain::{
    BootId, CLUSTER_VERSION, EndReason, Finish, HistoryNo, JournalId, LogIndex, Now, Origin,
    Output, Settings, Tenure, Timestamp,
};
use dkron_core::ledger::{
    Command, Entry, Ledger, Note as Word, Reply, Row, RowKey, RowOp, outstanding,
};
use dkron_core::worker::{Hello, Known, News, Order, SessionNo, Statement, ToLeader, ToNode};

use super::time::START;

use super::{Line, Machine, Names, job, parse_span, policy, show, show_time};

/// How long the conductor proposes nothing after a refusal.
const CALM: Duration = Duration::from_millis(5);

/// What a leader waits for its nodes after it slept is over by then.
const SHORTLY: Duration = Duration::from_secs(1);

/// A leader with everything around it.
pub struct Leader {
    conductor: Conductor,
    ledger: Ledger,
    store: BTreeMap<RowKey, Row>,
    names: Names,
    now: Now,
    roster: BTreeMap<String, RosterMember>,
    links: BTreeMap<String, Link>,
    queue: VecDeque<Proposed>,
    holding: bool,
    requests: u64,
    wake: Duration,
    shown: Vec<String>,
}

/// The node's end of a session.
#[derive(Clone, Default)]
struct Link {
    session: u64,
    no: u64,
    hellos: u64,
    silent: bool,
}

struct Proposed {
    ticket: Ticket,
    at: Timestamp,
    tenure: Tenure,
    command: Command,
}

impl Default for Leader {
    fn default() -> Self {
        Leader {
            conductor: Conductor::new(options()),
            ledger: Ledger::default(),
            store: BTreeMap::new(),
            names: Names::default(),
            now: Now { wall: Timestamp::from_secs(START), mono: Duration::from_secs(1000) },
            roster: BTreeMap::new(),
            links: BTreeMap::new(),
            queue: VecDeque::new(),
            holding: false,
            requests: 0,
            wake: Duration::ZERO,
            shown: Vec::new(),
        }
    }
}

/// What belongs to a request.
type Said = (Demand, Option<Origin>);

fn options() -> Options {
    Options {
        server: "s1".into(),
        boot_id: BootId([1; 16]),
        zone_data: "2026a".into(),
        settings: Settings::default(),
        region: "global".into(),
    }
}

impl Machine for Leader {
    fn take(&mut self, mut line: Line) -> Vec<String> {
        let asleep = line.flag("asleep");
        if let Some(at) = line.at {
            self.go_on(at, asleep);
        }
        let quiet = line.flag("quiet");
        let Some(verb) = line.next() else {
            self.settle();
            return self.answer(quiet);
        };
        match verb.as_str() {
            "outstanding" | "job" | "skipped" | "queue" | "ended" | "wake" | "live" | "due" => {
                self.settle();
                self.question(&verb, &mut line);
            }
            "hold" | "free" | "commit" | "refuse" | "unknown" | "late" => self.fate(&verb),
            "member" | "left" | "parted" | "open" | "hello" | "stated" | "stated_all"
            | "silence" | "started" | "finished" => self.node(&verb, &mut line),
            "elected" => self.step(Input::Elected),
            "deposed" => self.step(Input::Deposed),
            "stop" => self.step(Input::Stop),
            "restart" => {
                self.conductor = Conductor::new(options());
                self.queue.clear();
                self.links.clear();
                self.tell_roster();
            }
            "clock" => self.set_clock(&line.word()),
            "settings" => self.settings(&mut line),
            "versions" => {
                let servers = line.next().map(|text| text.parse().unwrap());
                self.step(Input::Versions { servers });
            }
            "clocks" => self.compare(&mut line),
            "too_old" => {
                let name = line.word();
                let job_no = self.ledger.job(&name).expect("a job").job_no;
                let first = HistoryNo(line.word().parse().unwrap());
                self.step(Input::TooOld { job_no, first });
            }
            "processed" => {
                let seq = self.names.seq(&line.word());
                let output = Output::Inline(b"processed".as_slice().into());
                self.step(Input::Processed { seq, output, dropped: 0 });
            }
            _ => self.request(&verb, &mut line),
        }
        line.done();
        self.settle();
        self.answer(quiet)
    }
}

impl Leader {
    fn answer(&mut self, quiet: bool) -> Vec<String> {
        let shown = std::mem::take(&mut self.shown);
        if quiet {
            return Vec::new();
        }
        shown.into_iter().map(|text| self.names.shorten(text)).collect()
    }

    fn say(&mut self, text: impl Into<String>) {
        self.shown.push(text.into());
    }

    /// Every line ends with an alarm; proposals are committed until nothing moves any more.
    fn settle(&mut self) {
        self.step(Input::Alarm);
        let mut rounds = 0;
        while !self.holding && !self.queue.is_empty() {
            self.commit();
            rounds += 1;
            if rounds > 200 {
                return self.say("it goes on like this for ever");
            }
        }
    }

    fn step(&mut self, input: Input) {
        for action in self.conductor.step(&self.ledger, self.now, input) {
            self.carry_out(action);
        }
    }

    fn carry_out(&mut self, action: Action) {
        match action {
            Action::Propose { ticket, at, tenure, command } => {
                self.say(format!("propose {}", show::command(&command)));
                self.queue.push_back(Proposed { ticket, at, tenure, command: *command });
            }
            Action::Send { node, message } => self.sent(node.as_str(), &message),
            Action::Process { record, .. } => self.say(format!("process {}", record.seq)),
            Action::Answer { ticket, answer } => {
                self.say(format!("answer {}: {}", ticket.0, show_answer(&answer)));
            }
            Action::Wake(at) => self.wake = at,
            Action::HandOver { to } => self.say(format!("hand over to {to}")),
            Action::Note(note) => self.say(format!("note {}", show_note(&note))),
        }
    }

    fn sent(&mut self, node: &str, message: &ToNode) {
        if let Order::Welcome { .. } = message.body {
            let link = self.links.entry(node.into()).or_default();
            (link.session, link.no) = (message.session.0, 0);
        }
        if !matches!(message.body, Order::Beat { .. }) {
            let head = format!("s{}/{}", message.session.0, message.no);
            self.say(format!("send {node} {head} {}", order(&message.body)));
        }
    }

    fn commit(&mut self) {
        let Some(proposed) = self.queue.pop_front() else { return };
        let ticket = proposed.ticket;
        let reply = self.apply(proposed);
        self.step(Input::Resolved { ticket, fate: Fate::Applied(reply) });
        self.step(Input::Alarm);
    }

    fn apply(&mut self, proposed: Proposed) -> Reply {
        let Proposed { at, tenure, command, .. } = proposed;
        let index = LogIndex(self.ledger.applied().0 + 1);
        let outcome = self.ledger.apply(Entry { index, at, tenure, request: None, command });
        if let Reply::Fired(fired) = &outcome.reply {
            for fired in fired {
                self.names.learn_fired(fired);
            }
        }
        for op in outcome.rows {
            match op {
                RowOp::Put(row) | RowOp::PutNew(row) => drop(self.store.insert(row.key(), row)),
                RowOp::Delete(key) => drop(self.store.remove(&key)),
            }
        }
        if !matches!(outcome.reply, Reply::Job(_) | Reply::Done | Reply::InOffice(_)) {
            self.say(format!("  {}", show::reply(&outcome.reply)));
        }
        self.step(Input::Effects(outcome.effects));
        outcome.reply
    }

    fn fate(&mut self, verb: &str) {
        match verb {
            "hold" => self.holding = true,
            "free" => self.holding = false,
            "commit" => (0..self.queue.len()).for_each(|_| self.commit()),
            "late" => {
                let Some(proposed) = self.queue.pop_front() else { return };
                self.step(Input::Resolved { ticket: proposed.ticket, fate: Fate::Unknown });
                self.apply(proposed);
            }
            _ => {
                let fate = if verb == "refuse" { Fate::Refused } else { Fate::Unknown };
                if let Some(Proposed { ticket, .. }) = self.queue.pop_front() {
                    self.step(Input::Resolved { ticket, fate });
                }
                if verb == "refuse" {
                    // A full queue is left alone for a moment.
                    self.now.wall = self.now.wall.after(CALM);
                    self.now.mono += CALM;
                }
            }
        }
    }

    /// Time goes by without an alarm. A leader that is not asleep hears of something shortly before
    /// that moment, and of its nodes.
    fn go_on(&mut self, at: Timestamp, asleep: bool) {
        if !asleep {
            self.jump(at.before(SHORTLY).max(self.now.wall));
            self.tell_roster();
        }
        self.jump(at);
        if !asleep {
            self.beats();
        }
    }

    fn jump(&mut self, at: Timestamp) {
        self.now.mono += at.since(self.now.wall);
        self.now.wall = at;
    }

    /// All nodes that are not silenced say that they live.
    fn beats(&mut self) {
        let speaking = self.links.iter().filter(|(_, link)| !link.silent);
        let names: Vec<String> = speaking.map(|(name, _)| name.clone()).collect();
        for name in names {
            self.node_says(&name, News::Beat { sent: self.now.mono });
        }
    }

    fn node_says(&mut self, name: &str, body: News) {
        let link = self.links.get_mut(name).expect("the node said hello");
        link.no += 1;
        let session = SessionNo(link.session);
        let message = Box::new(ToLeader { session, no: link.no, body });
        self.step(Input::FromNode { node: name.into(), message });
    }

    fn node(&mut self, verb: &str, line: &mut Line) {
        let name = line.word();
        match verb {
            "member" => {
                let region = line.key("region").unwrap_or_else(|| "global".into());
                let alive = !line.flag("dead");
                let tags = line.prefixed("tag.");
                self.roster.insert(name, RosterMember { region, tags, alive });
                self.tell_roster();
            }
            "left" => {
                self.roster.remove(&name);
                self.tell_roster();
            }
            "parted" => self.step(Input::Parted(name.as_str().into())),
            "hello" => self.hello(&name, line),
            "open" => {
                self.hello(&name, line);
                self.stated(&name, line);
                self.node_says(&name, News::StatedAll);
            }
            "stated" => self.stated(&name, line),
            "stated_all" => self.node_says(&name, News::StatedAll),
            "silence" => self.links.get_mut(&name).unwrap().silent = true,
            _ => self.news(&name, verb, line),
        }
    }

    /// `gap` loses a message before this one, `doubled` sends it twice, `session=1` is an old one.
    fn news(&mut self, name: &str, verb: &str, line: &mut Line) {
        let seq = self.names.seq(&line.word());
        let body = if verb == "started" {
            News::Started { seq, at: self.now.wall }
        } else {
            let state = super::ledger::state(&line.word());
            let (reason, finished_at) = (EndReason::None, self.now.wall);
            let finish = Finish { state, reason, finished_at, ..Finish::default() };
            News::Finished { seq, finish: Box::new(finish) }
        };
        let link = self.links.get_mut(name).expect("the node said hello");
        link.no += u64::from(line.flag("gap"));
        if let Some(session) = line.number("session") {
            let (session, no) = (SessionNo(session), link.no + 1);
            let message = Box::new(ToLeader { session, no, body });
            return self.step(Input::FromNode { node: name.into(), message });
        }
        self.node_says(name, body.clone());
        if line.flag("doubled") {
            self.links.get_mut(name).unwrap().no -= 1;
            self.node_says(name, body);
        }
    }

    fn hello(&mut self, name: &str, line: &mut Line) {
        let link = self.links.entry(name.into()).or_default();
        link.hellos += 1;
        link.silent = false;
        let id = |number: Option<u64>| [number.unwrap_or(1) as u8; 16];
        let hello = Hello {
            hello: link.hellos,
            node: name.into(),
            boot_id: BootId(id(line.number("boot"))),
            journal_id: JournalId(id(line.number("journal"))),
            capacity: line.number("capacity").unwrap_or(100) as u32,
            version: line.number("version").map_or(CLUSTER_VERSION, |version| version as u32),
        };
        let message = ToLeader { session: SessionNo(0), no: 0, body: News::Hello(hello) };
        self.step(Input::FromNode { node: name.into(), message: Box::new(message) });
    }

    fn stated(&mut self, name: &str, line: &mut Line) {
        let said = line.prefixed("#").into_iter();
        let page: Vec<Statement> = said
            .map(|(seq, known)| {
                let known = match known.as_str() {
                    "accepted" => Known::Running { started_at: None },
                    "running" => Known::Running { started_at: Some(self.now.wall) },
                    "finished" => Known::Finished,
                    "gone" => Known::Gone,
                    other => panic!("{other} is no statement"),
                };
                Statement { seq: self.names.seq(&seq), known }
            })
            .collect();
        if !page.is_empty() {
            self.node_says(name, News::Stated(page));
        }
    }

    fn tell_roster(&mut self) {
        let roster = self.roster.iter().map(|(name, one)| (name.as_str().into(), one.clone()));
        let roster = roster.collect();
        self.step(Input::Roster(roster));
    }

    /// `clocks 3 s2=+90s s3=-1s`: of three servers these two said how far theirs are ahead.
    fn compare(&mut self, line: &mut Line) {
        let voters = line.word().parse().unwrap();
        let said = line.prefixed("s").into_iter().map(|(server, by)| {
            let millis = parse_span(by.trim_start_matches(['+', '-'])).as_millis() as i64;
            let millis = if by.starts_with('-') { -millis } else { millis };
            (format!("s{server}").as_str().into(), millis)
        });
        let offsets = said.collect();
        self.step(Input::Clocks { voters, offsets });
    }

    /// Sets the wall clock, and only it: `+1h` or `-1h`.
    fn set_clock(&mut self, by: &str) {
        let wall = self.now.wall;
        self.now.wall = match by.strip_prefix('-') {
            Some(back) => wall.before(parse_span(back)),
            None => wall.after(parse_span(by.trim_start_matches('+'))),
        };
    }

    /// The cluster agrees on other settings, past the conductor.
    fn settings(&mut self, line: &mut Line) {
        let mut settings = self.ledger.settings().clone();
        policy::change_settings(&mut settings, line);
        let command = Command::PutSettings(settings);
        let (at, tenure) = (self.now.wall, Tenure(0));
        self.queue.push_back(Proposed { ticket: Ticket(u64::MAX), at, tenure, command });
    }

    fn request(&mut self, verb: &str, line: &mut Line) {
        let said = (demand(line), super::ledger::written(line));
        let request = match verb {
            "put" => return self.put(line, &said),
            "restore" => Request::Restore(Box::new(job::submission(line))),
            "delete" => Request::Delete(line.word().as_str().into()),
            "toggle" => Request::Toggle(line.word().as_str().into()),
            "clear" => Request::Clear(line.word().as_str().into()),
            "pause" => Request::Pause(line.word() == "on"),
            "cancel" => Request::Cancel(Box::new(super::ledger::cancel(line, &self.names))),
            "drain" | "undrain" => {
                let wanted = super::ledger::eligibility(line, verb == "undrain");
                Request::SetEligibility(Box::new(wanted))
            }
            "pause_scheduling" => {
                Request::PauseScheduling(Box::new(super::ledger::pause_scheduling(line)))
            }
            "resume_scheduling" => {
                Request::ResumeScheduling(super::ledger::resume_scheduling(line))
            }
            "put_settings" => {
                let mut settings = self.ledger.settings().clone();
                policy::change_settings(&mut settings, line);
                Request::PutSettings(Box::new(settings))
            }
            "note" => Request::Note(Box::new(Word { object: line.word(), detail: line.word() })),
            "run_by_hand" => {
                let id = line.key("id").unwrap_or_else(|| "a".into());
                let by_hand = super::ledger::by_hand(line, &id).into();
                Request::RunByHand { name: line.word().as_str().into(), by_hand }
            }
            "run" => {
                let id = super::ledger::request(&line.key("id").unwrap_or_else(|| "a".into()));
                Request::Run { name: line.word().as_str().into(), id }
            }
            _ => line.fail("unknown line"),
        };
        self.ask(said, request);
    }

    fn ask(&mut self, (demand, origin): Said, request: Request) {
        self.requests += 1;
        let request = match demand == Demand::default() && origin.is_none() {
            true => request,
            false => Request::Asked(Box::new(Asked { demand, origin, verb: None, request })),
        };
        self.step(Input::Request { ticket: Ticket(self.requests), request });
    }

    /// With `times=` the job is put so often, under a name with a number in place of `%`.
    fn put(&mut self, line: &mut Line, said: &Said) {
        let times = line.number("times").unwrap_or(1);
        let submission = job::submission(line);
        let name = submission.job.name.to_string();
        for no in 1..=times {
            let mut submission = submission.clone();
            submission.job.name = name.replace('%', &no.to_string()).as_str().into();
            self.ask(said.clone(), Request::Put(Box::new(submission)));
            if times > 1 {
                self.settle();
            }
        }
    }

    fn question(&mut self, verb: &str, line: &mut Line) {
        match verb {
            "outstanding" => {
                for effect in outstanding(&self.ledger) {
                    self.say(format!("owes {}", show::effect(&effect)));
                }
            }
            "live" => self.say(format!("{} live", self.ledger.live_count())),
            "due" => {
                let due = self.ledger.due().map(|(due, job)| format!("{} j{job}", show_time(due)));
                due.collect::<Vec<_>>().into_iter().for_each(|text| self.say(text));
            }
            "wake" => {
                let sleep = self.wake.saturating_sub(self.now.mono);
                self.say(format!("wake in {} ms", sleep.as_millis()));
            }
            "queue" => {
                let name = line.word();
                let job_no = self.ledger.job(&name).expect("a job").job_no;
                let waiting = self.ledger.queue(job_no);
                let waiting = waiting.map(|(no, one)| format!("{no} {}", show::queued(one)));
                let waiting: Vec<String> = waiting.collect();
                waiting.into_iter().for_each(|text| self.say(text));
            }
            "ended" => {
                let seq = self.names.seq(&line.word());
                let ended = self.store.values().find_map(|row| match row {
                    Row::History { record, .. } if record.seq == seq => {
                        Some(show::show_record(record))
                    }
                    _ => None,
                });
                self.say(ended.unwrap_or_else(|| "no such record".into()));
            }
            "job" => {
                let name = line.word();
                let job = self.ledger.job(&name).map(|state| show::snapshot(&state.snapshot()));
                self.say(job.unwrap_or_else(|| "no such job".into()));
            }
            _ => {
                let name = line.word();
                let job_no = self.ledger.job(&name).expect("a job").job_no;
                let rows: Vec<String> = self
                    .store
                    .values()
                    .filter_map(|row| match row {
                        Row::Skipped { job_no: own, skipped, .. } if *own == job_no => {
                            Some(show::show_skipped(skipped))
                        }
                        _ => None,
                    })
                    .collect();
                rows.into_iter().for_each(|row| self.say(format!("skipped {row}")));
            }
        }
    }
}

/// `if=v3,v4`, `if=any` and `unless=` with the same words.
fn demand(line: &mut Line) -> Demand {
    let versions = |text: String| match text.as_str() {
        "any" => Versions::Any,
        all => Versions::These(all.split(',').map(super::ledger::version).collect()),
    };
    let some_of = line.key("if").map(versions);
    let none_of = line.key("unless").map(versions);
    Demand { some_of, none_of, from: None }
}

fn order(order: &Order) -> String {
    match order {
        Order::Welcome { hello, .. } => format!("welcome {hello}"),
        Order::Refused { .. } => "refused".into(),
        Order::Run(run) => {
            let at = show_time(run.nominal.0);
            let own = run.cause.by_hand().map(|_| format!(" with {:?}", run.job.executor_config));
            format!(
                "run {} {}@{at} attempt {} v{}{}",
                run.seq,
                run.job.name,
                run.attempt,
                run.version,
                own.unwrap_or_default()
            )
        }
        Order::Kill(seq) => format!("kill {seq}"),
        Order::Cancel { seq, reason } => format!("cancel {seq} {}", reason.word()),
        Order::EndCommitted(seq) => format!("end_committed {seq}"),
        Order::OutputStored(seq) => format!("output_stored {seq}"),
        Order::Beat { .. } => "beat".into(),
    }
}

fn show_answer(answer: &Result<Answer, Refusal>) -> String {
    match answer {
        Ok(Answer::Done) => "done".into(),
        Ok(Answer::Job(job)) => format!("job {}", show::snapshot(job)),
        Ok(Answer::Ran { executions, .. }) => format!("ran {executions:?}"),
        Ok(Answer::Queued { .. }) => "queued".into(),
        Ok(Answer::SchedulingPaused(id)) => format!("paused as p{id}"),
        Ok(Answer::Resumed(pauses)) => format!("resumed {pauses}"),
        Ok(Answer::Cancelling { executions, retries, queued }) => {
            format!("cancelling {executions:?}, {retries} retries, {queued} queued")
        }
        Ok(Answer::Again { index, answer }) => {
            format!("again, entry {index}: {}", show_answer(&Ok(Answer::clone(answer))))
        }
        Err(Refusal::KeyReused) => "key reused".into(),
        Err(Refusal::Past { index, job_no, version }) => {
            format!("again, entry {index}: j{job_no} v{version}, not kept here")
        }
        Err(Refusal::Unready(text)) => format!("unready: {text}"),
        Err(Refusal::Invalid(text)) => format!("invalid: {text}"),
        Err(Refusal::Rejected(why)) => format!("rejected {}", show::rejection(why)),
        Err(Refusal::Unmet(None)) => "unmet: no such job".into(),
        Err(Refusal::Unmet(Some(version))) => format!("unmet: the job is at v{version}"),
        Err(Refusal::NoEligibleNode(name)) => format!("no eligible node for {name}"),
        Err(Refusal::NoCapacity(name)) => format!("no capacity for {name}"),
        Err(Refusal::Busy) => "busy".into(),
        Err(Refusal::NoLeader) => "no leader".into(),
        Err(Refusal::Unknown) => "unknown".into(),
    }
}

fn show_note(note: &Note) -> String {
    match note {
        Note::InOffice(tenure) => format!("in office, tenure {tenure}"),
        Note::ClockStep { millis } => format!("clock step {millis} ms"),
        Note::SessionOpen(node) => format!("session of {node} open"),
        Note::SessionLost(node) => format!("session of {node} lost"),
        Note::BadSchedule(job) => format!("bad schedule of {job}"),
        Note::ClocksUnknown => "clocks unknown".into(),
        Note::ClockWrong { millis } => format!("clock wrong by {millis} ms"),
        Note::ClocksApart { node, millis } => format!("clock of {node} is {millis} ms ahead"),
        Note::NodeTooOld { node, version } => format!("{node} is too old, version {version}"),
        Note::Raised(version) => format!("raised to version {version}"),
    }
}
