//! Broadcasts over real servers: the driver sends about one copy, dead sources are replaced, what is freed is gone.

use crate::data::{TOKEN, config};
use dpark_shuffle::*;
use futures::future::join_all;
use std::net::SocketAddr;
use std::sync::Arc;
use tempfile::TempDir;

/// One process: its broadcasts behind its server.
struct Node {
    broadcasts: Arc<Broadcasts>,
    addr: SocketAddr,
    _server: ServerHandle,
    _dir: TempDir,
}

async fn node(memory: usize) -> Node {
    let dir = TempDir::new().unwrap();
    let store = BlockStore::open(config(&dir, false)).unwrap();
    let broadcasts = Broadcasts::new(dir.path().to_path_buf(), Arc::new(FixedBudget::new(memory)));
    let guest: Arc<dyn Guest> = Arc::clone(&broadcasts) as _;
    let any = "127.0.0.1:0".parse().unwrap();
    let (addr, _server) = ShuffleServer::start_with(store, any, TOKEN.into(), Some(guest)).await.unwrap();
    broadcasts.connect(Fetcher::new(None, TOKEN, FetchLimits::default()), addr);
    Node { broadcasts, addr, _server, _dir: dir }
}

fn value(bytes: usize) -> Vec<u8> {
    (0..bytes).map(|i| (i * 7 % 255) as u8).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_driver_sends_about_one_copy() {
    let bytes = value(20 * BROADCAST_CHUNK + 17);
    let driver = node(64 << 20).await;
    assert_eq!(driver.broadcasts.offer(1, bytes.clone()).unwrap(), 21);
    // One of them has no memory for it.
    let mut nodes = join_all([64 << 20, 64 << 20, 0, 64 << 20].map(node)).await;
    let (home, size) = (Some(driver.addr), bytes.len() as u64);
    // Several tasks of each ask at the same time.
    let fetches = nodes.iter().flat_map(|node| (0..3).map(|_| node.broadcasts.fetch(1, home)));
    for fetched in join_all(fetches).await {
        fetched.unwrap();
    }
    for node in &nodes {
        assert_eq!(node.broadcasts.content(1).unwrap(), bytes);
    }
    let Traffic { driver: sent, peers } = driver.broadcasts.traffic(1);
    assert_eq!(sent + peers, 4 * size);
    assert!(
        driver.broadcasts.served() <= size * 3 / 2,
        "the driver sent {} bytes of {size}",
        driver.broadcasts.served()
    );
    assert_eq!(driver.broadcasts.served(), sent);
    assert_eq!(nodes.iter().map(|node| node.broadcasts.served()).sum::<u64>(), peers);
    // Who comes later does not need the driver, nor those that are gone.
    let late = node(0).await;
    drop(nodes.remove(0));
    nodes[0].broadcasts.forget(1);
    late.broadcasts.fetch(1, home).await.unwrap();
    assert_eq!(late.broadcasts.content(1).unwrap(), bytes);
    assert!(driver.broadcasts.served() <= size * 3 / 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn when_all_others_are_dead_the_driver_sends_again() {
    let bytes = value(3 * BROADCAST_CHUNK);
    let (driver, first) = (node(64 << 20).await, node(64 << 20).await);
    driver.broadcasts.offer(5, bytes.clone()).unwrap();
    first.broadcasts.fetch(5, Some(driver.addr)).await.unwrap();
    drop(first);
    let second = node(64 << 20).await;
    second.broadcasts.fetch(5, Some(driver.addr)).await.unwrap();
    assert_eq!(second.broadcasts.content(5).unwrap(), bytes);
    assert_eq!(driver.broadcasts.served(), 2 * bytes.len() as u64);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_freed_is_an_error_that_says_so() {
    let (driver, other) = (node(0).await, node(0).await);
    driver.broadcasts.offer(9, value(100)).unwrap();
    driver.broadcasts.offer(10, vec![]).unwrap();
    other.broadcasts.fetch(10, Some(driver.addr)).await.unwrap();
    assert!(other.broadcasts.content(10).unwrap().is_empty());
    driver.broadcasts.forget(9);
    let error = other.broadcasts.fetch(9, Some(driver.addr)).await.unwrap_err();
    assert_eq!(error, BroadcastError::Unpersisted(9));
    assert!(error.to_string().contains("broadcast 9 was unpersisted"), "{error}");
    assert_eq!(driver.broadcasts.fetch(9, Some(driver.addr)).await, Err(BroadcastError::Unpersisted(9)));
    assert_eq!(driver.broadcasts.fetch(9, None).await, Err(BroadcastError::Unpersisted(9)));
    assert_eq!(other.broadcasts.content(9), Err(BroadcastError::Unpersisted(9)));
    let home = driver.addr;
    drop(driver);
    let error = other.broadcasts.fetch(11, Some(home)).await.unwrap_err();
    assert!(matches!(error, BroadcastError::Fetch { id: 11, .. }), "{error}");
}
