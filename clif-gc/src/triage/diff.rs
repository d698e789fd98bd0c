//! What each pass did to a function, as unified differences with the rewrites that made each hunk.

use super::protocol::{PassRecord, RewriteAnswer, RewriteRecord};
use crate::record::FunctionId;
use crate::render::style::{ERROR, FRAME, GOOD, STRONG, WARNING, paint};
use serde::Serialize;
use similar::{ChangeTag, TextDiff};
use std::collections::BTreeSet;
use std::fmt::Write;

/// What a pass did to a function.
#[derive(Serialize)]
pub struct Diff {
    /// The function.
    pub function: FunctionId,
    /// The pass before.
    pub from: String,
    /// The pass.
    pub to: String,
    /// Was the pass undone?
    pub undone: bool,
    /// What differs; nothing, if the pass changed nothing.
    pub hunks: Vec<Hunk>,
}

/// One place where a function differs.
#[derive(Serialize)]
pub struct Hunk {
    /// As in a unified difference: `@@ -1,2 +1,3 @@`.
    pub header: String,
    /// The lines, each with its sign.
    pub lines: Vec<String>,
    /// The rewrites whose values or instructions are in changed lines.
    pub rewrites: Vec<u64>,
}

/// How many lines around a change are shown.
const CONTEXT: usize = 3;

/// What each pass did to each function.
pub fn diffs(passes: &[PassRecord], rewrites: &[RewriteRecord]) -> Vec<Diff> {
    let mut compilations: Vec<u64> = passes.iter().map(|pass| pass.compilation).collect();
    compilations.sort_unstable();
    compilations.dedup();
    let mut diffs = Vec::new();
    for compilation in compilations {
        let of_this = passes.iter().filter(|pass| pass.compilation == compilation);
        let of_this: Vec<&PassRecord> = of_this.collect();
        let mut before = 0;
        for after in 1..of_this.len() {
            let (from, to) = (of_this[before], of_this[after]);
            diffs.push(diff(from, to, rewrites));
            // NB: What comes after a pass that was undone comes after what it was given.
            if !to.undone {
                before = after;
            }
        }
    }
    diffs
}

fn diff(from: &PassRecord, to: &PassRecord, rewrites: &[RewriteRecord]) -> Diff {
    let texts = |pass: &PassRecord| -> Vec<String> {
        pass.lines.iter().map(|line| line.text.clone()).collect()
    };
    let (old, new) = (texts(from), texts(to));
    let old_lines: Vec<&str> = old.iter().map(String::as_str).collect();
    let new_lines: Vec<&str> = new.iter().map(String::as_str).collect();
    let text_diff = TextDiff::from_slices(&old_lines, &new_lines);
    let done: Vec<&RewriteRecord> = rewrites
        .iter()
        .filter(|rewrite| rewrite.compilation == to.compilation)
        .filter(|rewrite| rewrite.number > from.number && rewrite.number <= to.number)
        .filter(|rewrite| rewrite.verdict.answer == RewriteAnswer::Accepted)
        .collect();
    let hunks = text_diff.grouped_ops(CONTEXT).into_iter().map(|ops| {
        let mut lines = Vec::new();
        let mut named = BTreeSet::new();
        for change in ops.iter().flat_map(|op| text_diff.iter_changes(op)) {
            let (sign, line) = match change.tag() {
                ChangeTag::Equal => (' ', None),
                ChangeTag::Delete => ('-', change.old_index().map(|index| &from.lines[index])),
                ChangeTag::Insert => ('+', change.new_index().map(|index| &to.lines[index])),
            };
            lines.push(format!("{sign}{}", change.value()));
            if let Some(line) = line {
                named.extend(line.inst.clone());
                named.extend(entities(&line.text));
            }
        }
        let range = |start: Option<usize>, count: usize| match count {
            0 => format!("{},0", start.unwrap_or_default()),
            count => format!("{},{count}", start.unwrap_or_default() + 1),
        };
        let count = |sign: char| {
            let of_side = |line: &&String| line.starts_with([' ', sign]);
            lines.iter().filter(of_side).count()
        };
        let start = |side: fn(&similar::DiffOp) -> std::ops::Range<usize>| {
            ops.first().map(|op| side(op).start)
        };
        Hunk {
            header: format!(
                "@@ -{} +{} @@",
                range(start(similar::DiffOp::old_range), count('-')),
                range(start(similar::DiffOp::new_range), count('+'))
            ),
            rewrites: done
                .iter()
                .filter(|rewrite| is_about(rewrite, &named))
                .map(|rewrite| rewrite.number)
                .collect(),
            lines,
        }
    });
    Diff {
        function: to.function.clone(),
        from: from.pass.clone(),
        to: to.pass.clone(),
        undone: to.undone,
        hunks: hunks.collect(),
    }
}

/// Is what goes, or what comes, in these lines?
fn is_about(rewrite: &RewriteRecord, named: &BTreeSet<String>) -> bool {
    let before = rewrite.before.entities.iter();
    before
        .chain([&rewrite.entity])
        .any(|entity| named.contains(entity))
}

/// The values that a line names.
fn entities(text: &str) -> impl Iterator<Item = String> + '_ {
    text.split(|c: char| !c.is_ascii_alphanumeric())
        .filter(|word| {
            let digits = word.strip_prefix('v').unwrap_or_default();
            !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit())
        })
        .map(str::to_string)
}

impl Diff {
    /// As a unified difference.
    pub fn text(&self, rewrites: &[RewriteRecord]) -> String {
        let mut out = String::new();
        let name = match &self.function.name {
            Some(name) => format!("{} \"{}\"", self.function.function, name),
            None => self.function.function.clone(),
        };
        if self.hunks.is_empty() {
            return out;
        }
        // NB: Writing to a string cannot fail.
        let _ = writeln!(
            out,
            "{}",
            paint(STRONG, format_args!("--- {name} after {}", self.from))
        );
        let undone = match self.undone {
            true => paint(WARNING, ", undone"),
            false => String::new(),
        };
        let _ = writeln!(
            out,
            "{}{undone}",
            paint(STRONG, format_args!("+++ {name} after {}", self.to))
        );
        for Hunk {
            header,
            lines,
            rewrites: made_by,
        } in &self.hunks
        {
            let numbers: Vec<String> = made_by.iter().map(|number| number.to_string()).collect();
            let numbers = match numbers.len() {
                0 => String::new(),
                1 => format!(" rewrite {}", numbers[0]),
                _ => format!(" rewrites {}", numbers.join(", ")),
            };
            let _ = writeln!(out, "{}{numbers}", paint(FRAME, header));
            for line in lines {
                let _ = match line.chars().next() {
                    Some('-') => writeln!(out, "{}", paint(ERROR, line)),
                    Some('+') => writeln!(out, "{}", paint(GOOD, line)),
                    _ => writeln!(out, "{line}"),
                };
            }
            for number in made_by {
                let rewrite = rewrites.iter().find(|rewrite| rewrite.number == *number);
                if let Some(rewrite) = rewrite.filter(|rewrite| rewrite.verdict.code.is_some()) {
                    out += &super::trace::one(rewrite);
                }
            }
        }
        out.push('\n');
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_of_a_line_are_found() {
        let found: Vec<String> = entities("    v12 = iadd v3, v4 ; v4 = 1 vx ss1").collect();
        assert_eq!(found, ["v12", "v3", "v4", "v4"]);
    }
}
