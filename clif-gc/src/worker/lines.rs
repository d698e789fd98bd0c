//! On which lines of a CLIF file the instructions of a function are.

use std::collections::BTreeMap;

/// The line of each instruction of the function that begins on the line `first`, from 1, in the order in which
/// they are numbered. `None` if there are not `count` of them: the text is written in a way that is not understood.
pub fn of_instructions(text: &str, first: usize, count: usize) -> Option<Vec<usize>> {
    let mut lines = Vec::with_capacity(count);
    let mut depth = 0_i64;
    let mut is_in_body = false;
    for (index, line) in text.lines().enumerate().skip(first.checked_sub(1)?) {
        let code = line.split_once(';').map_or(line, |(code, _)| code).trim();
        let begins = depth == 0;
        let is_header = is_header(code);
        is_in_body |= is_header;
        if !is_in_body || code.is_empty() {
            continue;
        }
        if begins && code == "}" {
            break;
        }
        if begins && !is_header && !is_alias(code) {
            lines.push(index + 1);
        }
        for c in code.chars() {
            match c {
                '(' | '[' => depth += 1,
                ')' | ']' => depth -= 1,
                _ => {}
            }
        }
    }
    (lines.len() == count).then_some(lines)
}

/// How many lines each function of a CLIF file takes.
pub fn sizes(text: &str) -> BTreeMap<String, u64> {
    let mut sizes = BTreeMap::new();
    let mut current: Option<(String, u64)> = None;
    for line in text.lines() {
        if let Some(rest) = line.strip_prefix("function ") {
            let name = rest.split(['(', ' ']).next().unwrap_or_default();
            current = Some((name.to_string(), 0));
        }
        if let Some((_, lines)) = &mut current {
            *lines += 1;
        }
        if line.starts_with('}') {
            sizes.extend(current.take());
        }
    }
    sizes
}

/// `block7(v1: i32):`, or a part of a list of blocks.
fn is_header(code: &str) -> bool {
    let rest = code.strip_prefix("block").unwrap_or_default();
    rest.starts_with(|c: char| c.is_ascii_digit())
}

/// `v2 -> v1`
fn is_alias(code: &str) -> bool {
    code.split_whitespace().nth(1) == Some("->")
}

/// The number of the first instruction that `message` names.
pub fn named(message: &str) -> Option<usize> {
    message
        .split(|c: char| !c.is_ascii_alphanumeric())
        .find_map(|word| word.strip_prefix("inst")?.parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "test gc-verify

function %f(i32) -> i32 {
    ss0 = explicit_slot 4 ; store
    sig0 = ()
    fn0 = %g sig0
block0(v0: i32):
    ; a comment
    v1 = stack_addr.i64 ss0
    store notrap v0, v1

    v5 -> v1
    try_call fn0(), sig0, block2, [
        default: block1
    ]
block1:
    trap user1
block2: ; error: none
    brif v0, block1,
        block3
block3:
    return v0
}

function %g() {
block0:
    return
}
";

    #[test]
    fn each_instruction_has_its_line() {
        assert_eq!(
            of_instructions(TEXT, 3, 6),
            Some(vec![9, 10, 13, 17, 19, 22])
        );
        assert_eq!(of_instructions(TEXT, 25, 1), Some(vec![27]));
        assert_eq!(of_instructions(TEXT, 3, 7), None);
    }

    #[test]
    fn functions_are_measured() {
        let sizes = sizes(TEXT);
        assert_eq!(sizes.get("%f"), Some(&21));
        assert_eq!(sizes.get("%g"), Some(&4));
        assert_eq!(sizes.len(), 2);
    }

    #[test]
    fn the_first_instruction_is_meant() {
        assert_eq!(
            named("v1 is lost: inst12 reads it, inst3 does not"),
            Some(12)
        );
        assert_eq!(named("instead of v1"), None);
    }
}
