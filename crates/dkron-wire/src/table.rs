//! Which part of the store a row stands in.

/// A table of rows. Codes are those of the store's keyspaces; 7 and 9 are tables of the store
/// that hold no rows of the ledger.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Table {
    /// Single rows: office, settings, paused, last seq, recent, version, drains, activities,
    /// versions since, pauses of scheduling; series, marks of late results, answers of requests
    /// with a key, deleted jobs, sizes of versions.
    Meta = 0,
    Definition = 1,
    Runtime = 2,
    Group = 3,
    History = 4,
    Skipped = 5,
    Request = 6,
    /// Buckets that are over, pointers of the time index, and what users did.
    Ring = 8,
    /// Results that came after the verdict.
    Late = 10,
    /// Lost executions whose result may still come.
    Lost = 11,
    Owed = 12,
    Processing = 13,
    Expiring = 14,
    Queued = 15,
    /// Definitions that are or were.
    Version = 16,
}

impl Table {
    pub const ALL: [Table; 15] = [
        Table::Meta,
        Table::Definition,
        Table::Runtime,
        Table::Group,
        Table::History,
        Table::Skipped,
        Table::Request,
        Table::Ring,
        Table::Late,
        Table::Lost,
        Table::Owed,
        Table::Processing,
        Table::Expiring,
        Table::Queued,
        Table::Version,
    ];

    pub const fn code(self) -> u8 {
        self as u8
    }

    pub fn from_code(code: u8) -> Option<Table> {
        Table::ALL.into_iter().find(|table| table.code() == code)
    }

    pub const fn name(self) -> &'static str {
        match self {
            Table::Meta => "meta",
            Table::Definition => "definition",
            Table::Runtime => "runtime",
            Table::Group => "group",
            Table::History => "history",
            Table::Skipped => "skipped",
            Table::Request => "request",
            Table::Ring => "ring",
            Table::Late => "late",
            Table::Lost => "lost",
            Table::Owed => "owed",
            Table::Processing => "processing",
            Table::Expiring => "expiring",
            Table::Queued => "queued",
            Table::Version => "version",
        }
    }

    /// Whether its rows make the ledger, so that all of them are read at a start.
    pub const fn is_working_set(self) -> bool {
        let kept = matches!(self, Table::History | Table::Late | Table::Skipped);
        !kept && !matches!(self, Table::Ring | Table::Version)
    }
}

#[cfg(test)]
mod tests {
    use super::Table;

    #[test]
    fn codes_name_their_tables() {
        for table in Table::ALL {
            assert_eq!(Table::from_code(table.code()), Some(table));
        }
        assert_eq!(Table::from_code(7), None);
        assert_eq!(Table::from_code(255), None);
    }
}
