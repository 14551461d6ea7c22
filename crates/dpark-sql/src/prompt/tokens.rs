//! SQL tokens with their bytes, for colours and completion.

use datafusion::sql::sqlparser::dialect::GenericDialect;
use datafusion::sql::sqlparser::tokenizer::{Location, Token, Tokenizer};

/// A token and the bytes it stands on.
#[derive(Debug)]
pub(super) struct Spanned {
    pub(super) start: usize,
    pub(super) end: usize,
    pub(super) token: Token,
}

/// The tokens of a text, and where it breaks off inside a string or comment.
pub(super) fn spanned(text: &str) -> (Vec<Spanned>, Option<usize>) {
    let mut tokens = Vec::new();
    let broken = Tokenizer::new(&GenericDialect {}, text).tokenize_with_location_into_buf(&mut tokens).is_err();
    let starts: Vec<usize> = std::iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at + 1)).collect();
    let offset = |at: Location| {
        let start = starts.get((at.line as usize).saturating_sub(1)).copied().unwrap_or(text.len());
        let line = &text[start..];
        line.char_indices().nth((at.column as usize).saturating_sub(1)).map_or(text.len(), |(n, _)| start + n)
    };
    let tokens: Vec<Spanned> = tokens
        .into_iter()
        .map(|t| Spanned { start: offset(t.span.start), end: offset(t.span.end), token: t.token })
        .collect();
    let broken = broken.then(|| tokens.last().map_or(0, |last| last.end));
    (tokens, broken)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_cover_the_text() {
        let text = "select é,\n 'ü' -- c\nfrom t";
        let (tokens, broken) = spanned(text);
        assert_eq!(broken, None);
        let joined: String = tokens.iter().map(|t| &text[t.start..t.end]).collect();
        assert_eq!(joined, text);
        let (_, broken) = spanned("select 'open");
        assert_eq!(broken, Some(7));
    }
}
