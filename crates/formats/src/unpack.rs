//! The unpacked bytes of a split of a compressed file, and where its records end.

use crate::codec::{Codec, HEAD};
use crate::error::{FormatError, Place};
use crate::members::{Members, Step};
use crate::source::Object;
use crate::starts;
use std::ops::Range;

/// Least space to unpack into.
const ROOM: usize = 64 << 10;

pub(crate) struct Unpacker {
    members: Members,
    /// Where in the file the first own member starts.
    start: u64,
    /// Up to here it is known whether a member starts at a place that belongs to a later split.
    examined: u64,
    /// Where the next split's first member starts, once it has come in sight.
    next: Option<u64>,
    /// Bytes unpacked so far.
    unpacked: u64,
    /// How many bytes had been unpacked when the walk arrived at `next`.
    own: Option<u64>,
}

impl Unpacker {
    /// None if no member starts in the range.
    pub(crate) async fn open(object: Object, codec: Codec, range: Range<u64>) -> Result<Option<Unpacker>, FormatError> {
        let Some(start) = starts::first(&object, codec, range.start, range.end).await? else { return Ok(None) };
        let examined = if range.end >= object.len { u64::MAX } else { range.end };
        let members = Members::new(object, codec, start, range.end);
        Ok(Some(Unpacker { members, start, examined, next: None, unpacked: 0, own: None }))
    }

    pub(crate) fn start(&self) -> u64 {
        self.start
    }

    pub(crate) fn own(&self) -> Option<u64> {
        self.own
    }

    /// Appends about `want` bytes. Returns false at the end of the file. Bytes beyond the own members follow when asked
    /// for; `own` is known before any of them is handed out.
    pub(crate) async fn fill(&mut self, out: &mut Vec<u8>, want: usize) -> Result<bool, FormatError> {
        let before = out.len();
        out.reserve(want.max(ROOM));
        let full = before + want;
        while out.len() < full && out.len() < out.capacity() {
            let had = out.len();
            let step = self.members.step(out, self.examined)?;
            self.unpacked += (out.len() - had) as u64;
            if self.arrived()? {
                return Ok(true);
            }
            match step {
                Step::Data | Step::Boundary => {}
                Step::End => return Ok(out.len() > before),
                Step::Starved => {
                    self.members.more().await?;
                    self.examine().await?;
                    // What came in sight may be where the walk stands already; the next step would enter it.
                    if self.arrived()? {
                        return Ok(true);
                    }
                }
            }
        }
        Ok(true)
    }

    /// Looks for the next split's start in the bytes that have been read since.
    async fn examine(&mut self) -> Result<(), FormatError> {
        if self.examined == u64::MAX {
            return Ok(());
        }
        let raw = self.members.unused();
        let base = self.members.at();
        let known = if self.members.all_read() { raw.len() } else { raw.len().saturating_sub(HEAD - 1) };
        let from = self.examined.saturating_sub(base) as usize;
        if from < known {
            let found = starts::first_in(self.members.object(), self.members.codec(), raw, base, from, known).await?;
            self.next = found;
            self.examined = if found.is_some() { u64::MAX } else { base + known as u64 };
        }
        if self.members.all_read() {
            self.examined = u64::MAX;
        }
        Ok(())
    }

    /// Whether the walk has just come to the next split's start. It must not pass it within a member.
    fn arrived(&mut self) -> Result<bool, FormatError> {
        let Some(next) = self.next.filter(|_| self.own.is_none()) else { return Ok(false) };
        if self.members.at() < next {
            return Ok(false);
        }
        if self.members.at() > next || !self.members.between() {
            return Err(FormatError::FalseStart {
                path: self.members.object().name(),
                place: Place { unpacked_from: None, offset: next },
            });
        }
        self.own = Some(self.unpacked);
        Ok(true)
    }
}
