//! What a user reads of a task that fails while its executor lives on.

use crate::fixture::{on_cluster, trial, two_agents};
use dpark::prelude::DataFrameExt;
use dpark_tests::story::Story;
use libtest_mimic::{Failed, Trial};

pub(crate) fn trials() -> Vec<Trial> {
    vec![trial("errors::a_panic_with_its_place_and_output", a_panic_with_its_place_and_output)]
}

/// The panic's message, the agent's host, the sandbox, and what the task wrote to its standard error.
fn a_panic_with_its_place_and_output() -> Result<(), Failed> {
    on_cluster(two_agents(), &[("task.max_failures", "2")], async |ctx, cluster| {
        let mut story = Story::of(ctx);
        #[allow(clippy::print_stderr, reason = "tasks may, and this is looked for")]
        let broken = ctx.parallelize(0..4i64, 1).to_df()?.map_batches(|batch| {
            eprintln!("a batch of {} rows comes", batch.num_rows());
            panic!("rows of this kind are not welcome")
        })?;
        let error = broken.collect().await.unwrap_err().to_string();
        assert!(error.contains("2 failed attempts") && error.contains("not welcome"), "{error}");
        let host = |agent| cluster.agent_address(agent).map(|address| address.split(':').next().unwrap().to_owned());
        assert!(error.contains(&host(0)?) || error.contains(&host(1)?), "the agent's host: {error}");
        let framework = cluster.frameworks()?[0]["id"].as_str().unwrap_or("none").to_owned();
        assert!(error.contains(&format!("/frameworks/{framework}/executors/")), "the sandbox: {error}");
        assert!(error.contains("a batch of 4 rows comes"), "what the task wrote: {error}");
        story.catch_up();
        assert_eq!(story.failed.len(), 2, "{:?}", story.failed);
        assert!(story.removed.is_empty(), "its executor lives on: {:?}", story.removed);
        Ok(())
    })
}
