//! The tasks for DPark: with data sets and closures, and some of them in SQL.
//!
//! | module | what it does |
//! | --- | --- |
//! | `words`, `sort`, `join`, `group`, `kmeans`, `pagerank`, `pagerank_arrays` | the tasks with the [`Rdd`] API, each as one would write it |
//! | `sql` | those that are natural in SQL |

mod group;
mod join;
mod kmeans;
mod pagerank;
mod pagerank_arrays;
mod sort;
mod sql;
mod words;

use super::answer::Answer;
use super::names::{Api, Engine, Task};
use super::one::Measured;
use crate::{Result, memory};
use dpark::Context;
use dpark::prelude::Rdd;
use std::path::{Path, PathBuf};
use std::time::Instant;

/// One task in a context of its own, in threads or worker processes.
pub(super) fn measure(engine: Engine, api: Api, task: Task, dir: &Path, threads: usize) -> Result<Measured> {
    let threads = threads.max(1);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(threads).enable_all().build()?;
    runtime.block_on(async {
        let started = Instant::now();
        let ctx = Context::builder().master(engine.master(threads)).build()?;
        // Worker processes are there once they have had something to do.
        ctx.range(0..threads as i64, threads).count().await?;
        let startup_seconds = started.elapsed().as_secs_f64();
        let (context, dir) = (ctx.clone(), dir.to_owned());
        let started = Instant::now();
        // On a task of the runtime, as a server would, not on the thread that blocks.
        let answer = tokio::spawn(async move { run(&context, api, task, &dir).await }).await??;
        let seconds = started.elapsed().as_secs_f64();
        // Before workers are gone.
        let peak_rss = memory::peaks()?;
        ctx.stop().await;
        Ok(Measured { seconds, startup_seconds, answer, peak_rss })
    })
}

async fn run(ctx: &Context, api: Api, task: Task, dir: &Path) -> Result<Answer> {
    let file = |name: &str| path(dir.join(name));
    match (api, task) {
        (Api::Rdd, Task::Words) => words::run(ctx, &file("words.txt")?).await,
        (Api::Rdd, Task::Sort) => sort::run(ctx, &file("records.bin")?).await,
        (Api::Rdd, Task::Join) => join::run(ctx, &file("left.parquet")?, &file("right.parquet")?).await,
        (Api::Rdd, Task::Group) => group::run(ctx, &file("groups.parquet")?).await,
        (Api::Rdd, Task::Kmeans) => kmeans::run(ctx, &file("points.parquet")?).await,
        (Api::Rdd, Task::Pagerank) => pagerank::run(ctx, &file("edges.parquet")?).await,
        (Api::Rdd, Task::PagerankArrays) => pagerank_arrays::run(ctx, &file("edges.parquet")?).await,
        (Api::Dataframe, Task::Words) => sql::words(ctx, &file("words.txt")?).await,
        (Api::Dataframe, Task::Join) => sql::join(ctx, &file("left.parquet")?, &file("right.parquet")?).await,
        (Api::Dataframe, Task::Group) => sql::group(ctx, &file("groups.parquet")?).await,
        (Api::Dataframe, task) => Err(format!("{task} is not written in SQL").into()),
    }
}

fn path(path: PathBuf) -> Result<String> {
    let text = path.into_os_string().into_string();
    Ok(text.map_err(|path| format!("{}: the data directory's name is not text", path.display()))?)
}

/// The rows of a Parquet file of two columns.
async fn pairs(ctx: &Context, path: &str) -> Result<Rdd<(i64, i64)>> {
    Ok(ctx.rdd(ctx.read_parquet(path).await?)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rdd::{data, single};
    use clap::ValueEnum;

    #[tokio::test(flavor = "multi_thread")]
    async fn answers_are_those_of_plain_programs() {
        let dir = tempfile::tempdir().unwrap();
        data::generate(dir.path(), 0.001).unwrap();
        let ctx = Context::builder().master("local[2]").build().unwrap();
        for engine in [Engine::Local, Engine::LocalDataframe] {
            let api = engine.own_api().unwrap();
            for task in Task::value_variants().iter().filter(|task| engine.does(**task)) {
                let ours = run(&ctx, api, *task, dir.path()).await.unwrap();
                let plain = single::run(*task, dir.path()).unwrap();
                assert!(ours.agrees(&plain), "{task} in {engine}: {ours:?}, {plain:?}");
            }
        }
        ctx.stop().await;
    }
}
