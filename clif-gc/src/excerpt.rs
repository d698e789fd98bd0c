//! The part of a function that shows a violation, with marks on it.

use crate::listing::{ListedLine, Listing};
use crate::text::{printable, shorten};
use cranelift_gc_verifier::{GcError, Role, Step, Violation};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// How many lines are shown on each side of a marked one.
const CONTEXT: usize = 1;

/// How many characters of a line are shown: a `br_table` may have thousands of targets.
const MAX_WIDTH: usize = 140;

/// How many blocks a path may pass for their headers to be shown.
const MAX_PATH: usize = 4;

/// Some lines of a function, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Excerpt(pub Vec<Item>);

/// A line, or the lack of some.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Item {
    /// A line of the function.
    Line {
        /// The instruction on it.
        inst: Option<String>,
        /// The CLIF.
        text: String,
        /// What is to be seen on it.
        marks: Vec<Mark>,
    },
    /// Lines are left out.
    Elided,
}

/// A place on a line.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Mark {
    /// Where it begins, in characters.
    pub start: usize,
    /// How many characters it takes.
    pub width: usize,
    /// What is to be seen there.
    pub label: String,
    /// Is this the fault itself?
    pub primary: bool,
}

impl Excerpt {
    /// The lines of `listing` that show `violation`.
    pub fn new(listing: &Listing, violation: &Violation) -> Excerpt {
        let mut marks = marks(listing, violation);
        let mut shown = shown_lines(listing, marks.keys().copied());
        shown.extend(path(listing, violation));
        fill_gaps(listing, &mut shown);
        let mut items = Vec::new();
        let mut previous = None;
        for index in shown {
            if previous.is_some_and(|previous| previous + 1 < index) {
                items.push(Item::Elided);
            }
            previous = Some(index);
            let marks = marks.remove(&index).unwrap_or_default();
            items.push(item(&listing.lines()[index], marks));
        }
        Excerpt(items)
    }
}

fn item(line: &ListedLine, mut marks: Vec<Mark>) -> Item {
    for mark in &mut marks {
        mark.start = mark.start.min(MAX_WIDTH);
        mark.width = mark.width.min(MAX_WIDTH + 1 - mark.start).max(1);
    }
    Item::Line {
        inst: line.inst.map(|inst| inst.to_string()),
        text: shorten(&printable(&line.text), MAX_WIDTH).into_owned(),
        marks,
    }
}

/// The marked lines with what surrounds them, and the headers of their blocks.
fn shown_lines(listing: &Listing, marked: impl Iterator<Item = usize>) -> BTreeSet<usize> {
    let lines = listing.lines();
    let mut shown = BTreeSet::new();
    for index in marked {
        let around = index.saturating_sub(CONTEXT)..=(index + CONTEXT).min(lines.len() - 1);
        shown.extend(around.filter(|&i| lines[i].inst.is_some()));
        shown.insert(index);
        shown.extend(listing.header(index));
    }
    shown
}

/// The headers of the blocks that the witness passes, unless they are many.
fn path(listing: &Listing, violation: &Violation) -> Vec<usize> {
    let steps = violation.witness.steps.iter();
    let through: Vec<&Step> = steps.filter(|step| step.role == Role::Through).collect();
    if through.len() > MAX_PATH {
        return Vec::new();
    }
    through
        .into_iter()
        .filter_map(|step| listing.step(step))
        .collect()
}

/// A gap of one line takes as much room as the line.
fn fill_gaps(listing: &Listing, shown: &mut BTreeSet<usize>) {
    let gaps: Vec<usize> = shown
        .iter()
        .map(|i| i + 1)
        .filter(|i| !shown.contains(i) && shown.contains(&(i + 1)))
        .collect();
    shown.extend(gaps);
    shown.retain(|&i| !listing.lines()[i].text.trim().is_empty());
}

/// What is to be seen, by line.
fn marks(listing: &Listing, violation: &Violation) -> BTreeMap<usize, Vec<Mark>> {
    let error = &violation.error;
    let mut marks: BTreeMap<usize, Vec<Mark>> = BTreeMap::new();
    let mut guilty_is_marked = false;
    for step in &violation.witness.steps {
        let Some(index) = listing.step(step) else {
            continue;
        };
        let primary = step.inst == Some(error.inst()) && is_fault(step.role);
        guilty_is_marked |= primary;
        if let Some(mark) = mark(&listing.lines()[index].text, step, error, primary) {
            let marks = marks.entry(index).or_default();
            if !marks.contains(&mark) {
                marks.push(mark);
            }
        }
    }
    if let (Some(index), false) = (listing.inst(error.inst()), guilty_is_marked) {
        let (start, width) = whole(&listing.lines()[index].text);
        marks.entry(index).or_default().push(Mark {
            start,
            width,
            label: error.code().name().to_string(),
            primary: true,
        });
    }
    marks
}

/// Can the fault be at a step of this role?
fn is_fault(role: Role) -> bool {
    match role {
        Role::Use | Role::Reload | Role::Safepoint | Role::Spill | Role::Clobber => true,
        Role::Definition | Role::Through => false,
        // NB: What a later verifier knows can be marked as well.
        _ => true,
    }
}

/// The mark of one step; entering a block needs none.
fn mark(text: &str, step: &Step, error: &GcError, primary: bool) -> Option<Mark> {
    let ((start, width), label) = match step.role {
        Role::Definition => defined(text, error),
        Role::Spill => stored(text, error, "is spilled here"),
        Role::Clobber => stored(text, error, "is stored here"),
        Role::Safepoint => (whole(text), error.at_safepoint(primary)),
        Role::Reload => (whole(text), "the memory is read here".to_string()),
        Role::Use => used(text, error),
        Role::Through => return None,
        _ => (whole(text), step.role.as_str().to_string()),
    };
    Some(Mark {
        start,
        width,
        label,
        primary,
    })
}

/// The values that `error` is about, the one to blame first.
fn values(error: &GcError) -> Vec<String> {
    let base = match error {
        GcError::StaleDerivedPointer { base, .. } => Some(*base),
        _ => None,
    };
    let values = error.value().into_iter().chain(base);
    values.map(|value| value.to_string()).collect()
}

fn defined(text: &str, error: &GcError) -> ((usize, usize), String) {
    let definitions = match code(text).find(" = ") {
        Some(equals) => &text[..equals],
        None => code(text),
    };
    let found = values(error)
        .into_iter()
        .find_map(|value| Some((token(definitions, &value)?, value)));
    match found {
        Some((place, value)) => (place, format!("{value} is defined here")),
        None => (whole(text), "the value is defined here".to_string()),
    }
}

fn used(text: &str, error: &GcError) -> ((usize, usize), String) {
    if let GcError::UnstoredWord { .. } = error {
        return (whole(text), error.at_safepoint(true));
    }
    match operand(text, error) {
        Some((place, _)) if matches!(error, GcError::TypeBroken(_)) => (place, error.at_use()),
        Some((place, value)) => (place, format!("{value} is used here")),
        None => (whole(text), error.at_use()),
    }
}

fn stored(text: &str, error: &GcError, what: &str) -> ((usize, usize), String) {
    match operand(text, error) {
        Some((place, value)) => (place, format!("{value} {what}")),
        None => (whole(text), "the memory is written here".to_string()),
    }
}

/// The first value of `error` that is an operand on a line, and where.
fn operand(text: &str, error: &GcError) -> Option<((usize, usize), String)> {
    let code = code(text);
    let operands = code.find(" = ").map_or(0, |equals| equals + 3);
    let ((start, width), value) = values(error)
        .into_iter()
        .find_map(|value| Some((token(&code[operands..], &value)?, value)))?;
    let before = code[..operands].chars().count();
    Some(((before + start, width), value))
}

/// A line without the comment that tells the values of constants.
fn code(text: &str) -> &str {
    text.split_once("  ;").map_or(text, |(code, _)| code)
}

/// Where the word `token` is in `text`.
fn token(text: &str, token: &str) -> Option<(usize, usize)> {
    let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    text.match_indices(token)
        .find(|&(start, _)| {
            !text[..start].ends_with(is_word) && !text[start + token.len()..].starts_with(is_word)
        })
        .map(|(start, _)| (text[..start].chars().count(), token.chars().count()))
}

/// All of a line but its indentation and comment.
fn whole(text: &str) -> (usize, usize) {
    let text = code(text);
    let indentation = text.len() - text.trim_start().len();
    (indentation, text.trim().chars().count().max(1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use cranelift_codegen::ir::{Block, Inst, Value};
    use cranelift_gc_verifier::{Line, Witness};

    fn line(inst: Option<u32>, text: &str) -> Line {
        Line {
            inst: inst.map(Inst::from_u32),
            text: text.to_string(),
        }
    }

    fn stale() -> (Vec<Line>, Violation) {
        let mut listing = vec![
            line(None, "function %f(i32) -> i32 {"),
            line(None, "block0(v1: i32):"),
        ];
        listing.extend((0..10).map(|i| line(Some(i), &format!("    v1{i} = iconst.i32 {i}"))));
        listing.push(line(Some(10), "    call fn0(v10)"));
        listing.push(line(Some(11), "    v20 = load.i32 v1+4"));
        listing.push(line(Some(12), "    return v20"));
        listing.push(line(None, "}"));
        let step = |role, inst: Option<u32>| Step {
            role,
            block: Block::from_u32(0),
            inst: inst.map(Inst::from_u32),
        };
        let violation = Violation {
            error: GcError::StaleReference {
                inst: Inst::from_u32(11),
                value: Value::from_u32(1),
                safepoint: Inst::from_u32(10),
            },
            witness: Witness::from(vec![
                step(Role::Definition, None),
                step(Role::Safepoint, Some(10)),
                step(Role::Use, Some(11)),
            ]),
            rule: None,
        };
        (listing, violation)
    }

    #[test]
    fn steps_are_marked_and_the_rest_is_left_out() {
        let (listing, violation) = stale();
        let Excerpt(items) = Excerpt::new(&Listing::new(&listing), &violation);
        let marks: Vec<_> = items
            .iter()
            .filter_map(|item| match item {
                Item::Line { marks, .. } => marks.first(),
                Item::Elided => None,
            })
            .map(|mark| (mark.start, mark.width, mark.primary))
            .collect();
        // NB: Not v10, v11, … for v1.
        assert_eq!(marks, [(7, 2, false), (4, 13, false), (19, 2, true)]);
        assert_eq!(
            items.iter().filter(|item| **item == Item::Elided).count(),
            1
        );
        assert_eq!(items.len(), 2 + 1 + 4);
    }

    #[test]
    fn a_fault_that_no_step_shows_is_marked_as_a_whole() {
        let (listing, mut violation) = stale();
        violation.witness.steps.clear();
        let Excerpt(items) = Excerpt::new(&Listing::new(&listing), &violation);
        let labels: Vec<_> = items
            .iter()
            .flat_map(|item| match item {
                Item::Line { marks, .. } => marks.as_slice(),
                Item::Elided => &[],
            })
            .map(|mark| mark.label.as_str())
            .collect();
        assert_eq!(labels, ["stale-reference"]);
    }

    #[test]
    fn an_empty_listing_does_no_harm() {
        let (_, violation) = stale();
        assert_eq!(
            Excerpt::new(&Listing::default(), &violation),
            Excerpt::default()
        );
    }

    #[test]
    fn a_long_line_is_cut() {
        let (mut listing, violation) = stale();
        let arguments = ["v0"; 1000].join(", ");
        listing[13].text = format!("    v20 = call fn1({arguments}, v1)");
        let Excerpt(items) = Excerpt::new(&Listing::new(&listing), &violation);
        for item in items {
            if let Item::Line { text, marks, .. } = item {
                let width = text.chars().count();
                assert!(width <= MAX_WIDTH + 1);
                assert!(marks.iter().all(|mark| mark.start + mark.width <= width));
            }
        }
    }
}
