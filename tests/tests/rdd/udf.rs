//! Functions made of closures, in SQL and DataFrames, in threads, in worker processes and on a Mesos cluster.

use crate::fixture::Trials;
use arrow::array::AsArray;
use datafusion::logical_expr::{col, lit};
use dpark::prelude::*;
use dpark::rdd::List;
use dpark::{EngineEvent, Error};
use dpark_lineage::ExecutorId;
use dpark_test_cluster::{Cluster, Options};
use dpark_tests::oracle::modes::MESOS;
use libtest_mimic::{Failed, Trial};
use std::collections::BTreeSet;
use tokio::sync::broadcast::Receiver;

type Case = fn(&'static str) -> Result<(), Failed>;

/// What does not run on a cluster: it counts tasks, of which slow ones get copies there, or wants an executor of little memory.
const NOT_ON_MESOS: [&str; 2] = ["computed_once", "spilling"];

pub(crate) fn add(trials: &mut Trials) {
    let cases: [(&str, Case); 15] = [
        ("arguments", arguments),
        ("nulls", nulls),
        ("coerced", coerced),
        ("closure_errors", closure_errors),
        ("names", names),
        ("volatile", volatile),
        ("on_workers", on_workers),
        ("computed_once", computed_once),
        ("aggregate", aggregate),
        ("aggregate_of_nothing", aggregate_of_nothing),
        ("filter_and_distinct", filter_and_distinct),
        ("window", window),
        ("spilling", spilling),
        ("data_frames", data_frames),
        ("table_functions", table_functions),
    ];
    for (mode, master) in [("local2", "local[2]"), ("process2", "process[2]")] {
        for (name, case) in cases {
            trials.all.push(Trial::test(format!("udf::{name}::{mode}"), move || case(master)));
        }
    }
    trials.all.push(Trial::test("udf::mesos", move || {
        let cluster = Cluster::start(Options { agents: 2, ..Options::default() })?;
        // A trial's master lives as long as the program, which runs one.
        let master: &'static str = Box::leak(cluster.masters().into_boxed_str());
        for (name, case) in cases.into_iter().filter(|(name, _)| !NOT_ON_MESOS.contains(name)) {
            case(master).map_err(|error| format!("{name}: {}", error.message().unwrap_or_default()))?;
        }
        Ok(cluster.close()?)
    }));
}

fn with_conf(
    master: &str,
    conf: &[(&str, &str)],
    body: impl AsyncFnOnce(Context) -> Result<(), Failed>,
) -> Result<(), Failed> {
    let mut builder = Context::builder().master(master).conf("shuffle.partitions", "3");
    if master.contains(':') {
        builder = builder.conf("mesos.executor.path", std::env::current_exe()?.display().to_string());
        builder = MESOS.iter().fold(builder, |builder, (key, value)| builder.conf(*key, *value));
    }
    let ctx = conf.iter().fold(builder, |builder, (key, value)| builder.conf(*key, *value)).build()?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let done = body(ctx.clone()).await;
        ctx.stop().await;
        done
    })
}

/// With a table of the numbers from 1 to 100, `_1`, in four partitions.
fn on(master: &str, body: impl AsyncFnOnce(Context) -> Result<(), Failed>) -> Result<(), Failed> {
    with_conf(master, &[], async |ctx| {
        ctx.register("numbers", &ctx.parallelize(1..=100i64, 4))?;
        body(ctx).await
    })
}

async fn rows<T: Row>(ctx: &Context, sql: &str) -> Result<Vec<T>, Failed> {
    Ok(ctx.rdd::<T>(ctx.sql(sql).await?)?.collect().await?)
}

async fn error(ctx: &Context, sql: &str) -> String {
    match ctx.sql(sql).await {
        Ok(df) => df.collect().await.unwrap_err().strip_backtrace(),
        Err(error) => error.strip_backtrace(),
    }
}

fn told(events: &mut Receiver<EngineEvent>) -> Vec<EngineEvent> {
    std::iter::from_fn(|| events.try_recv().ok()).collect()
}

/// Tasks that were started, by the driver itself and by others.
fn started(events: &mut Receiver<EngineEvent>) -> (usize, usize) {
    let tasks = told(events).into_iter().filter_map(|event| match event {
        EngineEvent::TaskStarted { executor, .. } => Some(executor == ExecutorId(0)),
        _ => None,
    });
    let (own, others): (Vec<bool>, Vec<bool>) = tasks.partition(|own| *own);
    (own.len(), others.len())
}

/// A function that is no closure will do as well.
fn add6(a: i64, b: i64, c: i64, d: i64, e: i64, f: i64) -> i64 {
    a + b + c + d + e + f
}

fn arguments(master: &'static str) -> Result<(), Failed> {
    on(master, async |ctx| {
        ctx.register_scalar("answer", || 42i64)?;
        ctx.register_scalar("plus_tax", |price: f64| price * 1.19)?;
        ctx.register_scalar("greet", |word: &str, name: Option<&str>| format!("{word} {}", name.unwrap_or("you")))?;
        ctx.register_scalar("sum_of", |numbers: List<'_, i64>| numbers.as_slice().iter().sum::<i64>())?;
        ctx.register_scalar("digits", |n: i64| n.to_string().bytes().map(i32::from).collect::<Vec<_>>())?;
        ctx.register_scalar("add6", add6)?;
        // Found without quotes, too.
        ctx.register_scalar("IsEven", |n: i64| n % 2 == 0)?;
        let sql = "SELECT answer(), greet('hello', CAST(_1 AS VARCHAR)), sum_of([_1, _1, 1]), digits(_1)[2], \
                   add6(_1, 1, 1, 1, 1, 1), IsEven(_1) FROM numbers WHERE plus_tax(_1) > 118 ORDER BY _1";
        let found: Vec<(i64, String, i64, Option<i32>, i64, bool)> = rows(&ctx, sql).await?;
        assert_eq!(found, [(42, "hello 100".into(), 201, Some(48), 105, true)]);
        let joined = "SELECT count(*) FROM numbers a JOIN numbers b ON IsEven(a._1) = IsEven(b._1) AND a._1 = b._1";
        assert_eq!(rows::<i64>(&ctx, joined).await?, [100]);
        Ok(())
    })
}

fn nulls(master: &'static str) -> Result<(), Failed> {
    on(master, async |ctx| {
        ctx.register_scalar("plus", |a: i64, b: i64| a + b)?;
        ctx.register_scalar("or_zero", |a: Option<i64>| a.unwrap_or(0))?;
        ctx.register_scalar("positive", |a: i64| (a > 0).then_some(a))?;
        ctx.register_scalar("text_length", |text: &str| text.len() as i64)?;
        let table =
            "(SELECT _1, nullif(_1 % 3, 0) AS a, CASE WHEN _1 > 2 THEN 'x' END AS t FROM numbers WHERE _1 <= 4)";
        let sql = format!("SELECT plus(a, _1), or_zero(a), positive(2 - _1), text_length(t) FROM {table} ORDER BY _1");
        type Found = (Option<i64>, i64, Option<i64>, Option<i64>);
        let found = rows::<Found>(&ctx, &sql).await?;
        let expected = [
            (Some(2), 1, Some(1), None),
            (Some(4), 2, None, None),
            (None, 0, None, Some(1)),
            (Some(5), 1, None, Some(1)),
        ];
        assert_eq!(found, expected);
        assert_eq!(rows::<Option<i64>>(&ctx, "SELECT plus(1, NULL)").await?, [None]);
        Ok(())
    })
}

fn coerced(master: &'static str) -> Result<(), Failed> {
    on(master, async |ctx| {
        ctx.register_scalar("half", |x: f64| x / 2.0)?;
        ctx.register_scalar("small", |n: i32| n)?;
        let sql = "SELECT half(_1), half(CAST(_1 AS DECIMAL(9, 2))) AS b, small(_1) FROM numbers WHERE _1 = 3";
        assert_eq!(rows::<(f64, f64, i32)>(&ctx, sql).await?, [(1.5, 1.5, 3)]);
        let text = error(&ctx, "SELECT half('x' || _1) FROM numbers").await;
        assert!(text.contains("half(Float64): argument 1 is Utf8") && text.contains("cast it"), "{text}");
        let count = error(&ctx, "SELECT half(_1, 2) FROM numbers").await;
        assert!(count.contains("half takes 1 arguments (Float64), not 2"), "{count}");
        let large = error(&ctx, "SELECT small(_1 + 3000000000) FROM numbers").await;
        assert!(large.contains("Int32"), "{large}");
        Ok(())
    })
}

fn closure_errors(master: &'static str) -> Result<(), Failed> {
    on(master, async |ctx| {
        ctx.register_scalar("number", |text: &str| text.parse::<i64>())?;
        let sum = "SELECT sum(number(CAST(_1 AS VARCHAR))) FROM numbers";
        assert_eq!(rows::<i64>(&ctx, sum).await?, [5050]);
        let told = error(&ctx, "SELECT number('x' || _1) FROM numbers").await;
        assert!(told.contains("number: invalid digit found in string"), "{told}");
        ctx.register_aggregate(
            "checked_sum",
            0i8,
            |sum: &mut i8, n: i64| {
                *sum = sum.checked_add(n as i8).ok_or("too large")?;
                Ok::<(), &str>(())
            },
            |sum, other| *sum = sum.saturating_add(other),
            |sum| if *sum == 7 { Err("an unlucky number") } else { Ok(i64::from(*sum)) },
        )?;
        let of = |range: &str| format!("SELECT checked_sum(_1) FROM numbers WHERE _1 {range}");
        assert_eq!(rows::<i64>(&ctx, &of("< 3")).await?, [3]);
        let told = error(&ctx, &of("> 0")).await;
        assert!(told.contains("checked_sum: too large"), "{told}");
        let told = error(&ctx, &of("= 7")).await;
        assert!(told.contains("checked_sum: an unlucky number"), "{told}");
        Ok(())
    })
}

fn names(master: &'static str) -> Result<(), Failed> {
    on(master, async |ctx| {
        let refused = |error: &dyn std::fmt::Display| error.to_string();
        let told = refused(&ctx.register_scalar("abs", |x: f64| x).unwrap_err());
        assert!(told.contains("a scalar function abs already") && told.contains(".replace()"), "{told}");
        let told = refused(&ctx.register_scalar("sum", |x: f64| x).unwrap_err());
        assert!(told.contains("an aggregate sum already"), "{told}");
        let told = refused(&ctx.register_table_function("range", |ctx, _| Ok(ctx.parallelize([1i64], 1))).unwrap_err());
        assert!(told.contains("a table function range already"), "{told}");
        for _ in 0..2 {
            // The very same closure again.
            ctx.register_scalar("twice", |x: i64| x * 2)?;
        }
        assert!(ctx.register_scalar("twice", |x: i64| x * 3).is_err());
        ScalarFunction::new("twice", |x: i64| x + x + 1).replace().register(&ctx)?;
        ScalarFunction::new("abs", |x: i64| x + 1000).replace().register(&ctx)?;
        let mut events = ctx.events();
        let sql = "SELECT twice(_1), abs(_1) FROM numbers WHERE _1 = 5";
        assert_eq!(rows::<(i64, i64)>(&ctx, sql).await?, [(11, 1005)]);
        let (own, others) = started(&mut events);
        assert!(others > 0 || master.starts_with("local"), "{own} tasks in the driver");
        // In the place of a scalar function.
        AggregateFunction::new("sqrt", 0i64, |n: &mut i64, x: i64| *n += x, |n, m| *n += m, |n| *n)
            .replace()
            .register(&ctx)?;
        assert_eq!(rows::<i64>(&ctx, "SELECT sqrt(_1) FROM numbers").await?, [5050]);
        Ok(())
    })
}

fn volatile(master: &'static str) -> Result<(), Failed> {
    on(master, async |ctx| {
        ScalarFunction::new("die", || {
            use std::hash::{BuildHasher, RandomState};
            RandomState::new().hash_one(0)
        })
        .volatile()
        .register(&ctx)?;
        assert_eq!(rows::<i64>(&ctx, "SELECT count(DISTINCT die()) FROM numbers").await?, [100]);
        // What an exchange leaves is not taken for another's.
        let keyed = "SELECT d, count(*) FROM (SELECT die() AS d FROM numbers) GROUP BY d";
        let (first, second) = (rows::<(u64, i64)>(&ctx, keyed).await?, rows::<(u64, i64)>(&ctx, keyed).await?);
        let first: BTreeSet<_> = first.into_iter().collect();
        assert!(second.iter().all(|row| !first.contains(row)));
        Ok(())
    })
}

fn on_workers(master: &'static str) -> Result<(), Failed> {
    on(master, async |ctx| {
        ctx.register_scalar("process_of", |_: i64| {
            std::thread::sleep(std::time::Duration::from_millis(2));
            i64::from(std::process::id())
        })?;
        ctx.register_aggregate(
            "processes",
            BTreeSet::new(),
            |seen: &mut BTreeSet<u32>, _: i64| {
                seen.insert(std::process::id());
            },
            |seen, other| seen.extend(other),
            |seen| seen.iter().map(|id| i64::from(*id)).collect::<Vec<_>>(),
        )?;
        let own = i64::from(std::process::id());
        let mut events = ctx.events();
        let scalar: BTreeSet<i64> = rows(&ctx, "SELECT process_of(_1) FROM numbers").await?.into_iter().collect();
        let (driver, others) = started(&mut events);
        let by_key = "SELECT processes(_1) FROM numbers GROUP BY _1 % 5";
        let aggregate: BTreeSet<i64> = rows::<Vec<i64>>(&ctx, by_key).await?.into_iter().flatten().collect();
        if master.starts_with("local") {
            assert_eq!((scalar, aggregate), (BTreeSet::from([own]), BTreeSet::from([own])));
        } else {
            assert!(!scalar.is_empty() && !scalar.contains(&own), "{scalar:?}");
            // The agent that is first may do everything on a cluster.
            assert!(scalar.len() == 2 || master.contains(':'), "{scalar:?}");
            assert!(!aggregate.is_empty() && !aggregate.contains(&own), "{aggregate:?}");
            assert!(driver == 0 && others >= 4, "{driver} tasks in the driver, {others} on workers");
            let (driver, others) = started(&mut events);
            assert!(driver == 0 && others >= 4, "{driver} tasks in the driver, {others} on workers");
        }
        Ok(())
    })
}

fn computed_once(master: &'static str) -> Result<(), Failed> {
    on(master, async |ctx| {
        ctx.register_scalar("bucket", |n: i64| n % 7)?;
        ctx.register_aggregate("total", 0i64, |n: &mut i64, x: i64| *n += x, |n, m| *n += m, |n| *n)?;
        let sql = "SELECT b, total(_1) FROM (SELECT bucket(_1) AS b, _1 FROM numbers) GROUP BY b";
        let mut events = ctx.events();
        let mut first: Vec<(i64, i64)> = rows(&ctx, sql).await?;
        let (own, others) = started(&mut events);
        let mut second: Vec<(i64, i64)> = rows(&ctx, sql).await?;
        let (own_again, others_again) = started(&mut events);
        first.sort_unstable();
        second.sort_unstable();
        assert_eq!(first, second);
        assert!(own_again + others_again < own + others, "the exchange should be found again");
        Ok(())
    })
}

/// Registers `geo_mean`, `weighted` and `longest`.
fn aggregates(ctx: &Context) -> Result<(), Failed> {
    ctx.register_aggregate(
        "geo_mean",
        (0.0, 0u64),
        |state: &mut (f64, u64), x: f64| *state = (state.0 + x.ln(), state.1 + 1),
        |state, other| *state = (state.0 + other.0, state.1 + other.1),
        |state| (state.1 > 0).then(|| (state.0 / state.1 as f64).exp()),
    )?;
    ctx.register_aggregate(
        "weighted",
        (0.0, 0.0),
        |sums: &mut (f64, f64), x: f64, weight: Option<f64>| {
            let weight = weight.unwrap_or(1.0);
            *sums = (sums.0 + x * weight, sums.1 + weight);
        },
        |sums, other| *sums = (sums.0 + other.0, sums.1 + other.1),
        |sums| sums.0 / sums.1,
    )?;
    ctx.register_aggregate(
        "longest",
        String::new(),
        |longest: &mut String, text: &str| {
            if text.len() > longest.len() {
                *longest = text.to_owned();
            }
        },
        |longest, other| {
            if other.len() > longest.len() {
                *longest = other;
            }
        },
        |longest| longest.clone(),
    )?;
    Ok(())
}

fn aggregate(master: &'static str) -> Result<(), Failed> {
    on(master, async |ctx| {
        aggregates(&ctx)?;
        let close = |a: f64, b: f64| (a - b).abs() < 1e-9;
        let sql = "SELECT _1 % 3 AS k, geo_mean(_1), exp(avg(ln(_1))), weighted(_1, CASE WHEN _1 > 50 THEN 0.0 END), \
                   longest(repeat('x', _1)) FROM numbers GROUP BY k ORDER BY k";
        let found: Vec<(i64, f64, f64, f64, String)> = rows(&ctx, sql).await?;
        assert_eq!(found.iter().map(|row| row.0).collect::<Vec<_>>(), [0, 1, 2]);
        assert!(found.iter().all(|row| close(row.1, row.2)), "{found:?}");
        assert_eq!(found.iter().map(|row| row.3).collect::<Vec<_>>(), [25.5, 25.0, 26.0]);
        assert_eq!(found.iter().map(|row| row.4.len()).collect::<Vec<_>>(), [99, 100, 98]);
        let all: Vec<(f64, f64)> = rows(&ctx, "SELECT geo_mean(_1), exp(avg(ln(_1))) FROM numbers").await?;
        assert!(close(all[0].0, all[0].1), "{all:?}");
        let having = "SELECT count(*) FROM (SELECT _1 FROM numbers GROUP BY _1 HAVING geo_mean(_1) > 90.5)";
        assert_eq!(rows::<i64>(&ctx, having).await?, [10]);
        let ordered = error(&ctx, "SELECT longest(CAST(_1 AS VARCHAR) ORDER BY _1) FROM numbers").await;
        assert!(ordered.contains("in no order"), "{ordered}");
        Ok(())
    })
}

fn aggregate_of_nothing(master: &'static str) -> Result<(), Failed> {
    on(master, async |ctx| {
        aggregates(&ctx)?;
        let sql = "SELECT geo_mean(_1), longest(CAST(_1 AS VARCHAR)) FROM numbers WHERE _1 > 1000";
        assert_eq!(rows::<(Option<f64>, String)>(&ctx, sql).await?, [(None, String::new())]);
        assert_eq!(
            rows::<(i64, String)>(&ctx, &format!("SELECT 1, longest FROM ({sql}) t(g, longest)")).await?.len(),
            1
        );
        let keyed = "SELECT _1, geo_mean(_1) FROM numbers WHERE _1 > 1000 GROUP BY _1";
        assert!(rows::<(i64, f64)>(&ctx, keyed).await?.is_empty());
        // NULLs are left out.
        let nulls = "SELECT geo_mean(nullif(_1, _1)) FROM numbers";
        assert_eq!(rows::<Option<f64>>(&ctx, nulls).await?, [None]);
        Ok(())
    })
}

fn filter_and_distinct(master: &'static str) -> Result<(), Failed> {
    on(master, async |ctx| {
        ctx.register_aggregate("total", 0i64, |n: &mut i64, x: i64| *n += x, |n, m| *n += m, |n| *n)?;
        ctx.register_aggregate(
            "letters",
            0u64,
            |n: &mut u64, text: &str, _: i64| *n += text.len() as u64,
            |n, m| *n += m,
            |n| *n,
        )?;
        let alone = "SELECT total(DISTINCT _1 % 10) FROM numbers";
        assert_eq!(rows::<i64>(&ctx, alone).await?, [45]);
        let sql = "SELECT _1 % 2 AS k, total(_1) FILTER (WHERE _1 <= 10), total(DISTINCT _1 % 10), count(*), \
                   total(DISTINCT _1 % 10) FILTER (WHERE _1 % 10 > 5), letters(DISTINCT repeat('x', _1 % 3), 1) \
                   FROM numbers GROUP BY k ORDER BY k";
        let found: Vec<(i64, i64, i64, i64, i64, u64)> = rows(&ctx, sql).await?;
        assert_eq!(found, [(0, 30, 20, 50, 14, 3), (1, 25, 25, 50, 16, 3)]);
        let all = "SELECT total(DISTINCT _1 % 10), total(_1), total(_1) FILTER (WHERE _1 > 1000) FROM numbers";
        assert_eq!(rows::<(i64, i64, i64)>(&ctx, all).await?, [(45, 5050, 0)]);
        Ok(())
    })
}

fn window(master: &'static str) -> Result<(), Failed> {
    on(master, async |ctx| {
        ctx.register_aggregate("total", 0i64, |n: &mut i64, x: i64| *n += x, |n, m| *n += m, |n| *n)?;
        let sql = "SELECT _1, total(_1) OVER (ORDER BY _1), total(_1) OVER (PARTITION BY _1 % 2) FROM numbers \
                   ORDER BY _1 LIMIT 3";
        assert_eq!(rows::<(i64, i64, i64)>(&ctx, sql).await?, [(1, 1, 2500), (2, 3, 2550), (3, 6, 2500)]);
        Ok(())
    })
}

fn spilling(master: &'static str) -> Result<(), Failed> {
    let conf = [("shuffle.memory", "false"), ("executor.memory", "32MB"), ("shuffle.keep", "0")];
    with_conf(master, &conf, async |ctx| {
        ctx.register("numbers", &ctx.parallelize(0..240_000i64, 4))?;
        ctx.register_aggregate(
            "texts",
            Vec::<String>::new(),
            |texts: &mut Vec<String>, n: i64| texts.push(format!("{n:0>400}")),
            |texts, mut other| texts.append(&mut other),
            |texts| texts.iter().map(|text| text.parse::<i64>().unwrap_or(-1)).sum::<i64>(),
        )?;
        // Each of three partitions has 32 MB of text.
        let sql = "SELECT count(*), sum(n) FROM (SELECT texts(_1) AS n FROM numbers GROUP BY _1 % 120000)";
        assert_eq!(rows::<(i64, i64)>(&ctx, sql).await?, [(120_000, 28_799_880_000)]);
        let batches = ctx.sql(&format!("EXPLAIN ANALYZE {sql}")).await?.collect().await?;
        let lines = batches.iter().flat_map(|batch| batch.column(1).as_string::<i32>().iter().flatten());
        let spilled = lines.flat_map(|text| text.split("spilled=").skip(1));
        let amounts: Vec<f64> = spilled.filter_map(|text| text.split(' ').next()?.parse().ok()).collect();
        assert!(amounts.iter().sum::<f64>() > 0.0, "nothing was spilled");
        Ok(())
    })
}

fn data_frames(master: &'static str) -> Result<(), Failed> {
    on(master, async |ctx| {
        let double = ctx.register_scalar("double", |n: i64| n * 2)?;
        let total = ctx.register_aggregate("total", 0i64, |n: &mut i64, x: i64| *n += x, |n, m| *n += m, |n| *n)?;
        let numbers = ctx.session().table("numbers").await?;
        let sums = numbers
            .filter(double.call(vec![col("_1")]).gt(lit(100)))?
            .aggregate(vec![], vec![total.call(vec![double.call(vec![col("_1")])])])?;
        assert_eq!(ctx.rdd::<i64>(sums)?.collect().await?, [7550]);
        Ok(())
    })
}

fn table_functions(master: &'static str) -> Result<(), Failed> {
    on(master, async |ctx| {
        let partitions = 3;
        ctx.register_table_function("series", move |ctx, args| {
            let (first, last) = (args.get::<i64>(0)?, args.get::<i64>(1)?);
            if first > last {
                return Err(Error::Usage(format!("{first} is after {last}")));
            }
            Ok(ctx.parallelize(first..=last, partitions))
        })?;
        let numbers = ctx.session().table("numbers").await?;
        ctx.register_table_function("top", move |_, args| {
            let least = args.get::<Option<i64>>(0)?.unwrap_or(99);
            Ok(numbers.clone().filter(col("_1").gt_eq(lit(least)))?)
        })?;
        assert_eq!(rows::<i64>(&ctx, "SELECT _1 FROM series(1, 2 + 3) ORDER BY 1").await?, [1, 2, 3, 4, 5]);
        let joined = "SELECT t._1 FROM top(98) t JOIN series(1, 99) s ON t._1 = s._1 ORDER BY 1";
        assert_eq!(rows::<i64>(&ctx, joined).await?, [98, 99]);
        assert_eq!(rows::<i64>(&ctx, "SELECT count(*) FROM top(NULL)").await?, [2]);
        for (call, words) in [
            ("series(3, 1)", "series: 3 is after 1"),
            ("series(3)", "series needs an argument 2 (Int64); it got 1"),
            ("series(1, 'x')", "argument 2 of series is Utf8, it takes Int64"),
            ("series(1, NULL)", "argument 2 of series"),
        ] {
            let told = error(&ctx, &format!("SELECT * FROM {call}")).await;
            assert!(told.contains(words), "{told}");
        }
        Ok(())
    })
}
