//! PageRank over ids that are indexes: edges stay where they are, as arrays; a round sends what vertices give to all partitions, and
//! brings back what each partition's edges make of it.

use super::pairs;
use crate::Result;
use crate::rdd::answer::Answer;
use crate::rdd::single::ROUNDS;
use crate::rdd::single::pagerank::{by_target, top};
use dpark::Context;
use dpark::prelude::Rdd;

/// The edges of a partition: where each target's sources begin, the sources, and how many edges leave each vertex.
type Edges = (Vec<u32>, Vec<u32>, Vec<u32>);

pub(super) async fn run(ctx: &Context, path: &str) -> Result<Answer> {
    let edges: Rdd<Edges> = pairs(ctx, path).await?.map_partitions(|edges, out| {
        let edges: Vec<(u32, u32)> = edges.map(|(source, target)| (source as u32, target as u32)).collect();
        let vertices = edges.iter().map(|(source, target)| source.max(target) + 1).max().unwrap_or(0);
        out.push(by_target(&edges, vertices as usize));
    });
    let edges = edges.cache();
    let mut leaving: Vec<u32> = vec![];
    for part in edges.map(|(_, _, leaving)| leaving.as_slice().to_vec()).collect().await? {
        add(&mut leaving, &part);
    }
    let mut ranks = vec![1.0; leaving.len()];
    for _ in 0..ROUNDS {
        let gives: Vec<f64> = ranks.iter().zip(&leaving).map(|(rank, leaving)| rank / f64::from(*leaving)).collect();
        let gives = ctx.broadcast(gives)?;
        let sums = edges.with(&gives).map(|gives, (starts, sources, _)| {
            let sources = sources.as_slice();
            let sum = |ends: &[u32]| {
                sources[ends[0] as usize..ends[1] as usize].iter().map(|source| gives[*source as usize]).sum::<f64>()
            };
            starts.as_slice().windows(2).map(sum).collect::<Vec<f64>>()
        });
        let mut totals: Vec<f64> = vec![];
        for part in sums.collect().await? {
            add(&mut totals, &part);
        }
        ranks = totals.into_iter().map(|sum| 0.15 + 0.85 * sum).collect();
    }
    Ok(Answer::pagerank(ranks.len() as u64, ranks.iter().sum(), top(&ranks)))
}

/// Adds numbers to those with the same indexes.
fn add<N: Copy + Default + std::ops::AddAssign>(totals: &mut Vec<N>, part: &[N]) {
    if totals.len() < part.len() {
        totals.resize(part.len(), N::default());
    }
    totals.iter_mut().zip(part).for_each(|(total, one)| *total += *one);
}
