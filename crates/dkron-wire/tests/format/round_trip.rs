//! What is written is read again.

use dkron_core::domain::LogIndex;
use dkron_core::ledger::{Entry, RowOp};
use dkron_wire::row::{self, Change};
use dkron_wire::{decode_entry, decode_journal, encode_entry, encode_journal};
use proptest::prelude::{any, proptest};
use proptest::{prop_assert, prop_assert_eq};

use super::generate;

proptest! {
    #[test]
    fn entries(
        index in any::<u64>(),
        at in generate::at(),
        tenure in generate::tenure(),
        request in generate::request(),
        command in generate::command(),
    ) {
        let index = LogIndex(index);
        let bytes = encode_entry(at, tenure, request, &command);
        let entry = decode_entry(index, &bytes);
        prop_assert_eq!(entry, Ok(Entry { index, at, tenure, request, command }));
    }

    #[test]
    fn rows(row in generate::row()) {
        let (table, key, value) = row::encode(&row);
        prop_assert_eq!(row::decode_key(table, &key), Ok(row.key()));
        let decoded = row::decode(table, &key, &value);
        prop_assert_eq!(decoded.as_ref(), Ok(&row));
        prop_assert_eq!(row.is_working_set(), table.is_working_set());

        let put = Change { table, key, value: Some(value), fresh: false };
        let delete = Change { value: None, ..put.clone() };
        prop_assert_eq!(row::change(&RowOp::Delete(row.key())), delete);
        prop_assert_eq!(&row::change(&RowOp::Put(row.clone())), &put);
        prop_assert_eq!(row::change(&RowOp::PutNew(row)), Change { fresh: true, ..put });
    }

    #[test]
    fn keys_sort_as_bytes(a in generate::row(), b in generate::row()) {
        let ((table_a, key_a), (table_b, key_b)) = (row::key(&a.key()), row::key(&b.key()));
        if table_a == table_b {
            prop_assert_eq!(a.key().cmp(&b.key()), key_a.cmp(&key_b));
        }
        prop_assert!(!key_a.is_empty());
    }

    #[test]
    fn journal_records(record in generate::journal()) {
        prop_assert_eq!(decode_journal(&encode_journal(&record)), Ok(record));
    }
}
