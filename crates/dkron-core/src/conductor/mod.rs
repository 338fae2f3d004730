//! The leader's brain: which slots are due, who runs them, which trigger is owed, which node is
//! silent. It proposes commands and sends runs; it never changes the ledger.
//!
//! Everything it remembers can be forgotten at any moment: what must last stands in the ledger.
//! It knows no clock (`Now` comes with every input), no network and no log.
//!
//! ```text
//!   elected, node messages, requests, fates ──▶ step(ledger, now, input) ──▶ propose, send, answer
//! ```

mod account;
mod action;
pub mod admission;
mod awake;
mod cancel;
mod catch_up;
mod clock;
mod compare;
mod demand;
mod drains;
mod due;
mod fire_batch;
mod fires;
mod input;
mod keys;
mod lateness;
mod manual;
mod pauses;
mod placement;
mod pressure;
mod proposals;
mod queue;
mod recall;
mod reports;
mod schedules;
mod sessions;
pub mod settings;
mod silence;
mod tags;
mod triggers;
mod versions;
mod wishes;
mod writes;
mod zones;

use alloc::collections::{BTreeMap, BTreeSet, VecDeque};
use alloc::string::String;
use alloc::vec::Vec;
use core::time::Duration;

pub use action::{Action, Answer, Note, Refusal};
pub use demand::{Demand, Versions};
pub use input::{Asked, Fate, Input, Options, Request, RosterMember, Ticket};

use crate::domain::{
    Finish, Group, HistoryNo, JobName, JobNo, NodeName, Now, PauseNo, QueueNo, Seq, Tenure,
    Timestamp, limits,
};
use crate::ledger::{
    Command, Effect, End, Expire, Ledger, Prune, PutOutput, TakeOffice, outstanding,
};
use crate::schedule::Zone;
use crate::worker::{SessionNo, ToLeader};
use awake::Awake;
use catch_up::CatchUp;
use clock::Clock;
use compare::Compared;
use due::Due;
use keys::Keys;
use manual::AskedRun;
use pressure::Pressure;
use proposals::Proposal;
use schedules::Schedules;
use sessions::{Heard, Sessions, Terms};

/// The behaviour that every server knows; more comes with a version of the cluster.
const LEAST_RULES: u32 = 1;
/// The longest sleep: a step of the wall clock is noticed within it.
const LOOK: Duration = Duration::from_millis(500);
/// Removals of history on their way at a time: thousands of deleted jobs must not fill the queue.
const EXPIRIES: usize = 64;
/// Pause after the log's queue was found full.
const CALM: Duration = Duration::from_millis(5);
/// What waits for room or a session is looked at again after this.
const AGAIN: Duration = Duration::from_millis(100);

/// See the module.
#[derive(Clone, Debug)]
pub struct Conductor {
    options: Options,
    elected: bool,
    /// Set while in office.
    tenure: Option<Tenure>,
    took_office_at: Duration,
    /// When silent nodes are looked at again.
    silence_at: Duration,
    /// The silence that nodes were told to end their runs after.
    told_lost_after: Option<Duration>,
    awake: Awake,
    clock: Clock,
    compared: Compared,
    /// The newest version that all servers know.
    servers_version: Option<u32>,
    raising: bool,
    roster: BTreeMap<NodeName, RosterMember>,
    sessions: Sessions,
    schedules: Schedules,
    due: Due,
    catch_up: CatchUp,
    /// Entries with slots that are caught up, on their way.
    late_entries: usize,
    /// The cluster's zone under the name that the settings have for it.
    zone: Option<(String, Zone)>,
    /// Zone data of the leadership before this one.
    former_zone_data: String,
    /// Jobs whose next slot other zone data computed.
    doubted: VecDeque<JobNo>,
    last_ticket: Ticket,
    proposals: BTreeMap<Ticket, Proposal>,
    /// Jobs whose due slots are being decided.
    firing: BTreeSet<JobNo>,
    triggering: BTreeSet<(Group, JobNo)>,
    retrying: BTreeSet<Seq>,
    /// Retries that a pause of scheduling holds up are left alone until then.
    retries_rest_until: Duration,
    /// Pauses of scheduling that are over, and are on their way out.
    ending_pauses: BTreeSet<PauseNo>,
    /// Waiting occurrences whose turn, or end, is on its way.
    turning: BTreeSet<(JobNo, QueueNo)>,
    /// Where the look for turns begins.
    next_turn: JobNo,
    processing: BTreeSet<Seq>,
    expiring: BTreeSet<(JobNo, HistoryNo)>,
    /// Jobs whose oldest executions are being given up.
    pruning: BTreeSet<JobNo>,
    /// Runs proposed but not applied, by node.
    given: BTreeMap<NodeName, usize>,
    ends: Vec<(End, NodeName)>,
    /// Executions whose end is taken up or on its way.
    ending: BTreeSet<Seq>,
    /// Those of them that are given up, and results of these that came meanwhile.
    losing: BTreeMap<Seq, Option<(NodeName, Finish)>>,
    /// Runs that were asked back, and in which session.
    recalled: BTreeMap<Seq, SessionNo>,
    /// Executions on drained nodes whose cancellation is on its way.
    cancelling: BTreeSet<Seq>,
    /// Starts that enter the log if the run still goes on at that moment.
    starts: VecDeque<(Duration, Seq, Timestamp)>,
    reports: usize,
    /// Waiting writes by job; the first may be on its way.
    writes: BTreeMap<JobName, VecDeque<(Ticket, Asked)>>,
    writing: BTreeSet<JobName>,
    /// Requests with a name that are under way.
    keys: Keys,
    /// Runs that wait for room or a session.
    asked_runs: VecDeque<AskedRun>,
    settling: bool,
    stopping: bool,
    /// Something due could not be decided and is looked at again soon.
    waiting: bool,
    /// The log's queue was full: nothing is proposed until then.
    calm_until: Duration,
    pressure: Pressure,
    /// An output or an expiry did not get into the log; the ledger still owes it.
    asks_again: bool,
}

impl Conductor {
    pub fn new(options: Options) -> Self {
        Conductor {
            options,
            elected: false,
            tenure: None,
            took_office_at: Duration::ZERO,
            silence_at: Duration::ZERO,
            told_lost_after: None,
            awake: Awake::default(),
            clock: Clock::default(),
            compared: Compared::default(),
            servers_version: None,
            raising: false,
            roster: BTreeMap::new(),
            sessions: Sessions::default(),
            schedules: Schedules::default(),
            due: Due::default(),
            catch_up: CatchUp::default(),
            late_entries: 0,
            zone: None,
            former_zone_data: String::new(),
            doubted: VecDeque::new(),
            last_ticket: Ticket(0),
            proposals: BTreeMap::new(),
            firing: BTreeSet::new(),
            triggering: BTreeSet::new(),
            retrying: BTreeSet::new(),
            retries_rest_until: Duration::ZERO,
            ending_pauses: BTreeSet::new(),
            turning: BTreeSet::new(),
            next_turn: JobNo(0),
            processing: BTreeSet::new(),
            expiring: BTreeSet::new(),
            pruning: BTreeSet::new(),
            given: BTreeMap::new(),
            ends: Vec::new(),
            ending: BTreeSet::new(),
            losing: BTreeMap::new(),
            recalled: BTreeMap::new(),
            cancelling: BTreeSet::new(),
            starts: VecDeque::new(),
            reports: 0,
            writes: BTreeMap::new(),
            writing: BTreeSet::new(),
            keys: Keys::default(),
            asked_runs: VecDeque::new(),
            settling: false,
            stopping: false,
            waiting: false,
            calm_until: Duration::ZERO,
            pressure: Pressure::default(),
            asks_again: false,
        }
    }

    /// The tenure, while in office.
    pub fn tenure(&self) -> Option<Tenure> {
        self.tenure
    }

    /// Takes one input. A batch of inputs ends with `Input::Alarm`.
    pub fn step(&mut self, ledger: &Ledger, now: Now, input: Input) -> Vec<Action> {
        let mut out = Vec::new();
        self.awake.look(now.mono);
        // Also requests decide slots, so a step must be known before any of them.
        if let Some(millis) = self.clock.observe(now) {
            out.push(Action::Note(Note::ClockStep { millis }));
        }
        match input {
            Input::Elected => {
                self.former_zone_data = ledger.office().zone_data.clone();
                self.elected(now, &mut out);
            }
            Input::Deposed => self.deposed(&mut out),
            Input::Roster(roster) => self.roster = roster,
            Input::Parted(node) => self.sessions.part(&node),
            Input::FromNode { node, message } => {
                self.hear(ledger, now, node, *message, &mut out);
            }
            Input::Effects(effects) => self.effects(ledger, now, effects, &mut out),
            Input::Resolved { ticket, fate } => {
                let office = matches!(self.proposals.get(&ticket), Some(Proposal::Office));
                self.resolved(ledger, now, ticket, fate, &mut out);
                if office {
                    self.begin(ledger, now, &mut out);
                }
            }
            Input::Request { ticket, request } => {
                self.request(ledger, now, ticket, request, &mut out);
            }
            Input::Processed { seq, output, dropped } => {
                if self.tenure.is_some() && self.processing.contains(&seq) {
                    let command = Command::PutOutput(PutOutput { seq, output, dropped });
                    self.propose(Proposal::Output { seq }, command, now, &mut out);
                }
            }
            Input::TooOld { job_no, first } => self.prune(now, job_no, first, &mut out),
            Input::Clocks { voters, offsets } => self.clocks(now, voters, offsets),
            Input::Versions { servers } => self.servers_version = servers,
            Input::Stop => self.stopping = true,
            Input::Alarm => self.alarm(ledger, now, &mut out),
        }
        self.take_up_repeated(ledger, now, &mut out);
        out
    }

    fn elected(&mut self, now: Now, out: &mut Vec<Action>) {
        self.elected = true;
        let command = Command::TakeOffice(TakeOffice {
            server: self.options.server.clone(),
            boot_id: self.options.boot_id,
            zone_data: self.options.zone_data.clone(),
            rules: LEAST_RULES,
        });
        self.propose(Proposal::Office, command, now, out);
    }

    fn deposed(&mut self, out: &mut Vec<Action>) {
        self.refuse_all(out);
        let (options, roster) = (self.options.clone(), core::mem::take(&mut self.roster));
        // What is about this server, not about its leadership, stays.
        let (last_ticket, stopping, clock) = (self.last_ticket, self.stopping, self.clock.clone());
        let (compared, servers_version) = (self.compared.between(), self.servers_version);
        let awake = self.awake.clone();
        let fresh = Conductor::new(options);
        *self = Conductor { roster, last_ticket, stopping, awake, clock, compared, ..fresh };
        self.servers_version = servers_version;
    }

    /// In office: everything that is outstanding is taken up as if it had just been caused.
    fn begin(&mut self, ledger: &Ledger, now: Now, out: &mut Vec<Action>) {
        if self.tenure.is_none() {
            return;
        }
        self.settle(ledger, now, out);
        self.doubt_next(ledger);
        let owed = outstanding(ledger).into_iter().collect();
        self.effects(ledger, now, owed, out);
    }

    /// A new cluster agrees on its first settings.
    fn settle(&mut self, ledger: &Ledger, now: Now, out: &mut Vec<Action>) {
        if !ledger.is_settled() && !self.settling {
            self.settling = true;
            let command = Command::PutSettings(self.options.settings.clone());
            self.propose(Proposal::Settings, command, now, out);
        }
    }

    fn hear(
        &mut self,
        ledger: &Ledger,
        now: Now,
        node: NodeName,
        message: ToLeader,
        out: &mut Vec<Action>,
    ) {
        let Some(tenure) = self.tenure else { return };
        if !ledger.is_settled() {
            // A welcome would give the node's lease another length than the leader counts with.
            return;
        }
        let terms = Terms {
            tenure,
            lost_after: ledger.settings().lost_after,
            version: ledger.version(),
            extends: self.compared.extends(now.mono),
        };
        match self.sessions.hear(terms, node, message, now.mono, out) {
            Heard::Nothing => {}
            Heard::Opened(node) => self.reconcile(ledger, now, &node, out),
            Heard::Statements(node, page) => self.statements(ledger, now, &node, page, out),
            Heard::News(node, news) => self.news(ledger, now, node, news, out),
        }
    }

    fn effects(&mut self, ledger: &Ledger, now: Now, effects: Vec<Effect>, out: &mut Vec<Action>) {
        if self.tenure.is_none() {
            return;
        }
        if ledger.is_settled() {
            // No run goes out under a lease of a length that is agreed no more.
            self.notice_settings(ledger, out);
        }
        for effect in effects {
            match effect {
                Effect::Start(seq) => self.dispatch(ledger, now, seq, out),
                Effect::Process(seq) => self.process(ledger, seq, out),
                Effect::Expire { .. } if self.expiring.len() >= EXPIRIES => self.asks_again = true,
                Effect::Expire { job_no, first, end } => {
                    if self.expiring.insert((job_no, first)) {
                        let end = HistoryNo(end.0.min(first.0 + limits::EXPIRE_ROWS));
                        let command = Command::Expire(Expire { job_no, first, end });
                        let key = (job_no, first);
                        self.propose(Proposal::Expire { key }, command, now, out);
                    }
                }
                // The alarm finds these in the ledger.
                Effect::Retry { .. } | Effect::Child { .. } | Effect::Dequeue(_) => {}
                Effect::Cancel(seq) => self.cancel_run(ledger, now, seq, out),
            }
        }
    }

    /// Nothing is lost if it fails: who noticed the age notices it again.
    fn prune(&mut self, now: Now, job_no: JobNo, first: HistoryNo, out: &mut Vec<Action>) {
        let room = self.pruning.len() < EXPIRIES && now.mono >= self.calm_until;
        if self.tenure.is_some() && room && self.pruning.insert(job_no) {
            let command = Command::Prune(Prune { job_no, first });
            self.propose(Proposal::Prune { job_no }, command, now, out);
        }
    }

    fn process(&mut self, ledger: &Ledger, seq: Seq, out: &mut Vec<Action>) {
        let Some(held) = ledger.processing_of(seq) else { return };
        let record = held.record.clone();
        if let Some(job) = ledger.definition(record.job_no, record.version).cloned()
            && self.processing.insert(seq)
        {
            out.push(Action::Process { record, job });
        }
    }

    fn alarm(&mut self, ledger: &Ledger, now: Now, out: &mut Vec<Action>) {
        if self.tenure.is_none() {
            // A proposal to take office may have failed while consensus still says leader.
            let asked = self.proposals.values().any(|held| matches!(held, Proposal::Office));
            if self.elected && !asked {
                self.elected(now, out);
            }
            return;
        }
        self.settle(ledger, now, out);
        if !ledger.is_settled() {
            return;
        }
        self.notice_settings(ledger, out);
        self.look_at_clocks(now, out);
        if now.mono < self.calm_until {
            out.push(Action::Wake(self.calm_until));
            return;
        }
        if core::mem::take(&mut self.asks_again) {
            let asked = |one: &Effect| matches!(one, Effect::Process(_) | Effect::Expire { .. });
            let owed = outstanding(ledger).into_iter().filter(asked);
            self.effects(ledger, now, owed.collect(), out);
        }
        if !self.stopping {
            self.fire_due(ledger, now, out);
            self.end_pauses(ledger, now, out);
            self.pressure.looked(now.mono);
            self.correct_next(ledger, now, out);
        }
        self.run_waiting(ledger, now, out);
        let bad = self.schedules.take_bad().into_iter().map(Note::BadSchedule);
        out.extend(bad.map(Action::Note));
        self.raise_version(ledger, now, out);
        self.look_at_nodes(ledger, now, out);
        self.report(ledger, now, out);
        out.push(Action::Wake(self.wake(ledger, now)));
    }

    /// When something can be due next.
    fn wake(&self, ledger: &Ledger, now: Now) -> Duration {
        let mut sleep = LOOK;
        if self.waiting {
            sleep = sleep.min(AGAIN);
        }
        // What is due and waits must not hide what comes next.
        let (slot, retry) = (ledger.due_after(now.wall), ledger.retry_after(now.wall));
        let patience = ledger.queue_end_after(now.wall).into_iter();
        let patience = patience.chain(ledger.pause_end_after(now.wall));
        for at in slot.into_iter().chain(retry).chain(patience) {
            sleep = sleep.min(at.since(now.wall));
        }
        // With enough reports on their way a start waits for the fate of one.
        if let Some((due, ..)) = self.starts.front().filter(|_| self.may_report()) {
            sleep = sleep.min(due.saturating_sub(now.mono));
        }
        if let Some(until) = self.clock.held(now.mono) {
            sleep = sleep.min(until.saturating_sub(now.mono));
        }
        now.mono + sleep
    }

    /// The zone of jobs without one, as the cluster agreed.
    fn local_zone(&mut self, ledger: &Ledger) -> Zone {
        // Until the first settings are in the log, those that are on their way count.
        let agreed = ledger.is_settled();
        let settings = if agreed { ledger.settings() } else { &self.options.settings };
        let name = settings.zone.as_str();
        match &self.zone {
            // Compared as written: an empty or unknown name is not the name of what stands for it.
            Some((known, zone)) if known == name => zone.clone(),
            _ => {
                let zone = Zone::parse(name).unwrap_or_else(|_| Zone::utc());
                self.schedules.clear();
                self.zone = Some((String::from(name), zone.clone()));
                zone
            }
        }
    }
}
