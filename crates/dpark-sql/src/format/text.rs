//! Text on a terminal: its width in columns, cut to fit, without control characters.

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// Columns a text takes on a terminal.
pub(super) fn width(text: &str) -> usize {
    UnicodeWidthStr::width(text)
}

/// Cuts a text to so many columns, the last of them an ellipsis; true if something was cut.
pub(super) fn cut(text: &str, columns: usize) -> (String, bool) {
    if width(text) <= columns {
        return (text.to_string(), false);
    }
    let mut out = String::new();
    let mut used = 0;
    for c in text.chars() {
        let w = c.width().unwrap_or(0);
        if used + w + 1 > columns {
            break;
        }
        used += w;
        out.push(c);
    }
    if columns > 0 {
        out.push('…');
    }
    (out, true)
}

/// A value's lines, control characters written as escapes: a value must not move the cursor or colour the screen.
pub(super) fn lines(value: &str) -> Vec<String> {
    value.split('\n').map(escape).collect()
}

fn escape(line: &str) -> String {
    if !line.contains(char::is_control) {
        return line.to_string();
    }
    let mut out = String::with_capacity(line.len() + 8);
    for c in line.chars() {
        match c {
            '\t' => out.push_str("\\t"),
            '\r' => out.push_str("\\r"),
            c if c.is_control() => out.extend(c.escape_unicode()),
            c => out.push(c),
        }
    }
    out
}

/// Appends a text filled up with blanks to so many columns.
pub(super) fn pad(out: &mut String, text: &str, columns: usize, right: bool) {
    let blanks = columns.saturating_sub(width(text));
    if right {
        out.extend(std::iter::repeat_n(' ', blanks));
    }
    out.push_str(text);
    if !right {
        out.extend(std::iter::repeat_n(' ', blanks));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cutting_counts_columns() {
        assert_eq!(cut("abc", 3), ("abc".to_string(), false));
        assert_eq!(cut("abcd", 3), ("ab…".to_string(), true));
        assert_eq!(cut("日本語", 5), ("日本…".to_string(), true));
        assert_eq!(cut("日本語", 4), ("日…".to_string(), true));
    }

    #[test]
    fn control_characters_are_shown_not_sent() {
        assert_eq!(lines("a\tb\n\u{1b}[31mc"), ["a\\tb", "\\u{1b}[31mc"]);
    }
}
