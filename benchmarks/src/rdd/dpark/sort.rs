//! Sort: records by their first bytes; each task looks through one sorted partition.

use crate::Result;
use crate::rdd::answer::{Answer, Sorted};
use crate::rdd::data::{KEY, RECORD};
use bytes::Bytes;
use dpark::Context;
use dpark::prelude::{Emit, Row};

pub(super) async fn run(ctx: &Context, path: &str) -> Result<Answer> {
    let records = ctx.files([path]).fixed_records(RECORD as u64).await?;
    let sorted = records.sort_by(|record| Key(record.first_chunk().copied().unwrap_or_default())).await?;
    // The runs of partitions are put together in the order of partitions.
    let whole = sorted.aggregate(Sorted::default(), Sorted::then, Sorted::followed_by).await?;
    Ok(Answer::sort([whole]))
}

/// The first bytes of a record. A closure cannot give a piece of its row as the key, and `Bytes` would be allocated.
struct Key([u8; KEY]);

impl Emit for Key {
    type Row = Bytes;
    fn emit(self, builder: &mut <Bytes as Row>::Builder) {
        self.0.as_slice().emit(builder);
    }
}
