//! Where runs go, against a model: members join, leave, change their tags and open their sessions
//! at random, and each run is placed as the members of that moment are.
//! Bears T-33.
#![allow(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use dkron_core::conductor::{
    Action, Conductor, Fate, Input, Options, Refusal, Request, RosterMember, Ticket,
};
use dkron_core::domain::{
    BootId, CLUSTER_VERSION, Job, JournalId, LogIndex, Now, RequestId, Settings, Submission,
    Tenure, Timestamp,
};
use dkron_core::ledger::{Account, Command, Decision, Entry, Ledger, Place, PutJob, TakeOffice};
use dkron_core::worker::{Hello, News, Order, SessionNo, ToLeader};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::Config;

const NODES: usize = 5;
/// What jobs ask for: tags, and how many nodes if not all.
const JOBS: [(&[(&str, &str)], usize); 6] = [
    (&[], usize::MAX),
    (&[("role", "web")], usize::MAX),
    (&[("role", "web:1")], 1),
    (&[("role", "db:2")], 2),
    (&[("role", "web:3"), ("disk", "big")], 3),
    (&[("role", "mail")], usize::MAX),
];

#[derive(Clone, Debug)]
enum Move {
    /// Joins, or comes back with these tags; `false` = elsewhere, or left.
    Member {
        node: usize,
        role: usize,
        big: bool,
        here: bool,
        alive: bool,
    },
    Open(usize),
    Run(usize),
}

fn moves() -> impl Strategy<Value = Vec<Move>> {
    let member = (0..NODES, 0..3_usize, any::<bool>(), 0..8_u8, 0..4_u8);
    let member = member.prop_map(|(node, role, big, here, alive)| Move::Member {
        node,
        role,
        big,
        here: here > 0,
        alive: alive > 0,
    });
    let one = prop_oneof![
        3 => member,
        2 => (0..NODES).prop_map(Move::Open),
        5 => (0..JOBS.len()).prop_map(Move::Run),
    ];
    vec(one, 1..60)
}

/// A leader in office, and what the model knows of its nodes.
struct World {
    ledger: Ledger,
    conductor: Conductor,
    roster: BTreeMap<String, RosterMember>,
    open: BTreeSet<String>,
    given: BTreeMap<String, usize>,
    hellos: u64,
    asked: u64,
    millis: u64,
}

fn name(node: usize) -> String {
    format!("n{node}")
}

impl World {
    fn new() -> World {
        let options = Options {
            server: "s1".into(),
            boot_id: BootId::default(),
            zone_data: "law".into(),
            settings: Settings::default(),
            region: "global".into(),
        };
        let mut world = World {
            ledger: Ledger::default(),
            conductor: Conductor::new(options),
            roster: BTreeMap::new(),
            open: BTreeSet::new(),
            given: BTreeMap::new(),
            hellos: 0,
            asked: 0,
            millis: 0,
        };
        let office = TakeOffice {
            server: "s1".into(),
            boot_id: BootId::default(),
            zone_data: "law".into(),
            rules: 1,
        };
        world.apply(Tenure(0), Command::TakeOffice(office));
        world.apply(Tenure(0), Command::PutSettings(Settings::default()));
        for (number, (tags, _)) in JOBS.iter().enumerate() {
            let text = |text: &str| text.to_owned();
            let job = Job {
                name: format!("job{number}").as_str().into(),
                schedule: "@manually".into(),
                tags: tags.iter().map(|(key, value)| (text(key), text(value))).collect(),
                ..Job::default()
            };
            let submission = Submission { job, ..Submission::default() };
            let account = Account::Restart { next: None, anchor: true };
            let put = PutJob { submission, base: None, account, undecided: None };
            world.apply(Tenure(0), Command::PutJob(Box::new(put)));
        }
        world.settle(Input::Elected);
        // For a second a new leader waits for the sessions of its nodes, and so does one that was
        // not asked for longer.
        world.millis += 1_000;
        world.settle(Input::Alarm);
        world.millis += 1_000;
        world
    }

    fn now(&self) -> Now {
        let wall = Timestamp::from_secs(1_767_225_600).after(Duration::from_millis(self.millis));
        Now { wall, mono: Duration::from_millis(self.millis) }
    }

    fn apply(&mut self, tenure: Tenure, command: Command) -> dkron_core::ledger::Outcome {
        let index = LogIndex(self.ledger.applied().0 + 1);
        let at = self.now().wall;
        self.ledger.apply(Entry { index, at, tenure, request: None, command })
    }

    /// One input and its alarm; what is proposed is committed until nothing moves. All actions.
    fn settle(&mut self, input: Input) -> Vec<Action> {
        self.millis += 1;
        let mut inputs = vec![input, Input::Alarm];
        let mut all = Vec::new();
        while !inputs.is_empty() {
            let mut next = Vec::new();
            for input in inputs {
                let now = self.now();
                let actions = self.conductor.step(&self.ledger, now, input);
                for action in &actions {
                    if let Action::Propose { ticket, tenure, command, .. } = action {
                        let outcome = self.apply(*tenure, Command::clone(command));
                        next.push(Input::Effects(outcome.effects));
                        let fate = Fate::Applied(outcome.reply);
                        next.push(Input::Resolved { ticket: *ticket, fate });
                    }
                }
                all.extend(actions);
            }
            inputs = next;
        }
        all
    }

    fn say(&mut self, node: &str, session: SessionNo, no: u64, body: News) -> Vec<Action> {
        let message = Box::new(ToLeader { session, no, body });
        self.settle(Input::FromNode { node: node.into(), message })
    }

    fn open(&mut self, node: &str) {
        self.hellos += 1;
        let hello = Hello {
            hello: self.hellos,
            node: node.into(),
            boot_id: BootId::default(),
            // As if it had lost its notes: what it was given before is over.
            journal_id: JournalId((self.hellos as u128).to_be_bytes()),
            capacity: 10_000,
            version: CLUSTER_VERSION,
        };
        let actions = self.say(node, SessionNo(0), 0, News::Hello(hello));
        let session = actions.iter().find_map(|action| match action {
            Action::Send { message, .. } if matches!(message.body, Order::Welcome { .. }) => {
                Some(message.session)
            }
            _ => None,
        });
        self.say(node, session.unwrap(), 1, News::StatedAll);
        self.open.insert(node.to_owned());
        self.given.insert(node.to_owned(), 0);
    }

    fn run(&mut self, number: usize) {
        self.asked += 1;
        let ticket = Ticket(1 << 40 | self.asked);
        let id = RequestId((self.asked as u128).to_be_bytes());
        let request = Request::Run { name: format!("job{number}").as_str().into(), id };
        let actions = self.settle(Input::Request { ticket, request });
        let refused = actions.iter().any(|action| {
            let none = |refusal: &Refusal| matches!(refusal, Refusal::NoEligibleNode(_));
            matches!(action, Action::Answer { answer: Err(refusal), .. } if none(refusal))
        });
        let placed = actions.iter().find_map(|action| match action {
            Action::Propose { command, .. } => match &**command {
                Command::Fire(fires) => match &fires[0].decision {
                    Decision::Run(places) => Some(places.to_vec()),
                    Decision::Skip { .. } => None,
                },
                _ => None,
            },
            _ => None,
        });
        let (tags, limit) = JOBS[number];
        let matching = self.matching(tags);
        match placed {
            None => assert!(refused && matching.is_empty(), "nothing placed on {matching:?}"),
            Some(places) => self.judge(&places, &matching, limit),
        }
    }

    /// The model: here, dead or alive, and with every tag.
    fn matching(&self, tags: &[(&str, &str)]) -> BTreeSet<String> {
        let has = |member: &RosterMember, key: &str, value: &str| {
            let value = value.split(':').next().unwrap();
            member.tags.get(key).is_some_and(|own| own == value)
        };
        let fits = |member: &RosterMember| {
            let all = tags.iter().all(|(key, value)| has(member, key, value));
            member.region == "global" && all
        };
        let all = self.roster.iter().filter(|(_, member)| fits(member));
        all.map(|(name, _)| name.clone()).collect()
    }

    fn judge(&mut self, places: &[Place], matching: &BTreeSet<String>, limit: usize) {
        let node = |place: &Place| place.target.node.as_str().to_owned();
        let chosen: BTreeSet<String> = places.iter().map(node).collect();
        assert_eq!(chosen.len(), places.len(), "a node twice: {places:?}");
        assert_eq!(chosen.len(), limit.min(matching.len()), "{chosen:?} of {matching:?}");
        assert!(chosen.is_subset(matching), "{chosen:?} of {matching:?}");
        for place in places {
            let reached = self.open.contains(&node(place));
            assert_eq!(place.born_failed.is_none(), reached, "{place:?}");
        }
        // Who can not be reached comes last, who has more to do than another comes after it.
        let left: Vec<&String> = matching.difference(&chosen).collect();
        let load = |name: &String| self.given.get(name).copied().unwrap_or(0);
        let idle = left.iter().filter(|name| self.open.contains(**name)).map(|name| load(name));
        if let Some(idle) = idle.min() {
            assert!(chosen.iter().all(|name| self.open.contains(name) && load(name) <= idle));
        }
        for name in chosen.iter().filter(|name| self.open.contains(*name)) {
            *self.given.get_mut(name).unwrap() += 1;
        }
    }

    fn step(&mut self, one: Move) {
        match one {
            Move::Member { node, role, big, here, alive } => {
                let mut tags = BTreeMap::new();
                tags.insert("role".to_owned(), ["web", "db", "cache"][role].to_owned());
                tags.insert("disk".to_owned(), if big { "big" } else { "small" }.to_owned());
                let region = if here { "global" } else { "moon" }.to_owned();
                self.roster.insert(name(node), RosterMember { region, tags, alive });
                let roster = self.roster.iter();
                let roster = roster.map(|(name, member)| (name.as_str().into(), member.clone()));
                let roster = roster.collect();
                self.settle(Input::Roster(roster));
            }
            Move::Open(node) => self.open(&name(node)),
            Move::Run(number) => self.run(number),
        }
    }
}

proptest! {
    #![proptest_config(Config { cases: 300, failure_persistence: None, ..Config::default() })]

    #[test]
    fn each_run_is_placed_as_the_members_of_that_moment_are(moves in moves()) {
        let mut world = World::new();
        for one in moves {
            world.step(one);
        }
    }
}
