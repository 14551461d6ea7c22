//! Counts the lines of local files and tells how fast: `scan_lines FILE...`. Splits are read one after another.
#![allow(clippy::print_stdout, reason = "what it prints is its result")]

use dpark_formats::{LineKind, LineReader, ListOptions, list_all, plan_splits};
use object_store::ObjectStore;
use object_store::local::LocalFileSystem;
use std::sync::Arc;
use std::time::Instant;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let paths: Vec<String> = std::env::args().skip(1).collect();
    let store: Arc<dyn ObjectStore> = Arc::new(LocalFileSystem::new());
    let files = list_all(&store, &paths, &ListOptions::default()).await?;
    for kind in [LineKind::Text, LineKind::Bytes] {
        let started = Instant::now();
        let (mut lines, mut bytes) = (0, 0);
        for split in plan_splits("file:///", &files, None, None) {
            let mut reader = LineReader::open(store.clone(), &split, kind).await?;
            while let Some(chunk) = reader.next_chunk().await? {
                lines += chunk.len();
                bytes += chunk.bytes().len();
            }
        }
        let seconds = started.elapsed().as_secs_f64();
        let speed = bytes as f64 / seconds / 1e9;
        println!("{kind:?}: {lines} lines, {bytes} bytes in {seconds:.3} s, {speed:.2} GB/s");
    }
    Ok(())
}
