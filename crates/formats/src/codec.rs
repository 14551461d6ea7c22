//! Compression formats: by which bytes a member starts and how one member is unpacked.
//!
//! A *member* is what stands alone in a file and may be followed by another: a gzip member, a bzip2 stream, a zstd
//! frame. Files of many members can be split between them.

use serde::{Deserialize, Serialize};

/// How a file is compressed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Codec {
    /// Not at all.
    #[default]
    Plain,
    /// gzip, one member or many.
    Gzip,
    /// bzip2, one stream or many.
    Bzip2,
    /// Zstandard, one frame or many.
    Zstd,
}

/// As many bytes tell whether a member starts.
pub(crate) const HEAD: usize = 10;

impl Codec {
    /// What the suffix of a name says.
    pub fn of(name: &str) -> Codec {
        match name.rsplit_once('.').map(|(_, suffix)| suffix) {
            Some("gz" | "gzip" | "bgz") => Codec::Gzip,
            Some("bz2") => Codec::Bzip2,
            Some("zst" | "zstd") => Codec::Zstd,
            _ => Codec::Plain,
        }
    }

    /// The suffix that says this codec, with its dot.
    pub fn suffix(self) -> &'static str {
        match self {
            Codec::Plain => "",
            Codec::Gzip => ".gz",
            Codec::Bzip2 => ".bz2",
            Codec::Zstd => ".zst",
        }
    }

    /// What a member is called in messages.
    pub(crate) fn member(self) -> &'static str {
        match self {
            Codec::Plain => "file",
            Codec::Gzip => "gzip member",
            Codec::Bzip2 => "bzip2 stream",
            Codec::Zstd => "zstd frame",
        }
    }

    /// Whether a member may start with these bytes; of fewer than [`HEAD`] bytes those that are there are looked at.
    pub(crate) fn starts(self, head: &[u8]) -> bool {
        match self {
            Codec::Plain => false,
            // Method deflate and no reserved flags.
            Codec::Gzip => matches!(head, [0x1f, 0x8b, 8, flags, ..] if flags & 0xe0 == 0),
            Codec::Bzip2 => match head {
                [b'B', b'Z', b'h', b'1'..=b'9', block @ ..] => {
                    block.starts_with(&[0x31, 0x41, 0x59, 0x26, 0x53, 0x59])
                        || block.starts_with(&[0x17, 0x72, 0x45, 0x38, 0x50, 0x90])
                }
                _ => false,
            },
            Codec::Zstd => is_frame(head) || matches!(head, [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..]),
        }
    }

    /// The first place in `bytes[from..upto]` where a member with data may start.
    pub(crate) fn find(self, bytes: &[u8], from: usize, upto: usize) -> Option<usize> {
        let magic: &[u8] = match self {
            Codec::Plain => return None,
            Codec::Gzip => &[0x1f, 0x8b, 8],
            Codec::Bzip2 => b"BZh",
            // Skippable frames (0x184d2a5?) are left to whoever reads the frame before.
            Codec::Zstd => &[0x28, 0xb5, 0x2f, 0xfd],
        };
        memchr::memmem::find_iter(bytes.get(from..)?, magic)
            .map(|i| from + i)
            .take_while(|&i| i < upto)
            .find(|&i| self.starts(&bytes[i..]))
    }

    /// How far a run of whole members can reach inside another member, as its data. What does not compress is stored:
    /// deflate's stored blocks have at most 65,535 bytes, zstd's raw blocks 128 KiB, bzip2 has none. A longer run
    /// would hold a block header of the outer member where it expects its own bytes.
    pub(crate) fn longest_stored(self) -> u64 {
        match self {
            Codec::Plain | Codec::Bzip2 => 0,
            Codec::Gzip => 65_535,
            Codec::Zstd => 128 << 10,
        }
    }

    pub(crate) fn decoder(self) -> Result<Decoder, String> {
        match self {
            Codec::Plain => Err("a file that is not compressed has no members".into()),
            Codec::Gzip => Ok(Decoder::Gzip(flate2::Decompress::new_gzip(15))),
            Codec::Bzip2 => Ok(Decoder::Bzip2(bzip2::Decompress::new(false))),
            Codec::Zstd => zstd::stream::raw::Decoder::new().map(Decoder::Zstd).map_err(|e| e.to_string()),
        }
    }
}

fn is_frame(head: &[u8]) -> bool {
    head.starts_with(&[0x28, 0xb5, 0x2f, 0xfd])
}

/// Unpacks one member.
pub(crate) enum Decoder {
    Gzip(flate2::Decompress),
    Bzip2(bzip2::Decompress),
    Zstd(zstd::stream::raw::Decoder<'static>),
}

/// What one call of a decoder did.
pub(crate) struct Ran {
    pub(crate) consumed: usize,
    /// The member's last byte has been unpacked and its checksum was right.
    pub(crate) ended: bool,
}

impl Decoder {
    /// Unpacks into the spare capacity of `out`; it is not grown.
    pub(crate) fn run(&mut self, input: &[u8], out: &mut Vec<u8>) -> Result<Ran, String> {
        match self {
            Decoder::Gzip(d) => {
                let before = d.total_in();
                let status = d.decompress_vec(input, out, flate2::FlushDecompress::None).map_err(|e| e.to_string())?;
                let consumed = (d.total_in() - before) as usize;
                Ok(Ran { consumed, ended: status == flate2::Status::StreamEnd })
            }
            Decoder::Bzip2(d) => {
                let before = d.total_in();
                let status = d.decompress_vec(input, out).map_err(|e| e.to_string())?;
                if status == bzip2::Status::MemNeeded {
                    return Err("not enough memory to unpack it".into());
                }
                let consumed = (d.total_in() - before) as usize;
                Ok(Ran { consumed, ended: status == bzip2::Status::StreamEnd })
            }
            Decoder::Zstd(d) => {
                use zstd::stream::raw::{InBuffer, Operation, OutBuffer};
                let mut input = InBuffer::around(input);
                let at = out.len();
                let mut output = OutBuffer::around_pos(out, at);
                let hint = d.run(&mut input, &mut output).map_err(|e| e.to_string())?;
                Ok(Ran { consumed: input.pos(), ended: hint == 0 })
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn suffixes() {
        for codec in [Codec::Plain, Codec::Gzip, Codec::Bzip2, Codec::Zstd] {
            assert_eq!(Codec::of(&format!("a.txt{}", codec.suffix())), codec);
        }
        assert_eq!(Codec::of("gz"), Codec::Plain);
    }

    #[test]
    fn heads_are_found_after_false_ones() {
        let bytes = [0x1f, 0x8b, 8, 0xff, 0x1f, 0x8b, 8, 0, 9, 9];
        assert_eq!(Codec::Gzip.find(&bytes, 0, bytes.len()), Some(4));
        assert_eq!(Codec::Gzip.find(&bytes, 0, 4), None);
        assert_eq!(Codec::Gzip.find(&bytes, 5, bytes.len()), None);
    }
}
