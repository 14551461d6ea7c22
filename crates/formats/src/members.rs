//! One compressed member after another, from a known start on.
//!
//! Two readers walk over members: the one that wants their data (`unpack`) and the one that only wants to know whether
//! a place is a start (`starts`). The steps here never wait, so that the reader decides when to read on.

use crate::codec::{Codec, Decoder, HEAD};
use crate::error::{FormatError, Place};
use crate::source::{Object, Source};

/// Compressed bytes read at a time.
const READ: usize = 256 << 10;

/// What a step came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    /// Something was unpacked or at least read.
    Data,
    /// A member has ended, all its bytes are out.
    Boundary,
    /// More compressed bytes are needed, or the reader holds them back.
    Starved,
    /// The file ended after a whole member.
    End,
}

pub(crate) struct Members {
    source: Source,
    codec: Codec,
    /// Compressed bytes; those before `head` have been used.
    raw: Vec<u8>,
    head: usize,
    /// Offset of `raw[head]` in the file.
    at: u64,
    decoder: Option<Decoder>,
    /// Where the current member starts.
    member: u64,
    padding: bool,
}

impl Members {
    /// A member must start at `start`; everything up to `ahead` will be wanted.
    pub(crate) fn new(object: Object, codec: Codec, start: u64, ahead: u64) -> Members {
        let source = Source::new(object, start, ahead);
        Members { source, codec, raw: Vec::new(), head: 0, at: start, decoder: None, member: start, padding: false }
    }

    pub(crate) fn object(&self) -> &Object {
        &self.source.object
    }

    pub(crate) fn codec(&self) -> Codec {
        self.codec
    }

    /// Offset of the first compressed byte that has not been used.
    pub(crate) fn at(&self) -> u64 {
        self.at
    }

    /// Whether no member is open: `at` is where the next one starts.
    pub(crate) fn between(&self) -> bool {
        self.decoder.is_none()
    }

    /// The compressed bytes from `at` on that have been read.
    pub(crate) fn unused(&self) -> &[u8] {
        &self.raw[self.head..]
    }

    /// Whether all of the file has been read.
    pub(crate) fn all_read(&self) -> bool {
        self.source.at_end()
    }

    /// Reads more compressed bytes.
    pub(crate) async fn more(&mut self) -> Result<(), FormatError> {
        self.raw.drain(..self.head);
        self.head = 0;
        self.source.fill(&mut self.raw, READ).await?;
        Ok(())
    }

    /// Unpacks into the spare capacity of `out`, using no byte at `hold` or after and starting no member there.
    pub(crate) fn step(&mut self, out: &mut Vec<u8>, hold: u64) -> Result<Step, FormatError> {
        if self.decoder.is_none() {
            if self.unused().is_empty() && self.all_read() {
                return Ok(Step::End);
            }
            if self.at >= hold || (self.unused().len() < HEAD && !self.all_read()) {
                return Ok(Step::Starved);
            }
            if self.padded() {
                return Ok(Step::Data);
            }
            if !self.codec.starts(self.unused()) {
                return Err(self.corrupt(self.at, format!("no {} starts there", self.codec.member())));
            }
            self.member = self.at;
            self.decoder = Some(self.codec.decoder().map_err(|detail| self.corrupt(self.at, detail))?);
        }
        let Some(decoder) = &mut self.decoder else { return Ok(Step::Starved) };
        let usable = (hold.saturating_sub(self.at)).min((self.raw.len() - self.head) as u64) as usize;
        let before = out.len();
        let ran = match decoder.run(&self.raw[self.head..self.head + usable], out) {
            Ok(ran) => ran,
            Err(detail) => return Err(self.corrupt(self.member, format!("{}: {detail}", self.codec.member()))),
        };
        self.head += ran.consumed;
        self.at += ran.consumed as u64;
        if ran.ended {
            self.decoder = None;
            return Ok(Step::Boundary);
        }
        if ran.consumed > 0 || out.len() > before {
            return Ok(Step::Data);
        }
        if self.all_read() && self.unused().is_empty() {
            return Err(FormatError::Truncated {
                path: self.object().name(),
                what: self.codec.member(),
                place: Place { unpacked_from: None, offset: self.member },
            });
        }
        if usable < self.unused().len() || !self.all_read() {
            return Ok(Step::Starved);
        }
        Err(self.corrupt(self.member, format!("{} does not go on", self.codec.member())))
    }

    /// Tapes and some writers fill gzip files up with zeros; gzip ignores them and so do we. Returns whether there
    /// were any.
    fn padded(&mut self) -> bool {
        let may = self.codec == Codec::Gzip && (self.padding || self.at > self.member);
        let zeros = if may { self.unused().iter().take_while(|&&b| b == 0).count() } else { 0 };
        self.padding |= zeros > 0;
        self.head += zeros;
        self.at += zeros as u64;
        zeros > 0
    }

    fn corrupt(&self, offset: u64, detail: String) -> FormatError {
        FormatError::Corrupt { path: self.object().name(), place: Place { unpacked_from: None, offset }, detail }
    }
}
