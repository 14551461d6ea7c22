//! A text cut into statements. They are parsed one at a time, when they are asked for, so that the statements before
//! a syntax error run, and a `SET` of the dialect holds from the next statement on.

use super::error::SqlError;
use super::locate;
use super::parser::parse_tokens;
use super::source::{Lines, Position, SourceSpan};
use super::statement::Statement;
use crate::Context;
use datafusion::config::{Dialect, SqlParserOptions};
use datafusion::sql::sqlparser::dialect::{Dialect as ParserDialect, GenericDialect, dialect_from_str};
use datafusion::sql::sqlparser::tokenizer::{Location, Span, Token, TokenWithSpan, Tokenizer, TokenizerError};

/// What of a session's settings decides how text is parsed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParserSettings {
    dialect: Dialect,
    recursion_limit: usize,
}

impl Default for ParserSettings {
    fn default() -> Self {
        Self::from(&SqlParserOptions::default())
    }
}

impl From<&SqlParserOptions> for ParserSettings {
    fn from(options: &SqlParserOptions) -> Self {
        ParserSettings { dialect: options.dialect, recursion_limit: options.recursion_limit.get() }
    }
}

impl ParserSettings {
    /// The settings now in force in a context.
    pub fn of(ctx: &Context) -> Self {
        let state = ctx.session().state_ref();
        let state = state.read();
        Self::from(&state.config_options().sql_parser)
    }

    fn dialect(&self) -> Box<dyn ParserDialect> {
        dialect_from_str(self.dialect).unwrap_or_else(|| Box::new(GenericDialect {}))
    }
}

/// A statement and where it stands.
#[derive(Debug, Clone)]
pub struct Parsed {
    /// The statement.
    pub statement: Statement,
    /// Its place in the script, without the `;`.
    pub span: SourceSpan,
}

/// Reads a text statement by statement.
///
/// ```
/// use dpark::sql::Script;
/// let mut script = Script::new("select ';' -- ;\n; select 2");
/// assert_eq!(script.next().unwrap()?.span.position.line, 1);
/// assert_eq!(script.next().unwrap()?.span.position.line, 2);
/// assert!(script.next().is_none());
/// # Ok::<_, dpark::sql::SqlError>(())
/// ```
pub struct Script<'a> {
    text: &'a str,
    lines: Lines,
    settings: ParserSettings,
    tokens: std::vec::IntoIter<TokenWithSpan>,
    /// The place where the text stops being SQL tokens, reported when the statements before it are done.
    broken: Option<TokenizerError>,
    /// Where the tokens not yet taken start.
    rest: Position,
}

impl<'a> Script<'a> {
    /// A script in the default dialect.
    pub fn new(text: &'a str) -> Self {
        Self::with_settings(text, ParserSettings::default())
    }

    /// A script in the dialect of the settings.
    pub fn with_settings(text: &'a str, settings: ParserSettings) -> Self {
        let rest = Position { line: 1, column: 1 };
        let mut script =
            Script { text, lines: Lines::new(text), settings, tokens: Vec::new().into_iter(), broken: None, rest };
        script.tokenize();
        script
    }

    /// Has the statements not yet read parsed with other settings.
    pub fn change_settings(&mut self, settings: ParserSettings) {
        let redo = settings.dialect != self.settings.dialect;
        self.settings = settings;
        if redo {
            self.tokenize();
        }
    }

    fn tokenize(&mut self) {
        let offset = self.lines.offset(self.text, self.rest);
        let (tokens, broken) = tokenize(&self.text[offset..], self.settings.dialect().as_ref());
        let shift = |at: Location| {
            let column = if at.line == 1 { at.column + self.rest.column as u64 - 1 } else { at.column };
            Location { line: at.line + self.rest.line as u64 - 1, column }
        };
        let moved = |t: TokenWithSpan| TokenWithSpan::at(t.token, shift(t.span.start), shift(t.span.end));
        self.tokens = tokens.into_iter().map(moved).collect::<Vec<_>>().into_iter();
        self.broken = broken.map(|error| TokenizerError { location: shift(error.location), ..error });
    }

    /// The tokens of the next statement with its `;`; `None` at the end of the text.
    fn next_tokens(&mut self) -> Option<(Vec<TokenWithSpan>, bool)> {
        let mut statement = Vec::new();
        let mut real = false;
        for token in self.tokens.by_ref() {
            self.rest = token.span.end.into();
            let semicolon = token.token == Token::SemiColon;
            if semicolon && !real {
                statement.clear();
                continue;
            }
            real |= !matches!(token.token, Token::Whitespace(_));
            statement.push(token);
            if semicolon {
                return Some((statement, true));
            }
        }
        real.then_some((statement, false))
    }

    fn parse_next(&mut self) -> Option<Result<Parsed, SqlError>> {
        let next = self.next_tokens();
        let (mut tokens, closed) = match (next, self.broken.take()) {
            // The text breaks off inside this statement, or after the last `;`.
            (Some((_, false)) | None, Some(broken)) => {
                return Some(Err(SqlError::new(broken.message, self.text, Some(broken.location.into()), 1)));
            }
            (None, None) => return None,
            (Some(next), broken) => {
                self.broken = broken;
                next
            }
        };
        let span = self.span(&tokens);
        if !closed {
            // "Found: EOF" should point at the end of the text, not nowhere.
            let end = self.lines.position(self.text, span.end);
            let end = Location { line: end.line as u64, column: end.column as u64 };
            tokens.push(TokenWithSpan::new(Token::EOF, Span::new(end, end)));
        }
        let dialect = self.settings.dialect();
        let parsed = parse_tokens(tokens, dialect.as_ref(), self.settings.recursion_limit);
        Some(match parsed {
            Ok(statement) => Ok(Parsed { statement, span }),
            Err(error) => Err(locate::locate(&error, self.text, &span)),
        })
    }

    fn span(&self, tokens: &[TokenWithSpan]) -> SourceSpan {
        let solid = |t: &&TokenWithSpan| !matches!(t.token, Token::Whitespace(_) | Token::SemiColon);
        let start = tokens.iter().find(solid).map_or(self.rest, |t| t.span.start.into());
        let end = tokens.iter().rev().find(solid).map_or(self.rest, |t| t.span.end.into());
        let (from, to) = (self.lines.offset(self.text, start), self.lines.offset(self.text, end));
        SourceSpan { start: from, end: to, position: start }
    }
}

impl Iterator for Script<'_> {
    type Item = Result<Parsed, SqlError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.parse_next()
    }
}

/// Parses a whole text; the first error ends it.
pub fn parse(text: &str) -> Result<Vec<Parsed>, SqlError> {
    Script::new(text).collect()
}

/// Whether a text ends with a finished statement (or holds none), so that nothing more needs to be typed.
pub fn is_complete(text: &str, settings: &ParserSettings) -> bool {
    let (tokens, broken) = tokenize(text, settings.dialect().as_ref());
    let last = tokens.iter().rev().find(|t| !matches!(t.token, Token::Whitespace(_)));
    broken.is_none() && last.is_none_or(|t| t.token == Token::SemiColon)
}

/// All tokens up to where the text stops being SQL tokens, and why it does.
pub(super) fn tokenize(text: &str, dialect: &dyn ParserDialect) -> (Vec<TokenWithSpan>, Option<TokenizerError>) {
    let mut tokens = Vec::new();
    let broken = Tokenizer::new(dialect, text).tokenize_with_location_into_buf(&mut tokens).err();
    (tokens, broken)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(script: &str) -> Vec<String> {
        let parsed = parse(script).unwrap();
        parsed.into_iter().map(|p| script[p.span.start..p.span.end].to_string()).collect()
    }

    #[test]
    fn a_semicolon_cuts_only_between_tokens() {
        let script =
            "select ';' as a; -- not; here\n/* nor; here */ select $$;$$, \"x;y\" from t;;\n ; select 'it''s;'";
        assert_eq!(texts(script), ["select ';' as a", "select $$;$$, \"x;y\" from t", "select 'it''s;'"]);
        assert_eq!(texts("  -- nothing\n ; ; "), Vec::<String>::new());
        assert_eq!(texts("select $tag$ a; $$ b $tag$;").len(), 1);
    }

    #[test]
    fn our_statements_are_known_by_their_tokens() {
        let kinds: Vec<Statement> = parse(
            "explain /* c */ LINEAGE select 1; cache table t; CACHE LAZY TABLE s.v AS SELECT 1; \
             uncache table if exists t; uncache table \"T\"; select cache from lineage; explain select 1; \
             explain analyze select 1",
        )
        .unwrap()
        .into_iter()
        .map(|p| p.statement)
        .collect();
        assert!(matches!(kinds[0], Statement::ExplainLineage(_)));
        assert!(
            matches!(&kinds[1], Statement::CacheTable { name, query: None, lazy: false } if name.to_string() == "t")
        );
        assert!(
            matches!(&kinds[2], Statement::CacheTable { name, query: Some(_), lazy: true } if name.to_string() == "s.v")
        );
        assert!(matches!(&kinds[3], Statement::UncacheTable { if_exists: true, .. }));
        assert!(matches!(&kinds[4], Statement::UncacheTable { if_exists: false, .. }));
        assert!(kinds[5..].iter().all(|k| matches!(k, Statement::DataFusion(_))));
    }

    #[test]
    fn our_statements_print_as_they_parse() {
        for text in
            ["EXPLAIN LINEAGE SELECT 1", "CACHE LAZY TABLE a AS SELECT 1", "CACHE TABLE a", "UNCACHE TABLE IF EXISTS a"]
        {
            assert_eq!(parse(text).unwrap()[0].statement.to_string(), text);
        }
    }

    #[test]
    fn positions_are_those_of_the_whole_script() {
        let parsed = parse("select 1;\n\n  select\n 2;").unwrap();
        assert_eq!(parsed[1].span.position, Position { line: 3, column: 3 });
        let error = parse("select 1;\nselect 2;\nselect 3 4;").unwrap_err();
        assert_eq!((error.line, error.column), (3, 10), "{error}");
    }

    #[test]
    fn statements_before_a_broken_one_are_read() {
        let mut script = Script::new("select 1; select 'open");
        assert!(script.next().unwrap().is_ok());
        let error = script.next().unwrap().unwrap_err();
        assert_eq!((error.line, error.column), (1, 18), "{error}");
        assert!(script.next().is_none());

        let mut script = Script::new("select 1; selec 2; select 3");
        let outcomes: Vec<bool> = script.by_ref().map(|s| s.is_ok()).collect();
        assert_eq!(outcomes, [true, false, true]);
    }

    #[test]
    fn a_missing_end_points_behind_the_text() {
        let error = parse("select 1 +\n").unwrap_err();
        assert_eq!((error.line, error.column), (1, 11), "{error}");
        let error = parse("cache table").unwrap_err();
        assert_eq!((error.line, error.column), (1, 12), "{error}");
        let error = parse("uncache table t u").unwrap_err();
        assert_eq!((error.line, error.column), (1, 17), "{error}");
    }

    #[test]
    fn the_dialect_may_change_on_the_way() {
        let mut script = Script::new("select 1;\n select `a``b` from t; select `c`");
        assert!(script.next().unwrap().is_ok());
        let mysql = ParserSettings { dialect: Dialect::MySQL, recursion_limit: 50 };
        script.change_settings(mysql);
        let second = script.next().unwrap().unwrap();
        assert_eq!(second.span.position, Position { line: 2, column: 2 });
        assert!(script.next().unwrap().is_ok());
        assert!(script.next().is_none());
    }

    #[test]
    fn completeness() {
        let settings = ParserSettings::default();
        for (text, complete) in [
            ("", true),
            ("select 1", false),
            ("select 1;", true),
            ("select 1; -- done", true),
            ("select ';", false),
            ("select 1; select", false),
            ("/* ;", false),
            ("-- only", true),
            ("select $$;", false),
        ] {
            assert_eq!(is_complete(text, &settings), complete, "{text}");
        }
    }
}
