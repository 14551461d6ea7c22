//! Compression that can be split again: a new member is begun every 256 KiB of output, always between records.

use crate::codec::Codec;
use bzip2::write::BzEncoder;
use flate2::write::GzEncoder;
use std::io::{self, Write};
use zstd::stream::write::Encoder as ZstdEncoder;

const MEMBER: u64 = 256 << 10;

/// Counts what goes through.
struct Counted<W> {
    inner: W,
    bytes: u64,
}

impl<W: Write> Write for Counted<W> {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        let n = self.inner.write(buf)?;
        self.bytes += n as u64;
        Ok(n)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

/// The member that is being written.
enum Member<W: Write> {
    None(Counted<W>),
    Gzip(GzEncoder<Counted<W>>),
    Bzip2(BzEncoder<Counted<W>>),
    Zstd(ZstdEncoder<'static, Counted<W>>),
}

impl<W: Write> Member<W> {
    fn begin(codec: Codec, inner: W) -> io::Result<Member<W>> {
        let out = Counted { inner, bytes: 0 };
        Ok(match codec {
            Codec::Plain => Member::None(out),
            Codec::Gzip => Member::Gzip(GzEncoder::new(out, flate2::Compression::default())),
            Codec::Bzip2 => Member::Bzip2(BzEncoder::new(out, bzip2::Compression::best())),
            Codec::Zstd => {
                let mut encoder = ZstdEncoder::new(out, zstd::DEFAULT_COMPRESSION_LEVEL)?;
                encoder.include_checksum(true)?;
                Member::Zstd(encoder)
            }
        })
    }

    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self {
            Member::None(out) => out.write_all(bytes),
            Member::Gzip(out) => out.write_all(bytes),
            Member::Bzip2(out) => out.write_all(bytes),
            Member::Zstd(out) => out.write_all(bytes),
        }
    }

    /// Whether it is large enough to be followed by another.
    fn full(&self) -> bool {
        match self {
            Member::None(_) => false,
            Member::Gzip(out) => out.get_ref().bytes >= MEMBER,
            Member::Bzip2(out) => out.get_ref().bytes >= MEMBER,
            Member::Zstd(out) => out.get_ref().bytes >= MEMBER,
        }
    }

    fn end(self) -> io::Result<W> {
        Ok(match self {
            Member::None(out) => out.inner,
            Member::Gzip(out) => out.finish()?.inner,
            Member::Bzip2(out) => out.finish()?.inner,
            Member::Zstd(out) => out.finish()?.inner,
        })
    }
}

/// Writes records through a codec. What is written is whole only after `finish`.
pub struct PackedWriter<W: Write> {
    codec: Codec,
    /// None after an error: what was written cannot be gone on with.
    member: Option<Member<W>>,
}

impl<W: Write> PackedWriter<W> {
    /// Writes to `inner`, which should be buffered.
    pub fn new(inner: W, codec: Codec) -> io::Result<PackedWriter<W>> {
        Ok(PackedWriter { codec, member: Some(Member::begin(codec, inner)?) })
    }

    /// Writes the pieces of one record, which stay in one member.
    pub fn record(&mut self, pieces: &[&[u8]]) -> io::Result<()> {
        let mut member = self.member.take().ok_or_else(|| io::Error::other("writing failed before"))?;
        if member.full() {
            member = Member::begin(self.codec, member.end()?)?;
        }
        for piece in pieces {
            member.write_all(piece)?;
        }
        self.member = Some(member);
        Ok(())
    }

    /// Ends the last member, flushes and hands back what was written to.
    pub fn finish(mut self) -> io::Result<W> {
        let member = self.member.take().ok_or_else(|| io::Error::other("writing failed before"))?;
        let mut inner = member.end()?;
        inner.flush()?;
        Ok(inner)
    }
}
