//! Nothing stays behind: not on disk, not in the accounts.

use crate::data::*;
use dpark_lineage::{StageId, TaskId};
use dpark_shuffle::*;
use std::path::Path;
use std::sync::Arc;

/// Files in the store's directory, without the owner file.
fn files(store: &BlockStore) -> Vec<String> {
    let mut names: Vec<String> = std::fs::read_dir(store.dir())
        .unwrap()
        .map(|e| e.unwrap().file_name().into_string().unwrap())
        .filter(|name| name != "owner")
        .collect();
    names.sort();
    names
}

fn is_empty(dir: &Path) -> bool {
    std::fs::read_dir(dir).unwrap().next().is_none()
}

#[test]
fn a_dropped_writer_leaves_nothing() {
    for memory in [true, false] {
        let dir = tempfile::tempdir().unwrap();
        let budget = Arc::new(FixedBudget::new(200_000));
        let store = BlockStore::open(StoreConfig { budget: budget.clone(), ..config(&dir, memory) }).unwrap();
        let mut writer = store.writer(task(0), ints(0..1).schema(), 2);
        for i in 0..10 {
            writer.push(0, ints(i * 8000..(i + 1) * 8000)).unwrap();
            writer.push(1, ints(0..10)).unwrap();
        }
        assert_eq!(files(&store), ["7-0-0.spill.tmp"]);
        drop(writer);
        assert!(files(&store).is_empty());
        assert_eq!(budget.used(), 0);
        assert!(store.output(STAGE, 0, 0).is_none());
        // The attempt can be written after all.
        scatter(&store, task(0), &[ints(0..5)], 1, |_| 0);
    }
}

#[test]
fn dropping_a_stage_removes_its_files_only() {
    let dir = tempfile::tempdir().unwrap();
    let store = BlockStore::open(config(&dir, false)).unwrap();
    for stage in [6, 7, 8] {
        for map in 0..2 {
            let task = TaskId { stage: StageId(stage), partition: map, attempt: 1 };
            scatter(&store, task, &[ints(0..100)], 2, |row| row % 2);
        }
    }
    let mut reader = store.read(STAGE, 0, 1, 0).unwrap();
    store.drop_stage(STAGE);
    assert_eq!(files(&store), ["6-0-1.shuffle", "6-1-1.shuffle", "8-0-1.shuffle", "8-1-1.shuffle"]);
    assert!(store.read(STAGE, 0, 1, 0).is_err());
    assert_eq!(reader.next().unwrap().unwrap().num_rows(), 50, "a reader that has begun can finish");
    drop(reader);
    assert_eq!(store.counters().snapshot().files_open, 0);
    store.clear();
    assert!(files(&store).is_empty());
    drop(store);
    assert!(is_empty(dir.path()));
}

#[test]
fn memory_is_given_back() {
    let dir = tempfile::tempdir().unwrap();
    let budget = Arc::new(FixedBudget::new(1 << 30));
    let store = BlockStore::open(StoreConfig { budget: budget.clone(), ..config(&dir, true) }).unwrap();
    for map in 0..4 {
        scatter(&store, task(map), &[mixed(1000)], 10, |row| row % 10);
    }
    assert!(budget.used() > 0);
    assert!(files(&store).is_empty(), "the memory tier writes nothing while there is memory");
    store.drop_stage(STAGE);
    assert_eq!(budget.used(), 0);
    scatter(&store, task(9), &[mixed(1000)], 10, |row| row % 10);
    drop(store);
    assert_eq!(budget.used(), 0);
    assert!(is_empty(dir.path()));
}

#[test]
fn evicted_outputs_are_removed_too() {
    let dir = tempfile::tempdir().unwrap();
    let budget = Arc::new(FixedBudget::new(150_000));
    let store = BlockStore::open(StoreConfig { budget: budget.clone(), ..config(&dir, true) }).unwrap();
    for map in 0..5 {
        scatter(&store, task(map), &[ints(0..8000)], 1, |_| 0);
    }
    assert!(!files(&store).is_empty());
    store.clear();
    assert!(files(&store).is_empty());
    assert_eq!(budget.used(), 0);
}

#[test]
fn the_sweep_removes_the_dead_and_spares_the_living() {
    let dir = tempfile::tempdir().unwrap();
    assert!(sweep_stale(&dir.path().join("not there")).unwrap().is_empty());
    let living = BlockStore::open(config(&dir, false)).unwrap();
    scatter(&living, task(0), &[ints(0..10)], 1, |_| 0);
    // What a killed process leaves: the directory, the owner file, no lock on it.
    let dead = dir.path().join("dpark-shuffle-3-4242-17-0");
    std::fs::create_dir(&dead).unwrap();
    std::fs::write(dead.join("owner"), "pid 4242\nstarted 17\n").unwrap();
    std::fs::write(dead.join("1-2-3.shuffle"), "rows").unwrap();
    let stranger = dir.path().join("something else");
    std::fs::create_dir(&stranger).unwrap();
    assert_eq!(sweep_stale(dir.path()).unwrap(), std::slice::from_ref(&dead));
    assert!(!dead.exists() && stranger.exists());
    assert_eq!(local(&living, 0, 0).unwrap().len(), 1);
}

/// A process that is killed while its store is open; see `the_sweep_removes_what_a_killed_process_left`.
#[test]
#[ignore = "started by another test"]
fn holds_a_store_until_it_is_killed() {
    let Ok(base) = std::env::var("DPARK_SHUFFLE_TEST_DIR") else { return };
    let store = BlockStore::open(StoreConfig::new(base, OWNER)).unwrap();
    scatter(&store, task(0), &[ints(0..10)], 1, |_| 0);
    loop {
        std::thread::sleep(std::time::Duration::from_secs(1));
    }
}

#[test]
fn the_sweep_removes_what_a_killed_process_left() {
    let dir = tempfile::tempdir().unwrap();
    let mut child = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--ignored", "--exact", "leftovers::holds_a_store_until_it_is_killed"])
        .env("DPARK_SHUFFLE_TEST_DIR", dir.path())
        .stdout(std::process::Stdio::null())
        .spawn()
        .unwrap();
    let written = || {
        let store = std::fs::read_dir(dir.path()).unwrap().next()?.unwrap().path();
        store.join("7-0-0.shuffle").exists().then_some(store)
    };
    let store = loop {
        if let Some(store) = written() {
            break store;
        }
        std::thread::sleep(std::time::Duration::from_millis(10));
    };
    assert!(sweep_stale(dir.path()).unwrap().is_empty(), "it lives");
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(sweep_stale(dir.path()).unwrap(), [store]);
    assert!(is_empty(dir.path()));
}
