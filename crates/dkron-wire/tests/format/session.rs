//! What nodes say to each other: recorded bytes, round trips, damage. Bears T-47.

use std::sync::Arc;
use std::time::Duration;

use dkron_core::domain::{
    BootId, Cause, Digest, EndReason, Finish, JobNo, JournalId, Seq, Tenure, Version,
};
use dkron_core::worker::{Hello, Known, News, Order, Run, SessionNo, Statement, ToLeader, ToNode};
use dkron_wire::Error;
use dkron_wire::session::{
    Answer, Arrived, Greeting, Hint, VERSION, decode_answer, decode_definition, decode_greeting,
    decode_news, decode_orders, encode_answer, encode_definition, encode_greeting, encode_news,
    encode_order,
};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::{Just, Strategy, any, prop_oneof, proptest};
use proptest::{prop_assert, prop_assert_eq};

use super::damage::spoil;
use super::golden::{fields, hex, recorded};
use super::{generate, sample};

fn run() -> Run {
    Run {
        seq: sample::seq(1),
        node: "db1".into(),
        job_no: JobNo(1234),
        version: Version(2),
        job: Arc::new(sample::job()),
        group: sample::group(1),
        attempt: 2,
        cause: Cause::Schedule,
        nominal: sample::nominal(1),
        fence: Tenure(7),
        output_limit: 256_000,
    }
}

/// Each with the digest by which its definition travels.
fn orders() -> Vec<(&'static str, ToNode, Option<Digest>)> {
    let seq = sample::seq(1);
    let digest = Some(Digest(sample::ascending(0x30)));
    let welcome = Order::Welcome { hello: 3, lost_after: Duration::from_secs(300) };
    let order = |body| ToNode { tenure: Tenure(7), session: SessionNo(7 << 24), no: 5, body };
    vec![
        ("welcome", order(welcome), None),
        ("refused", order(Order::Refused { hello: 3 }), None),
        ("run, whole", order(Order::Run(Box::new(run()))), None),
        ("run, lent", order(Order::Run(Box::new(run()))), digest),
        ("kill", order(Order::Kill(seq)), None),
        ("cancel", order(Order::Cancel { seq, reason: EndReason::Replaced }), None),
        ("end committed", order(Order::EndCommitted(seq)), None),
        ("output stored", order(Order::OutputStored(seq)), None),
        ("beat", order(Order::Beat { sent: Duration::new(77, 5) }), None),
    ]
}

fn news() -> Vec<(&'static str, ToLeader)> {
    let (seq, at) = (sample::seq(1), sample::at(1));
    let hello = Hello {
        hello: 3,
        node: "db1".into(),
        boot_id: BootId(sample::ascending(0x10)),
        journal_id: JournalId(sample::ascending(0x20)),
        capacity: 16_384,
        version: 2,
    };
    let known = [
        Known::Running { started_at: Some(at) },
        Known::Running { started_at: None },
        Known::Finished,
        Known::Gone,
    ];
    let page = known.map(|known| Statement { seq, known }).into();
    let stored = Box::new(Finish { output: sample::stored(), ..sample::finish() });
    let said = |body| ToLeader { session: SessionNo(7 << 24), no: 5, body };
    vec![
        ("hello", said(News::Hello(hello))),
        ("stated", said(News::Stated(page))),
        ("stated all", said(News::StatedAll)),
        ("started", said(News::Started { seq, at })),
        ("finished", said(News::Finished { seq, finish: Box::new(sample::finish()) })),
        ("finished, stored", said(News::Finished { seq, finish: stored })),
        ("beat", said(News::Beat { sent: Duration::new(77, 5) })),
    ]
}

fn answers() -> Vec<(&'static str, Answer)> {
    let address = "10.0.0.7:6868".to_owned();
    let hint = Hint { id: 99, name: "db1".into(), address, tenure: Tenure(7) };
    vec![
        ("taken", Answer::Taken { version: 1, tenure: Tenure(7) }),
        ("somebody leads", Answer::NotLeader(Some(hint))),
        ("nobody leads", Answer::NotLeader(None)),
        ("refused", Answer::Refused("the name is taken".into())),
    ]
}

fn order(message: &ToNode, lent: Option<Digest>) -> Vec<u8> {
    let mut frame = Vec::new();
    encode_order(&mut frame, message, lent);
    frame
}

fn said(message: &ToLeader) -> Vec<u8> {
    let mut frame = Vec::new();
    encode_news(&mut frame, message);
    frame
}

/// What comes of an order whose definition stays behind.
fn arrived(mut message: ToNode, lacks: Option<Digest>) -> Arrived {
    if let (Order::Run(run), Some(_)) = (&mut message.body, lacks) {
        run.job = Arc::default();
    }
    Arrived { message, lacks }
}

#[test]
fn recorded_bytes_stay() {
    let greeting = Greeting { shard: 0, version: 1 };
    let mut lines = vec![format!("greeting, first: {}", hex(&encode_greeting(greeting)))];
    for (name, answer) in answers() {
        lines.push(format!("answer, {name}: {}", hex(&encode_answer(&answer))));
    }
    for (name, message, lent) in orders() {
        lines.push(format!("order, {name}: {}", hex(&order(&message, lent))));
    }
    for (name, message) in news() {
        lines.push(format!("news, {name}: {}", hex(&said(&message))));
    }
    lines.push(format!("definition, full: {}", hex(&encode_definition(&sample::job()))));
    let mut lines = recorded("session.txt", &lines).into_iter();
    let mut next = || fields::<1>(&lines.next().unwrap())[0].clone();
    assert_eq!(decode_greeting(&next()), Ok(greeting));
    for (_, answer) in answers() {
        assert_eq!(decode_answer(&next()), Ok(answer));
    }
    for (_, message, lent) in orders() {
        assert_eq!(decode_orders(1, &next()), Ok(vec![arrived(message, lent)]));
    }
    for (_, message) in news() {
        assert_eq!(decode_news(1, &next()), Ok(vec![message]));
    }
    assert_eq!(decode_definition(&next()), Ok(sample::job()));
}

#[test]
fn damage_is_an_error() {
    let read = |bytes: &[u8]| decode_answer(bytes).map(drop);
    answers().iter().for_each(|(name, answer)| spoil(name, &encode_answer(answer), read));
    let bytes = encode_definition(&sample::job());
    spoil("definition", &bytes, |bytes| decode_definition(bytes).map(drop));
    for (name, message) in news() {
        let bytes = said(&message);
        for len in 1..bytes.len() {
            assert!(decode_news(1, &bytes[..len]).is_err(), "{name} cut to {len} bytes");
        }
    }
    for (name, message, lent) in orders() {
        let bytes = order(&message, lent);
        for len in 1..bytes.len() {
            assert!(decode_orders(1, &bytes[..len]).is_err(), "{name} cut to {len} bytes");
        }
    }
}

#[test]
fn unknown_versions_are_refused_by_number() {
    for version in [0, VERSION + 1] {
        assert_eq!(decode_news(version, &[]), Err(Error::UnknownProtocol { version }));
        assert_eq!(decode_orders(version, &[]), Err(Error::UnknownProtocol { version }));
    }
}

fn statement() -> impl Strategy<Value = Statement> {
    let known = prop_oneof![
        option::of(generate::at()).prop_map(|started_at| Known::Running { started_at }),
        Just(Known::Finished),
        Just(Known::Gone),
    ];
    (generate::seq(), known).prop_map(|(seq, known)| Statement { seq, known })
}

fn any_news() -> impl Strategy<Value = ToLeader> {
    let ids = (generate::bytes16(), generate::bytes16());
    let hello = (generate::number(), generate::node(), ids, any::<(u32, u32)>()).prop_map(
        |(hello, node, (boot, journal), (capacity, version))| Hello {
            hello,
            node,
            boot_id: BootId(boot),
            journal_id: JournalId(journal),
            capacity,
            version,
        },
    );
    let body = prop_oneof![
        hello.prop_map(News::Hello),
        vec(statement(), 0..20).prop_map(News::Stated),
        Just(News::StatedAll),
        (generate::seq(), generate::at()).prop_map(|(seq, at)| News::Started { seq, at }),
        (generate::seq(), generate::finish())
            .prop_map(|(seq, finish)| News::Finished { seq, finish: Box::new(finish) }),
        generate::span().prop_map(|sent| News::Beat { sent }),
    ];
    let numbers = (generate::number(), generate::number());
    (numbers, body).prop_map(|((session, no), body)| ToLeader {
        session: SessionNo(session),
        no,
        body,
    })
}

fn any_run() -> impl Strategy<Value = Run> {
    let names = (generate::seq(), generate::node(), generate::job_no(), generate::version());
    let how = (generate::group(), any::<u32>(), generate::cause(), generate::nominal());
    let rest = (generate::job(), generate::tenure(), any::<u32>());
    (names, how, rest).prop_map(
        |((seq, node, job_no, version), (group, attempt, cause, nominal), rest)| {
            let (job, fence, output_limit) = rest;
            let job = Arc::new(job);
            Run {
                seq,
                node,
                job_no,
                version,
                job,
                group,
                attempt,
                cause,
                nominal,
                fence,
                output_limit,
            }
        },
    )
}

fn any_order() -> impl Strategy<Value = ToNode> {
    let body = prop_oneof![
        (generate::number(), generate::span())
            .prop_map(|(hello, lost_after)| Order::Welcome { hello, lost_after }),
        generate::number().prop_map(|hello| Order::Refused { hello }),
        any_run().prop_map(|run| Order::Run(Box::new(run))),
        generate::seq().prop_map(Order::Kill),
        (generate::seq(), generate::reason())
            .prop_map(|(seq, reason)| Order::Cancel { seq, reason }),
        generate::seq().prop_map(Order::EndCommitted),
        generate::seq().prop_map(Order::OutputStored),
        generate::span().prop_map(|sent| Order::Beat { sent }),
    ];
    let numbers = (generate::tenure(), generate::number(), generate::number());
    (numbers, body).prop_map(|((tenure, session, no), body)| ToNode {
        tenure,
        session: SessionNo(session),
        no,
        body,
    })
}

proptest! {
    #[test]
    fn news_of_a_frame_come_back(news in vec(any_news(), 0..6)) {
        let mut frame = Vec::new();
        news.iter().for_each(|message| encode_news(&mut frame, message));
        prop_assert_eq!(decode_news(1, &frame), Ok(news));
    }

    #[test]
    fn orders_of_a_frame_come_back(
        orders in vec((any_order(), option::of(generate::bytes16())), 0..6),
    ) {
        let (mut frame, mut expected) = (Vec::new(), Vec::new());
        for (message, digest) in orders {
            let is_run = matches!(message.body, Order::Run(_));
            let lent = digest.filter(|_| is_run);
            let lent = lent.map(|half| Digest(std::array::from_fn(|at| half[at % 16])));
            encode_order(&mut frame, &message, lent);
            expected.push(arrived(message, lent));
        }
        prop_assert_eq!(decode_orders(1, &frame), Ok(expected));
    }

    #[test]
    fn any_bytes_are_words_or_an_error(bytes in vec(any::<u8>(), 0..200)) {
        let _ = (decode_greeting(&bytes), decode_answer(&bytes), decode_definition(&bytes));
        let _ = (decode_news(1, &bytes), decode_orders(1, &bytes));
    }

    /// LIMIT: the control connection takes frames of 64 KiB.
    #[test]
    fn a_page_of_statements_fits_into_a_frame(seq in any::<u64>()) {
        let at = sample::at(1);
        let known = Known::Running { started_at: Some(at) };
        let page = vec![Statement { seq: Seq(seq | 1 << 63), known }; 512];
        let body = News::Stated(page);
        let frame = said(&ToLeader { session: SessionNo(u64::MAX), no: u64::MAX, body });
        prop_assert!(frame.len() < 32 << 10, "{}", frame.len());
    }
}
