//! Which Rust functions a patch touches, and marks in them by which it is seen that they run.
//!
//! **Claim.** A function is told to have run only if it did.
//!
//! **Strength.** The functions are found by their text. Code that a macro puts together, `const` functions and
//! tests are not looked at. That a function ran does not say that each of its lines did.

use super::tree::File;
use serde::Serialize;
use std::collections::BTreeSet;
use std::ops::Range;
use std::path::Path;

/// The variable that names the file to which marks are written.
pub const VARIABLE: &str = "CLIF_GC_REVIEW_MARKS";

/// What is built of a crate before the compiler is, and runs then.
const BUILD_TIME: [&str; 3] = [
    "cranelift/isle/isle/",
    "cranelift/codegen/meta/",
    "cranelift/codegen/build.rs",
];

/// A function that a patch touches.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Touched {
    /// The file.
    pub path: String,
    /// Its name.
    pub name: String,
    /// Its first line.
    pub line: usize,
    /// Whether it ran, if that is known.
    pub ran: Option<bool>,
}

/// The marks of a patch.
#[derive(Debug, Default)]
pub struct Marks {
    /// The functions. The mark of each is its position.
    pub functions: Vec<Touched>,
    /// The files with marks in them.
    texts: Vec<(String, String)>,
}

impl Marks {
    /// Finds the functions of these files that have changed lines.
    pub fn find(files: &[File]) -> Marks {
        let mut marks = Marks::default();
        for file in files.iter().filter(|file| file.path.ends_with(".rs")) {
            marks.find_in(file);
        }
        marks
    }

    fn find_in(&mut self, file: &File) {
        let all = functions(&file.new);
        let innermost = |line: usize| {
            let around = all.iter().filter(|f| f.lines.contains(&line));
            around.min_by_key(|f| f.lines.len())
        };
        let touched: BTreeSet<usize> = file
            .lines
            .iter()
            .flat_map(Clone::clone)
            .filter_map(|line| innermost(line).map(|f| f.open))
            .collect();
        let is_built_first = BUILD_TIME.iter().any(|start| file.path.starts_with(start));
        let mut text = file.new.clone();
        // NB: From the end, so that places stay what they are.
        let mut found = Vec::new();
        for function in all.iter().rev().filter(|f| touched.contains(&f.open)) {
            let number = self.functions.len() + found.len();
            let can_be_marked = function.can_be_marked && !is_built_first;
            if can_be_marked {
                text.insert_str(function.open + 1, &mark(number));
            }
            found.push(Touched {
                path: file.path.clone(),
                name: function.name.clone(),
                line: function.lines.start,
                ran: can_be_marked.then_some(false),
            });
        }
        self.functions.extend(found);
        if text != file.new {
            self.texts.push((file.path.clone(), text));
        }
    }

    /// Whether there are any.
    pub fn is_empty(&self) -> bool {
        self.texts.is_empty()
    }

    /// Writes them into the tree.
    pub fn write(&self, tree: &Path) -> anyhow::Result<()> {
        for (path, text) in &self.texts {
            fs_err::write(tree.join(path), text)?;
        }
        Ok(())
    }

    /// Takes them out of the tree: it is not known what runs.
    pub fn give_up(&mut self, tree: &Path, files: &[File]) -> anyhow::Result<()> {
        for file in files {
            if self.texts.iter().any(|(path, _)| *path == file.path) {
                fs_err::write(tree.join(&file.path), &file.new)?;
            }
        }
        self.texts.clear();
        for function in &mut self.functions {
            function.ran = None;
        }
        Ok(())
    }

    /// Takes note of what a run wrote.
    pub fn seen(&mut self, written: &str) {
        for number in written
            .lines()
            .filter_map(|line| line.parse::<usize>().ok())
        {
            if let Some(function) = self.functions.get_mut(number) {
                function.ran = Some(true);
            }
        }
    }
}

/// What is put at the start of a function. It is on one line, so that lines stay what they are.
fn mark(number: usize) -> String {
    format!(
        " {{ static MARK: ::std::sync::Once = ::std::sync::Once::new(); MARK.call_once(|| {{ \
         if let Some(path) = ::std::env::var_os({VARIABLE:?}) {{ \
         let file = ::std::fs::OpenOptions::new().append(true).create(true).open(path); \
         if let Ok(mut file) = file {{ \
         let _ = ::std::io::Write::write_all(&mut file, b\"{number}\\n\"); }} }} }}); }} "
    )
}

/// A function with a body.
#[derive(Debug)]
struct Function {
    name: String,
    /// Where the body is opened.
    open: usize,
    lines: Range<usize>,
    can_be_marked: bool,
}

/// The functions of a text that are no tests.
fn functions(text: &str) -> Vec<Function> {
    let code = blanked(text);
    let tests = tests(&code);
    let mut functions = Vec::new();
    for (at, _) in code.match_indices("fn ") {
        let before = code[..at].chars().next_back();
        let is_word = before.is_none_or(|c| !c.is_alphanumeric() && c != '_');
        let rest = &code[at + 3..];
        let ends = |c: char| !c.is_alphanumeric() && c != '_';
        let name = &rest[..rest.find(ends).unwrap_or(rest.len())];
        let Some(open) = body(&code, at).filter(|_| is_word && !name.is_empty()) else {
            continue;
        };
        if tests.iter().any(|range| range.contains(&at)) {
            continue;
        }
        let Some(close) = closing(&code, open) else {
            continue;
        };
        let start = code[..at].rfind([';', '{', '}']).map_or(0, |at| at + 1);
        let is_const = code[start..at].split_whitespace().any(|w| w == "const");
        let has_attribute = code[open + 1..].trim_start().starts_with("#!");
        functions.push(Function {
            name: name.to_string(),
            open,
            lines: line_of(text, at)..line_of(text, close) + 1,
            can_be_marked: !is_const && !has_attribute,
        });
    }
    functions
}

fn line_of(text: &str, at: usize) -> usize {
    text[..at].matches('\n').count() + 1
}

/// Where the body of the function is opened that begins at `at`, if it has one.
fn body(code: &str, at: usize) -> Option<usize> {
    let mut depth = 0_i32;
    for (offset, c) in code[at..].char_indices() {
        match c {
            '(' | '[' => depth += 1,
            ')' | ']' => depth -= 1,
            '{' if depth == 0 => return Some(at + offset),
            ';' if depth == 0 => return None,
            _ => {}
        }
    }
    None
}

/// Where the brace is closed that is opened at `open`.
fn closing(code: &str, open: usize) -> Option<usize> {
    let mut depth = 0_i32;
    for (offset, c) in code[open..].char_indices() {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            _ => continue,
        }
        if depth == 0 {
            return Some(open + offset);
        }
    }
    None
}

/// The items that are there for tests only.
fn tests(code: &str) -> Vec<Range<usize>> {
    let items = code.match_indices("#[cfg(test)]").filter_map(|(at, _)| {
        let open = body(code, at + "#[cfg(test)]".len())?;
        Some(at..closing(code, open)?)
    });
    items.collect()
}

/// The text with blanks for comments, strings and characters, each as long as what it stands for.
fn blanked(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = bytes.to_vec();
    let mut at = 0;
    while at < bytes.len() {
        let rest = &bytes[at..];
        let before = at.checked_sub(1).map(|at| bytes[at]);
        let in_word = before.is_some_and(|b| b.is_ascii_alphanumeric() || b == b'_');
        let length = match rest {
            [b'/', b'/', ..] => rest.iter().position(|&b| b == b'\n').unwrap_or(rest.len()),
            [b'/', b'*', ..] => block_comment(rest),
            [b'"', ..] => string(rest),
            [b'r', b'"' | b'#', ..] if !in_word || before == Some(b'b') => raw_string(rest),
            [b'\'', ..] => character(rest),
            _ => 0,
        };
        for byte in &mut out[at..at + length] {
            if *byte != b'\n' {
                *byte = b' ';
            }
        }
        at += length.max(1);
    }
    String::from_utf8(out).unwrap_or_else(|_| text.to_string())
}

fn block_comment(text: &[u8]) -> usize {
    let mut depth = 0_usize;
    let mut at = 0;
    while at < text.len() {
        match &text[at..] {
            [b'/', b'*', ..] => (depth, at) = (depth + 1, at + 2),
            [b'*', b'/', ..] => (depth, at) = (depth - 1, at + 2),
            _ => at += 1,
        }
        if depth == 0 {
            break;
        }
    }
    at
}

fn string(text: &[u8]) -> usize {
    let mut at = 1;
    while at < text.len() {
        match text[at] {
            b'\\' => at += 2,
            b'"' => return at + 1,
            _ => at += 1,
        }
    }
    text.len()
}

fn raw_string(text: &[u8]) -> usize {
    let hashes = text[1..].iter().take_while(|&&b| b == b'#').count();
    if text.get(1 + hashes) != Some(&b'"') {
        // NB: A raw identifier.
        return 0;
    }
    let end = [b"\"".as_slice(), &vec![b'#'; hashes]].concat();
    let body = &text[2 + hashes..];
    let close = body.windows(end.len()).position(|window| window == end);
    close.map_or(text.len(), |close| 2 + hashes + close + end.len())
}

/// The length of a character; 0 if it is a lifetime.
fn character(text: &[u8]) -> usize {
    let is_escaped = text.get(1) == Some(&b'\\');
    let from = if is_escaped { 3 } else { 2 };
    // NB: A character is of up to four bytes, and an escape is no longer than `\u{10ffff}`.
    let most = if is_escaped { 12 } else { 6 };
    let until = most.min(text.len());
    let close = (from..until).find(|&at| text[at] == b'\'');
    match close {
        Some(close) if is_escaped || std::str::from_utf8(&text[1..close]).is_ok_and(is_one) => {
            close + 1
        }
        _ => 0,
    }
}

fn is_one(text: &str) -> bool {
    text.chars().count() == 1
}

#[cfg(test)]
#[expect(clippy::single_range_in_vec_init, reason = "each is a range of lines")]
mod tests {
    use super::*;

    const TEXT: &str = r##"// fn not_this() {}
const fn fixed() -> u8 { 1 }
impl<'a> A<'a> {
    fn outer(&self, x: [u8; 4]) -> char
    where
        Self: Sized,
    {
        let c = '{';
        let s = "fn neither() {";
        let r = r#"}"#;
        fn inner() {
            /* } */
            1;
        }
        c
    }
    fn declared(&self);
}
#[cfg(test)]
mod tests {
    fn test() {
    }
}
"##;

    fn found(lines: &[Range<usize>]) -> Marks {
        Marks::find(&[File {
            path: "cranelift/codegen/src/a.rs".into(),
            old: String::new(),
            new: TEXT.into(),
            lines: lines.to_vec(),
        }])
    }

    fn names(marks: &Marks) -> Vec<&str> {
        marks.functions.iter().map(|f| f.name.as_str()).collect()
    }

    #[test]
    fn the_innermost_function_of_a_line_is_touched() {
        assert_eq!(names(&found(&[13..14])), ["inner"]);
        assert_eq!(names(&found(&[15..16])), ["outer"]);
        assert_eq!(names(&found(&[9..10])), ["outer"]);
        assert_eq!(names(&found(&[17..18, 21..22, 1..2])), [""; 0]);
        assert_eq!(names(&found(&[1..30])), ["inner", "outer", "fixed"]);
    }

    #[test]
    fn marks_keep_lines_and_are_read_again() {
        let mut marks = found(&[1..30]);
        let [(path, text)] = marks.texts.as_slice() else {
            panic!("one file is marked");
        };
        assert_eq!(path, "cranelift/codegen/src/a.rs");
        assert_eq!(text.lines().count(), TEXT.lines().count());
        assert_eq!(text.matches(VARIABLE).count(), 2);
        marks.seen("1\nx\n7\n");
        let ran: Vec<_> = marks.functions.iter().map(|f| f.ran).collect();
        assert_eq!(ran, [Some(false), Some(true), None]);
    }

    #[test]
    fn characters_are_no_lifetimes() {
        assert_eq!(character(b"'a' "), 3);
        assert_eq!(character(b"'\\n'"), 4);
        assert_eq!(character(b"'\\u{7d}' "), 8);
        assert_eq!(character(b"'a, 'b"), 0);
        assert_eq!(character("'ß'".as_bytes()), 4);
        assert_eq!(character(b"'static>"), 0);
    }

    #[test]
    fn what_runs_while_building_is_not_marked() {
        let marks = Marks::find(&[File {
            path: "cranelift/isle/isle/src/a.rs".into(),
            old: String::new(),
            new: "fn f() {\n}\n".into(),
            lines: vec![1..2],
        }]);
        assert!(marks.is_empty());
        assert_eq!(marks.functions[0].ran, None);
    }
}
