//! Fetching: from many hosts, from the own store, and from hosts that are gone, wrong, silent or slow.

use crate::data::*;
use arrow::array::{AsArray, RecordBatch};
use arrow::datatypes::Int64Type;
use dpark_lineage::{ExecutorId, FetchCause, TaskId};
use dpark_shuffle::*;
use futures::StreamExt;
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

fn values(batches: &[RecordBatch]) -> Vec<i64> {
    batches.iter().flat_map(|b| b.column(0).as_primitive::<Int64Type>().values().to_vec()).collect()
}

fn store(dir: &TempDir, memory: bool, executor: u64) -> Arc<BlockStore> {
    BlockStore::open(StoreConfig { executor: ExecutorId(executor), ..config(dir, memory) }).unwrap()
}

/// Outputs with blocks of 80 kB that do not compress away.
fn bulky(dir: &TempDir, memory: bool, maps: u32, blocks: i64) -> Arc<BlockStore> {
    let config = StoreConfig { compression: Compression::None, batch_rows: 10_000, ..config(dir, memory) };
    let store = BlockStore::open(config).unwrap();
    for map in 0..maps {
        let mut writer = store.writer(task(map), ints(0..1).schema(), 1);
        for i in 0..blocks {
            writer.push(0, ints(i * 10_000..(i + 1) * 10_000)).unwrap();
        }
        writer.finish().unwrap();
    }
    store
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hundreds_of_maps_and_buckets_on_three_hosts() {
    const MAPS: u32 = 300;
    const BUCKETS: u32 = 100;
    let dir = tempfile::tempdir().unwrap();
    // The first host is this process; the others differ in tier.
    let stores = [store(&dir, false, 0), store(&dir, true, 1), store(&dir, false, 2)];
    let mut locations = Vec::new();
    let mut servers = Vec::new();
    for store in &stores {
        servers.push(serve(store).await);
    }
    let schema = ints(0..1).schema();
    for map in 0..MAPS {
        let host = map as usize % 3;
        let batch = ints(i64::from(map) * 1000..i64::from(map) * 1000 + 250);
        scatter(&stores[host], task(map), &[batch], BUCKETS as usize, |row| row % BUCKETS as usize);
        locations.push(MapLocation { executor: ExecutorId(host as u64), ..location(map, Some(servers[host].0)) });
    }
    let fetcher = Fetcher::new(Some(Arc::clone(&stores[0])), TOKEN, FetchLimits::default());
    for buckets in [0..1, 17..18, 60..100, 0..100] {
        let got = collect(fetcher.fetch(request(&schema, buckets.clone(), locations.clone()))).await.unwrap();
        let mut got = values(&got);
        got.sort_unstable();
        let mut want: Vec<i64> = (0..i64::from(MAPS))
            .flat_map(|map| {
                (0..250).filter(|row| buckets.contains(&(*row as u32 % BUCKETS))).map(move |row| map * 1000 + row)
            })
            .collect();
        want.sort_unstable();
        assert_eq!(got, want);
    }
    let counters = fetcher.counters().snapshot();
    assert!(counters.read_local_bytes > 0 && counters.read_remote_bytes > 0, "{counters:?}");
    assert!(stores[1].counters().snapshot().served_bytes > 0);
    assert!(stores[2].counters().snapshot().files_open <= 256);
}

#[tokio::test]
async fn order_within_a_map_is_that_of_writing() {
    let dir = tempfile::tempdir().unwrap();
    for memory in [true, false] {
        let store = bulky(&dir, memory, 3, 20);
        let (addr, _server) = serve(&store).await;
        let maps = vec![location(2, Some(addr))];
        let schema = ints(0..1).schema();
        let remote = Fetcher::new(None, TOKEN, FetchLimits::default());
        let local = Fetcher::new(Some(store), TOKEN, FetchLimits::default());
        for fetcher in [remote, local] {
            let got = collect(fetcher.fetch(request(&schema, 0..1, maps.clone()))).await.unwrap();
            assert_eq!(values(&got), (0..200_000).collect::<Vec<_>>());
        }
    }
}

#[tokio::test]
async fn what_is_not_there_is_gone_and_never_empty() {
    let dir = tempfile::tempdir().unwrap();
    for memory in [true, false] {
        let store = bulky(&dir, memory, 3, 2);
        let (addr, _server) = serve(&store).await;
        let schema = ints(0..1).schema();
        let remote = Fetcher::new(None, TOKEN, FetchLimits::default());
        let local = Fetcher::new(Some(Arc::clone(&store)), TOKEN, FetchLimits::default());
        for fetcher in [&remote, &local] {
            let maps = vec![location(0, Some(addr)), location(77, Some(addr)), location(1, Some(addr))];
            let mut stream = fetcher.fetch(request(&schema, 0..1, maps));
            let mut rows = 0;
            let error = loop {
                match stream.next().await.unwrap() {
                    Ok(batch) => rows += batch.num_rows(),
                    Err(e) => break e,
                }
            };
            assert_eq!((error.cause, error.map, error.stage, error.executor), (FetchCause::Gone, 77, STAGE, OWNER));
            assert_eq!(rows, 20_000, "what came before it is complete");
            assert!(stream.next().await.is_none(), "the stream ends after its error");
            // The same map, another attempt.
            let other = MapLocation { attempt: 1, ..location(0, Some(addr)) };
            let error = collect(fetcher.fetch(request(&schema, 0..1, vec![other]))).await.unwrap_err();
            assert_eq!((error.cause, error.map, error.attempt), (FetchCause::Gone, 0, 1));
        }
    }
}

#[tokio::test]
async fn hosts_that_are_not_there() {
    let schema = ints(0..1).schema();
    let limits = FetchLimits { tries: 2, ..FetchLimits::default() };
    let fetcher = Fetcher::new(None, TOKEN, limits);
    let port = {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.local_addr().unwrap()
    };
    for addr in [Some(port), None] {
        let error = collect(fetcher.fetch(request(&schema, 0..1, vec![location(5, addr)]))).await.unwrap_err();
        assert_eq!((error.cause, error.map, error.executor), (FetchCause::Unreachable, 5, OWNER), "{error}");
    }
}

#[tokio::test]
async fn a_host_that_does_not_answer_is_given_up() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    let limits = FetchLimits { tries: 1, read_timeout: Duration::from_millis(200), ..FetchLimits::default() };
    let fetcher = Fetcher::new(None, TOKEN, limits);
    let error =
        collect(fetcher.fetch(request(&ints(0..1).schema(), 0..1, vec![location(5, Some(addr))]))).await.unwrap_err();
    assert_eq!(error.cause, FetchCause::Unreachable, "{error}");
}

#[tokio::test]
async fn a_wrong_token_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let store = bulky(&dir, true, 1, 1);
    let (addr, _server) = serve(&store).await;
    let schema = ints(0..1).schema();
    for token in ["", "a token", "A token with ünicode\n"] {
        let fetcher = Fetcher::new(None, token, FetchLimits::default());
        let error = collect(fetcher.fetch(request(&schema, 0..1, vec![location(0, Some(addr))]))).await.unwrap_err();
        assert_eq!(error.cause, FetchCause::Unreachable);
        assert!(error.detail.contains("401"), "{error}");
    }
    // Without any header, and with rubbish as a request.
    for (head, status) in [("", "401"), ("Authorization: Bearer 00\r\n", "401")] {
        let mut socket = tokio::net::TcpStream::connect(addr).await.unwrap();
        let text = format!("POST /shuffle HTTP/1.1\r\nHost: x\r\n{head}Content-Length: 0\r\nConnection: close\r\n\r\n");
        socket.write_all(text.as_bytes()).await.unwrap();
        let mut answer = String::new();
        socket.read_to_string(&mut answer).await.unwrap();
        assert!(answer.starts_with(&format!("HTTP/1.1 {status}")), "{answer}");
    }
    assert_eq!(store.counters().snapshot().served_bytes, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_killed_while_it_sends_is_named_with_the_map() {
    let dir = tempfile::tempdir().unwrap();
    for memory in [true, false] {
        let store = bulky(&dir, memory, 4, 300);
        let (addr, server) = serve(&store).await;
        let fetcher = Fetcher::new(None, TOKEN, FetchLimits { tries: 1, ..FetchLimits::default() });
        let maps = (0..4).map(|m| location(m, Some(addr))).collect();
        let mut stream = fetcher.fetch(request(&ints(0..1).schema(), 0..1, maps));
        let mut rows = 0;
        // Into the second map, then the server dies.
        while rows < 3_500_000 {
            rows += stream.next().await.unwrap().unwrap().num_rows();
        }
        drop(server);
        let error = loop {
            match stream.next().await {
                Some(Ok(batch)) => rows += batch.num_rows(),
                Some(Err(e)) => break e,
                None => panic!("a cut response must not look complete after {rows} rows"),
            }
        };
        assert_eq!((error.cause, error.executor), (FetchCause::Unreachable, OWNER), "{error}");
        assert_eq!(error.map, (rows / 3_000_000) as u32, "{error}");
        assert!(rows < 12_000_000);
    }
}

/// A server that answers every request with these bytes as the body.
async fn impostor(body: Vec<u8>) -> std::net::SocketAddr {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut socket, _)) = listener.accept().await {
            let body = body.clone();
            tokio::spawn(async move {
                let mut request = [0; 4096];
                let _ = socket.read(&mut request).await;
                let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.len());
                let _ = socket.write_all(head.as_bytes()).await;
                let _ = socket.write_all(&body).await;
            });
        }
    });
    addr
}

#[tokio::test]
async fn responses_that_are_complete_as_http_but_not_as_answers() {
    let schema = ints(0..1).schema();
    let fetcher = Fetcher::new(None, TOKEN, FetchLimits { tries: 1, ..FetchLimits::default() });
    for (body, cause) in [
        (vec![], FetchCause::Unreachable),
        (vec![0; 10], FetchCause::Unreachable),
        (vec![0; 1000], FetchCause::Corrupt),
    ] {
        let addr = impostor(body).await;
        let error = collect(fetcher.fetch(request(&schema, 0..1, vec![location(4, Some(addr))]))).await.unwrap_err();
        assert_eq!((error.cause, error.map), (cause, 4), "{error}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slow_reader_makes_the_senders_wait() {
    let dir = tempfile::tempdir().unwrap();
    for memory in [true, false] {
        // 200 MB on one host.
        let store = bulky(&dir, memory, 5, 500);
        let (addr, _server) = serve(&store).await;
        let fetcher = Fetcher::new(None, TOKEN, FetchLimits { bytes: 200_000, ..FetchLimits::default() });
        let maps = (0..5).map(|m| location(m, Some(addr))).collect();
        let mut stream = fetcher.fetch(request(&ints(0..1).schema(), 0..1, maps));
        stream.next().await.unwrap().unwrap();
        tokio::time::sleep(Duration::from_millis(500)).await;
        let served = store.counters().snapshot().served_bytes;
        // What fits into the sockets and one chunk on each side.
        assert!(served < 40_000_000, "{served} bytes were sent to a reader that took one block");
        let mut rows = 10_000;
        while let Some(batch) = stream.next().await {
            rows += batch.unwrap().num_rows();
        }
        assert_eq!(rows, 25_000_000);
        let counters = fetcher.counters().snapshot();
        assert!(counters.in_flight_peak_bytes <= 200_000, "{counters:?}");
        assert_eq!(counters.in_flight_bytes, 0);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bytes_under_way_are_bounded_over_many_hosts() {
    let dir = tempfile::tempdir().unwrap();
    let mut maps = Vec::new();
    let mut hosts = Vec::new();
    for host in 0..6u32 {
        let config =
            StoreConfig { executor: ExecutorId(u64::from(host)), compression: Compression::None, ..config(&dir, true) };
        let store = BlockStore::open(config).unwrap();
        let mut writer = store.writer(task(host), ints(0..1).schema(), 1);
        for i in 0..50 {
            writer.push(0, ints(i * 8192..(i + 1) * 8192)).unwrap();
        }
        writer.finish().unwrap();
        let (addr, server) = serve(&store).await;
        maps.push(MapLocation { executor: ExecutorId(u64::from(host)), ..location(host, Some(addr)) });
        hosts.push((store, server));
    }
    // Two blocks fit, a third does not; and an allowance smaller than any block lets them through one by one.
    for bytes in [150_000, 1] {
        let fetcher = Fetcher::new(None, TOKEN, FetchLimits { bytes, requests: 3, ..FetchLimits::default() });
        let got = collect(fetcher.fetch(request(&ints(0..1).schema(), 0..1, maps.clone()))).await.unwrap();
        assert_eq!(got.iter().map(|b| b.num_rows()).sum::<usize>(), 6 * 50 * 8192);
        let peak = fetcher.counters().snapshot().in_flight_peak_bytes;
        assert!(peak <= 150_000, "{peak}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_readers_share_the_connections() {
    let dir = tempfile::tempdir().unwrap();
    let store = store(&dir, false, OWNER.0);
    for map in 0..20 {
        scatter(&store, task(map), &[ints(0..4000)], 40, |row| row % 40);
    }
    let (addr, _server) = serve(&store).await;
    let fetcher = Fetcher::new(None, TOKEN, FetchLimits::default());
    let readers = (0..40u32).map(|bucket| {
        let maps = (0..20).map(|m| location(m, Some(addr))).collect();
        let stream = fetcher.fetch(request(&ints(0..1).schema(), bucket..bucket + 1, maps));
        tokio::spawn(async move { values(&collect(stream).await.unwrap()).len() })
    });
    for reader in readers.collect::<Vec<_>>() {
        assert_eq!(reader.await.unwrap(), 20 * 100);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn eviction_while_others_read() {
    let dir = tempfile::tempdir().unwrap();
    let budget = Arc::new(FixedBudget::new(400_000));
    let store = BlockStore::open(StoreConfig { budget: budget.clone(), ..config(&dir, true) }).unwrap();
    scatter(&store, task(0), &[ints(0..8000)], 4, |row| row % 4);
    let reading = {
        let store = Arc::clone(&store);
        tokio::task::spawn_blocking(move || {
            for _ in 0..300 {
                assert_eq!(values(&local(&store, 0, 2).unwrap()).len(), 2000);
            }
        })
    };
    let writing: Vec<_> = (1..9)
        .map(|map| {
            let store = Arc::clone(&store);
            tokio::task::spawn_blocking(move || {
                let task = TaskId { partition: map, ..task(0) };
                scatter(&store, task, &[ints(0..8000), ints(8000..16000)], 4, |row| row % 4);
            })
        })
        .collect();
    for work in writing {
        work.await.unwrap();
    }
    reading.await.unwrap();
    for map in 1..9 {
        assert_eq!(values(&local(&store, map, 3).unwrap()).len(), 4000);
    }
    store.clear();
    assert_eq!(budget.used(), 0);
}
