//! Where a compressed file can be split: proving that a member starts at a place in its middle.
//!
//! The bytes that start a member may turn up anywhere, and whole members may: an archive of compressed files stores
//! them as they are. So a place counts as a start only if members that unpack without fault, checksums included, run
//! from it for longer than anything can be stored inside a member ([`Codec::longest_stored`]). What cannot be proven is
//! no start: the split before reads on through it.
//!
//! Whether a place is a start depends on the file alone. So if the first start from `x` on is called `first(x)`, the
//! split `[a, b)` has the members from `first(a)` to `first(b)`, and splits agree with each other without talking. The
//! walk from `first(a)` must in addition arrive at `first(b)` exactly, which every reader checks (`unpack`): from the
//! start of the file on, each split vouches for the start of the next one.

use crate::codec::{Codec, HEAD};
use crate::error::FormatError;
use crate::members::{Members, Step};
use crate::source::{Object, Source};

/// A member of more compressed bytes is not unpacked only to prove where it starts.
const PROOF: u64 = 64 << 20;
const READ: usize = 1 << 20;

/// The first proven start in `[from, upto)`. A file starts with a member, which needs no proof.
pub(crate) async fn first(object: &Object, codec: Codec, from: u64, upto: u64) -> Result<Option<u64>, FormatError> {
    if from == 0 {
        return Ok(Some(0));
    }
    let mut source = Source::new(object.clone(), from, upto.saturating_add(HEAD as u64));
    let mut raw = Vec::new();
    let mut base = from;
    loop {
        let ended = source.fill(&mut raw, READ).await? == 0;
        // A start whose first bytes are not all there yet is looked at again with more.
        let known = if ended { raw.len() } else { raw.len().saturating_sub(HEAD - 1) };
        let known = known.min(upto.saturating_sub(base) as usize);
        if let Some(start) = first_in(object, codec, &raw, base, 0, known).await? {
            return Ok(Some(start));
        }
        raw.drain(..known);
        base += known as u64;
        if ended || base >= upto {
            return Ok(None);
        }
    }
}

/// The first proven start in `raw[from..upto]`, where `raw` lies at `base` in the file.
pub(crate) async fn first_in(
    object: &Object,
    codec: Codec,
    raw: &[u8],
    base: u64,
    mut from: usize,
    upto: usize,
) -> Result<Option<u64>, FormatError> {
    while let Some(i) = codec.find(raw, from, upto) {
        let place = base + i as u64;
        if proven(object, codec, place).await? {
            return Ok(Some(place));
        }
        from = i + 1;
    }
    Ok(None)
}

async fn proven(object: &Object, codec: Codec, start: u64) -> Result<bool, FormatError> {
    let enough = start.saturating_add(codec.longest_stored());
    let mut members = Members::new(object.clone(), codec, start, enough.saturating_add(1));
    let mut out = Vec::with_capacity(64 << 10);
    loop {
        out.clear();
        let step = match members.step(&mut out, u64::MAX) {
            Ok(step) => step,
            Err(FormatError::Corrupt { .. } | FormatError::Truncated { .. }) => return Ok(false),
            Err(e) => return Err(e),
        };
        match step {
            Step::Starved => members.more().await?,
            // A block of bzip2 that has been unpacked cannot be a coincidence: its head alone has 80 bits.
            Step::Data if codec == Codec::Bzip2 && !out.is_empty() => return Ok(true),
            Step::Data if members.at() - start > PROOF => return Ok(false),
            Step::Data => {}
            Step::End => return Ok(members.at() > enough),
            Step::Boundary if members.at() > enough => {
                while members.unused().len() < HEAD && !members.all_read() {
                    members.more().await?;
                }
                let rest = members.unused();
                return Ok(rest.is_empty() || codec.starts(rest));
            }
            Step::Boundary => {}
        }
    }
}
