//! The example programs compute what plain loops over the same data compute, in threads and in worker processes, whatever the
//! number of partitions.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test, with a main of its own")]

use dpark::Context;
use dpark::rdd::pregel::{Pregel, Sum};
use dpark_test_cluster::{Cluster, Options};
use dpark_tests::oracle::modes::MESOS;
use futures::TryStreamExt;
use libtest_mimic::{Arguments, Failed, Trial};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// The examples as modules. They are programs: what only their `main` uses is not used here.
macro_rules! examples {
    ($($name:ident $path:literal;)*) => {$(
        #[path = $path]
        #[allow(dead_code, reason = "a program of its own")]
        mod $name;
    )*};
}

examples! {
    grep "../../crates/dpark/examples/grep.rs";
    item_similarity "../../crates/dpark/examples/item_similarity.rs";
    k_means "../../crates/dpark/examples/k_means.rs";
    log_analysis "../../crates/dpark/examples/log_analysis.rs";
    logistic_regression "../../crates/dpark/examples/logistic_regression.rs";
    matrix_factorisation "../../crates/dpark/examples/matrix_factorisation.rs";
    page_rank "../../crates/dpark/examples/page_rank.rs";
    pi "../../crates/dpark/examples/pi.rs";
    shortest_path "../../crates/dpark/examples/shortest_path.rs";
    tera_sort "../../crates/dpark/examples/tera_sort.rs";
    word_count "../../crates/dpark/examples/word_count.rs";
}

type Test = fn(&str, usize) -> Result<(), Failed>;

fn main() {
    dpark::init();
    let args = Arguments::from_args();
    let tests: [(&str, Test); 13] = [
        ("dparks_own", gives_what_dpark_gave),
        ("grep", finds_lines),
        ("item_similarity", compares_items),
        ("k_means", finds_clusters),
        ("log_analysis", sums_up_a_log),
        ("logistic_regression", separates_points),
        ("matrix_factorisation", finds_factors),
        ("page_rank", ranks_pages),
        ("pi", estimates_pi),
        ("pregel", follows_the_rules),
        ("shortest_path", finds_ways),
        ("tera_sort", sorts_records),
        ("word_count", counts_words),
    ];
    let mut trials = vec![];
    for (what, test) in tests {
        for (name, master) in [("local2", "local[2]"), ("process2", "process[2]")] {
            for partitions in [1, 5] {
                let name = format!("examples::{what}::{name}::{partitions}");
                trials.push(Trial::test(name, move || test(master, partitions)));
            }
        }
    }
    trials.push(Trial::test("examples::all::mesos", move || {
        let cluster = Cluster::start(Options { agents: 2, ..Options::default() })?;
        for (what, test) in tests {
            test(&cluster.masters(), 3).map_err(|error| format!("{what}: {}", error.message().unwrap_or_default()))?;
        }
        Ok(cluster.close()?)
    }));
    libtest_mimic::run(&args, trials).exit();
}

fn on(master: &str, partitions: usize, body: impl AsyncFnOnce(&Context) -> Result<(), Failed>) -> Result<(), Failed> {
    let mut builder = Context::builder().master(master).conf("shuffle.partitions", partitions.to_string());
    if master.contains(':') {
        builder = builder.conf("mesos.executor.path", std::env::current_exe()?.display().to_string());
        builder = MESOS.iter().fold(builder, |builder, (key, value)| builder.conf(*key, *value));
    }
    let ctx = builder.build()?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let done = body(&ctx).await;
        ctx.stop().await;
        done
    })
}

fn path(name: &str) -> String {
    format!("{}/../crates/dpark/examples/data/{name}", env!("CARGO_MANIFEST_DIR"))
}

fn text(name: &str) -> String {
    std::fs::read_to_string(path(name)).unwrap()
}

/// Sums of floats depend a little on their order.
fn assert_close(found: &[f64], expected: &[f64], distance: f64) {
    assert_eq!(found.len(), expected.len());
    let near = found.iter().zip(expected).all(|(a, b)| (a - b).abs() <= distance);
    assert!(near, "{found:?} should be {expected:?}");
}

fn counts_words(master: &str, partitions: usize) -> Result<(), Failed> {
    on(master, partitions, async |ctx| {
        let mut counts: HashMap<String, u64> = HashMap::new();
        let text = text("text.txt").to_lowercase().replace(['.', ','], " ");
        text.split_whitespace().for_each(|word| *counts.entry(word.into()).or_default() += 1);
        let mut expected: Vec<_> = counts.into_iter().collect();
        expected.sort_by_key(|(word, count)| (Reverse(*count), word.clone()));
        expected.truncate(12);
        assert_eq!(word_count::compute(ctx, &path("text.txt"), 12).await?, expected);
        Ok(())
    })
}

fn finds_lines(master: &str, partitions: usize) -> Result<(), Failed> {
    on(master, partitions, async |ctx| {
        let files = [path("text.txt"), path("access.log")];
        let mut expected = vec![];
        for (file, name) in files.iter().zip(["text.txt", "access.log"]) {
            let text = text(name);
            let lines = text.lines().filter(|line| line.contains("or"));
            expected.extend(lines.map(|line| (file.clone(), line.to_owned())));
        }
        assert!(expected.iter().any(|(file, _)| *file == files[0]) && !expected.is_empty());
        let found = grep::compute(ctx, "or", &files).await?.to_local_iterator().await?;
        assert_eq!(found.try_collect::<Vec<_>>().await?, expected);
        assert!(grep::compute(ctx, "or", &[]).await.is_err());
        Ok(())
    })
}

fn estimates_pi(master: &str, partitions: usize) -> Result<(), Failed> {
    on(master, partitions, async |ctx| {
        let inside = (0..100_000).filter(|i| pi::uniform(2 * i).hypot(pi::uniform(2 * i + 1)) < 1.0).count();
        let found = pi::compute(ctx, 100_000, partitions).await?;
        assert_eq!(found, 4.0 * inside as f64 / 100_000.0);
        assert_close(&[found], &[std::f64::consts::PI], 0.02);
        Ok(())
    })
}

fn separates_points(master: &str, partitions: usize) -> Result<(), Failed> {
    on(master, partitions, async |ctx| {
        let text = text("points.txt");
        let points: Vec<_> = text.lines().map(|line| logistic_regression::parse(line).unwrap()).collect();
        let (mut a, mut b) = (0.0, 0.0);
        for _ in 0..10 {
            let (mut da, mut db) = (0.0, 0.0);
            for (kind, [x, y]) in &points {
                let wrong = 1.0 / (1.0 + (-kind * (a * x + b * y)).exp()) - 1.0;
                (da, db) = (da + wrong * kind * x, db + wrong * kind * y);
            }
            (a, b) = (a - da, b - db);
        }
        let found = logistic_regression::compute(ctx, &path("points.txt"), 10).await?;
        assert_close(&found, &[a, b], 1e-9);
        let right = points.iter().filter(|(kind, [x, y])| kind * (found[0] * x + found[1] * y) > 0.0).count();
        assert!(right * 10 > points.len() * 7, "only {right} of {} points are on the right side", points.len());
        Ok(())
    })
}

fn finds_clusters(master: &str, partitions: usize) -> Result<(), Failed> {
    on(master, partitions, async |ctx| {
        let points: Vec<[f64; 2]> = text("clusters.txt").lines().map(|line| k_means::parse(line).unwrap()).collect();
        // The points of the four clusters take turns, and the clusters are far from each other.
        let mut expected = vec![];
        for cluster in 0..4 {
            let own: Vec<_> = points.iter().skip(cluster).step_by(4).collect();
            let mean = |i: usize| own.iter().map(|point| point[i]).sum::<f64>() / own.len() as f64;
            expected.extend([mean(0), mean(1)]);
        }
        let found = k_means::compute(ctx, &path("clusters.txt"), 4).await?;
        assert_close(&found.concat(), &expected, 1e-9);
        Ok(())
    })
}

fn ranks_pages(master: &str, partitions: usize) -> Result<(), Failed> {
    on(master, partitions, async |ctx| {
        let text = text("pages.txt");
        let links: BTreeMap<&str, Vec<&str>> = text
            .lines()
            .map(|line| {
                let (page, links) = line.split_once(' ').unwrap();
                (page, links.split(' ').collect())
            })
            .collect();
        let count = links.len() as f64;
        let mut ranks: BTreeMap<&str, f64> = links.keys().map(|page| (*page, 1.0 / count)).collect();
        for _ in 0..200 {
            let mut next: BTreeMap<&str, f64> =
                links.keys().map(|page| (*page, (1.0 - page_rank::DAMPING) / count)).collect();
            for (page, targets) in &links {
                let share = page_rank::DAMPING * ranks[page] / targets.len() as f64;
                targets.iter().for_each(|target| *next.get_mut(target).unwrap() += share);
            }
            ranks = next;
        }
        let mut found = page_rank::compute(ctx, &path("pages.txt")).await?;
        found.sort_by(|a, b| a.0.cmp(&b.0));
        assert!(found.iter().map(|(page, _)| page.as_str()).eq(ranks.keys().copied()), "{found:?}");
        let found: Vec<f64> = found.into_iter().map(|(_, rank)| rank).collect();
        assert_close(&found, &ranks.into_values().collect::<Vec<_>>(), 10.0 * page_rank::NEAR);
        assert_close(&[found.iter().sum()], &[1.0], 1e-9);
        Ok(())
    })
}

fn finds_ways(master: &str, partitions: usize) -> Result<(), Failed> {
    on(master, partitions, async |ctx| {
        let text = text("roads.txt");
        let roads: Vec<_> = text.lines().map(|line| shortest_path::parse(line).unwrap()).collect();
        let places: BTreeSet<u64> = roads.iter().flat_map(|(from, to, _)| [*from, *to]).collect();
        for start in [0, 3] {
            let mut lengths: BTreeMap<u64, Option<u64>> = places.iter().map(|place| (*place, None)).collect();
            lengths.insert(start, Some(0));
            for _ in &places {
                for (from, to, road) in &roads {
                    if let Some(length) = lengths[from].map(|length| length + road)
                        && lengths[to].is_none_or(|known| length < known)
                    {
                        lengths.insert(*to, Some(length));
                    }
                }
            }
            let found = shortest_path::compute(ctx, &path("roads.txt"), start).await?;
            assert_eq!(found, lengths.into_iter().collect::<Vec<_>>());
        }
        Ok(())
    })
}

fn compares_items(master: &str, partitions: usize) -> Result<(), Failed> {
    on(master, partitions, async |ctx| {
        let text = text("ratings.txt");
        let mut items: BTreeMap<&str, BTreeMap<&str, f64>> = BTreeMap::new();
        for (item, user, rating) in text.lines().filter_map(item_similarity::parse) {
            items.entry(item).or_default().insert(user, rating);
        }
        let length = |item: &str| items[item].values().map(|rating| rating * rating).sum::<f64>();
        let mut expected = vec![];
        for (item, ratings) in &items {
            let mut similar = item_similarity::Similar::new();
            for (other, of_other) in items.iter().filter(|(other, _)| *other != item) {
                let both = ratings.iter().filter_map(|(user, rating)| Some(rating * of_other.get(user)?));
                let product: f64 = both.sum();
                if product > 0.0 {
                    similar.push((other.to_string(), product / (length(item) * length(other)).sqrt()));
                }
            }
            similar.sort_by(|a, b| b.1.total_cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
            similar.truncate(3);
            expected.push((item.to_string(), similar));
        }
        // Ratings are small whole numbers, so sums are the same in any order.
        assert_eq!(item_similarity::compute(ctx, &path("ratings.txt"), 3).await?, expected);
        Ok(())
    })
}

fn finds_factors(master: &str, partitions: usize) -> Result<(), Failed> {
    use matrix_factorisation::{PARTS, known, product, start, train};
    on(master, partitions, async |ctx| {
        let (known, (mut users, mut items)) = (known(), start());
        let mut expected = vec![];
        for _ in 0..25 {
            // Block after block, in an order in which one process could have met them.
            for shift in 0..PARTS {
                for part in 0..PARTS {
                    let other = (part + shift) % PARTS;
                    let block = known.iter().filter(|(user, item, _)| user % PARTS == part && item % PARTS == other);
                    block.for_each(|rating| train(&mut users, &mut items, *rating));
                }
            }
            let errors = known.iter().map(|(user, item, number)| number - product(&users[*user], &items[*item]));
            expected.push((errors.map(|error| error * error).sum::<f64>() / known.len() as f64).sqrt());
        }
        let found = matrix_factorisation::compute(ctx, 25).await?;
        assert_close(&found, &expected, 1e-9);
        assert!(found[24] < 0.01 && found[24] < found[0] / 10.0, "{found:?}");
        Ok(())
    })
}

fn sums_up_a_log(master: &str, partitions: usize) -> Result<(), Failed> {
    on(master, partitions, async |ctx| {
        let text = text("access.log");
        let mut sections: BTreeMap<&str, (BTreeSet<&str>, log_analysis::Numbers)> = BTreeMap::new();
        for line in text.lines() {
            let words: Vec<&str> = line.split(' ').collect();
            let [_, "GET", path, status, bytes] = words[..] else { continue };
            if status == "304" {
                continue;
            }
            let path = path.split('?').next().unwrap();
            let section = path[1..].split('/').next().filter(|section| !section.is_empty()).unwrap_or("/");
            let (pages, numbers) = sections.entry(section).or_default();
            pages.insert(path);
            numbers.0 += 1;
            numbers.1 = pages.len() as i64;
            numbers.2 += bytes.parse::<i64>().unwrap();
            numbers.3 += i64::from(status.starts_with('5'));
        }
        let mut expected: Vec<_> =
            sections.into_iter().map(|(section, (_, numbers))| (section.to_owned(), numbers)).collect();
        expected.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
        assert!(expected.len() > 3);
        assert_eq!(log_analysis::compute(ctx, &path("access.log")).await?, expected);
        Ok(())
    })
}

fn sorts_records(master: &str, partitions: usize) -> Result<(), Failed> {
    on(master, partitions, async |ctx| {
        let checksums = (0..20_000).map(|number| tera_sort::checksum(&tera_sort::record(number)));
        let checksum = checksums.fold(0, u64::wrapping_add);
        let expected = tera_sort::Sorted { records: 20_000, checksum, in_order: true };
        assert_eq!(tera_sort::compute(ctx, 20_000, partitions).await?, expected);
        assert_eq!(tera_sort::compute(ctx, 0, partitions).await?.records, 0);
        Ok(())
    })
}

/// What the examples do not need of Pregel: messages to nobody, sleep, the allowed number of supersteps.
fn follows_the_rules(master: &str, partitions: usize) -> Result<(), Failed> {
    on(master, partitions, async |ctx| {
        // 0 → 1 → … → 9 → 10, which is no vertex. A token goes along; who has it adds it to its state.
        let chain = ctx.parallelize((0..10u64).map(|id| (id, (0u64, vec![id + 1]))), 3);
        let walk = async |supersteps: usize| {
            let pregel = Pregel::new(&chain).with(100u64).aggregate::<Sum<u64>>().max_supersteps(supersteps);
            pregel
                .run(
                    |a, b| a + b,
                    |step, vertex, token, out| {
                        let token = if step.number == 0 && vertex.id == 0 { Some(*step.value) } else { token };
                        if let Some(token) = token {
                            vertex.state += token;
                            vertex.edges.into_iter().for_each(|to| out.send(to, token + 1));
                        }
                        out.aggregate(Sum(1));
                        vertex.halt();
                    },
                )
                .await
        };
        let expected = |steps: u64| (0..10).map(|id| (id, if id < steps { 100 + id } else { 0 })).collect::<Vec<_>>();

        let ended = walk(1000).await?;
        let mut found = ended.vertices.collect().await?;
        found.sort();
        assert_eq!(found, expected(10));
        // The eleventh superstep only drops the last message; nobody is awake to tell anything.
        assert_eq!((ended.supersteps, ended.halted, ended.aggregated), (11, true, Sum(0)));
        ended.unpersist();
        assert_eq!(ended.vertices.count().await?, 10);

        let stopped = walk(4).await?;
        let mut found = stopped.vertices.collect().await?;
        found.sort();
        assert_eq!(found, expected(4));
        // Those asleep are not asked: in the fourth superstep there is one with a message.
        assert_eq!((stopped.supersteps, stopped.halted, stopped.aggregated), (4, false, Sum(1)));
        Ok(())
    })
}

/// What DPark's examples gave, as far as their inputs are known. (There is one graph of five pages whose ranks are these after
/// ten rounds.)
fn gives_what_dpark_gave(master: &str, partitions: usize) -> Result<(), Failed> {
    on(master, partitions, async |ctx| {
        let numbers = ctx.range(0..100, partitions);
        assert_eq!((numbers.count().await?, numbers.reduce(|a, b| a + b).await?), (100, Some(4950)));

        // What runs twice adds twice.
        let sum = ctx.accumulator(0i64);
        let counted = ctx.range(0..10, partitions).with(&sum).map(|sum, n| {
            sum.add(n);
            n
        });
        let mut sums = vec![sum.value()?];
        for _ in 0..2 {
            assert_eq!(counted.count().await?, 10);
            sums.push(sum.value()?);
        }
        assert_eq!(sums, [0, 45, 90]);

        let pages = [("A", "BCDE"), ("B", "ACE"), ("C", "AE"), ("D", "AB"), ("E", "AB")].map(|(page, links)| {
            let links: Vec<String> = links.chars().map(String::from).collect();
            (page.to_owned(), (0.2, links))
        });
        let rounds = Pregel::new(&ctx.parallelize(pages, partitions)).run(
            |a, b| a + b,
            |step, page, received, out| {
                if step.number > 0 {
                    page.state = (1.0 - page_rank::DAMPING) / 5.0 + page_rank::DAMPING * received.unwrap_or(0.0);
                }
                if step.number == 10 {
                    page.halt();
                    return;
                }
                let share = page.state / page.edges.len() as f64;
                page.edges.into_iter().for_each(|link| out.send(link, share));
            },
        );
        let ranked = rounds.await?;
        assert_eq!((ranked.supersteps, ranked.halted), (11, true));
        let mut ranks = ranked.vertices.collect().await?;
        ranked.unpersist();
        ranks.sort_by(|a, b| a.0.cmp(&b.0));
        let (pages, ranks): (Vec<String>, Vec<f64>) = ranks.into_iter().unzip();
        assert_eq!(pages, ["A", "B", "C", "D", "E"]);
        let expected = [0.296603992016, 0.228046779877, 0.157658200061, 0.093044605302, 0.224646422743];
        assert_close(&ranks, &expected, 1e-11);

        let dir = tempfile::tempdir()?;
        let roads = dir.path().join("graph.txt");
        std::fs::write(&roads, "3 5 3\n1 3 8\n0 2 20\n2 4 5\n4 1 3\n5 2 3\n1 2 7\n")?;
        let ways = shortest_path::compute(ctx, &roads.display().to_string(), 0).await?;
        assert_eq!(ways, [(0, 0), (1, 28), (2, 20), (3, 36), (4, 25), (5, 39)].map(|(place, way)| (place, Some(way))));

        // Its regression does not converge, and tells whether numbers are the same.
        let points = [(150.0, 0.0), (155.0, 0.0), (140.0, 0.0), (180.0, 1.0), (170.0, 1.0), (200.0, 1.0)];
        let points = ctx.parallelize(points, partitions).cache();
        let mut weights = [1.0, -160.0];
        for step in 0..10 {
            let gradients = points.with(&weights).map(|weights: &[f64; 2], (x, kind)| {
                let score: f64 = weights[0] * x + weights[1];
                let slope = kind - 1.0 / (1.0 + (-score.max(-500.0)).exp());
                [slope * x, slope]
            });
            let Some(gradient) = gradients.reduce(|a, b| [a[0] + b[0], a[1] + b[1]]).await? else {
                return Err("there are points".into());
            };
            if step == 0 {
                assert_close(&gradient, &[-1.0364838534439533, -0.006692850924284826], 1e-12);
            }
            let part = f64::from(step + 1);
            weights = [weights[0] + gradient[0] / part, weights[1] + gradient[1] / part];
        }
        assert_close(&weights, &[28.780976464016376, -160.44359761282903], 1e-9);
        Ok(())
    })
}
