//! Refusals: the words, and the column they point at.
#![allow(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

use dkron_core::schedule::{MAX_SCHEDULE_CHARS, Schedule, ScheduleKind, Zone, ZoneError};

fn refusal(text: &str) -> (usize, String) {
    let error = Schedule::parse(text, "backup-db", "", &Zone::utc()).expect_err(text);
    (error.column(), error.to_string())
}

#[test]
fn errors_point_at_the_column() {
    let cases = [
        ("60 * * * * *", 1, "end of range (60) above maximum (59): 60"),
        ("0 10,60 * * * *", 6, "end of range (60) above maximum (59): 60"),
        ("0 */-5 * * * *", 5, "negative number (-5) not allowed: -5"),
        ("0 1~ * * * *", 3, "end of range (133) above maximum (59): 133"),
        ("0 ~,61 * * * *", 5, "end of range (61) above maximum (59): 61"),
        ("~ 61 * * *", 3, "end of range (61) above maximum (23): 61"),
        ("TZ=UTC  0 0 99 * * *", 13, "end of range (99) above maximum (23): 99"),
        ("TZ=Ünï 0 0 9 * * *", 4, "provided bad location Ünï: unknown time zone Ünï"),
        ("TZ=../x 0 0 9 * * *", 4, "provided bad location ../x: time: invalid location name"),
        ("* * * * * * *", 13, "expected exactly 6 fields, found 7: [* * * * * * *]"),
        ("* * *", 6, "expected exactly 6 fields, found 3: [* * *]"),
        ("0 0 0 ,, * *", 7, "field without a value: ,,"),
        ("TZ=UTC", 7, "no blank and no schedule after the time zone: TZ=UTC"),
        ("TZ=UTC ", 8, "expected exactly 6 fields, found 0: []"),
        (
            "0 0 0 * * L",
            11,
            r#"failed to parse int from L: strconv.Atoi: parsing "L": invalid syntax"#,
        ),
        ("0 0 0 * * 8", 11, "end of range (8) above maximum (6): 8"),
        ("0 0 0 * * 8/2", 11, "beginning of range (8) beyond end of range (6): 8/2"),
        ("0 0 0 5-0 * *", 7, "beginning of range (5) beyond end of range (0): 5-0"),
        (
            "@at 2026-12-31T23:61:00Z",
            19,
            concat!(
                r#"failed to parse date @at 2026-12-31T23:61:00Z: parsing time "#,
                r#""2026-12-31T23:61:00Z": minute out of range"#,
            ),
        ),
        (
            "@at 2026-12-31T23:51:00Zé",
            25,
            concat!(
                r#"failed to parse date @at 2026-12-31T23:51:00Zé: parsing time "#,
                r#""2026-12-31T23:51:00Z\xc3\xa9": extra text: "\xc3\xa9""#,
            ),
        ),
        ("@dailé", 1, "unrecognized descriptor: @dailé"),
    ];
    for (text, column, message) in cases {
        assert_eq!(refusal(text), (column, message.to_string()), "{text}");
    }
}

#[test]
fn long_texts_are_refused() {
    let longest = format!("0 0 0 {} * *", "1,".repeat((MAX_SCHEDULE_CHARS - 10) / 2));
    assert_eq!(longest.len(), MAX_SCHEDULE_CHARS);
    assert!(Schedule::parse(&longest, "", "", &Zone::utc()).is_ok());
    let (column, message) = refusal(&format!("{longest} "));
    assert_eq!((column, message.as_str()), (1_025, "schedule longer than 1024 characters"));
}

#[test]
fn what_is_refused_on_top_of_a_valid_form() {
    for text in [
        "0 0 0 L-3 * *",
        "0 0 0 L/2 * *",
        "0 0 0 32W * *",
        "0 0 0 0W * *",
        "0 0 0 +1W * *",
        "0 0 0 W * *",
        "0 0 0 l * *",
        "0 0 0 * * 8L",
        "0 0 0 * * 2#6",
        "0 0 0 * * 2#0",
        "0 0 0 * * 2#",
        "0 0 0 * * #1",
        "0 0 0 * * 1-5L",
        "0 0 0 * * *L",
        "0 0 0 * L *",
        "0 0 L * * *",
        "0 0 0 * * LW",
        "0 0 0 * * 1W",
        "0 0 0 * * sundayL",
        "TZ=UTC @minutely",
        " @daily",
        "@daily @hourly",
        "0 0 0 * * 7#1/2",
        "0 0 0 60-5 * *",
    ] {
        refusal(text);
    }
}

#[test]
fn zones_by_name() {
    let unknown = |name: &str| Err(ZoneError::Unknown(name.into()));
    assert_eq!(Zone::parse("europe/berlin"), unknown("europe/berlin"));
    assert_eq!(Zone::parse("utc"), unknown("utc"));
    assert_eq!(Zone::parse("+02:00"), unknown("+02:00"));
    assert_eq!(Zone::parse("Local"), unknown("Local"));
    assert_eq!(Zone::parse("America"), unknown("America"));
    for name in ["/etc/localtime", "\\x", "Europe/../UTC", ".."] {
        assert_eq!(Zone::parse(name), Err(ZoneError::Invalid));
    }
    for name in ["EST", "Etc/GMT+2", "US/Eastern", "posix/Europe/Berlin", "Etc/UTC", "GMT"] {
        assert_eq!(Zone::parse(name).map(|zone| zone.name().to_string()), Ok(name.to_string()));
    }
    assert_eq!(Zone::parse("").map(|zone| zone.name().to_string()), Ok("UTC".to_string()));
    let berlin = Zone::parse("Europe/Berlin").unwrap();
    assert_eq!(Zone::resolve("Local", &berlin), Ok(berlin));
}

#[test]
fn which_zone_counts() {
    let local = Zone::parse("Europe/Berlin").unwrap();
    let zone = |text: &str, timezone: &str| {
        let schedule = Schedule::parse(text, "", timezone, &local).unwrap();
        schedule.zone().name().to_string()
    };
    assert_eq!(zone("0 0 8 * * *", ""), "Europe/Berlin");
    assert_eq!(zone("0 0 8 * * *", "Asia/Tokyo"), "Asia/Tokyo");
    assert_eq!(zone("0 8 * * *", "Asia/Tokyo"), "Asia/Tokyo");
    assert_eq!(zone("0 0 8 * * *", "Local"), "Europe/Berlin");
    assert_eq!(zone("TZ= 0 0 8 * * *", "Asia/Tokyo"), "UTC");
    assert_eq!(zone("CRON_TZ=Local 0 8 * * *", "Asia/Tokyo"), "Europe/Berlin");
    assert_eq!(zone("@daily", "Asia/Tokyo"), "Europe/Berlin");
    assert_eq!(zone("TZ=Asia/Tokyo @daily", ""), "Asia/Tokyo");
    let error = Schedule::parse("0 0 8 * * *", "", "Mars/Phobos", &local).unwrap_err();
    assert_eq!(error.message(), "provided bad location Mars/Phobos: unknown time zone Mars/Phobos");
}

#[test]
fn kinds_tell_grammars_apart() {
    let parse = |text: &str| Schedule::parse(text, "", "", &Zone::utc()).unwrap();
    assert!(parse("@manually").is_manual());
    assert_eq!(parse("@every 1.5h").every().map(|d| d.as_secs()), Some(5_400));
    assert_eq!(parse("@every -1h").every().map(|d| d.as_secs()), Some(1));
    assert_eq!(parse("@at 2026-03-10T3:00:00,5+01:00").at().map(|t| t.secs()), Some(1_773_108_000));
    assert_eq!(parse("@minutely").kind(), ScheduleKind::Cron);
}
