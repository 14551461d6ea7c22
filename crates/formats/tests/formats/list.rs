//! Folders, patterns, names.

use crate::support::run;
use dpark_formats::{FormatError, ListOptions, list_all, list_files};
use object_store::local::LocalFileSystem;
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt};
use std::sync::Arc;

const FILES: [&str; 11] = [
    "d/b.txt",
    "d/a.txt",
    "d/sub/c.txt",
    "d/sub/x.log",
    "d/sub/deep/e.txt",
    "d/.hidden",
    "d/_SUCCESS",
    "d/_temporary/0/t.txt",
    "only/folders/f.txt",
    "_logs/z.txt",
    "hid/_x",
];

async fn check(store: Arc<dyn ObjectStore>) {
    for name in FILES {
        store.put(&Path::from(name), name.into()).await.unwrap();
    }
    let all = ListOptions::default();
    let names = async |path: &str, options: &ListOptions| {
        let files = list_files(&store, path, options).await?;
        assert!(files.iter().all(|f| f.size == f.location.as_ref().len() as u64));
        Ok::<_, FormatError>(files.into_iter().map(|f| f.location.to_string()).collect::<Vec<_>>())
    };
    let txt = ListOptions { extension: Some(".txt".into()), ..all.clone() };
    let flat = ListOptions { max_depth: Some(1), ..all.clone() };
    let two = ListOptions { max_depth: Some(2), ..all.clone() };
    let everything = ["d/a.txt", "d/b.txt", "d/sub/c.txt", "d/sub/deep/e.txt", "d/sub/x.log"];
    assert_eq!(names("d", &all).await.unwrap(), everything);
    assert_eq!(names("/d/", &all).await.unwrap(), everything);
    assert_eq!(names("d", &txt).await.unwrap(), ["d/a.txt", "d/b.txt", "d/sub/c.txt", "d/sub/deep/e.txt"]);
    assert_eq!(names("d", &flat).await.unwrap(), ["d/a.txt", "d/b.txt"]);
    assert_eq!(names("d", &two).await.unwrap(), ["d/a.txt", "d/b.txt", "d/sub/c.txt", "d/sub/x.log"]);
    assert!(names("only", &flat).await.unwrap().is_empty());
    assert!(names("hid", &all).await.unwrap().is_empty());
    assert_eq!(names("d/sub/x.log", &txt).await.unwrap(), ["d/sub/x.log"]);
    assert_eq!(names("d/_SUCCESS", &all).await.unwrap(), ["d/_SUCCESS"]);
    assert_eq!(names("_logs", &all).await.unwrap(), ["_logs/z.txt"]);
    assert_eq!(names("d/*.txt", &all).await.unwrap(), ["d/a.txt", "d/b.txt"]);
    assert_eq!(names("d/s*", &all).await.unwrap(), ["d/sub/c.txt", "d/sub/deep/e.txt", "d/sub/x.log"]);
    assert_eq!(names("d/s*", &flat).await.unwrap(), ["d/sub/c.txt", "d/sub/x.log"]);
    assert_eq!(names("d/_*/0", &all).await.unwrap(), ["d/_temporary/0/t.txt"]);
    assert_eq!(names("d/**/*.txt", &all).await.unwrap(), ["d/a.txt", "d/b.txt", "d/sub/c.txt", "d/sub/deep/e.txt"]);
    assert_eq!(names("d/[bc].txt", &all).await.unwrap(), ["d/b.txt"]);
    assert_eq!(names("", &txt).await.unwrap().len(), 5);
    for missing in ["nope", "d/nope.txt", "d/*.nope", "nope/*"] {
        match names(missing, &all).await.unwrap_err() {
            FormatError::NotFound { path } => assert_eq!(path, missing),
            e => panic!("{e}"),
        }
    }
    assert!(matches!(names("a//b", &all).await, Err(FormatError::BadPath { .. })));
    assert!(matches!(names("a[", &all).await, Err(FormatError::BadPath { .. })));
    let files = list_all(&store, &["d/sub/c.txt", "d/*.txt"], &all).await.unwrap();
    let order: Vec<&str> = files.iter().map(|f| f.location.as_ref()).collect();
    assert_eq!(order, ["d/sub/c.txt", "d/a.txt", "d/b.txt"]);
}

#[test]
fn in_memory() {
    run(check(Arc::new(InMemory::new())));
}

#[test]
fn on_disk() {
    let dir = tempfile::tempdir().unwrap();
    run(check(Arc::new(LocalFileSystem::new_with_prefix(dir.path()).unwrap())));
}
