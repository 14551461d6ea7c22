//! Records back to bytes of files.

use crate::codec::Codec;
use crate::pack::PackedWriter;
use crate::tfrecord::{head, masked};
use std::io::{self, Write};

/// Writes lines, each with a `\n` behind it.
pub struct LineWriter<W: Write> {
    out: PackedWriter<W>,
}

impl<W: Write> LineWriter<W> {
    /// Writes to `inner`, which should be buffered.
    pub fn new(inner: W, codec: Codec) -> io::Result<LineWriter<W>> {
        Ok(LineWriter { out: PackedWriter::new(inner, codec)? })
    }

    /// Writes a line. One with a newline in it will be read as several.
    pub fn line(&mut self, line: impl AsRef<[u8]>) -> io::Result<()> {
        self.out.record(&[line.as_ref(), b"\n"])
    }

    /// Ends the file and hands back what was written to.
    pub fn finish(self) -> io::Result<W> {
        self.out.finish()
    }
}

/// Writes TFRecords.
pub struct TfRecordWriter<W: Write> {
    out: PackedWriter<W>,
}

impl<W: Write> TfRecordWriter<W> {
    /// Writes to `inner`, which should be buffered.
    pub fn new(inner: W, codec: Codec) -> io::Result<TfRecordWriter<W>> {
        Ok(TfRecordWriter { out: PackedWriter::new(inner, codec)? })
    }

    /// Writes a record.
    pub fn record(&mut self, data: impl AsRef<[u8]>) -> io::Result<()> {
        let data = data.as_ref();
        self.out.record(&[&head(data.len() as u64), data, &masked(data).to_le_bytes()])
    }

    /// Ends the file and hands back what was written to.
    pub fn finish(self) -> io::Result<W> {
        self.out.finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tfrecord_bytes_are_the_known_ones() {
        let mut writer = TfRecordWriter::new(Vec::new(), Codec::Plain).unwrap();
        writer.record("hello").unwrap();
        let bytes: String = writer.finish().unwrap().iter().map(|b| format!("{b:02x}")).collect();
        assert_eq!(bytes, "0500000000000000eab2043e68656c6c6fbb1f1c19");
    }
}
