//! The shuffle from outside: what is written is what is read, in both tiers and over the network, and nothing else.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod broadcast;
mod damage;
mod data;
mod leftovers;
mod network;
mod random;
mod roundtrip;
