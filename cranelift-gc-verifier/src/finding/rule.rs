//! Names of the rules that ask for rewrites.

/// The name of an ISLE rule, as `file:line`, of the position `file line N` that Cranelift hands on
/// ([`Violation::rule`](crate::Violation::rule)).
///
/// ISLE counts lines from 0. A name counts them from 1, as editors do. A position of another form is returned as it is.
pub fn rule_name(position: &str) -> String {
    let parts = position.rsplit_once(" line ");
    let number = |line: &str| line.parse::<u32>().ok()?.checked_add(1);
    let found = parts.and_then(|(file, line)| Some((file, number(line)?)));
    match found {
        Some((file, line)) => format!("{file}:{line}"),
        None => position.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_counted_from_one() {
        assert_eq!(rule_name("src/opts/a.isle line 0"), "src/opts/a.isle:1");
        assert_eq!(rule_name("a line b.isle line 41"), "a line b.isle:42");
        assert_eq!(rule_name("somewhere else"), "somewhere else");
    }
}
