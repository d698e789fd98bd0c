//! `patches/series`: which patches there are, and their order.

pub mod patch;

use crate::base::project::Project;
use crate::series::patch::Patch;
use anyhow::{Context, Result, bail, ensure};
use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

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
    /// Where it was read.
    file: PathBuf,
}

impl Series {
    /// Reads the series and its patches, as they are for the project's base. No file, no patches.
    pub fn load(project: &Project) -> Result<Self> {
        Self::load_from(&project.patches(), project.overlay().as_deref())
    }

    /// Reads the series in a directory, with the patches in `overlay` instead of those of the same name. No
    /// file, no patches.
    pub fn load_from(dir: &Path, overlay: Option<&Path>) -> Result<Self> {
        if !dir.join("series").exists() {
            return Ok(Self::default());
        }
        let text = fs_err::read_to_string(dir.join("series"))?;
        Self::parse(&text, dir, overlay)
    }

    fn parse(text: &str, dir: &Path, overlay: Option<&Path>) -> Result<Self> {
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
            let other = overlay.map(|overlay| overlay.join(name));
            let other = other.filter(|other| other.exists());
            let file = other.clone().unwrap_or_else(|| dir.join(name));
            let text = fs_err::read(&file).with_context(place)?;
            let text =
                String::from_utf8(text).with_context(|| format!("patches/{name} is not UTF-8"))?;
            series.entries.push(Entry {
                comments: std::mem::take(&mut series.tail),
                patch: Patch {
                    name: name.into(),
                    text,
                },
                file,
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

    /// The patches in order, to be changed.
    pub fn patches_mut(&mut self) -> impl Iterator<Item = &mut Patch> {
        self.entries.iter_mut().map(|entry| &mut entry.patch)
    }

    /// The patches with their files, in order.
    pub fn files(&self) -> impl ExactSizeIterator<Item = (&Patch, &Path)> {
        let entries = self.entries.iter();
        entries.map(|entry| (&entry.patch, entry.file.as_path()))
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
                let (comments, file) = entry
                    .map(|e| (std::mem::take(&mut e.comments), e.file.clone()))
                    .unwrap_or_default();
                Entry {
                    comments,
                    patch,
                    file,
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
        for Entry {
            comments, patch, ..
        } in &self.entries
        {
            for line in comments.iter().chain([&patch.name]) {
                writeln!(text, "{line}").expect("a string can be written to");
            }
        }
        for line in &self.tail {
            writeln!(text, "{line}").expect("a string can be written to");
        }
        text
    }
}
