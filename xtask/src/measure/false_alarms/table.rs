//! The tables, in Markdown.

use super::outcome::{Outcome, Totals};
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// How many reasons are shown.
const REASONS: usize = 10;

const HEAD: &str = "\
| source | files | functions | safepoints | references | dereferences | rewrites | violations \
| inconclusive | timeouts | failed |
|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|
";

/// What each source had, and why checks could not be made.
pub fn render(outcomes: &[(String, Outcome)]) -> String {
    let mut text = String::from(HEAD);
    let mut sum = Outcome::default();
    for (name, outcome) in outcomes {
        row(&mut text, name, outcome);
        sum.add(outcome.clone());
    }
    row(&mut text, "**all**", &sum);
    text.push_str(&reasons(&sum.reasons));
    for slow in &sum.slow {
        // What was left out counts for nothing above.
        let _ = writeln!(text, "\nNot looked at in full: {slow}.");
    }
    text
}

fn row(text: &mut String, name: &str, outcome: &Outcome) {
    let Totals {
        files,
        functions,
        safepoints,
        references,
        dereferences,
        records: _,
        rewrites,
        violations,
        inconclusive,
    } = outcome.totals;
    let counts = [
        files,
        functions,
        safepoints,
        references,
        dereferences,
        rewrites,
        violations,
        inconclusive,
        outcome.timeouts(),
        outcome.failed(),
    ];
    let cells: Vec<String> = counts.into_iter().map(grouped).collect();
    let _ = writeln!(text, "| {name} | {} |", cells.join(" | "));
}

fn reasons(reasons: &BTreeMap<String, u64>) -> String {
    let mut reasons: Vec<_> = reasons.iter().collect();
    // Equal counts stay in order of their names.
    reasons.sort_by_key(|(_, count)| std::cmp::Reverse(**count));
    let mut text = String::from("\n");
    if reasons.is_empty() {
        text.push_str("Nothing was inconclusive.\n");
        return text;
    }
    text.push_str("| reason for an inconclusive verdict | times |\n|---|--:|\n");
    for (reason, count) in reasons.into_iter().take(REASONS) {
        let _ = writeln!(text, "| {reason} | {} |", grouped(*count));
    }
    text
}

/// `1234567` as `1,234,567`.
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped() {
        let numbers = [0, 12, 123, 1234, 123_456, 1_234_567];
        let texts = ["0", "12", "123", "1,234", "123,456", "1,234,567"];
        assert_eq!(numbers.map(grouped), texts);
    }

    #[test]
    fn the_most_frequent_reasons_come_first() {
        let names = (0..12).map(|n| (format!("r{n:02}"), n + 1)).collect();
        let text = reasons(&names);
        assert_eq!(text.lines().count(), 13, "{text}");
        assert!(text.find("r11") < text.find("r10"), "{text}");
        assert!(!text.contains("r01"), "{text}");
    }
}
