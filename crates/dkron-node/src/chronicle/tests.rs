use super::*;

fn place(index: u64, ordinal: u32) -> Place {
    Place { index: LogIndex(index), ordinal }
}

/// Entries from 11 on, each with two events; the chronicle began at 10.
fn told(entries: u64, most: usize) -> Chronicle {
    let chronicle = Chronicle::with_room(LogIndex(10), most);
    for index in (11..).take(usize::try_from(entries).unwrap()) {
        let mut kept = chronicle.kept();
        for ordinal in [1, 2] {
            kept.push(Stamped {
                place: place(index, ordinal),
                at: Timestamp::from_secs(0),
                job: (ordinal == 2).then(|| "j".into()),
                what: Happening::Paused(ordinal == 2),
            });
        }
        kept.seen = LogIndex(index);
    }
    chronicle
}

fn places(reading: &Reading) -> Vec<String> {
    match reading {
        Reading::Events { events, .. } => events.iter().map(|e| e.place.to_string()).collect(),
        Reading::Reset { next } => vec![format!("reset {next}")],
    }
}

#[test]
fn a_reader_goes_on_where_it_was_at_any_server() {
    let chronicle = told(3, usize::MAX);
    let all = chronicle.after(Place::behind(LogIndex(10)), 100, |_| true);
    assert_eq!(places(&all), ["11:1", "11:2", "12:1", "12:2", "13:1", "13:2"]);
    assert_eq!(places(&chronicle.after(place(12, 1), 100, |_| true)), ["12:2", "13:1", "13:2"]);
    let Reading::Events { events, next, more } = chronicle.after(place(11, 2), 2, |_| true) else {
        panic!("nothing was lost")
    };
    assert!(more && events.len() == 2 && next == place(12, 2));
    let Reading::Events { events, next, more } = chronicle.after(next, 2, |_| true) else {
        panic!("nothing was lost")
    };
    assert!(!more && events.len() == 2 && next == place(14, 0) && next == chronicle.end());
}

#[test]
fn who_wants_few_goes_on_behind_the_others() {
    let chronicle = told(3, usize::MAX);
    let of_jobs = |event: &Stamped| event.job.is_some();
    let Reading::Events { events, next, more } =
        chronicle.after(Place::behind(LogIndex(10)), 100, of_jobs)
    else {
        panic!("nothing was lost")
    };
    assert!(!more && next == chronicle.end());
    assert_eq!(events.len(), 3);
    let chronicle = told(5000, usize::MAX);
    let begin = Place::behind(LogIndex(10));
    let Reading::Events { events, next, more } = chronicle.after(begin, 1, |_| false) else {
        panic!("nothing was lost")
    };
    assert!(more && events.is_empty() && next == place(10 + 2048, 2), "{next}");
}

#[test]
fn what_is_too_old_is_told_to_be() {
    let one = told(1, usize::MAX).kept().bytes / 2;
    let chronicle = told(100, 20 * one + 20);
    let kept = chronicle.kept();
    assert!(kept.bytes <= kept.most && kept.events.len() >= 19);
    let from = kept.from;
    drop(kept);
    assert_eq!(places(&chronicle.after(place(50, 1), 100, |_| true)), ["reset 111:0"]);
    assert_eq!(places(&chronicle.after(from, 1, |_| true)).len(), 1);
    chronicle.jump(LogIndex(500));
    assert_eq!(places(&chronicle.after(place(110, 2), 100, |_| true)), ["reset 501:0"]);
    assert!(places(&chronicle.after(chronicle.end(), 100, |_| true)).is_empty());
}

#[test]
fn a_place_ahead_of_this_server_waits() {
    let chronicle = told(3, usize::MAX);
    let ahead = place(20, 1);
    let Reading::Events { events, next, .. } = chronicle.after(ahead, 9, |_| true) else {
        panic!("nothing was lost")
    };
    assert!(events.is_empty() && next == ahead);
}

#[test]
fn places_are_texts() {
    for text in ["0:0", "4711:2", "18446744073709551615:4294967295"] {
        assert_eq!(text.parse::<Place>().unwrap().to_string(), text);
    }
    for text in ["", "1", "1:", ":1", "-1:1", "1:+1", "1:2:3", "1:4294967296", "a:b"] {
        assert_eq!(text.parse::<Place>(), Err(NoPlace), "{text}");
    }
    assert!(place(3, 2) < Place::behind(LogIndex(3)) && Place::behind(LogIndex(3)) < place(4, 1));
}
