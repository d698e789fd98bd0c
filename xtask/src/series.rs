//! `patches/series`: which patches there are, and their order.

use crate::patch::Patch;
use crate::pins::{Pin, Pins};
use crate::project::Project;
use anyhow::{Context, Result, bail, ensure};
use sha2::{Digest, Sha256};
use std::collections::BTreeSet;
use std::fmt::Write;
use std::path::Path;

/// Changes with the way upstream/ is made, so that trees made the old way are made anew.
const FORMAT: &str = "cranelift-gc-verifier upstream tree 1";

/// The patch series.
#[derive(Debug, Default)]
pub struct Series {
    entries: Vec<Entry>,
    /// Comment lines after the last entry.
    tail: Vec<String>,
}

#[derive(Debug)]
struct Entry {
    /// Comment and empty lines above it.
    comments: Vec<String>,
    patch: Patch,
}

impl Series {
    /// Reads the series and its patches. No file, no patches.
    pub fn load(project: &Project) -> Result<Self> {
        Self::load_from(&project.patches())
    }

    /// Reads the series in a directory. No file, no patches.
    pub fn load_from(dir: &Path) -> Result<Self> {
        if !dir.join("series").exists() {
            return Ok(Self::default());
        }
        let text = fs_err::read_to_string(dir.join("series"))?;
        Self::parse(&text, dir)
    }

    fn parse(text: &str, dir: &Path) -> Result<Self> {
        let mut series = Self::default();
        let mut seen = BTreeSet::new();
        for (index, line) in text.lines().enumerate() {
            let place = || format!("patches/series:{}", index + 1);
            let name = line.trim();
            if name.is_empty() || name.starts_with('#') {
                series.tail.push(line.to_string());
                continue;
            }
            if name.contains(['/', '\\']) || !name.ends_with(".patch") {
                bail!("{}: `{name}` is not the name of a patch file", place());
            }
            ensure!(
                seen.insert(name.to_string()),
                "{}: `{name}` is listed twice",
                place()
            );
            let text = fs_err::read(dir.join(name)).with_context(place)?;
            let text =
                String::from_utf8(text).with_context(|| format!("patches/{name} is not UTF-8"))?;
            series.entries.push(Entry {
                comments: std::mem::take(&mut series.tail),
                patch: Patch {
                    name: name.into(),
                    text,
                },
            });
        }
        Ok(series)
    }

    /// The patches in order.
    pub fn patches(&self) -> impl ExactSizeIterator<Item = &Patch> {
        self.entries.iter().map(|entry| &entry.patch)
    }

    /// The patch in a file of that name.
    pub fn find(&self, name: &str) -> Option<&Patch> {
        self.patches().find(|patch| patch.name == name)
    }

    /// The series of other patches, with this one's comments where they belong to a patch that
    /// is still there. `renamed` tells the old name of a new patch.
    pub fn replace(
        mut self,
        patches: Vec<Patch>,
        renamed: impl Fn(&str) -> Option<String>,
    ) -> Self {
        // What is above the first patch describes the file.
        let head = self.entries.first_mut().map(|entry| {
            let comments = std::mem::take(&mut entry.comments);
            let own = comments.iter().rposition(|line| line.trim().is_empty());
            let (head, own) = comments.split_at(own.map_or(0, |at| at + 1));
            entry.comments = own.to_vec();
            head.to_vec()
        });
        let mut entries: Vec<_> = patches
            .into_iter()
            .map(|patch| {
                let old = renamed(&patch.name).unwrap_or_else(|| patch.name.clone());
                let entry = self.entries.iter_mut().find(|e| e.patch.name == old);
                Entry {
                    comments: entry
                        .map(|e| std::mem::take(&mut e.comments))
                        .unwrap_or_default(),
                    patch,
                }
            })
            .collect();
        let head = head.unwrap_or_default();
        match entries.first_mut() {
            Some(first) => first.comments.splice(0..0, head).for_each(drop),
            None => self.tail.splice(0..0, head).for_each(drop),
        }
        Self {
            entries,
            tail: self.tail,
        }
    }

    /// The text of the series file.
    pub fn text(&self) -> String {
        let mut text = String::new();
        for Entry { comments, patch } in &self.entries {
            for line in comments.iter().chain([&patch.name]) {
                writeln!(text, "{line}").expect("a string can be written to");
            }
        }
        for line in &self.tail {
            writeln!(text, "{line}").expect("a string can be written to");
        }
        text
    }

    /// What upstream/ is made from, as a hash: pins and the first `count` patches.
    pub fn key(&self, pins: &Pins, count: usize) -> String {
        let mut hash = Sha256::new();
        // Each field is preceded by its length, so that no two inputs look the same.
        let mut field = |bytes: &[u8]| {
            hash.update((bytes.len() as u64).to_le_bytes());
            hash.update(bytes);
        };
        field(FORMAT.as_bytes());
        let Pins { leave_out, crates } = pins;
        for name in leave_out {
            field(name.as_bytes());
        }
        for pin in crates {
            let Pin {
                name,
                version,
                path,
                sha256,
            } = pin;
            for text in [name, version, path, sha256] {
                field(text.as_bytes());
            }
        }
        for patch in self.patches().take(count) {
            field(patch.name.as_bytes());
            field(patch.text.as_bytes());
        }
        hex(&hash.finalize())
    }
}

/// Lower-case hexadecimal digits.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").expect("a string can be written to");
        text
    })
}
