//! Single values as text, the same in every text format: dates and times in ISO 8601 or as `datafusion.format.*` says,
//! bytes in hex, nested values as arrow shows them or, where programs read, as JSON.

use arrow::array::{Array, ArrayRef};
use arrow::buffer::NullBuffer;
use arrow::datatypes::FieldRef;
use arrow::error::ArrowError;
use arrow::json::writer::{EncoderOptions, NullableEncoder, make_encoder};
use arrow::record_batch::RecordBatch;
use arrow::util::display::{ArrayFormatter, FormatOptions as Display};
use datafusion::config::FormatOptions;
use datafusion::error::Result;

/// How lists, structs and maps look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Nested {
    /// `{a: 1, b: [x]}`, for people.
    Arrow,
    /// `{"a":1,"b":["x"]}`, for programs.
    Json,
}

/// JSON with the nulls written out, so that every row has every key.
pub(super) fn json_options() -> EncoderOptions {
    EncoderOptions::default().with_explicit_nulls(true)
}

/// The values of one batch.
pub(super) struct Cells<'a> {
    columns: Vec<Column<'a>>,
}

struct Column<'a> {
    nulls: Option<NullBuffer>,
    text: Text<'a>,
}

enum Text<'a> {
    Display(ArrayFormatter<'a>),
    Json(Box<NullableEncoder<'a>>),
}

impl<'a> Cells<'a> {
    pub(super) fn new(
        batch: &'a RecordBatch,
        values: &'a FormatOptions,
        nested: Nested,
        json: &'a EncoderOptions,
    ) -> Result<Self> {
        // A value that cannot be shown (a date beyond the calendar) is an error, not the word ERROR among the data.
        let display: Display<'a> = Display::try_from(values)?.with_display_error(false);
        // Reached inside of nested values only, where nothing at all would look like an empty string.
        let display = if values.null.is_empty() { display.with_null("NULL") } else { display };
        let fields = batch.schema_ref().fields();
        // The fields outlive the batch's borrow because the batch owns its schema.
        let columns =
            fields.iter().zip(batch.columns()).map(|(field, array)| column(field, array, &display, nested, json));
        Ok(Cells { columns: columns.collect::<Result<_>>()? })
    }

    /// Appends a value to `out`; false for a NULL, which appends nothing.
    pub(super) fn write(&mut self, row: usize, column: usize, out: &mut String) -> Result<bool> {
        let Some(column) = self.columns.get_mut(column) else { return Ok(false) };
        if column.nulls.as_ref().is_some_and(|nulls| nulls.is_null(row)) {
            return Ok(false);
        }
        match &mut column.text {
            Text::Display(formatter) => formatter.value(row).write(out).map_err(|error| unshowable(error, row))?,
            Text::Json(encoder) => {
                let mut bytes = Vec::new();
                encoder.encode(row, &mut bytes);
                out.push_str(&String::from_utf8_lossy(&bytes));
            }
        }
        Ok(true)
    }
}

fn column<'a>(
    field: &'a FieldRef,
    array: &'a ArrayRef,
    display: &Display<'a>,
    nested: Nested,
    json: &'a EncoderOptions,
) -> Result<Column<'a>> {
    let nulls = array.logical_nulls();
    let text = match (nested, array.data_type().is_nested()) {
        (Nested::Json, true) => Text::Json(Box::new(make_encoder(field, array.as_ref(), json)?)),
        _ => Text::Display(ArrayFormatter::try_new(array.as_ref(), display)?),
    };
    Ok(Column { nulls, text })
}

fn unshowable(error: ArrowError, row: usize) -> ArrowError {
    match error {
        ArrowError::CastError(message) if !message.is_empty() => ArrowError::CastError(message),
        _ => ArrowError::CastError(format!("A value in row {} of the batch cannot be written as text", row + 1)),
    }
}
