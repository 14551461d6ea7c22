//! Factors of a matrix with gaps, by stochastic gradient descent in blocks (Gemulla and others, "Large-scale matrix
//! factorization with distributed stochastic gradient descent", 2011).
//!
//! ```text
//! cargo run --release --example matrix_factorisation -- -m process[2] [EPOCHS]
//! ```
//!
//! The matrix is made up: products of hidden factors, of which one half is known. Prints the root of the mean squared error
//! after each epoch, which falls to less than 0.01.
//!
//! Users and items are dealt into 4 parts each, so ratings are in 4 × 4 blocks. Blocks that share neither users nor items can
//! be trained at once without getting in each other's way: an epoch is 4 jobs of 4 such blocks each.

#![allow(clippy::print_stdout, reason = "a program that prints its result")]

use dpark::Result;
use dpark::prelude::*;

pub(crate) const USERS: usize = 60;
pub(crate) const ITEMS: usize = 40;
pub(crate) const PARTS: usize = 4;
const RANK: usize = 3;
const RATE: f64 = 0.2;

pub(crate) type Factor = [f64; RANK];
/// The factors of all users and all items.
pub(crate) type Model = (Vec<Factor>, Vec<Factor>);
/// User, item and number.
pub(crate) type Rating = (usize, usize, f64);

fn main() -> Result<()> {
    dpark::main(run)
}

async fn run(ctx: Context) -> Result<()> {
    let epochs = ctx.args().first().and_then(|epochs| epochs.to_str()?.parse().ok()).unwrap_or(25);
    for (epoch, error) in compute(&ctx, epochs).await?.into_iter().enumerate() {
        println!("epoch {epoch}: {error:.6}");
    }
    Ok(())
}

/// The error after each epoch.
pub(crate) async fn compute(ctx: &Context, epochs: usize) -> Result<Vec<f64>> {
    let known = known();
    let count = known.len() as f64;
    let ratings = ctx.parallelize(known, PARTS);
    let blocks = ratings.group_by(|(user, item, _)| (user % PARTS, item % PARTS)).map_values(|ratings| {
        // In which order the ratings of a group come is not specified; sorted, each run gives the same result.
        let mut ratings = ratings.to_vec();
        ratings.sort_by_key(|(user, item, _)| (*user, *item));
        ratings
    });
    let blocks = blocks.cache();
    let mut model = start();
    let mut errors = vec![];
    for _ in 0..epochs {
        for shift in 0..PARTS {
            let apart = blocks.with(&shift).filter(|shift, ((user, item), _)| (user + shift) % PARTS == item);
            let trained = apart.with(&model).map(|(users, items), ((user, item), ratings)| {
                let (mut users, mut items) = (users.clone(), items.clone());
                ratings.into_iter().for_each(|rating| train(&mut users, &mut items, rating));
                (part(users, user), part(items, item))
            });
            for (users, items) in trained.collect().await? {
                users.into_iter().for_each(|(user, factor)| model.0[user] = factor);
                items.into_iter().for_each(|(item, factor)| model.1[item] = factor);
            }
        }
        let squares = ratings.with(&model).map(|(users, items), (user, item, number)| {
            let error = number - product(&users[user], &items[item]);
            error * error
        });
        errors.push((squares.sum().await? / count).sqrt());
    }
    blocks.unpersist();
    Ok(errors)
}

/// A step towards one rating.
pub(crate) fn train(users: &mut [Factor], items: &mut [Factor], (user, item, number): Rating) {
    let (of_user, of_item) = (users[user], items[item]);
    let step = RATE * (number - product(&of_user, &of_item));
    users[user] = std::array::from_fn(|i| of_user[i] + step * of_item[i]);
    items[item] = std::array::from_fn(|i| of_item[i] + step * of_user[i]);
}

/// Those factors that belong to a part.
fn part(factors: Vec<Factor>, part: usize) -> Vec<(usize, Factor)> {
    factors.into_iter().enumerate().filter(|(number, _)| number % PARTS == part).collect()
}

pub(crate) fn product(a: &Factor, b: &Factor) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// The ratings that are known, of hidden factors.
pub(crate) fn known() -> Vec<Rating> {
    let all = (0..USERS).flat_map(|user| (0..ITEMS).map(move |item| (user, item)));
    let known = all.filter(|(user, item)| uniform(3, user * ITEMS + item) < 0.5);
    known.map(|(user, item)| (user, item, product(&factor(1, user), &factor(2, item)))).collect()
}

/// The factors to begin with.
pub(crate) fn start() -> Model {
    ((0..USERS).map(|user| factor(4, user)).collect(), (0..ITEMS).map(|item| factor(5, item)).collect())
}

fn factor(seed: usize, number: usize) -> Factor {
    std::array::from_fn(|i| uniform(seed, number * RANK + i))
}

/// A number from 0 to 1 that looks random, the same each time (mixed as in SplitMix64 by Steele, Lea and Flood).
fn uniform(seed: usize, number: usize) -> f64 {
    let x = ((seed * 1_000_003 + number) as u64).wrapping_add(0x9E37_79B9_7F4A_7C15);
    let x = (x ^ (x >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let x = (x ^ (x >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    ((x ^ (x >> 31)) >> 11) as f64 / (1u64 << 53) as f64
}
