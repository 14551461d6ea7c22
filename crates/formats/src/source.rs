//! The bytes of one file from some position on, in large pieces, from whatever store.
//!
//! Local files are read by this crate itself: stores hand them out as open files, and reading a MiB at a time on the
//! blocking threads is several times faster than the store's own stream of small chunks.

use crate::error::FormatError;
use bytes::Bytes;
use futures::StreamExt;
use futures::stream::BoxStream;
use object_store::path::Path;
use object_store::{GetOptions, GetRange, GetResultPayload, ObjectStore};
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::ops::Range;
use std::sync::Arc;
use sync_wrapper::SyncWrapper;

/// First step past the end of a split, where mostly one record is completed; then larger ones.
const TAIL: u64 = 64 << 10;
const LARGEST_TAIL: u64 = 8 << 20;

/// A file of a store, as it was when it was listed.
#[derive(Clone)]
pub(crate) struct Object {
    pub(crate) store: Arc<dyn ObjectStore>,
    pub(crate) location: Path,
    pub(crate) len: u64,
}

impl Object {
    pub(crate) fn name(&self) -> String {
        self.location.to_string()
    }
}

/// A store's stream. It is only polled through `&mut`, so readers that hold one may be shared between threads.
type Pieces = SyncWrapper<BoxStream<'static, object_store::Result<Bytes>>>;

enum Body {
    Closed,
    File(File),
    Stream { stream: Pieces, rest: Bytes, end: u64 },
}

/// Reads on from a position.
pub(crate) struct Source {
    pub(crate) object: Object,
    pos: u64,
    /// Up to here everything will be wanted; beyond, only some bytes.
    ahead: u64,
    tail: u64,
    body: Body,
}

impl Source {
    pub(crate) fn new(object: Object, pos: u64, ahead: u64) -> Source {
        let ahead = ahead.min(object.len);
        Source { object, pos, ahead, tail: TAIL, body: Body::Closed }
    }

    /// Offset of the byte that is read next.
    pub(crate) fn pos(&self) -> u64 {
        self.pos
    }

    pub(crate) fn at_end(&self) -> bool {
        self.pos >= self.object.len
    }

    /// Appends at most `want` bytes; returns how many, 0 only at the end of the file.
    pub(crate) async fn fill(&mut self, out: &mut Vec<u8>, want: usize) -> Result<usize, FormatError> {
        let want = (want as u64).min(self.object.len.saturating_sub(self.pos)) as usize;
        if want == 0 {
            return Ok(0);
        }
        let upto = if self.pos < self.ahead {
            self.ahead
        } else {
            let upto = self.pos + self.tail;
            if !matches!(self.body, Body::Stream { end, .. } if self.pos < end) {
                self.tail = (self.tail * 2).min(LARGEST_TAIL);
            }
            upto.min(self.object.len)
        };
        let read = match std::mem::replace(&mut self.body, Body::Closed) {
            Body::File(file) => self.read_file(file, out, want.min((upto - self.pos) as usize)).await?,
            Body::Stream { stream, rest, end } if self.pos < end => {
                self.read_stream(stream, rest, end, out, want).await?
            }
            Body::Closed | Body::Stream { .. } => match self.get(self.pos..upto).await? {
                GetResultPayload::File(mut file, _) => {
                    file.seek(SeekFrom::Start(self.pos)).map_err(|e| self.io(e))?;
                    self.read_file(file, out, want.min((upto - self.pos) as usize)).await?
                }
                GetResultPayload::Stream(stream) => {
                    self.read_stream(SyncWrapper::new(stream), Bytes::new(), upto, out, want).await?
                }
            },
        };
        if read == 0 {
            return Err(FormatError::Shrunk { path: self.object.name(), expected: self.object.len, offset: self.pos });
        }
        self.pos += read as u64;
        Ok(read)
    }

    async fn get(&self, range: Range<u64>) -> Result<GetResultPayload, FormatError> {
        let options = GetOptions { range: Some(GetRange::Bounded(range)), ..GetOptions::default() };
        match self.object.store.get_opts(&self.object.location, options).await {
            Ok(result) => Ok(result.payload),
            Err(object_store::Error::NotFound { .. }) => Err(FormatError::NotFound { path: self.object.name() }),
            Err(source) => Err(self.refused(source)),
        }
    }

    async fn read_file(&mut self, file: File, out: &mut Vec<u8>, want: usize) -> Result<usize, FormatError> {
        let mut buf = std::mem::take(out);
        let reading = tokio::task::spawn_blocking(move || {
            buf.reserve(want);
            let read = (&file).take(want as u64).read_to_end(&mut buf);
            (file, buf, read)
        });
        let (file, buf, read) = reading.await.map_err(|e| self.io(std::io::Error::other(e)))?;
        *out = buf;
        self.body = Body::File(file);
        read.map_err(|e| self.io(e))
    }

    async fn read_stream(
        &mut self,
        mut stream: Pieces,
        mut rest: Bytes,
        end: u64,
        out: &mut Vec<u8>,
        want: usize,
    ) -> Result<usize, FormatError> {
        while rest.is_empty() {
            match stream.get_mut().next().await {
                Some(Ok(bytes)) => rest = bytes,
                Some(Err(source)) => return Err(self.refused(source)),
                None => return Ok(0),
            }
        }
        let piece = rest.split_to(want.min(rest.len()));
        out.extend_from_slice(&piece);
        self.body = Body::Stream { stream, rest, end };
        Ok(piece.len())
    }

    fn refused(&self, source: object_store::Error) -> FormatError {
        FormatError::Store { action: "reading", path: self.object.name(), source }
    }

    fn io(&self, source: std::io::Error) -> FormatError {
        FormatError::Io { path: self.object.name(), offset: self.pos, source }
    }
}
