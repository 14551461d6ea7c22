//! smoke
#![allow(clippy::all, clippy::print_stdout, clippy::unwrap_used)]
use dpark::prelude::*;
use std::time::Instant;

fn main() -> dpark::Result<()> {
    dpark::main(async |ctx: Context| {
        let lines = ["to be or not to be", "that is the question", "", "to be"].map(String::from);
        let words = ctx.parallelize(lines, 3).flat_map(|line, out| line.split_whitespace().for_each(|w| out.push(w)));
        let counts = words.map(|w| (w.to_owned(), 1u64)).reduce_by_key(|a, b| a + b).cache();
        println!("{:?}", counts.top_by(3, |(_, n)| n).await?);
        ctx.register("counts", &counts)?;
        ctx.sql("select _2 n, count(*) c from counts group by n order by n desc limit 5").await?.show().await?;
        println!("hot {:?}", words.hot(2).await?);
        println!("distinct {:?}", words.distinct().count().await?);
        let n = ctx.range(0..100, 7);
        println!(
            "count {} sum {:?} fold {}",
            n.count().await?,
            n.reduce(|a, b| a + b).await?,
            n.fold(10, |a, b| a + b).await?
        );
        println!("take {:?} first {:?} top {:?}", n.take(12).await?, n.first().await?, n.top(3).await?);
        println!("glom {:?}", n.coalesce(3).glom().map(|l| l.len()).collect().await?);
        println!("repart {:?}", n.repartition(4).partition_counts().await?);
        let sorted = n.map(|x| (x * 37) % 101).with_partitions(4).sort_by(|x| x).await?;
        println!("sorted {:?} {:?}", sorted.partition_counts().await?, sorted.take(5).await?);
        let sorted = n.map(|x| ((x * 37) % 101, x)).with_partitions(4).sort_by_descending(|x| (x.0 % 5, x.1)).await?;
        println!("sorted {:?} {:?}", sorted.partition_counts().await?, sorted.take(5).await?);
        println!("zip {:?}", n.zip(&n.map(|x| x as f64)).take(2).await?);
        println!("cartesian {:?}", n.cartesian(&n).count().await?);
        let a = n.map(|x| (x % 10, x));
        let b = ctx.range(5..15, 3).map(|x| (x, x.to_string()));
        println!("join {:?}", a.join(&b).count().await?);
        println!("left {:?}", a.left_join(&b).count().await?);
        println!("right {:?}", a.right_join(&b).count().await?);
        println!("full {:?}", a.full_join(&b).count().await?);
        println!("bj {:?}", a.broadcast_join(&b).count().await?);
        println!("cogroup {:?}", a.cogroup(&b).map(|(k, (x, y))| (k, x.len(), y.len())).top_by(3, |x| x.0).await?);
        println!("group {:?}", a.group_by_key().map_values(|v| v.iter().sum::<i64>()).take(3).await?);
        println!(
            "mapgroups {:?}",
            a.map_groups(|k, vs, out| out.push((*k, vs.sum::<i64>()))).collect_as_map().await?.len()
        );
        println!("enumerate {:?}", n.filter(|x| x % 3 == 0).enumerate().await?.take(3).await?);
        println!("stats {:?}", n.stats().await?);
        println!("pct {:?}", ctx.range(0..1001, 4).percentiles(&[0.0, 25.0, 50.0, 99.0]).await?);
        println!("pctk {:?}", a.percentiles_by_key(&[50.0]).take(2).await?);
        println!("ad {:?} {:?}", n.approx_distinct().await?, a.approx_distinct_by_key().take(2).await?);
        println!("hist {:?}", n.histogram(4).await?);
        println!("union {:?}", n.union(&n).count().await?);
        println!("sub {:?}", n.subtract(&ctx.range(10..1000, 2)).count().await?);
        println!("inter {:?}", n.intersection(&ctx.range(10..1000, 2)).count().await?);
        println!("mp {:?}", n.map_partitions(|rows, out| out.push(rows.sum::<i64>())).collect().await?);
        println!("with {:?}", n.with(&vec![3i64, 5]).filter(|ds, x| ds.iter().any(|d| x % d == 0)).count().await?);
        println!(
            "agg {:?}",
            n.aggregate((0i64, 0u64), |(s, c), x| (s + x, c + 1), |a, b| (a.0 + b.0, a.1 + b.1)).await?
        );
        println!("sample {:?}", n.take_sample(5, 1).await?.len());
        println!("tree {:?}", n.tree_reduce(2, |a, b| a + b).await?);
        println!("lookup {:?}", a.lookup(&3).await?);
        let mut long = n.clone();
        for _ in 0..1000 {
            long = long.map(|x| x + 1);
        }
        let t = Instant::now();
        println!("long {:?} in {:?}", long.reduce(|a, b| a + b).await?, t.elapsed());
        let c = n.cache();
        c.count().await?;
        let t = Instant::now();
        for _ in 0..100 {
            c.count().await?;
        }
        println!("round trip {:?}", t.elapsed() / 100);
        let big = ctx.range(0..20_000_000, 2);
        let t = Instant::now();
        let r = big.map(|x| (x % 1000, x)).reduce_by_key(|a, b| a + b).count().await?;
        println!("reduce {r} {:?}", t.elapsed());
        let t = Instant::now();
        let r = big.map(|x| (x, x as f64)).map(|(a, b)| (a + 1, b * 2.0)).count().await?;
        println!("map {r} {:?}", t.elapsed());
        Ok(())
    })
}
