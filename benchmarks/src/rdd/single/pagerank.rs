//! PageRank: the sources of each vertex's edges side by side; a round reads what they give and writes in order.

use super::{ROUNDS, pairs};
use crate::Result;
use crate::rdd::answer::Answer;
use std::path::Path;

pub(super) fn run(path: &Path) -> Result<Answer> {
    let mut edges: Vec<(u32, u32)> = vec![];
    pairs(path, |source, target| edges.push((source as u32, target as u32)))?;
    let vertices = edges.iter().map(|(source, target)| source.max(target) + 1).max().unwrap_or(0) as usize;
    let (starts, sources, out) = by_target(&edges, vertices);
    drop(edges);
    let mut ranks = vec![1.0; vertices];
    let mut gives = vec![0.0; vertices];
    for _ in 0..ROUNDS {
        for ((gives, rank), out) in gives.iter_mut().zip(&ranks).zip(&out) {
            *gives = rank / f64::from(*out);
        }
        for (rank, ends) in ranks.iter_mut().zip(starts.windows(2)) {
            let sources = &sources[ends[0] as usize..ends[1] as usize];
            *rank = 0.15 + 0.85 * sources.iter().map(|source| gives[*source as usize]).sum::<f64>();
        }
    }
    Ok(Answer::pagerank(vertices as u64, ranks.iter().sum(), top(&ranks)))
}

/// The first vertex of the greatest rank, and its rank.
pub(in crate::rdd) fn top(ranks: &[f64]) -> (i64, f64) {
    (0..).zip(ranks).fold((0, 0.0), |top, (at, rank)| if *rank > top.1 { (at, *rank) } else { top })
}

/// Where each target's sources begin, the sources, and how many edges leave each vertex.
pub(in crate::rdd) fn by_target(edges: &[(u32, u32)], vertices: usize) -> (Vec<u32>, Vec<u32>, Vec<u32>) {
    let (mut starts, mut out) = (vec![0u32; vertices + 1], vec![0u32; vertices]);
    for (source, target) in edges {
        out[*source as usize] += 1;
        starts[*target as usize + 1] += 1;
    }
    for at in 0..vertices {
        starts[at + 1] += starts[at];
    }
    let (mut next, mut sources) = (starts.clone(), vec![0u32; edges.len()]);
    for (source, target) in edges {
        let at = &mut next[*target as usize];
        sources[*at as usize] = *source;
        *at += 1;
    }
    (starts, sources, out)
}
