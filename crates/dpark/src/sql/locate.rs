//! Finds the place in the text that an error speaks of.
//!
//! In this order: the span that DataFusion recorded, the position that sqlparser writes at the end of its messages,
//! the first identifier of the statement that the message names, the start of the statement.

use super::error::SqlError;
use super::script::tokenize;
use super::source::{Lines, Position, SourceSpan, line_of};
use datafusion::common::SchemaError;
use datafusion::common::diagnostic::Diagnostic;
use datafusion::error::DataFusionError;
use datafusion::sql::sqlparser::dialect::GenericDialect;
use datafusion::sql::sqlparser::parser::ParserError;
use datafusion::sql::sqlparser::tokenizer::Token;

/// Turns an error of the statement at `span` of `text` into one with a place.
pub fn locate(error: &DataFusionError, text: &str, span: &SourceSpan) -> SqlError {
    let error = error.iter().next().unwrap_or(error);
    let (message, parsed_at) = message(error);
    let diagnostic = error.diagnostic();
    let recorded = diagnostic.and_then(recorded);
    let (at, length) = recorded
        .or_else(|| parsed_at.map(|at| (at, word_at(text, at))))
        .or_else(|| named(error, &message, text, span))
        .unwrap_or((span.position, first_word(text, span)));
    let mut out = SqlError::new(message, text, Some(at), length);
    if let Some(diagnostic) = diagnostic {
        let helps = diagnostic.helps.iter().map(|h| &h.message);
        let notes = diagnostic.notes.iter().map(|n| &n.message);
        out.helps = helps.map(|h| format!("help: {h}")).chain(notes.map(|n| format!("note: {n}"))).collect();
        out.helps.retain(|h| !h.ends_with(": "));
    }
    out
}

/// The span of a diagnostic: where, and how many characters if it ends on the same line.
fn recorded(diagnostic: &Diagnostic) -> Option<(Position, usize)> {
    let span = diagnostic.span.filter(|s| s.start.line > 0)?;
    let at = Position { line: span.start.line as usize, column: span.start.column as usize };
    let length = if span.start.line == span.end.line { span.end.column.saturating_sub(span.start.column) } else { 1 };
    Some((at, length as usize))
}

/// The message as people want it, and the position that the SQL parser put at its end.
fn message(error: &DataFusionError) -> (String, Option<Position>) {
    let root = innermost(error);
    match root {
        DataFusionError::SQL(parser, _) => match parser.as_ref() {
            ParserError::TokenizerError(text) | ParserError::ParserError(text) => {
                let (text, at) = cut_position(text);
                (text.to_string(), at)
            }
            ParserError::RecursionLimitExceeded => {
                ("nested too deeply (datafusion.sql_parser.recursion_limit raises the limit)".to_string(), None)
            }
        },
        DataFusionError::Plan(text) => (text.trim().to_string(), None),
        DataFusionError::SchemaError(schema, _) => (schema.to_string(), None),
        _ => (error.strip_backtrace(), None),
    }
}

/// Through the wrappings that only add a place or share an error, not through those that add words.
fn innermost(error: &DataFusionError) -> &DataFusionError {
    match error {
        DataFusionError::Diagnostic(_, inner) => innermost(inner),
        DataFusionError::Shared(inner) => innermost(inner),
        DataFusionError::Collection(all) => all.first().map_or(error, innermost),
        other => other,
    }
}

/// Splits ` at Line: 3, Column: 14` off a message: sqlparser has no typed position.
fn cut_position(message: &str) -> (&str, Option<Position>) {
    let cut = || {
        let (text, at) = message.rsplit_once(" at Line: ")?;
        let (line, column) = at.split_once(", Column: ")?;
        Some((text, Position { line: line.parse().ok()?, column: column.trim().parse().ok()? }))
    };
    cut().map_or((message, None), |(text, at)| (text, Some(at)))
}

/// The first identifier of the statement that the error names.
fn named(error: &DataFusionError, message: &str, text: &str, span: &SourceSpan) -> Option<(Position, usize)> {
    let names: Vec<String> = match innermost(error) {
        DataFusionError::SchemaError(schema, _) => match schema.as_ref() {
            SchemaError::FieldNotFound { field, .. } | SchemaError::AmbiguousReference { field } => {
                vec![field.name.clone()]
            }
            SchemaError::DuplicateQualifiedField { name, .. } | SchemaError::DuplicateUnqualifiedField { name } => {
                vec![name.clone()]
            }
        },
        _ => quoted(message),
    };
    let statement = text.get(span.start..span.end)?;
    let (tokens, _) = tokenize(statement, &GenericDialect {});
    names.iter().find_map(|name| {
        let found = tokens.iter().find(|token| match &token.token {
            Token::Word(word) => word.value.eq_ignore_ascii_case(name),
            Token::SingleQuotedString(value) => value == name,
            _ => false,
        })?;
        let lines = Lines::new(statement);
        let start = lines.offset(statement, found.span.start.into());
        let end = lines.offset(statement, found.span.end.into());
        let length = statement.get(start..end).map_or(1, |word| word.chars().count());
        Some((Lines::new(text).position(text, span.start + start), length))
    })
}

/// What stands in quotes in a message, whole and then by its last part: `'datafusion.public.foo'` may be `foo` in the text.
fn quoted(message: &str) -> Vec<String> {
    let mut names = Vec::new();
    for quote in ['\'', '"', '`'] {
        for name in message.split(quote).skip(1).step_by(2).filter(|name| !name.is_empty()) {
            names.push(name.to_string());
            let whole_path = name.strip_prefix("datafusion.public.").map(str::to_string);
            names.extend(whole_path);
            names.extend(name.rsplit('.').next().filter(|last| *last != name).map(str::to_string));
        }
    }
    names
}

/// How long the word at a place is, at least one character.
fn word_at(text: &str, at: Position) -> usize {
    let letters = line_of(text, at.line).chars().skip(at.column.saturating_sub(1));
    letters.take_while(|c| c.is_alphanumeric() || *c == '_').count().max(1)
}

fn first_word(text: &str, span: &SourceSpan) -> usize {
    let statement = text.get(span.start..span.end).unwrap_or("");
    statement.chars().take_while(|c| c.is_alphanumeric()).count()
}

#[cfg(test)]
mod tests {
    use super::*;
    use datafusion::common::Column;

    fn whole(text: &str) -> SourceSpan {
        SourceSpan { start: 0, end: text.len(), position: Position { line: 1, column: 1 } }
    }

    fn place(error: DataFusionError, text: &str) -> (usize, usize, usize) {
        let found = locate(&error, text, &whole(text));
        (found.line, found.column, found.length)
    }

    #[test]
    fn an_unknown_column_is_found_by_its_name_and_not_inside_strings() {
        let field = Box::new(Column::from_name("foo"));
        let schema = SchemaError::FieldNotFound { field, valid_fields: vec![] };
        let error = DataFusionError::SchemaError(Box::new(schema), Box::new(None));
        assert_eq!(place(error, "select 'foo x',\n  Foo from t -- foo"), (2, 3, 3));
    }

    #[test]
    fn an_unknown_table_is_found_by_its_last_part() {
        let error = DataFusionError::Plan("table 'datafusion.public.missing' not found".into());
        assert_eq!(place(error, "select * from t join missing using (a)"), (1, 22, 7));
    }

    #[test]
    fn a_parser_position_is_cut_off_the_message() {
        let error =
            DataFusionError::from(ParserError::ParserError("Expected: x, found: y at Line: 2, Column: 3".into()));
        let found = locate(&error, "a\nb c", &whole("a\nb c"));
        assert_eq!((found.line, found.column, found.message.as_str()), (2, 3, "Expected: x, found: y"));
    }

    #[test]
    fn what_has_no_place_stands_at_the_statement() {
        let error = DataFusionError::Execution("Divide by zero".into());
        assert_eq!(place(error, "select 1/0"), (1, 1, 6));
    }
}
