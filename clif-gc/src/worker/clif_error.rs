//! Finds the column of a CLIF syntax error, of which the parser tells only the line.

use crate::diagnostic::{Diagnostic, Kind};
use crate::snippet::Snippet;
use cranelift_reader::{ParseError, ParseOptions, parse_test};
use std::ops::Range;

/// Texts that are longer are not parsed again and again to find a column.
const MAX_SEARCHED: usize = 256 << 10;

/// The error as a diagnostic with its place.
pub fn diagnostic(text: &str, error: &ParseError) -> Diagnostic {
    let line = line_range(text, error.location.line_number);
    let tokens = tokens(text, line.clone());
    let guilty = guilty_token(text, &tokens, error).unwrap_or(trimmed(text, line));
    Diagnostic::new(Kind::Syntax, error.message.replace('\n', " ")).at(Snippet::new(
        text,
        guilty.start,
        guilty.end,
    ))
}

/// The token that the parser stumbled over.
///
/// Take the shortest beginning of the text that gives the same error. Either its last token is the
/// guilty one, or its end is, in the place of the token after it. Those two differ when the last
/// token is replaced by one that fits nowhere: the error stays what it is only if any token
/// disappoints the parser there.
fn guilty_token(text: &str, tokens: &[Range<usize>], error: &ParseError) -> Option<Range<usize>> {
    let last = tokens.last()?;
    if last.end > MAX_SEARCHED {
        return None;
    }
    let gives_error = |text: &str| {
        let result = parse_test(text, ParseOptions::default());
        result.is_err_and(|e| e.message == error.message && e.location == error.location)
    };
    let first = tokens
        .iter()
        .position(|token| gives_error(&text[..token.end]))?;
    let guilty = &tokens[first];
    let fits_nowhere = format!("{}{FITS_NOWHERE}", &text[..guilty.start]);
    if !error.message.starts_with("expected") || gives_error(&fits_nowhere) {
        return Some(guilty.clone());
    }
    Some(tokens.get(first + 1).cloned().unwrap_or(last.end..last.end))
}

/// A token that no construct expects.
const FITS_NOWHERE: &str = "==";

/// Where the line with this number is. Numbers start from 1; lines that do not exist are the last.
pub fn line_range(text: &str, number: usize) -> Range<usize> {
    let mut start = 0;
    for _ in 1..number {
        match text[start..].find('\n') {
            Some(i) => start += i + 1,
            None => break,
        }
    }
    let end = text[start..].find('\n').map_or(text.len(), |i| start + i);
    start..end
}

fn trimmed(text: &str, line: Range<usize>) -> Range<usize> {
    let content = &text[line.clone()];
    let start = line.start + content.len() - content.trim_start().len();
    start..(line.start + content.trim_end().len()).max(start)
}

/// The tokens of a line, roughly: words with their sigils, and single other characters.
fn tokens(text: &str, line: Range<usize>) -> Vec<Range<usize>> {
    let mut tokens: Vec<Range<usize>> = Vec::new();
    let mut in_word = false;
    for (i, c) in text[line.clone()].char_indices() {
        let start = line.start + i;
        let end = start + c.len_utf8();
        if c == ';' {
            break;
        } else if is_word(c) {
            match tokens.last_mut() {
                Some(token) if in_word => token.end = end,
                _ => tokens.push(start..end),
            }
        } else if !c.is_whitespace() {
            tokens.push(start..end);
        }
        in_word = is_word(c);
    }
    tokens
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '_' | '.' | '%' | '-')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(text: &str) -> (usize, usize, String) {
        let Err(error) = parse_test(text, ParseOptions::default()) else {
            panic!("it is valid: {text}");
        };
        let snippet = diagnostic(text, &error).snippet.expect("it has a place");
        let marked = snippet.text.chars().skip(snippet.start).take(snippet.width);
        (snippet.line, snippet.column, marked.collect())
    }

    #[test]
    fn an_unknown_opcode_is_found() {
        let text = "function %f() {\nblock0:\n    v0 = ivonst.i32 1\n    return\n}\n";
        assert_eq!(place(text), (3, 10, "ivonst.i32".to_string()));
    }

    #[test]
    fn an_undefined_value_is_found_by_its_line_at_least() {
        let text = "function %f() -> i32 {\nblock0:\n    return v7\n}\n";
        assert_eq!(place(text).0, 3);
    }

    #[test]
    fn a_missing_token_is_found() {
        let text = "function %f() {\nblock0:\n    v0 iconst.i32 1\n    return\n}\n";
        assert_eq!(place(text), (3, 8, "iconst.i32".to_string()));
    }

    #[test]
    fn the_first_token_is_found() {
        assert_eq!(place("x y z\n"), (1, 1, "x".to_string()));
        assert_eq!(place("; hello\n  x y z\n"), (2, 3, "x".to_string()));
    }

    #[test]
    fn the_end_of_the_text_is_found() {
        assert_eq!(place("function %f() {\nblock0:\n    return").0, 3);
    }
}
