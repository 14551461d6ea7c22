//! Record batches to block bodies and back.
//!
//! A block is one encapsulated Arrow IPC message without its schema, which the file or the response says once. Only a
//! schema with dictionaries makes each block a small IPC stream of its own (schema, dictionaries, batch): blocks are
//! read alone and in any order, so they cannot lean on dictionaries of earlier blocks.

use crate::frame::{Corrupt, HEAD, Head, Kind, frame};
use crate::memory::batch_bytes;
use arrow::array::{Array, ArrayData, ArrayRef, AsArray, RecordBatch, RecordBatchOptions, make_array};
use arrow::buffer::Buffer;
use arrow::datatypes::{DataType, Schema, SchemaRef};
use arrow::error::ArrowError;
use arrow::ipc::reader::{FileDecoder, StreamDecoder};
use arrow::ipc::writer::{IpcWriteOptions, StreamEncoder};
use arrow::ipc::{Block, CompressionType, MetadataVersion};
use std::sync::Arc;

/// How block bodies are compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Compression {
    /// Not at all: the bytes are the arrays' buffers.
    None,
    /// LZ4 frames, buffer by buffer.
    #[default]
    Lz4,
    /// Zstandard level 1, buffer by buffer.
    Zstd,
}

/// 16 is what the widest native types (i128, views) need to be used in place; the default of 64 would pad small blocks
/// to several times their size.
const ALIGNMENT: usize = 16;

fn options(compression: Compression) -> Result<IpcWriteOptions, ArrowError> {
    let options = IpcWriteOptions::try_new(ALIGNMENT, false, MetadataVersion::V5)?;
    match compression {
        Compression::None => Ok(options),
        Compression::Lz4 => options.try_with_compression(Some(CompressionType::LZ4_FRAME)),
        Compression::Zstd => {
            options.try_with_compression(Some(CompressionType::ZSTD))?.try_with_compression_level(Some(1))
        }
    }
}

/// A block is decoded whole, and a reader that merges many outputs holds one of each: wide rows make small blocks.
const BLOCK_BYTES: usize = 2 << 20;

/// The rows of a batch in parts of about [`BLOCK_BYTES`] or less, each to be a block.
pub(crate) fn pieces(batch: &RecordBatch) -> impl Iterator<Item = RecordBatch> + '_ {
    let rows = batch.num_rows();
    let parts = batch_bytes(batch).div_ceil(BLOCK_BYTES).clamp(1, rows.max(1));
    let step = rows.div_ceil(parts).max(1);
    (0..rows).step_by(step).map(move |at| batch.slice(at, step.min(rows - at)))
}

/// One encoded batch: a frame head and the pieces of its body, which share the arrays' buffers when not compressed.
pub(crate) struct EncodedBlock {
    pub(crate) head: [u8; HEAD],
    pub(crate) body: Vec<Buffer>,
    /// Head and body.
    pub(crate) len: usize,
}

/// Turns batches of one schema into blocks.
pub(crate) struct Encoder {
    schema: SchemaRef,
    options: IpcWriteOptions,
    /// Kept between batches so that the schema is said only once; None for schemas with dictionaries.
    shared: Option<StreamEncoder>,
    views: bool,
}

impl Encoder {
    pub(crate) fn new(schema: &SchemaRef, compression: Compression) -> Result<Encoder, ArrowError> {
        let options = options(compression)?;
        let shared = if any_type(schema, &|t| matches!(t, DataType::Dictionary(_, _))) {
            None
        } else {
            let mut encoder = StreamEncoder::try_new_with_options(schema, options.clone())?;
            // The first call says the schema too; an empty batch takes that message out of the way.
            encoder.encode(&RecordBatch::new_empty(Arc::clone(schema)))?;
            Some(encoder)
        };
        let views = any_type(schema, &is_view);
        Ok(Encoder { schema: Arc::clone(schema), options, shared, views })
    }

    pub(crate) fn encode(&mut self, batch: &RecordBatch) -> Result<EncodedBlock, ArrowError> {
        let compacted = if self.views { Some(compact(batch)?) } else { None };
        let batch = compacted.as_ref().unwrap_or(batch);
        let body = match &mut self.shared {
            Some(encoder) => encoder.encode(batch)?,
            None => {
                let mut encoder = StreamEncoder::try_new_with_options(&self.schema, self.options.clone())?;
                let mut body = encoder.encode(batch)?;
                body.extend(encoder.finish()?);
                body
            }
        };
        let len: usize = body.iter().map(|b| b.len()).sum();
        let (Ok(len32), Ok(rows)) = (u32::try_from(len), u32::try_from(batch.num_rows())) else {
            return Err(ArrowError::InvalidArgumentError(format!(
                "a block of {} rows needs {len} bytes; the limit is 4 GiB",
                batch.num_rows()
            )));
        };
        let crc = body.iter().fold(0, |crc, piece| crc32c::crc32c_append(crc, piece));
        let head = Head { kind: Kind::Block, len: len32, rows, crc }.to_bytes();
        Ok(EncodedBlock { head, body, len: HEAD + len })
    }
}

/// A Schema frame.
pub(crate) fn schema_frame(schema: &Schema) -> Result<Vec<u8>, ArrowError> {
    let options = IpcWriteOptions::try_new(ALIGNMENT, false, MetadataVersion::V5)?;
    let body: Vec<u8> = StreamEncoder::try_new_with_options(schema, options)?
        .finish()?
        .iter()
        .flat_map(|b| b.as_slice().iter().copied())
        .collect();
    Ok(frame(Kind::Schema, 0, &body))
}

/// Reads back the body of a Schema frame.
pub(crate) fn parse_schema(body: &[u8]) -> Result<SchemaRef, Corrupt> {
    let mut decoder = StreamDecoder::new();
    let mut buffer = Buffer::from(body);
    decoder.decode(&mut buffer).map_err(|e| Corrupt(format!("schema: {e}")))?;
    decoder.schema().ok_or_else(|| Corrupt("schema is missing".into()))
}

/// Turns block bodies back into batches.
pub(crate) struct Decoder {
    /// None: blocks are streams of their own.
    plain: Option<FileDecoder>,
    /// What the caller asked for; differs from the written one at most in names, nullability and metadata.
    wanted: SchemaRef,
}

impl Decoder {
    /// `written` is what the writer said, `wanted` what the reader's plan says: their types must agree.
    pub(crate) fn new(written: SchemaRef, wanted: SchemaRef) -> Result<Decoder, Corrupt> {
        if !same_types(&written, &wanted) {
            return Err(Corrupt(format!("written with schema {written}, wanted {wanted}")));
        }
        let plain = (!any_type(&written, &|t| matches!(t, DataType::Dictionary(_, _)))).then(|| {
            let decoder = FileDecoder::new(written, MetadataVersion::V5);
            // SAFETY: these bytes were encoded from valid arrays by this crate, their CRC has been checked, and the
            // schema that decodes them is the one they were written with. Checking all strings for UTF-8 again would
            // cost as much as the rest of the decoding.
            unsafe { decoder.with_skip_validation(true) }
        });
        Ok(Decoder { plain, wanted })
    }

    /// `body` is a Block frame's body whose checksum has been verified.
    pub(crate) fn decode(&self, rows: u32, body: Buffer) -> Result<RecordBatch, Corrupt> {
        let bad = |e: ArrowError| Corrupt(format!("block: {e}"));
        let batch = match &self.plain {
            Some(decoder) => {
                let meta = metadata_len(&body)?;
                let block = Block::new(0, meta, (body.len() - meta as usize) as i64);
                decoder.read_record_batch(&block, &body).map_err(bad)?
            }
            None => {
                // SAFETY: as in `new`.
                let mut decoder = unsafe { StreamDecoder::new().with_skip_validation(true) };
                let mut body = body;
                decoder.decode(&mut body).map_err(bad)?
            }
        };
        let batch = batch.ok_or_else(|| Corrupt("block without a batch".into()))?;
        if batch.num_rows() != rows as usize {
            return Err(Corrupt(format!("block of {} rows says it has {rows}", batch.num_rows())));
        }
        adopt(batch, &self.wanted).map_err(bad)
    }
}

/// Length of the message in front of the IPC body: continuation mark, length, flatbuffer.
fn metadata_len(body: &[u8]) -> Result<i32, Corrupt> {
    let word = |at: usize| body.get(at..at + 4).map(|b| u32::from_le_bytes([b[0], b[1], b[2], b[3]]));
    match (word(0), word(4)) {
        (Some(u32::MAX), Some(len)) if (len as usize) <= body.len() - 8 => Ok(len as i32 + 8),
        _ => Err(Corrupt("block without an Arrow message".into())),
    }
}

/// The same columns under `schema`, whose types must be the same.
pub(crate) fn adopt(batch: RecordBatch, schema: &SchemaRef) -> Result<RecordBatch, ArrowError> {
    if Arc::ptr_eq(batch.schema_ref(), schema) {
        return Ok(batch);
    }
    let (_, columns, rows) = batch.into_parts();
    RecordBatch::try_new_with_options(
        Arc::clone(schema),
        columns,
        &RecordBatchOptions::new().with_row_count(Some(rows)),
    )
}

/// Whether batches of one schema can be taken for the other's: names, nullability and metadata of the top level may differ.
pub(crate) fn same_types(a: &Schema, b: &Schema) -> bool {
    a.fields().len() == b.fields().len()
        && a.fields().iter().zip(b.fields()).all(|(a, b)| a.data_type() == b.data_type())
}

fn is_view(t: &DataType) -> bool {
    matches!(t, DataType::Utf8View | DataType::BinaryView)
}

fn any_type(schema: &Schema, test: &dyn Fn(&DataType) -> bool) -> bool {
    schema.fields().iter().any(|f| type_has(f.data_type(), test))
}

fn type_has(t: &DataType, test: &dyn Fn(&DataType) -> bool) -> bool {
    test(t)
        || match t {
            DataType::List(f)
            | DataType::LargeList(f)
            | DataType::ListView(f)
            | DataType::LargeListView(f)
            | DataType::FixedSizeList(f, _)
            | DataType::Map(f, _) => type_has(f.data_type(), test),
            DataType::Struct(fields) => fields.iter().any(|f| type_has(f.data_type(), test)),
            DataType::Union(fields, _) => fields.iter().any(|(_, f)| type_has(f.data_type(), test)),
            DataType::Dictionary(_, values) => type_has(values, test),
            DataType::RunEndEncoded(_, values) => type_has(values.data_type(), test),
            _ => false,
        }
}

/// Copies the bytes of view columns that use only part of the buffers they hold: IPC would write the whole buffers.
///
/// # Errors
/// None that valid batches could cause.
pub fn compact(batch: &RecordBatch) -> Result<RecordBatch, ArrowError> {
    let mut changed = false;
    let mut columns = Vec::with_capacity(batch.num_columns());
    for column in batch.columns() {
        let new = compact_array(column)?;
        changed |= new.is_some();
        columns.push(new.unwrap_or_else(|| Arc::clone(column)));
    }
    if !changed {
        return Ok(batch.clone());
    }
    RecordBatch::try_new_with_options(
        batch.schema(),
        columns,
        &RecordBatchOptions::new().with_row_count(Some(batch.num_rows())),
    )
}

/// Whether `used` bytes of strings should have a buffer of their own: when much else is held, or when they lie in many
/// small buffers, each of which would be written and compressed alone.
fn wasteful(buffers: &[Buffer], used: usize) -> bool {
    let held: usize = buffers.iter().map(|b| b.len()).sum();
    let scattered = buffers.len() > 1 && held >= used && held < buffers.len() * (32 << 10);
    held > used + used / 4 || scattered
}

fn compact_array(array: &ArrayRef) -> Result<Option<ArrayRef>, ArrowError> {
    match array.data_type() {
        DataType::Utf8View => {
            let view = array.as_string_view();
            Ok(wasteful(view.data_buffers(), view.total_buffer_bytes_used()).then(|| Arc::new(view.gc()) as ArrayRef))
        }
        DataType::BinaryView => {
            let view = array.as_binary_view();
            Ok(wasteful(view.data_buffers(), view.total_buffer_bytes_used()).then(|| Arc::new(view.gc()) as ArrayRef))
        }
        t if type_has(t, &is_view) => Ok(compact_children(&array.to_data())?.map(make_array)),
        _ => Ok(None),
    }
}

/// The views may sit below lists and structs: each child is replaced by an equal one, so the parent's references hold.
fn compact_children(data: &ArrayData) -> Result<Option<ArrayData>, ArrowError> {
    let mut changed = false;
    let mut children = Vec::with_capacity(data.child_data().len());
    for child in data.child_data() {
        let new = compact_array(&make_array(child.clone()))?;
        changed |= new.is_some();
        children.push(new.map_or_else(|| child.clone(), |a| a.to_data()));
    }
    if !changed {
        return Ok(None);
    }
    data.clone().into_builder().child_data(children).build().map(Some)
}
