//! Longer sequences of commands than the explorer reaches, at random, with the same checks; among
//! them reports of several ends, entries of a leadership that is over, and doubled requests.
//! Bears T-31 and T-41.

mod ledger_walk;

use dkron_core::domain::{RequestId, State, Tenure};
use dkron_core::ledger::Reply;
use ledger_walk::{Move, Walk, drain, entry_moves, live, report, scheduling};
use proptest::prelude::*;

const PUTS: [&str; 10] = [
    "top retries processors",
    "top forbid",
    "top ephemeral processors",
    "kid parent=top",
    "kid parent=top ephemeral forbid",
    "kid retries forbid",
    "top queue retries",
    "top replace retries",
    "kid parent=top queue ephemeral",
    "kid parent=top replace retries lost",
];

fn walk(dice: &[(u16, u8)]) {
    let mut walk = Walk::new(&PUTS[..1]);
    for (pick, oddity) in dice {
        let moves = entry_moves(&walk, &PUTS);
        let step = moves[usize::from(*pick) % moves.len()].clone();
        match oddity % 16 {
            0 => {
                let stale = Move { tenure: Some(Tenure(1_000_000)), ..step };
                assert_eq!(walk.take(&stale), Reply::Deposed);
            }
            1 => drop(walk.take(&Move::office())),
            2 | 3 => several_ends(&mut walk, *pick),
            4 | 5 if !step.by_conductor => {
                let request = Some(RequestId([*pick as u8; 16]));
                let step = Move { request, ..step };
                let first = walk.take(&step);
                let second = walk.take(&step);
                if !matches!(first, Reply::Rejected(_)) {
                    assert_eq!(second, Reply::Repeated);
                }
            }
            6 => {
                walk.take(&step);
                walk.take(&step);
            }
            7 => drop(walk.take(&drain(pick % 2 == 0))),
            8 => {
                let scheduling = scheduling(&walk, usize::from(*pick));
                drop(walk.take(&scheduling));
            }
            _ => drop(walk.take(&step)),
        }
    }
    walk.check_replay();
}

fn several_ends(walk: &mut Walk, pick: u16) {
    let states = [State::Success, State::Failed, State::TimedOut, State::Lost, State::Success];
    let ends: Vec<_> = live(&walk.ledger)
        .into_iter()
        .take(4)
        .enumerate()
        .map(|(at, seq)| (seq, states[(usize::from(pick) + at) % states.len()]))
        .collect();
    walk.take(&report(walk, &ends));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn any_sequence_keeps_the_rules(dice in proptest::collection::vec(any::<(u16, u8)>(), 1..120)) {
        walk(&dice);
    }
}
