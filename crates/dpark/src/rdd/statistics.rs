//! Numbers about numbers.

use super::closure::at_end;
use super::{Argument, Key, Rdd, Row};
use datafusion::common::{Result, plan_err};
use datafusion::functions_aggregate::expr_fn::{approx_distinct, approx_percentile_cont};
use datafusion::logical_expr::expr::Sort;
use datafusion::logical_expr::{Expr, ident, lit};
use dpark_operators::combine::external;
use dpark_rows::Rows;
use std::hash::Hasher;

/// Count, sum, mean, spread and ends of a data set of numbers.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Stats {
    /// How many numbers there are.
    pub count: u64,
    /// Their sum.
    pub sum: f64,
    /// The smallest; infinite if there is none.
    pub min: f64,
    /// The largest; minus infinite if there is none.
    pub max: f64,
    /// Sum of the squared distances from the mean.
    squares: f64,
}

impl Default for Stats {
    fn default() -> Self {
        Self { count: 0, sum: 0.0, min: f64::INFINITY, max: f64::NEG_INFINITY, squares: 0.0 }
    }
}

impl Stats {
    /// Adds a number. (Welford, "Note on a method for calculating corrected sums of squares and products", 1962.)
    fn add(&mut self, x: f64) {
        let before = self.mean_or_zero();
        self.count += 1;
        self.sum += x;
        self.squares += (x - before) * (x - self.mean_or_zero());
        self.min = self.min.min(x);
        self.max = self.max.max(x);
    }

    /// Adds those of other numbers. (Chan, Golub, LeVeque, "Updating formulae and a pairwise algorithm for computing sample
    /// variances", 1979.)
    fn merge(self, other: Self) -> Self {
        if self.count == 0 || other.count == 0 {
            return if self.count == 0 { other } else { self };
        }
        let (n, m) = (self.count as f64, other.count as f64);
        let distance = other.mean_or_zero() - self.mean_or_zero();
        Self {
            count: self.count + other.count,
            sum: self.sum + other.sum,
            min: self.min.min(other.min),
            max: self.max.max(other.max),
            squares: self.squares + other.squares + distance * distance * n * m / (n + m),
        }
    }

    fn mean_or_zero(&self) -> f64 {
        if self.count == 0 { 0.0 } else { self.sum / self.count as f64 }
    }

    /// The mean; NaN without numbers.
    pub fn mean(&self) -> f64 {
        self.sum / self.count as f64
    }

    /// The variance of the whole population.
    pub fn variance(&self) -> f64 {
        self.squares / self.count as f64
    }

    /// The variance as estimated from a sample.
    pub fn sample_variance(&self) -> f64 {
        self.squares / (self.count as f64 - 1.0)
    }

    /// The standard deviation of the whole population.
    pub fn stdev(&self) -> f64 {
        self.variance().sqrt()
    }
}

/// How many numbers are in each of some ranges.
#[derive(Debug, Clone, PartialEq)]
pub struct Histogram {
    /// The ends of the ranges: one more than ranges. A range has its lower end, and not its upper, but for the last.
    pub edges: Vec<f64>,
    /// Numbers in each range.
    pub counts: Vec<u64>,
}

/// A number as a float.
pub trait Number: Row + Copy {
    /// The nearest float.
    fn to_f64(view: Self::View<'_>) -> f64;
}

macro_rules! number {
    ($($rust:ty),*) => {$(
        impl Number for $rust {
            fn to_f64(view: Self::View<'_>) -> f64 {
                view as f64
            }
        }
    )*};
}

number!(i8, i16, i32, i64, u8, u16, u32, u64, usize, isize, f32, f64);

impl<T: Number> Rdd<T> {
    /// Count, sum, mean, spread and ends.
    pub async fn stats(&self) -> Result<Stats> {
        let body = move |task| {
            at_end::<(u64, f64, f64, f64, f64), Stats>(
                task,
                Stats::default(),
                |stats, batch| {
                    Rows::<T>::of(&batch).map_err(external)?.for_each(|number| stats.add(T::to_f64(number)));
                    Ok(())
                },
                |Stats { count, sum, min, max, squares }, out| {
                    out.push((count, sum, min, max, squares));
                    Ok(())
                },
            )
        };
        let parts: Rdd<(u64, f64, f64, f64, f64)> = self.step(&body, body, Argument::none(), false);
        let parts = parts.collect().await?.into_iter();
        let parts = parts.map(|(count, sum, min, max, squares)| Stats { count, sum, min, max, squares });
        Ok(parts.fold(Stats::default(), Stats::merge))
    }

    /// The sum; integers are summed as floats.
    pub async fn sum(&self) -> Result<f64> {
        Ok(self.stats().await?.sum)
    }

    /// The mean; NaN without numbers.
    pub async fn mean(&self) -> Result<f64> {
        Ok(self.stats().await?.mean())
    }

    /// Numbers in each of `ranges` ranges of equal width between the smallest and the largest number. NaN is in none.
    pub async fn histogram(&self, ranges: usize) -> Result<Histogram> {
        let stats = self.stats().await?;
        // Also with nothing but NaN.
        if stats.min > stats.max || ranges == 0 {
            return Ok(Histogram { edges: vec![], counts: vec![] });
        }
        if (stats.max - stats.min).is_infinite() {
            return plan_err!("infinite numbers have no ranges of equal width: give the edges, to histogram_of");
        }
        let width = (stats.max - stats.min) / ranges as f64;
        let mut edges: Vec<f64> = (0..ranges).map(|i| stats.min + width * i as f64).collect();
        edges.push(stats.max);
        edges.dedup();
        if edges.len() == 1 {
            edges.push(stats.max);
        }
        // The rows were counted by what looked for their ends.
        self.aside()?.histogram_of(edges).await
    }

    /// Numbers in each of the ranges between neighbouring edges, which must ascend; those outside, and NaN, are left out.
    pub async fn histogram_of(&self, edges: Vec<f64>) -> Result<Histogram> {
        if edges.len() < 2 || !edges.is_sorted() || edges.iter().any(|edge| edge.is_nan()) {
            return plan_err!("a histogram needs two or more edges in ascending order, not {edges:?}");
        }
        let zero: (Vec<u64>, Vec<f64>) = (vec![0; edges.len() - 1], edges);
        let add = |mut state: (Vec<u64>, Vec<f64>), number: T::View<'_>| {
            let (counts, edges) = (&mut state.0, &state.1);
            let number = T::to_f64(number);
            let at = edges.partition_point(|edge| *edge <= number);
            // The last range has its upper end too.
            let at = if edges.last() == Some(&number) { counts.len() } else { at };
            if let Some(count) = at.checked_sub(1).and_then(|at| counts.get_mut(at)) {
                *count += 1;
            }
            state
        };
        let merge = |mut a: (Vec<u64>, Vec<f64>), b: (Vec<u64>, Vec<f64>)| {
            a.0.iter_mut().zip(b.0).for_each(|(a, b)| *a += b);
            a
        };
        let (counts, edges) = self.aggregate(zero, add, merge).await?;
        Ok(Histogram { edges, counts })
    }

    /// About the numbers below which the given percentages (0 to 100) of all numbers are, by a t-digest (Dunning, Ertl,
    /// "Computing extremely accurate quantiles using t-digests", 2019). `None` without numbers.
    pub async fn percentiles(&self, percentages: &[f64]) -> Result<Option<Vec<f64>>> {
        if percentages.is_empty() {
            return Ok(Some(vec![]));
        }
        let columns = self.as_floats().percentile_columns(vec![], "_1", percentages)?;
        let rows = columns.collect().await?;
        let digests: Vec<Option<f64>> = rows.iter().flat_map(floats_of_row).collect();
        Ok(digests.into_iter().collect())
    }

    fn as_floats(&self) -> Rdd<f64> {
        self.map(|number| T::to_f64(number))
    }
}

fn floats_of_row(batch: &arrow::record_batch::RecordBatch) -> Vec<Option<f64>> {
    let columns =
        batch.columns().iter().filter_map(arrow::array::AsArray::as_primitive_opt::<arrow::datatypes::Float64Type>);
    columns.flat_map(|column| column.iter()).collect()
}

impl<T: Row> Rdd<T> {
    fn percentile_columns(&self, keys: Vec<Expr>, of: &str, percentages: &[f64]) -> Result<crate::DataFrame> {
        if let Some(wrong) = percentages.iter().find(|percentage| !(0.0..=100.0).contains(*percentage)) {
            return plan_err!("{wrong} is no percentage: give numbers from 0 to 100");
        }
        let columns = percentages.iter().enumerate().map(|(i, percentage)| {
            let by = Sort::new(ident(of), true, false);
            approx_percentile_cont(by, lit(percentage / 100.0), None).alias(format!("p{i}"))
        });
        self.to_df()?.aggregate(keys, columns.collect())
    }
}

impl<K: Key, V: Number> Rdd<(K, V)> {
    /// [`percentiles`](Rdd::percentiles) for each key, in the order in which they are asked for.
    pub fn percentiles_by_key(&self, percentages: &[f64]) -> Rdd<(K, Vec<f64>)> {
        let floats: Rdd<(K, f64)> = self.map_values(|number| V::to_f64(number));
        let rows = floats.percentile_columns(vec![ident("_1")], "_2", percentages).and_then(|df| {
            let columns = (0..percentages.len()).map(|i| ident(format!("p{i}"))).collect();
            let list = datafusion::functions_nested::expr_fn::make_array(columns);
            df.select(vec![ident("_1"), list.alias("_2")])
        });
        self.as_asked(self.of_query(rows))
    }
}

impl<K: Row, V: Row> Rdd<(K, V)> {
    /// The result of a query by key in as many partitions as were asked for, if that was said.
    fn as_asked<U: Row>(&self, result: Rdd<(K, U)>) -> Rdd<(K, U)>
    where
        K: Key,
    {
        match self.partitions {
            Some(partitions) => result.with_partitions(partitions).partition_by_key(),
            None => result,
        }
    }
}

impl<K: Key, V: Key> Rdd<(K, V)> {
    /// About how many different values each key has, by HyperLogLog.
    pub fn approx_distinct_by_key(&self) -> Rdd<(K, u64)> {
        let hashes: Rdd<(K, u64)> = self.map_values(|value| hash_of::<V>(value));
        let rows = hashes.to_df().and_then(|df| {
            let counts = df.aggregate(vec![ident("_1")], vec![approx_distinct(ident("_2")).alias("_2")])?;
            counts.select(vec![ident("_1"), ident("_2")])
        });
        self.as_asked(self.of_query(rows))
    }
}

impl<T: Row> Rdd<T> {
    /// About how many different rows there are, by HyperLogLog (Flajolet and others, "HyperLogLog: the analysis of a
    /// near-optimal cardinality estimation algorithm", 2007); the error is about 1 %.
    pub async fn approx_distinct(&self) -> Result<u64>
    where
        T: Key,
    {
        let hashes: Rdd<u64> = self.map(|row| hash_of::<T>(row));
        let counts = hashes.to_df()?.aggregate(vec![], vec![approx_distinct(ident("_1")).alias("_1")])?;
        let counts: Rdd<u64> = self.of_query(Ok(counts));
        Ok(counts.first().await?.unwrap_or(0))
    }
}

/// The same in every process. (FNV-1a by Fowler, Noll and Vo, which is weak in its upper bits, and so mixed once more.)
fn hash_of<T: Key>(view: T::View<'_>) -> u64 {
    struct Fnv(u64);
    impl Hasher for Fnv {
        fn finish(&self) -> u64 {
            self.0
        }
        fn write(&mut self, bytes: &[u8]) {
            for byte in bytes {
                self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x100_0000_01B3);
            }
        }
    }
    let mut hasher = Fnv(0xCBF2_9CE4_8422_2325);
    T::hash(view, &mut hasher);
    let x = hasher.finish();
    let x = (x ^ (x >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    x ^ (x >> 27)
}
