//! One patch file: mail header, message, the block below `---`, the diff.

use anyhow::{Context, Result, ensure};
use std::fmt;

/// The longest subject that upstream's reviewers see in full.
pub const SUBJECT_MAX: usize = 72;

/// The widest line of a message that `git log` shows unbroken in 80 columns.
pub const LINE_MAX: usize = 75;

/// A patch of the series.
#[derive(Debug, Clone)]
pub struct Patch {
    /// File name in patches/.
    pub name: String,
    /// The file's text.
    pub text: String,
}

/// A hunk of a patch, and its place.
#[derive(Debug, PartialEq, Eq)]
pub struct Hunk<'a> {
    /// The file it changes.
    pub file: &'a str,
    /// The `@@` line.
    pub head: &'a str,
    /// First line in the old file.
    pub line: usize,
    /// From 1, in its file.
    pub number: usize,
    /// Hunks in that file.
    pub of: usize,
    /// Lines that it adds.
    pub added: usize,
    /// Lines that it removes.
    pub removed: usize,
}

impl fmt::Display for Hunk<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            file,
            head,
            number,
            of,
            ..
        } = self;
        write!(f, "{file}: hunk {number} of {of} ({head})")
    }
}

impl Patch {
    /// Start of the diff.
    fn diff_start(&self) -> usize {
        line_starts(&self.text)
            .find(|&at| self.text[at..].starts_with("diff --git "))
            .unwrap_or(self.text.len())
    }

    /// Header and message: all that comes before `---` or the diff.
    fn mail(&self) -> &str {
        let mail = &self.text[..self.diff_start()];
        match separator(mail) {
            Some(at) => &mail[..at],
            None => mail,
        }
    }

    /// The text between the line `---` and the diff, which `git am` drops.
    pub fn block(&self) -> Option<&str> {
        let mail = &self.text[..self.diff_start()];
        let block = mail[separator(mail)? + "---\n".len()..].trim_matches('\n');
        (!block.is_empty()).then_some(block)
    }

    /// The patch with another block.
    pub fn with_block(&self, block: Option<&str>) -> Self {
        let mut text = self.mail().trim_end().to_string();
        text.push_str("\n---\n");
        if let Some(block) = block {
            text.push_str(block.trim_matches('\n'));
            text.push_str("\n\n");
        }
        text.push_str(&self.text[self.diff_start()..]);
        Self {
            name: self.name.clone(),
            text,
        }
    }

    /// A header field, unfolded.
    pub fn header(&self, field: &str) -> Option<String> {
        let mail = self.mail();
        let header = &mail[..mail.find("\n\n").unwrap_or(mail.len())];
        let mut lines = header.lines().skip_while(|line| {
            line.split_once(':')
                .is_none_or(|(name, _)| !name.eq_ignore_ascii_case(field))
        });
        let (_, first) = lines.next()?.split_once(':')?;
        let mut value = first.trim().to_string();
        for line in lines.take_while(|line| line.starts_with([' ', '\t'])) {
            value.push(' ');
            value.push_str(line.trim());
        }
        Some(value)
    }

    /// The commit's subject.
    pub fn subject(&self) -> Result<String> {
        let subject = self.header("Subject");
        let subject = subject.with_context(|| format!("{} has no Subject", self.name))?;
        let subject = subject
            .strip_prefix("[PATCH]")
            .unwrap_or(&subject)
            .trim()
            .to_string();
        ensure!(!subject.is_empty(), "{} has an empty Subject", self.name);
        Ok(subject)
    }

    /// The commit's message below the subject.
    pub fn body(&self) -> &str {
        let mail = self.mail();
        mail.find("\n\n")
            .map_or("", |end| &mail[end..])
            .trim_matches('\n')
    }

    /// All hunks, in order.
    pub fn hunks(&self) -> Vec<Hunk<'_>> {
        let mut hunks: Vec<Hunk<'_>> = Vec::new();
        let mut file = "";
        // Lines of the current hunk that are still to come: a removed line `-- x` looks like
        // the header `--- x` otherwise.
        let mut old = 0;
        let mut new = 0;
        for line in self.text[self.diff_start()..].lines() {
            if old + new > 0 {
                let hunk = hunks.last_mut().expect("counts are set with a hunk");
                match line.as_bytes().first() {
                    Some(b'+') => {
                        new -= 1.min(new);
                        hunk.added += 1;
                    }
                    Some(b'-') => {
                        old -= 1.min(old);
                        hunk.removed += 1;
                    }
                    Some(b'\\') => {}
                    _ => {
                        old -= 1.min(old);
                        new -= 1.min(new);
                    }
                }
            } else if let Some(name) = line.strip_prefix("--- a/") {
                file = name;
            } else if let Some(name) = line.strip_prefix("+++ b/") {
                file = name;
            } else if let Some((old_range, new_range)) = ranges(line) {
                (old, new) = (old_range.1, new_range.1);
                let number = hunks.iter().filter(|hunk| hunk.file == file).count() + 1;
                hunks.push(Hunk {
                    file,
                    head: line,
                    line: old_range.0,
                    number,
                    of: 0,
                    added: 0,
                    removed: 0,
                });
            }
        }
        for index in 0..hunks.len() {
            hunks[index].of = hunks
                .iter()
                .filter(|hunk| hunk.file == hunks[index].file)
                .count();
        }
        hunks
    }
}

/// The file name for a subject: lower case, everything but letters and digits a hyphen.
pub fn slug(subject: &str) -> String {
    let words: Vec<_> = subject
        .split(|c: char| !c.is_ascii_alphanumeric())
        .filter(|word| !word.is_empty())
        .map(str::to_ascii_lowercase)
        .collect();
    words.join("-")
}

/// The position of the line `---` that ends the message.
fn separator(mail: &str) -> Option<usize> {
    line_starts(mail).find(|&at| mail[at..].starts_with("---\n"))
}

fn line_starts(text: &str) -> impl Iterator<Item = usize> {
    std::iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at + 1))
}

/// Start and length in the old and in the new file, from `@@ -1,2 +3,4 @@`.
fn ranges(line: &str) -> Option<((usize, usize), (usize, usize))> {
    let (old, rest) = line.strip_prefix("@@ -")?.split_once(" +")?;
    let (new, _) = rest.split_once(" @@")?;
    let range = |text: &str| -> Option<(usize, usize)> {
        let (start, length) = text.split_once(',').unwrap_or((text, "1"));
        Some((start.parse().ok()?, length.parse().ok()?))
    };
    Some((range(old)?, range(new)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn patch(block: &str) -> Patch {
        Patch {
            name: "a-b.patch".into(),
            text: format!(
                "From 0 Mon Sep 17 00:00:00 2001\nFrom: A <a@b>\nSubject: [PATCH] egraph: ask\n \
                 the guard\n\nWhy.\n{block}\ndiff --git a/d/x.rs b/d/x.rs\nindex 0..1 100644\n\
                 --- a/d/x.rs\n+++ b/d/x.rs\n@@ -1,2 +1,2 @@ fn f\n--- gone\n+++ come\n a\n\
                 @@ -9 +9,2 @@\n a\n+b\ndiff --git a/y b/y\nnew file mode 100644\n\
                 --- /dev/null\n+++ b/y\n@@ -0,0 +1 @@\n+1\n"
            ),
        }
    }

    #[test]
    fn a_patch_is_taken_apart() {
        let patch = patch("---\nForwarded: no\nBug: #1\n");
        assert_eq!(patch.subject().unwrap(), "egraph: ask the guard");
        assert_eq!(patch.body(), "Why.");
        assert_eq!(patch.block(), Some("Forwarded: no\nBug: #1"));
        let hunks = patch.hunks();
        assert_eq!(hunks.len(), 3);
        assert_eq!((hunks[0].removed, hunks[0].added), (1, 1));
        assert_eq!(hunks[1].to_string(), "d/x.rs: hunk 2 of 2 (@@ -9 +9,2 @@)");
        assert_eq!((hunks[2].file, hunks[2].line), ("y", 0));
    }

    #[test]
    fn the_block_can_be_set_and_removed() {
        let with = patch("---\nForwarded: no\n").with_block(Some("Forwarded: no"));
        let without = patch("").with_block(None);
        assert_eq!(with.with_block(None).text, without.text);
        assert_eq!(without.with_block(Some("Forwarded: no")).text, with.text);
        assert_eq!(with.with_block(with.block()).text, with.text);
        assert_eq!(without.block(), None);
    }

    #[test]
    fn slugs_are_plain() {
        assert_eq!(
            slug("Cranelift: ask `Guard::ask` (1/2)"),
            "cranelift-ask-guard-ask-1-2"
        );
    }
}
