//! A good neighbour: takes what fits, waits when nothing does, and gives back what it does not need.

use crate::fixture::{check_sums, on_cluster, sums, trial, two_agents};
use dpark::Context;
use dpark_test_cluster::{Cluster, Options, wait_until};
use dpark_tests::story::Story;
use libtest_mimic::{Failed, Trial};
use std::time::Duration;

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        trial("manners::offers_too_small", offers_too_small),
        trial("manners::an_agent_joins_later", an_agent_joins_later),
        trial("manners::constraints", constraints),
        trial("manners::idle_executors_end", idle_executors_end),
        trial("manners::accounts_are_true", accounts_are_true),
        trial("manners::a_stage_says_what_its_tasks_take", a_stage_says_what_its_tasks_take),
        trial("manners::a_session_sets_what_its_tasks_take", a_session_sets_what_its_tasks_take),
        trial("manners::many_small_tasks", many_small_tasks),
    ]
}

/// Somebody is told, and the job waits; when a larger agent comes it runs.
fn offers_too_small() -> Result<(), Failed> {
    on_cluster(two_agents(), &[("task.memory", "2GB")], async |ctx, cluster| {
        let mut story = Story::of(ctx);
        let gates = cluster.directory().to_path_buf();
        let query = tokio::spawn(sums(ctx, &gates, &[])?.collect());
        story.until("word of the small offers", |story| story.waiting.iter().any(|why| why.contains("2048 MB"))).await;
        cluster.add_agent(Some("cpus:2;mem:4096"), None)?;
        check_sums(query.await??);
        Ok(())
    })
}

/// There is no room at all for some time.
fn an_agent_joins_later() -> Result<(), Failed> {
    let options = Options { agents: 1, resources: vec!["cpus:0.1;mem:64".into()], ..Options::default() };
    on_cluster(options, &[], async |ctx, cluster| {
        let gates = cluster.directory().to_path_buf();
        let query = tokio::spawn(sums(ctx, &gates, &[])?.collect());
        tokio::time::sleep(Duration::from_secs(3)).await;
        assert!(!query.is_finished());
        cluster.add_agent(Some("cpus:2;mem:2048"), None)?;
        check_sums(query.await??);
        Ok(())
    })
}

fn constraints() -> Result<(), Failed> {
    let attributes = vec!["rack:r1;gpu:1".into(), "rack:r1".into(), "rack:r2".into()];
    let options = Options { agents: 3, attributes, ..two_agents() };
    on_cluster(options, &[("mesos.constraints", "rack:r1,!gpu")], async |ctx, cluster| {
        check_sums(sums(ctx, cluster.directory(), &[])?.collect().await?);
        let count = |agent| cluster.executors(agent).map(|executors| executors.len());
        assert_eq!((count(0)?, count(1)?, count(2)?), (0, 1, 0));
        Ok(())
    })
}

/// Executors without work end, and others are started when there is some again.
fn idle_executors_end() -> Result<(), Failed> {
    on_cluster(two_agents(), &[("mesos.executor.idle", "1s")], async |ctx, cluster| {
        let running = || Ok(cluster.executors(0)?.len() + cluster.executors(1)?.len());
        let gates = cluster.directory().to_path_buf();
        check_sums(sums(ctx, &gates, &[])?.collect().await?);
        assert!(running()? > 0);
        wait_until("idle executors should end", Duration::from_secs(20), || Ok((running()? == 0).then_some(())))?;
        check_sums(sums(ctx, &gates, &[])?.collect().await?);
        let cached = ctx.sql("SELECT * FROM (VALUES (1), (2), (3)) AS t (n)").await?.cache().await?;
        assert_eq!(cached.clone().count().await?, 3);
        Ok(())
    })
}

/// What the master counts is what tasks take, and nothing when there are none.
fn accounts_are_true() -> Result<(), Failed> {
    let small = [("task.cpus", "0.5"), ("task.memory", "128MB")];
    on_cluster(two_agents(), &small, four_small_tasks)
}

fn a_session_sets_what_its_tasks_take() -> Result<(), Failed> {
    on_cluster(two_agents(), &[("task.cpus", "1"), ("task.memory", "256MB")], async |ctx, cluster| {
        for set in ["SET task.cpus = '0.5'", "SET task.memory = '128MB'"] {
            ctx.sql(set).await?;
        }
        four_small_tasks(ctx, cluster).await
    })
}

/// One stage of a query asks for more than its others.
fn a_stage_says_what_its_tasks_take() -> Result<(), Failed> {
    on_cluster(two_agents(), &[("task.cpus", "0.5"), ("task.memory", "64MB")], async |ctx, cluster| {
        let gates = cluster.directory().join("gates");
        std::fs::create_dir(&gates)?;
        let first = sums(ctx, &gates, &[])?.with_memory(96);
        let second = first.map(|row| row).reduce_by_key(|a, b| a + b).with(&gates.display().to_string());
        let second = second.map(|gates, row| {
            dpark_tests::story::say(std::path::Path::new(gates), "held");
            dpark_tests::story::wait_for(&std::path::Path::new(gates).join("go"));
            row
        });
        let query = tokio::spawn(second.with_cpus(1.0).with_memory(200).collect());
        crate::fixture::until_held(&gates, 2).await;
        wait_until("two large tasks and two executors should be counted", Duration::from_secs(20), || {
            let frameworks = cluster.frameworks()?;
            let used = &frameworks[0]["used_resources"];
            let (cpus, mem) = (used["cpus"].as_f64().unwrap_or(0.0), used["mem"].as_f64().unwrap_or(0.0));
            Ok(((cpus - 2.2).abs() < 1e-6 && (mem - (2.0 * 200.0 + 2.0 * 128.0)).abs() < 1e-6).then_some(()))
        })?;
        dpark_tests::story::open(&gates.join("go"));
        check_sums(query.await??);
        Ok(())
    })
}

/// Holds four tasks of half a core and 128 MB and looks at the master's accounts.
async fn four_small_tasks(ctx: &Context, cluster: &Cluster) -> Result<(), Failed> {
    let gates = cluster.directory().join("gates");
    std::fs::create_dir(&gates)?;
    let query = tokio::spawn(sums(ctx, &gates, &[0, 1, 2, 3])?.collect());
    crate::fixture::until_held(&gates, 1).await;
    wait_until("four tasks and two executors should be counted", Duration::from_secs(20), || {
        let frameworks = cluster.frameworks()?;
        let used = &frameworks[0]["used_resources"];
        let (cpus, mem) = (used["cpus"].as_f64().unwrap_or(0.0), used["mem"].as_f64().unwrap_or(0.0));
        Ok(((cpus - 2.2).abs() < 1e-6 && (mem - (4.0 * 128.0 + 2.0 * 128.0)).abs() < 1e-6).then_some(()))
    })?;
    dpark_tests::story::open(&gates.join("go"));
    check_sums(query.await??);
    wait_until("only executors should be counted", Duration::from_secs(20), || {
        let cpus = cluster.frameworks()?[0]["used_resources"]["cpus"].as_f64().unwrap_or(0.0);
        Ok((cpus < 0.21).then_some(()))
    })?;
    Ok(())
}

/// A hundred waves of small tasks.
fn many_small_tasks() -> Result<(), Failed> {
    on_cluster(two_agents(), &[], async |ctx, _| {
        let count = ctx.parallelize(0..400i64, 200).map(|n| n + 1).count().await?;
        assert_eq!(count, 400);
        Ok(())
    })
}
