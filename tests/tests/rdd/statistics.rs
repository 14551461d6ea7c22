//! Numbers about numbers.

use super::fixture::{Done, Trials, grouped, pairs, ragged, same, says, told};
use dpark::Context;
use dpark::rdd::Histogram;

pub(crate) fn add(trials: &mut Trials) {
    trials.add("statistics::stats", stats);
    trials.add("statistics::of_nan", of_nan);
    trials.add("statistics::histogram", histogram);
    trials.wide("statistics::percentiles", percentiles);
    trials.wide("statistics::approx_distinct", approx_distinct);
}

fn near(found: f64, expected: f64) {
    let error = (found - expected).abs();
    assert!(error <= 1e-9 * expected.abs().max(1.0), "{found}, expected {expected}");
}

async fn stats(ctx: Context) -> Done {
    let numbers: Vec<i64> = pairs(70, 1000).into_iter().map(|row| row.1).collect();
    let data = ragged(&ctx, &numbers);
    let (n, sum) = (numbers.len() as f64, numbers.iter().sum::<i64>() as f64);
    let squares: f64 = numbers.iter().map(|x| (*x as f64 - sum / n).powi(2)).sum();
    let stats = data.stats().await?;
    assert_eq!(stats.count, 1000);
    assert_eq!(stats.min, *numbers.iter().min().unwrap() as f64);
    assert_eq!(stats.max, *numbers.iter().max().unwrap() as f64);
    near(stats.sum, sum);
    near(stats.mean(), sum / n);
    near(stats.variance(), squares / n);
    near(stats.sample_variance(), squares / (n - 1.0));
    near(stats.stdev(), (squares / n).sqrt());
    near(data.sum().await?, sum);
    near(data.mean().await?, sum / n);
    // Far from zero, where sums of squares would lose everything.
    let far = data.map(|x| x as f64 + 1e9).stats().await?;
    assert!((far.variance() - squares / n).abs() < 1e-3, "{}", far.variance());
    Ok(())
}

/// Sums and means are NaN then; the ends are those of the other numbers.
async fn of_nan(ctx: Context) -> Done {
    let data = ctx.parallelize(vec![1.0, f64::NAN, 3.0], 2);
    let stats = data.stats().await?;
    assert!(stats.sum.is_nan() && stats.mean().is_nan() && stats.variance().is_nan());
    assert_eq!((stats.count, stats.min, stats.max), (3, 1.0, 3.0));
    let counted = data.histogram(2).await?;
    assert_eq!(counted, Histogram { edges: vec![1.0, 2.0, 3.0], counts: vec![1, 1] });
    let nothing = Histogram { edges: vec![], counts: vec![] };
    assert_eq!(ctx.parallelize(vec![f64::NAN], 1).histogram(2).await?, nothing);
    Ok(())
}

/// A range has its lower end and not its upper, but for the last, which has both.
async fn histogram(ctx: Context) -> Done {
    let data = ctx.range(0..101, 7);
    let ten = data.histogram(10).await?;
    assert_eq!(ten.edges, (0..=10).map(|edge| f64::from(edge) * 10.0).collect::<Vec<_>>());
    assert_eq!(ten.counts, [10, 10, 10, 10, 10, 10, 10, 10, 10, 11]);
    let own = data.histogram_of(vec![10.0, 20.0, 50.0]).await?;
    assert_eq!(own.counts, [10, 31]);
    let one_number = ctx.parallelize(vec![5i64; 8], 3).histogram(4).await?;
    assert_eq!(one_number, Histogram { edges: vec![5.0, 5.0], counts: vec![8] });
    for edges in [vec![], vec![1.0], vec![2.0, 1.0], vec![0.0, f64::NAN]] {
        says(&told(data.histogram_of(edges).await), &["two or more edges in ascending order"])?;
    }
    Ok(())
}

async fn percentiles(ctx: Context) -> Done {
    let data = ctx.range(0..10_001, 7);
    let found = data.percentiles(&[0.0, 25.0, 50.0, 75.0, 99.0, 100.0]).await?.unwrap();
    let expected = [0.0, 2500.0, 5000.0, 7500.0, 9900.0, 10_000.0];
    assert!(found.iter().zip(expected).all(|(found, expected)| (found - expected).abs() <= 150.0), "{found:?}");
    says(&told(data.percentiles(&[101.0]).await), &["101 is no percentage"])?;
    let by_key = data.key_by(|n| n % 3).map_values(|n| n + 1).percentiles_by_key(&[100.0, 50.0]).collect().await?;
    assert_eq!(by_key.len(), 3);
    for (key, found) in by_key {
        let near = |found: f64, expected: f64| (found - expected).abs() <= 150.0;
        assert!(found.len() == 2 && near(found[0], 10_000.0) && near(found[1], 5000.0), "{key}: {found:?}");
    }
    let one = ctx.parallelize(vec![(None::<String>, 7i64)], 2).percentiles_by_key(&[50.0]).collect().await?;
    assert_eq!(one, [(None, vec![7.0])]);
    Ok(())
}

async fn approx_distinct(ctx: Context) -> Done {
    let rows = pairs(71, 5000);
    let data = ragged(&ctx, &rows);
    let exact = grouped(&rows);
    let found = data.keys().approx_distinct().await? as f64;
    assert!((found / exact.len() as f64 - 1.0).abs() < 0.05, "{found} of {}", exact.len());
    let many = ctx.range(0..100_000, 4).approx_distinct().await? as f64;
    assert!((many / 100_000.0 - 1.0).abs() < 0.05, "{many}");
    let by_key = data.map_values(|value| value.rem_euclid(4)).approx_distinct_by_key().collect().await?;
    let different = |values: Vec<i64>| {
        let values: std::collections::BTreeSet<i64> = values.into_iter().map(|value| value.rem_euclid(4)).collect();
        values.len() as u64
    };
    // So few are told exactly.
    same(by_key, exact.into_iter().map(|(key, values)| (key, different(values))))
}
