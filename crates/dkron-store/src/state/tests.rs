use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use super::*;

const HISTORY: Keyspace = Keyspace::History;

fn options() -> Options {
    Options { durability: Durability::None, ..Options::default() }
}

/// Nothing is stored before it is asked for.
fn patient() -> Options {
    Options { collect: Duration::from_secs(3_600), ..options() }
}

fn open(dir: &tempfile::TempDir, options: Options) -> State {
    State::open(&dir.path().join("state"), options).unwrap()
}

fn keys(rows: &[Row]) -> Vec<&str> {
    rows.iter().map(|(key, _)| std::str::from_utf8(key).unwrap()).collect()
}

#[test]
fn codes_and_names_stay() {
    for (code, keyspace) in Keyspace::ALL.into_iter().enumerate() {
        assert_eq!(usize::from(keyspace.code()), code);
        assert_eq!(Keyspace::from_code(keyspace.code()), Some(keyspace));
    }
    let beyond = u8::try_from(Keyspace::ALL.len()).unwrap();
    assert_eq!(Keyspace::from_code(beyond), None);
    let names: BTreeSet<&str> = Keyspace::ALL.into_iter().map(Keyspace::name).collect();
    assert_eq!(names.len(), Keyspace::ALL.len());
}

#[test]
fn reopen_keeps_what_was_synced() {
    let dir = tempfile::tempdir().unwrap();
    let state = open(&dir, Options { durability: Durability::Fsync, ..patient() });
    assert_eq!((state.applied_index(), state.sync().unwrap()), (None, None));
    state
        .push(7, vec![Op::put_new(HISTORY, *b"a", *b"1"), Op::put(Keyspace::Meta, *b"m", *b"2")])
        .unwrap();
    state.push(9, vec![]).unwrap();
    assert_eq!(state.applied_index(), None);
    assert_eq!(state.sync().unwrap(), Some(9));
    assert_eq!(state.health().synced, Some(9));
    drop(state);
    let state = open(&dir, patient());
    assert_eq!(state.applied_index(), Some(9));
    assert_eq!(state.get(HISTORY, b"a").unwrap().unwrap(), b"1");
    assert_eq!(state.get(Keyspace::Meta, b"m").unwrap().unwrap(), b"2");
    assert_eq!(state.get(Keyspace::Meta, b"a").unwrap(), None);
}

#[test]
fn closing_stores_what_was_pushed() {
    let dir = tempfile::tempdir().unwrap();
    let state = open(&dir, patient());
    state.push(1, vec![Op::put(HISTORY, *b"a", *b"1")]).unwrap();
    drop(state);
    assert_eq!(open(&dir, patient()).get(HISTORY, b"a").unwrap().unwrap(), b"1");
}

#[test]
fn reads_go_through_what_is_pending() {
    let dir = tempfile::tempdir().unwrap();
    let state = open(&dir, patient());
    let put = |key: &str, value: &str| Op::put(HISTORY, key, value);
    state.push(1, vec![put("a", "1"), put("b", "1"), put("d", "1"), put("e", "1")]).unwrap();
    state.flush().unwrap();
    state.push(2, vec![put("b", "2"), put("c", "2"), Op::delete(HISTORY, "d")]).unwrap();
    assert_eq!(state.pending_len(), 3);
    assert_eq!(state.get(HISTORY, b"d").unwrap(), None);
    assert_eq!(state.get(HISTORY, b"b").unwrap().unwrap(), b"2");
    assert_eq!(state.get(HISTORY, b"a").unwrap().unwrap(), b"1");
    let scan = Scan::prefix(b"", 10);
    for _ in 0..2 {
        assert_eq!(keys(&state.scan(HISTORY, scan).unwrap()), ["a", "b", "c", "e"]);
        assert_eq!(keys(&state.scan(HISTORY, scan.reverse()).unwrap()), ["e", "c", "b", "a"]);
        let after = scan.after(Some(b"b"));
        assert_eq!(keys(&state.scan(HISTORY, after).unwrap()), ["c", "e"]);
        assert_eq!(keys(&state.scan(HISTORY, after.reverse()).unwrap()), ["a"]);
        let two = Scan { limit: 2, ..scan };
        assert_eq!(keys(&state.scan(HISTORY, two.reverse()).unwrap()), ["e", "c"]);
        assert_eq!(keys(&state.scan(HISTORY, Scan::prefix(b"c", 9)).unwrap()), ["c"]);
        state.flush().unwrap();
    }
    assert_eq!(state.pending_len(), 0);
}

#[test]
fn only_a_fresh_row_may_vanish_unwritten() {
    let mut batch = Batch::default();
    let written = |batch: &Batch| {
        batch.all().map(|(_, key, value)| (key.to_vec(), value.is_some())).collect::<Vec<_>>()
    };
    batch.push(Op::put_new(HISTORY, *b"fresh", *b"1"));
    batch.push(Op::put(HISTORY, *b"fresh", *b"22"));
    batch.push(Op::put(HISTORY, *b"old", *b"1"));
    batch.push(Op::delete(HISTORY, *b"unseen"));
    assert_eq!(batch.rows(), 3);
    batch.push(Op::delete(HISTORY, *b"fresh"));
    batch.push(Op::delete(HISTORY, *b"old"));
    assert_eq!(written(&batch), [(b"old".to_vec(), false), (b"unseen".to_vec(), false)]);
    // Put again after a removal that must be written: the row is not fresh any more.
    batch.push(Op::put_new(HISTORY, *b"old", *b"3"));
    batch.push(Op::delete(HISTORY, *b"old"));
    assert_eq!(batch.get(HISTORY, b"old"), Some(None));
    assert_eq!(batch.get(HISTORY, b"fresh"), None);
    batch.push(Op::delete(HISTORY, *b"fresh"));
    assert_eq!(batch.get(HISTORY, b"fresh"), Some(None));
}

#[test]
fn bytes_of_a_batch_are_counted_back() {
    let mut batch = Batch::default();
    batch.push(Op::put_new(HISTORY, *b"a", vec![0; 100]));
    batch.push(Op::put(HISTORY, *b"a", vec![0; 10]));
    batch.push(Op::put(HISTORY, *b"a", vec![0; 1_000]));
    assert!(batch.bytes() > 1_000);
    batch.push(Op::delete(HISTORY, *b"a"));
    assert_eq!((batch.rows(), batch.bytes()), (0, 0));
}

#[test]
fn wrong_order_and_wrong_keys_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let state = open(&dir, patient());
    state.push(5, vec![]).unwrap();
    assert!(matches!(state.push(5, vec![]), Err(Error::Order { expected: 6, .. })));
    for key in [vec![], vec![1; KEY_BYTES_MAX + 1]] {
        let refused = state.push(6, vec![Op::delete(HISTORY, key)]);
        assert!(matches!(refused, Err(Error::TooLarge { .. })));
    }
    assert_eq!(state.pending_len(), 0);
}

#[test]
fn the_brake_tells_whether_there_is_room() {
    let dir = tempfile::tempdir().unwrap();
    let state = open(&dir, patient());
    state.push(1, (0..10_u8).map(|n| Op::put(HISTORY, [n], *b"v")).collect()).unwrap();
    assert!(state.wait_below(11, Duration::ZERO));
    assert!(!state.wait_below(10, Duration::ZERO));
    state.flush().unwrap();
    assert!(state.wait_below(1, Duration::ZERO));
}

#[test]
fn two_opens_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let _state = open(&dir, patient());
    assert!(State::open(&dir.path().join("state"), patient()).is_err());
}

#[test]
fn an_engine_opened_anew_goes_on() {
    let dir = tempfile::tempdir().unwrap();
    let state = open(&dir, patient());
    state.push(1, vec![Op::put(HISTORY, *b"a", *b"1")]).unwrap();
    state.flush().unwrap();
    state.push(2, vec![Op::put(HISTORY, *b"b", *b"2")]).unwrap();
    state.shared.reopen();
    assert_eq!(keys(&state.scan(HISTORY, Scan::prefix(b"", 9)).unwrap()), ["a", "b"]);
    assert_eq!(state.flush().unwrap(), Some(2));
}

/// A small generator: the same rows in every run.
struct Dice(u64);

impl Dice {
    fn below(&mut self, end: u64) -> u64 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % end
    }
}

type Model = BTreeMap<Vec<u8>, Vec<u8>>;

/// Random changes over few keys, pushed and remembered.
fn random_entry(dice: &mut Dice, model: &mut Model, seen: &mut BTreeSet<Vec<u8>>) -> Vec<Op> {
    let mut ops = Vec::new();
    for _ in 0..dice.below(5) {
        let key = format!("{}/{}", dice.below(4), dice.below(12)).into_bytes();
        if dice.below(3) == 0 {
            model.remove(&key);
            ops.push(Op::delete(HISTORY, key));
        } else {
            let value = vec![b'v'; usize::try_from(dice.below(40)).unwrap()];
            model.insert(key.clone(), value.clone());
            let fresh = seen.insert(key.clone());
            ops.push(if fresh {
                Op::put_new(HISTORY, key, value)
            } else {
                Op::put(HISTORY, key, value)
            });
        }
    }
    ops
}

fn expected(model: &Model, scan: Scan<'_>) -> Vec<Row> {
    let inside = |key: &[u8]| {
        key.starts_with(scan.prefix)
            && scan.after.is_none_or(|after| if scan.reverse { key < after } else { key > after })
    };
    let mut rows: Vec<Row> =
        model.iter().filter(|(k, _)| inside(k)).map(|(k, v)| (k.clone(), v.clone())).collect();
    if scan.reverse {
        rows.reverse();
    }
    rows.truncate(scan.limit);
    rows
}

#[test]
fn reads_equal_a_model_while_the_writer_works() {
    let dir = tempfile::tempdir().unwrap();
    let state = open(&dir, Options { collect: Duration::ZERO, ..options() });
    let (mut dice, mut model, mut seen) = (Dice(42), Model::new(), BTreeSet::new());
    for index in 1..1_500 {
        state.push(index, random_entry(&mut dice, &mut model, &mut seen)).unwrap();
        let prefix = format!("{}/", dice.below(5));
        let after = format!("{}/{}", dice.below(4), dice.below(12));
        let scan = Scan {
            prefix: if dice.below(3) == 0 { b"" } else { prefix.as_bytes() },
            after: (dice.below(2) == 0).then_some(after.as_bytes()),
            limit: usize::try_from(dice.below(9)).unwrap(),
            reverse: dice.below(2) == 0,
        };
        assert_eq!(state.scan(HISTORY, scan).unwrap(), expected(&model, scan), "{scan:?}");
        let key = after.as_bytes();
        assert_eq!(state.get(HISTORY, key).unwrap().as_ref(), model.get(key));
        if dice.below(40) == 0 {
            state.flush().unwrap();
        }
    }
    drop(state);
    let state = open(&dir, options());
    assert_eq!(state.applied_index(), Some(1_499));
    let mut rows = Model::new();
    state
        .for_each(HISTORY, |key, value| {
            rows.insert(key.to_vec(), value.to_vec());
            Ok::<(), Error>(())
        })
        .unwrap();
    assert_eq!(rows, model);
}

#[test]
fn for_each_goes_over_all_pages() {
    let dir = tempfile::tempdir().unwrap();
    let state = open(&dir, patient());
    let count = u32::try_from(PAGE * 2).unwrap();
    state.push(1, (0..count).map(|n| Op::put(HISTORY, n.to_be_bytes(), *b"v")).collect()).unwrap();
    let mut next = 0_u32;
    let each = |key: &[u8], _: &[u8]| {
        assert_eq!(key, next.to_be_bytes());
        next += 1;
        Ok::<(), Error>(())
    };
    state.for_each(HISTORY, each).unwrap();
    assert_eq!(next, count);
}

fn copy_dir(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy_dir(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), &target).unwrap();
        }
    }
}

fn journal_of(dir: &Path) -> PathBuf {
    let mut found = Vec::new();
    let mut open = vec![dir.to_path_buf()];
    while let Some(dir) = open.pop() {
        for entry in fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path);
            } else if path.extension().is_some_and(|e| e == "jnl") {
                found.push(path);
            }
        }
    }
    assert_eq!(found.len(), 1, "{found:?}");
    found.pop().unwrap()
}

#[test]
fn a_cut_tail_leaves_the_rows_of_some_entry_whole() {
    let dir = tempfile::tempdir().unwrap();
    let state = open(&dir, patient());
    let (mut dice, mut model, mut seen) = (Dice(7), Model::new(), BTreeSet::new());
    let mut models = vec![model.clone()];
    for index in 1..12 {
        state.push(index, random_entry(&mut dice, &mut model, &mut seen)).unwrap();
        state.flush().unwrap();
        models.push(model.clone());
    }
    let image = dir.path().join("image");
    copy_dir(&dir.path().join("state"), &image);
    drop(state);
    let whole = fs::read(journal_of(&image)).unwrap();
    let used = whole.iter().rposition(|byte| *byte != 0).unwrap() + 1;
    let mut reached = BTreeSet::new();
    for cut in (0..=used).rev().step_by(61) {
        let copy = dir.path().join(format!("cut{cut}"));
        copy_dir(&image, &copy);
        fs::write(journal_of(&copy), &whole[..cut]).unwrap();
        let state = State::open(&copy, patient()).unwrap();
        let applied = state.applied_index().unwrap_or(0);
        let rows = state.scan(HISTORY, Scan::prefix(b"", 1_000)).unwrap();
        let model = &models[usize::try_from(applied).unwrap()];
        assert_eq!(rows, expected(model, Scan::prefix(b"", 1_000)), "cut at {cut}");
        reached.insert(applied);
    }
    assert!(reached.len() > 5, "{reached:?}");
}
