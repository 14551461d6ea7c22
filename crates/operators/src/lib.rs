//! What tasks of data sets do with keys, within their memory.
//!
//! A keyed batch has two columns: the key `_1` and the value `_2`. Keys are compared as Arrow values; only values of a
//! combination are Rust values.
//!
//! ```text
//!  streams of keyed batches ──► grace ──► KeyTable (combine | cogroup) ──► batches
//!                                 │ ▲
//!                     no memory:  ▼ │ later, piece by piece
//!                               files, by the hash of the key
//! ```
//!
//! | room | what lives there |
//! |---|---|
//! | [`groups`], `dense`, `texts` | keys to numbers, by DataFusion's group tables but for whole numbers and texts |
//! | [`grace`] | any table in bounded memory |
//! | [`combine`] | one combined value a key |
//! | [`cogroup`] | all values a key, of one or several inputs |
//! | [`join`] | pairs of values of one key |
//! | [`ranges`] | rows to ranges of a sort key |
//! | [`mix`] | hashes of hashes |
//! | [`pull`] | a stream as an iterator |
//! | [`stepping`] | a stream made of another batch by batch |

pub mod cogroup;
pub mod combine;
mod dense;
pub mod grace;
pub mod groups;
pub mod join;
pub mod mix;
pub mod pull;
pub mod ranges;
pub mod stepping;
mod texts;
