//! Data sets as sets; their rows have several columns.

use super::fixture::{Done, Pair, Trials, pairs, ragged, same};
use dpark::Context;
use std::collections::BTreeSet;

pub(crate) fn add(trials: &mut Trials) {
    trials.wide("sets::distinct", distinct);
    trials.wide("sets::intersection", intersection);
    trials.wide("sets::subtract", subtract);
}

async fn distinct(ctx: Context) -> Done {
    let rows = pairs(40, 3000);
    same(ragged(&ctx, &rows).distinct().collect().await?, rows.into_iter().collect::<BTreeSet<_>>())
}

async fn intersection(ctx: Context) -> Done {
    let (left, right) = (pairs(41, 2000), pairs(42, 1500));
    let found = ragged(&ctx, &left).intersection(&ragged(&ctx, &right)).collect().await?;
    let [left, right] = [left, right].map(|rows| rows.into_iter().collect::<BTreeSet<Pair>>());
    same(found, left.intersection(&right).cloned())
}

/// What is there several times stays so, unless the other data set has it, however often.
async fn subtract(ctx: Context) -> Done {
    let (left, right) = (pairs(43, 2000), pairs(44, 300));
    let found = ragged(&ctx, &left).subtract(&ragged(&ctx, &right)).collect().await?;
    let right: BTreeSet<_> = right.into_iter().collect();
    same(found, left.into_iter().filter(|row| !right.contains(row)))
}
