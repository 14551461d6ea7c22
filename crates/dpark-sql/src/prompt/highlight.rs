//! Colours for the line being typed.

use super::keywords::is_keyword;
use super::tokens::spanned;
use datafusion::sql::sqlparser::tokenizer::{Token, Whitespace};

const KEYWORD: &str = "\x1b[1;34m";
const STRING: &str = "\x1b[32m";
const NUMBER: &str = "\x1b[36m";
const COMMENT: &str = "\x1b[90m";
const COMMAND: &str = "\x1b[35m";
const PLAIN: &str = "\x1b[0m";

/// The line with colours; its width on the terminal stays the same.
pub(super) fn highlight(line: &str) -> String {
    if line.trim_start().starts_with('\\') {
        return format!("{COMMAND}{line}{PLAIN}");
    }
    let (tokens, broken) = spanned(line);
    let mut out = String::with_capacity(line.len() * 2);
    for token in &tokens {
        paint(&mut out, &line[token.start..token.end], colour(&token.token));
    }
    if let Some(at) = broken {
        let comment = line[at..].starts_with("/*");
        paint(&mut out, &line[at..], Some(if comment { COMMENT } else { STRING }));
    }
    out
}

fn colour(token: &Token) -> Option<&'static str> {
    match token {
        Token::Word(word) if word.quote_style.is_none() && is_keyword(&word.value) => Some(KEYWORD),
        Token::Number(..) => Some(NUMBER),
        Token::Whitespace(Whitespace::SingleLineComment { .. } | Whitespace::MultiLineComment(_)) => Some(COMMENT),
        Token::SingleQuotedString(_)
        | Token::EscapedStringLiteral(_)
        | Token::DollarQuotedString(_)
        | Token::NationalStringLiteral(_)
        | Token::HexStringLiteral(_) => Some(STRING),
        _ => None,
    }
}

fn paint(out: &mut String, text: &str, colour: Option<&str>) {
    match colour {
        Some(colour) => {
            out.push_str(colour);
            out.push_str(text);
            out.push_str(PLAIN);
        }
        None => out.push_str(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_change_no_character() {
        for line in ["select 1, 'é' from t -- x", "select 'open", "/* open", "\\d t", "select \"select\" §"] {
            let painted = highlight(line);
            let mut plain = painted;
            for code in [KEYWORD, STRING, NUMBER, COMMENT, COMMAND, PLAIN] {
                plain = plain.replace(code, "");
            }
            assert_eq!(plain, line);
        }
        assert_eq!(highlight("from x"), "\x1b[1;34mfrom\x1b[0m x");
    }
}
