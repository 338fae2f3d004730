//! One number for each kind of stored thing. Numbers are for ever.

use core::fmt;

use crate::error::Error;

/// What a kind belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Family {
    /// Of the replicated log.
    Command,
    /// Of state and history.
    Row,
    /// Of a node's journal.
    Journal,
    /// Of a snapshot.
    Snapshot,
}

impl fmt::Display for Family {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Family::Command => "command",
            Family::Row => "row",
            Family::Journal => "journal record",
            Family::Snapshot => "snapshot",
        })
    }
}

macro_rules! kinds {
    ($($kind:ident = $code:literal $family:ident $name:literal version $version:literal,)*) => {
        /// What a body is. Commands count from 1, rows from 101, journal records from 201,
        /// snapshots from 301.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[repr(u16)]
        pub enum Kind {
            $($kind = $code,)*
        }

        impl Kind {
            pub const ALL: &'static [Kind] = &[$(Kind::$kind,)*];

            pub const fn from_code(code: u16) -> Option<Kind> {
                match code {
                    $($code => Some(Kind::$kind),)*
                    _ => None,
                }
            }

            pub const fn family(self) -> Family {
                match self {
                    $(Kind::$kind => Family::$family,)*
                }
            }

            pub const fn name(self) -> &'static str {
                match self {
                    $(Kind::$kind => $name,)*
                }
            }

            /// The version that this server writes.
            pub const fn version(self) -> u8 {
                match self {
                    $(Kind::$kind => $version,)*
                }
            }
        }
    };
}

kinds! {
    TakeOffice = 1 Command "take office" version 1,
    PutSettings = 2 Command "put settings" version 1,
    PutJob = 3 Command "put job" version 1,
    DeleteJob = 4 Command "delete job" version 1,
    ToggleJob = 5 Command "toggle job" version 1,
    Pause = 6 Command "pause" version 1,
    Fire = 7 Command "fire" version 1,
    Report = 8 Command "report" version 1,
    PutOutput = 9 Command "put output" version 1,
    Restore = 10 Command "restore" version 1,
    ClearExecutions = 11 Command "clear executions" version 1,
    Expire = 12 Command "expire" version 1,
    Cancel = 13 Command "cancel" version 1,
    Prune = 14 Command "prune" version 1,
    SetEligibility = 15 Command "set eligibility" version 1,
    RaiseVersion = 16 Command "raise version" version 1,
    PauseScheduling = 21 Command "pause scheduling" version 1,
    ResumeScheduling = 22 Command "resume scheduling" version 1,
    EndPause = 23 Command "end pause" version 1,
    Write = 17 Command "write" version 1,
    Note = 18 Command "note" version 1,

    OfficeRow = 101 Row "office" version 1,
    SettingsRow = 102 Row "settings" version 1,
    PausedRow = 103 Row "paused" version 1,
    LastSeqRow = 104 Row "last seq" version 1,
    DefinitionRow = 105 Row "definition" version 1,
    RuntimeRow = 106 Row "runtime" version 1,
    GroupRow = 107 Row "group" version 1,
    OwedRow = 108 Row "owed" version 1,
    ProcessingRow = 109 Row "processing" version 1,
    ExpiringRow = 110 Row "expiring" version 1,
    RequestRow = 111 Row "request" version 1,
    HistoryRow = 112 Row "history" version 1,
    SkippedRow = 113 Row "skipped" version 1,
    QueuedRow = 114 Row "queued" version 1,
    RecentRow = 115 Row "recent" version 1,
    SeriesRow = 116 Row "series" version 1,
    BucketRow = 117 Row "bucket" version 1,
    PointerRow = 118 Row "pointer" version 1,
    VersionRow = 119 Row "version" version 1,
    DrainsRow = 120 Row "drains" version 1,
    LostRow = 121 Row "lost" version 1,
    LateRow = 122 Row "late" version 1,
    LateMarkRow = 123 Row "late mark" version 1,
    SchedulingPausesRow = 131 Row "scheduling pauses" version 1,
    KeyedRow = 124 Row "keyed" version 1,
    ActivitiesRow = 125 Row "activities" version 1,
    ActivityRow = 126 Row "activity" version 1,
    VersionsSinceRow = 127 Row "versions since" version 1,
    KeptRow = 128 Row "kept" version 1,
    GoneRow = 129 Row "gone" version 1,
    JobVersionRow = 130 Row "job version" version 1,

    Accepted = 201 Journal "accepted" version 1,
    Started = 202 Journal "started" version 1,
    Finished = 203 Journal "finished" version 1,
    Forgotten = 204 Journal "forgotten" version 1,
    Ending = 205 Journal "ending" version 1,

    Snapshot = 301 Snapshot "snapshot" version 1,
}

impl Kind {
    pub const fn code(self) -> u16 {
        self as u16
    }

    /// It is known, but not where it was met.
    pub(crate) const fn unknown(self) -> Error {
        Error::UnknownKind { family: self.family(), code: self.code(), version: self.version() }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} kind {} ({})", self.family(), self.code(), self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_name_their_kinds_and_families() {
        for kind in Kind::ALL {
            assert_eq!(Kind::from_code(kind.code()), Some(*kind));
            let family = match kind.code() {
                1..=100 => Family::Command,
                101..=200 => Family::Row,
                201..=300 => Family::Journal,
                _ => Family::Snapshot,
            };
            assert_eq!(kind.family(), family, "{kind}");
        }
        assert_eq!(Kind::from_code(77), None);
        assert_eq!(Kind::Fire.to_string(), "command kind 7 (fire)");
    }
}
