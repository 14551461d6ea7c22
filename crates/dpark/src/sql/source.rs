//! Positions in a script. The tokenizer counts lines and columns in characters; errors and editors also want bytes.

use datafusion::sql::sqlparser::tokenizer::Location;

/// A place in a text: line and column count from 1, the column in characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
}

/// A stretch of a script.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SourceSpan {
    /// First byte.
    pub start: usize,
    /// One past the last byte.
    pub end: usize,
    /// Where it starts, as people count.
    pub position: Position,
}

impl From<Location> for Position {
    fn from(at: Location) -> Self {
        Position { line: at.line as usize, column: at.column as usize }
    }
}

/// The starts of the lines of a text.
#[derive(Debug, Clone)]
pub(super) struct Lines {
    starts: Vec<usize>,
}

impl Lines {
    pub(super) fn new(text: &str) -> Self {
        let starts = std::iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at + 1)).collect();
        Lines { starts }
    }

    /// The byte offset of a position; positions beyond a line's end give that end.
    pub(super) fn offset(&self, text: &str, at: Position) -> usize {
        let Some(&start) = self.starts.get(at.line.saturating_sub(1)) else { return text.len() };
        let end = self.starts.get(at.line).copied().unwrap_or(text.len());
        let line = &text[start..end];
        line.char_indices().nth(at.column.saturating_sub(1)).map_or(end, |(offset, _)| start + offset)
    }

    /// The position of a byte offset.
    pub(super) fn position(&self, text: &str, offset: usize) -> Position {
        let line = self.starts.partition_point(|&start| start <= offset).max(1);
        let start = self.starts.get(line - 1).copied().unwrap_or(0);
        let column = text.get(start..offset).map_or(0, |before| before.chars().count()) + 1;
        Position { line, column }
    }
}

/// One line of a text, without its line end.
pub(super) fn line_of(text: &str, line: usize) -> &str {
    text.split('\n').nth(line.saturating_sub(1)).unwrap_or("").trim_end_matches('\r')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offsets_and_positions_agree_beyond_ascii() {
        let text = "sélect\n  'héé', 日本\n";
        let lines = Lines::new(text);
        for (offset, _) in text.char_indices() {
            let at = lines.position(text, offset);
            assert_eq!(lines.offset(text, at), offset, "{at:?}");
        }
        assert_eq!(lines.position(text, text.len()), Position { line: 3, column: 1 });
        assert_eq!(lines.offset(text, Position { line: 9, column: 1 }), text.len());
        assert_eq!(line_of("a\r\nb", 1), "a");
    }
}
