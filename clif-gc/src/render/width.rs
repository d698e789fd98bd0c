//! Fits lines of code into a terminal.

use crate::excerpt::Mark;
use std::io::IsTerminal as _;

/// How wide standard output is, if it is a terminal.
pub fn of_stdout() -> Option<usize> {
    let stdout = std::io::stdout();
    if !stdout.is_terminal() {
        return None;
    }
    terminal_size::terminal_size_of(stdout).map(|(width, _)| usize::from(width.0))
}

/// How few characters of a line are shown, however narrow the terminal is.
const LEAST: usize = 20;

/// The part of `text` that takes `room` characters at most, with the marks on it; if it cannot be all, the part
/// with the fault itself.
pub fn fit(text: &str, marks: &[Mark], room: usize) -> (String, Vec<Mark>) {
    let room = room.max(LEAST);
    let chars: Vec<char> = text.chars().collect();
    if chars.len() <= room {
        return (text.to_string(), marks.to_vec());
    }
    let primary = marks.iter().find(|mark| mark.primary);
    let wanted = primary.or(marks.first()).map_or(0, |mark| mark.start);
    // NB: An ellipsis takes one of the characters on each side where something is cut.
    let start = match wanted < room - 1 {
        true => 0,
        false => (wanted.saturating_sub(room / 3)).min(chars.len() - room),
    };
    let end = (start + room).min(chars.len());
    let mut shown: Vec<char> = chars[start..end].to_vec();
    if start > 0 {
        shown[0] = '…';
    }
    if end < chars.len() {
        *shown.last_mut().expect("there is room for some") = '…';
    }
    let marks = marks.iter().filter_map(|mark| {
        let from = mark.start.max(start);
        let to = (mark.start + mark.width).min(end);
        (from < to).then(|| Mark {
            start: from - start,
            width: to - from,
            ..mark.clone()
        })
    });
    (shown.into_iter().collect(), marks.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mark(start: usize, width: usize, primary: bool) -> Mark {
        Mark {
            start,
            width,
            label: "here".to_string(),
            primary,
        }
    }

    #[test]
    fn a_line_that_fits_stays() {
        let marks = [mark(2, 3, true)];
        assert_eq!(
            fit("a short line", &marks, 20),
            ("a short line".to_string(), marks.to_vec())
        );
    }

    #[test]
    fn the_fault_is_in_what_is_shown() {
        let text: String = ('a'..='z').cycle().take(200).collect();
        for start in [0, 5, 30, 100, 190] {
            for room in [20, 40, 80] {
                let (shown, marks) = fit(&text, &[mark(1, 1, false), mark(start, 5, true)], room);
                assert_eq!(shown.chars().count(), room);
                let fault = marks.iter().find(|mark| mark.primary).expect("it is there");
                let under: String = shown.chars().skip(fault.start).take(1).collect();
                assert!(
                    under == text[start..=start] || under == "…",
                    "{under} at {start} in {room}"
                );
                assert!(fault.start + fault.width <= room);
            }
        }
    }
}
