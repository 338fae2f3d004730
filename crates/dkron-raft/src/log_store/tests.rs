//! The library's own suite for log stores, over the real log.
//!
//! It is listed test by test because one of them asks for what we refuse: see the last test here.
//! Bears T-45.

use openraft::StorageError;
use openraft::storage::RaftLogStorageExt;
use openraft::testing::log::{StoreBuilder, Suite};
use tempfile::TempDir;

use super::*;
use crate::config::{CommittedLeaderId, Payload};
use crate::state_machine::StateMachine;
use crate::tests::owner::{Image, State, open_log};

struct Builder;

impl StoreBuilder<Types, LogStore, StateMachine, TempDir> for Builder {
    async fn build(&self) -> Result<(TempDir, LogStore, StateMachine), StorageError<Types>> {
        let directory = TempDir::new().unwrap();
        let store = LogStore::new(open_log(directory.path()));
        let state = State::of(Image::default());
        let owner = state.owner(None);
        Ok((directory, store, StateMachine::new(state, owner, 2).unwrap()))
    }
}

type Tests = Suite<Types, LogStore, StateMachine, Builder, TempDir>;

macro_rules! suite {
    ($($name:ident),* $(,)?) => {
        $(
            #[tokio::test]
            async fn $name() {
                let (_directory, store, machine) = Builder.build().await.unwrap();
                Tests::$name(store, machine).await.unwrap();
            }
        )*
    };
}

suite! {
    last_membership_in_log_initial,
    last_membership_in_log,
    last_membership_in_log_multi_step,
    get_membership_initial,
    get_membership_from_log_and_empty_sm,
    get_membership_from_empty_log_and_sm,
    get_membership_from_log_le_sm_last_applied,
    get_membership_from_log_gt_sm_last_applied_1,
    get_membership_from_log_gt_sm_last_applied_2,
    get_initial_state_without_init,
    get_initial_state_membership_from_empty_log_and_sm,
    get_initial_state_membership_from_sm_inlog_is_smaller,
    get_initial_state_membership_from_log_insm_is_smaller,
    get_initial_state_with_state,
    get_initial_state_last_log_gt_sm,
    get_initial_state_last_log_lt_sm,
    get_initial_state_inverted_log_order,
    get_initial_state_conflict_at_same_index,
    get_initial_state_log_ids,
    get_initial_state_re_apply_committed,
    save_vote,
    get_log_entries,
    limited_get_log_entries,
    leader_bounded_stream,
    entries_stream,
    try_get_log_entry,
    log_reader_reads_new_entries,
    initial_logs,
    get_log_state,
    get_log_id,
    last_id_in_log,
    last_applied_state,
    purge_logs_upto_0,
    purge_logs_upto_5,
    purge_logs_upto_20,
    delete_logs_after_11,
    delete_logs_after_5,
    delete_logs_after_0,
    append_to_log,
    snapshot_meta,
    snapshot_meta_optional,
    apply_single,
    apply_multiple,
}

#[tokio::test]
async fn transfer_snapshot() {
    Tests::transfer_snapshot(&Builder).await.unwrap();
}

fn blank(term: u64, index: u64) -> Entry {
    let log_id = LogId::new(CommittedLeaderId::from(term), index);
    Entry { log_id, payload: Payload::Blank }
}

#[tokio::test]
async fn a_log_that_differs_from_its_first_entry_on_is_foreign() {
    let directory = TempDir::new().unwrap();
    let mut store = LogStore::new(open_log(directory.path()));
    store.blocking_append([blank(1, 0), blank(1, 1)]).await.unwrap();
    let refused = store.truncate_after(None).await.unwrap_err();
    assert!(refused.to_string().contains("another cluster"), "{refused}");
    assert_eq!(store.try_get_log_entries(..).await.unwrap().len(), 2);
}

#[tokio::test]
async fn an_entry_in_a_wrong_place_is_reported() {
    let directory = TempDir::new().unwrap();
    let log = open_log(directory.path());
    let bytes = codec::entry(&blank(1, 8));
    log.append(vec![(7, bytes)], Box::new(|_| {})).unwrap();
    let mut store = LogStore::new(log.clone());
    let err = store.try_get_log_entries(7..8).await.unwrap_err();
    assert_eq!(err.to_string(), "log entry 7 says it is entry 8");
}
