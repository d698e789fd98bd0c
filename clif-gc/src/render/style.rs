//! Colours, as rustc has them.

use anstyle::{AnsiColor, Style};
use std::fmt::Display;

/// An error.
pub const ERROR: Style = AnsiColor::BrightRed.on_default().bold();
/// What could not be decided.
pub const WARNING: Style = AnsiColor::BrightYellow.on_default().bold();
/// What is well.
pub const GOOD: Style = AnsiColor::BrightGreen.on_default().bold();
/// Line numbers, rules, and secondary marks.
pub const FRAME: Style = AnsiColor::BrightBlue.on_default().bold();
/// What matters.
pub const STRONG: Style = Style::new().bold();

/// `text` in this style.
pub fn paint(style: Style, text: impl Display) -> String {
    format!("{style}{text}{style:#}")
}
