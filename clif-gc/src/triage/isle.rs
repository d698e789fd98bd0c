//! The optimizer's rules, as they are written.

/// The files, with what is in them.
const FILES: &[(&str, &str)] = include!(concat!(env!("OUT_DIR"), "/isle.rs"));

/// The longest rule that is shown, in lines.
const MAX_LINES: usize = 24;

/// The lines of the rule at `file:line`, with their numbers.
pub fn rule(place: &str) -> Option<Vec<(usize, &'static str)>> {
    let (file, line) = place.rsplit_once(':')?;
    let line: usize = line.parse().ok()?;
    let name = file.rsplit('/').next()?;
    let (_, text) = FILES
        .iter()
        .find(|(known, _)| known.rsplit('/').next() == Some(name))?;
    Some(lines(text, line))
}

/// The lines from that one on, until its parentheses are closed.
fn lines(text: &str, first: usize) -> Vec<(usize, &str)> {
    let mut open = 0_i64;
    let mut lines = Vec::new();
    for (number, line) in (1..).zip(text.lines()).skip(first.saturating_sub(1)) {
        let code = line.split(';').next().unwrap_or_default();
        open += code.matches('(').count() as i64 - code.matches(')').count() as i64;
        lines.push((number, line));
        if open <= 0 || lines.len() == MAX_LINES {
            break;
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_ends_where_its_parentheses_do() {
        let text = "; x\n(rule (a) ; (\n      (b))\n(rule (c) (d))\n";
        assert_eq!(lines(text, 2), [(2, "(rule (a) ; ("), (3, "      (b))")]);
        assert_eq!(lines(text, 4), [(4, "(rule (c) (d))")]);
        assert!(lines(text, 9).is_empty());
    }

    #[test]
    fn the_rules_are_there() {
        assert!(FILES.len() > 5, "{} files", FILES.len());
        let (name, text) = FILES[0];
        let line = text.lines().position(|line| line.starts_with("(rule"));
        let line = line.expect("a file has rules") + 1;
        let shown = rule(&format!("{name}:{line}")).expect("the file is known");
        assert!(shown[0].1.starts_with("(rule"));
    }
}
