//! The stack maps in the text of a function.

use std::collections::BTreeSet;

/// How a stack map begins.
const MAP: &str = ", stack_map=[";

/// An entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) ty: String,
    pub(super) slot: u32,
    pub(super) offset: u32,
}

/// A line, and the map of its call.
struct Line {
    before: String,
    map: Vec<Entry>,
    after: String,
}

/// The lines of a function.
pub(super) struct Maps {
    lines: Vec<Line>,
}

impl Maps {
    pub(super) fn new(text: &str) -> Self {
        let lines = text.lines().map(Line::new).collect();
        Maps { lines }
    }

    /// The lines that have a map.
    pub(super) fn indices(&self) -> Vec<usize> {
        let has_map = |index: &usize| !self.lines[*index].map.is_empty();
        (0..self.lines.len()).filter(has_map).collect()
    }

    /// All places that some map names.
    pub(super) fn places(&self) -> BTreeSet<(u32, u32)> {
        let entries = self.lines.iter().flat_map(|line| &line.map);
        entries.map(|entry| (entry.slot, entry.offset)).collect()
    }

    pub(super) fn map(&mut self, index: usize) -> &mut Vec<Entry> {
        &mut self.lines[index].map
    }

    /// Declares one more slot, and tells its number.
    pub(super) fn add_slot(&mut self) -> u32 {
        let numbers = self.lines.iter().filter_map(|line| {
            let declared = line.before.trim_start().strip_prefix("ss")?;
            declared.split_once(" = ")?.0.parse::<u32>().ok()
        });
        let number = numbers.max().map_or(0, |most| most + 1);
        let at = self
            .lines
            .iter()
            .position(|line| line.before.contains("ss0 = "));
        let line = Line::new(&format!("    ss{number} = explicit_slot 4, align = 4"));
        // NB: Where slots are declared, or right after the signature.
        self.lines.insert(at.unwrap_or(1), line);
        number
    }

    /// Inserts lines before that one.
    pub(super) fn insert(&mut self, index: usize, lines: &[String]) {
        let lines = lines.iter().map(|line| Line::new(line));
        self.lines.splice(index..index, lines);
    }

    /// A number that is no value's.
    pub(super) fn fresh_value(&self) -> u32 {
        let text = self.lines.iter().map(|line| line.before.as_str());
        let numbers = text
            .flat_map(|line| line.split('v').skip(1))
            .filter_map(|rest| {
                let end = rest.find(|c: char| !c.is_ascii_digit());
                rest[..end.unwrap_or(rest.len())].parse::<u32>().ok()
            });
        numbers.max().unwrap_or(0) + 1
    }

    pub(super) fn finish(&self) -> String {
        self.lines.iter().map(Line::text).collect()
    }
}

impl Line {
    fn new(line: &str) -> Self {
        let plain = Line {
            before: line.to_string(),
            map: Vec::new(),
            after: String::new(),
        };
        let Some((before, rest)) = line.split_once(MAP) else {
            return plain;
        };
        let (list, after) = rest.split_once(']').expect("a list ends");
        Line {
            before: before.to_string(),
            map: list.split(", ").map(Entry::new).collect(),
            after: after.to_string(),
        }
    }

    fn text(&self) -> String {
        let entries: Vec<String> = self.map.iter().map(Entry::text).collect();
        let (before, after) = (&self.before, &self.after);
        match entries.is_empty() {
            true => format!("{before}{after}\n"),
            false => format!("{before}{MAP}{}]{after}\n", entries.join(", ")),
        }
    }
}

impl Entry {
    fn new(text: &str) -> Self {
        let read = || {
            let (ty, place) = text.split_once(" @ ss")?;
            let (slot, offset) = place.split_once('+')?;
            Some(Entry {
                ty: ty.to_string(),
                slot: slot.parse().ok()?,
                offset: offset.parse().ok()?,
            })
        };
        read().unwrap_or_else(|| panic!("`{text}` is an entry"))
    }

    fn text(&self) -> String {
        let Entry { ty, slot, offset } = self;
        format!("{ty} @ ss{slot}+{offset}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn maps_are_written_as_they_are_read() {
        let text = "function %f() {\n    ss0 = explicit_slot 4\n\nblock0:\n    \
                    call fn0(v7), stack_map=[i32 @ ss0+0, i64 @ ss1+4] ; it\n    call fn0()\n}\n";
        let mut maps = Maps::new(text);
        assert_eq!(maps.finish(), text);
        let line = maps.indices()[0];
        assert_eq!(maps.indices(), [line]);
        maps.map(line).remove(0);
        assert!(
            maps.finish()
                .contains("call fn0(v7), stack_map=[i64 @ ss1+4] ; it\n")
        );
        maps.map(line).clear();
        assert!(maps.finish().contains("call fn0(v7) ; it\n"));
        assert_eq!(maps.fresh_value(), 8);
        assert_eq!(maps.add_slot(), 1);
        assert!(maps.finish().contains("    ss1 = explicit_slot 4"));
    }
}
