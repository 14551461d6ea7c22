//! The dialect extension: DPark's statements, recognised by their first tokens, in front of DataFusion's parser.
//!
//! ```text
//! EXPLAIN LINEAGE <query>
//! CACHE [LAZY] TABLE <name> [AS <query>]
//! UNCACHE TABLE [IF EXISTS] <name>
//! ```
//!
//! None of the new words is reserved: `lineage`, `cache` and `lazy` stay good names for tables and columns.

use super::from_first::select_all;
use super::statement::Statement;
use datafusion::common::{Diagnostic, Span};
use datafusion::error::{DataFusionError, Result};
use datafusion::sql::parser::{DFParser, DFParserBuilder, Statement as DfStatement};
use datafusion::sql::sqlparser::ast;
use datafusion::sql::sqlparser::dialect::Dialect;
use datafusion::sql::sqlparser::keywords::Keyword;
use datafusion::sql::sqlparser::parser::ParserError;
use datafusion::sql::sqlparser::tokenizer::{Token, TokenWithSpan};

/// Parses the tokens of one statement, with or without its `;`.
pub(super) fn parse_tokens(tokens: Vec<TokenWithSpan>, dialect: &dyn Dialect, limit: usize) -> Result<Statement> {
    let inner = DFParserBuilder::new(tokens).with_dialect(dialect).with_recursion_limit(limit).build()?;
    let mut parser = DparkParser { inner };
    let statement = parser.statement()?;
    parser.end()?;
    Ok(statement)
}

struct DparkParser<'a> {
    inner: DFParser<'a>,
}

impl DparkParser<'_> {
    fn statement(&mut self) -> Result<Statement> {
        match (self.word(0).as_deref(), self.word(1).as_deref()) {
            (Some("explain"), Some("lineage")) => {
                self.skip(2);
                self.explain_lineage()
            }
            (Some("cache"), Some("table")) => {
                self.skip(2);
                self.cache_table(false)
            }
            (Some("cache"), Some("lazy")) => {
                self.skip(2);
                self.inner.parser.expect_keyword(Keyword::TABLE)?;
                self.cache_table(true)
            }
            (Some("uncache"), Some("table")) => {
                self.skip(2);
                let if_exists = self.inner.parser.parse_keywords(&[Keyword::IF, Keyword::EXISTS]);
                Ok(Statement::UncacheTable { name: self.inner.parser.parse_object_name(false)?, if_exists })
            }
            _ => Ok(Statement::DataFusion(Box::new(self.datafusion_statement()?))),
        }
    }

    fn datafusion_statement(&mut self) -> Result<DfStatement> {
        let mut statement = self.inner.parse_statement()?;
        select_all(&mut statement);
        Ok(statement)
    }

    fn explain_lineage(&mut self) -> Result<Statement> {
        let start = self.inner.parser.peek_token();
        let statement = self.datafusion_statement()?;
        if matches!(statement, DfStatement::Explain(_)) {
            return expected("a query to explain", &start);
        }
        Ok(Statement::ExplainLineage(Box::new(statement)))
    }

    fn cache_table(&mut self, lazy: bool) -> Result<Statement> {
        let name = self.inner.parser.parse_object_name(false)?;
        if !self.inner.parser.parse_keyword(Keyword::AS) {
            return Ok(Statement::CacheTable { name, query: None, lazy });
        }
        let query = ast::Statement::Query(self.inner.parser.parse_query()?);
        let mut query = DfStatement::Statement(Box::new(query));
        select_all(&mut query);
        Ok(Statement::CacheTable { name, query: Some(Box::new(query)), lazy })
    }

    /// Nothing may follow a statement but its `;`.
    fn end(&mut self) -> Result<()> {
        while self.inner.parser.consume_token(&Token::SemiColon) {}
        let next = self.inner.parser.peek_token();
        if next.token == Token::EOF { Ok(()) } else { expected("end of statement", &next) }
    }

    /// The n-th token ahead in lower case if it is an unquoted word.
    fn word(&self, n: usize) -> Option<String> {
        match self.inner.parser.peek_nth_token(n).token {
            Token::Word(word) if word.quote_style.is_none() => Some(word.value.to_ascii_lowercase()),
            _ => None,
        }
    }

    fn skip(&mut self, n: usize) {
        for _ in 0..n {
            self.inner.parser.next_token();
        }
    }
}

fn expected<T>(what: &str, found: &TokenWithSpan) -> Result<T> {
    let message = format!("Expected: {what}, found: {found}");
    let error = DataFusionError::from(ParserError::ParserError(message.clone()));
    Err(error.with_diagnostic(Diagnostic::new_error(message, Span::try_from_sqlparser_span(found.span))))
}
