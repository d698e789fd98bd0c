//! Tables in Markdown.

use crate::mode::Mode;
use crate::stats::{Rounds, Spread};
use std::fmt::Write as _;

/// What was compiled, and what came out.
pub struct Row {
    /// What.
    pub name: String,
    /// How much of it, in words.
    pub amount: String,
    /// How long it took.
    pub rounds: Rounds,
}

/// A table of ratios, in each mode but the one that they compare with.
pub fn ratios(what: &str, rows: &[Row]) -> String {
    let modes = &Mode::ALL[1..];
    let mut text = format!("| {what} | amount | rounds | none |");
    for mode in modes {
        let _ = write!(text, " {} |", mode.name());
    }
    text.push_str("\n|---|---|--:|--:|");
    text.push_str(&"---|".repeat(modes.len()));
    text.push('\n');
    for Row {
        name,
        amount,
        rounds,
    } in rows
    {
        let base = rounds.base() * 1e3;
        let _ = write!(
            text,
            "| {name} | {amount} | {} | {base:.1} ms |",
            rounds.count()
        );
        for mode in modes {
            let _ = write!(text, " {} |", ratio(rounds.ratio(*mode)));
        }
        text.push('\n');
    }
    text
}

/// A ratio with its quartiles.
pub fn ratio(spread: Option<Spread>) -> String {
    match spread {
        None => "–".into(),
        Some(Spread { low, median, high }) => format!("{median:.3} ({low:.3}–{high:.3})"),
    }
}
