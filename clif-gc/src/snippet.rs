//! A line of a text, with the place on it that is meant.

use crate::text::printable;
use serde::{Deserialize, Serialize};

/// How many characters of a line are shown on each side of the place.
///
/// A file of 50 MB may well be a single line.
const CONTEXT: usize = 60;

/// A place in a text, and what is there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Snippet {
    /// The line, from 1.
    pub line: usize,
    /// The column in characters, from 1.
    pub column: usize,
    /// The line, or what surrounds the place on it.
    pub text: String,
    /// Where the place is in `text`, in characters.
    pub start: usize,
    /// How many characters of `text` it takes, at least one.
    pub width: usize,
}

impl Snippet {
    /// The place `start..end` in `text`, in bytes, as far as it is on one line.
    pub fn new(text: &str, start: usize, end: usize) -> Snippet {
        let start = text.floor_char_boundary(start);
        let line_start = text[..start].rfind('\n').map_or(0, |i| i + 1);
        let line_end = text[start..].find('\n').map_or(text.len(), |i| start + i);
        let end = text.floor_char_boundary(end).clamp(start, line_end);

        let before = &text[line_start..start];
        let column = before.chars().count();
        let cut = column.saturating_sub(CONTEXT);
        let width = text[start..end].chars().count();
        let shown = text[line_start..line_end].trim_end_matches('\r');
        let excerpt: String = shown.chars().skip(cut).take(2 * CONTEXT).collect();
        let visible = excerpt.chars().count().saturating_sub(column - cut);
        Snippet {
            line: text[..line_start].matches('\n').count() + 1,
            column: column + 1,
            text: printable(&excerpt).into_owned(),
            start: column - cut,
            width: width.min(visible).max(1),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_place_is_found() {
        let snippet = Snippet::new("ab\ncd ef\ngh", 6, 8);
        assert_eq!((snippet.line, snippet.column), (2, 4));
        assert_eq!(snippet.text, "cd ef");
        assert_eq!((snippet.start, snippet.width), (3, 2));
    }

    #[test]
    fn the_end_of_the_text_is_a_place() {
        let snippet = Snippet::new("ab\n", 3, 3);
        assert_eq!((snippet.line, snippet.column), (2, 1));
        assert_eq!((snippet.text.as_str(), snippet.width), ("", 1));
    }

    #[test]
    fn a_long_line_is_cut_around_the_place() {
        let text = "x".repeat(100_000);
        let snippet = Snippet::new(&text, 50_000, 50_003);
        assert_eq!(snippet.column, 50_001);
        assert_eq!(snippet.text.len(), 2 * CONTEXT);
        assert_eq!((snippet.start, snippet.width), (CONTEXT, 3));
    }

    #[test]
    fn places_within_a_character_do_no_harm() {
        let snippet = Snippet::new("ä", 1, 1);
        assert_eq!((snippet.line, snippet.column), (1, 1));
    }
}
