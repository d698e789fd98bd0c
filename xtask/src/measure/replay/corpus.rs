//! What the faults are tried on: no input is a bug's own regression test.

use crate::base::project::Project;
use anyhow::{Result, ensure};
use std::path::Path;

/// Directories of inputs, and what files in them end with.
const INPUTS: &[(&str, &[&str])] = &[
    ("filetests/wasm", &["wat"]),
    ("filetests/replay", &["wat", "clif"]),
    ("filetests/gc-verify-independent", &["clif"]),
];

/// The directories that there have to be.
const REQUIRED: usize = 2;

/// The inputs, relative to the project's directory, in order.
#[derive(Debug)]
pub struct Corpus {
    /// Their paths.
    pub inputs: Vec<String>,
}

impl Corpus {
    /// Those that are named; all, if none are.
    pub fn select(mut self, names: &[String]) -> Result<Self> {
        for name in names {
            ensure!(self.inputs.contains(name), "`{name}` is no input");
        }
        if !names.is_empty() {
            self.inputs.retain(|input| names.contains(input));
        }
        Ok(self)
    }
}

/// Finds the inputs.
pub fn find(project: &Project) -> Result<Corpus> {
    let mut inputs = Vec::new();
    for (index, (dir, extensions)) in INPUTS.iter().enumerate() {
        let before = inputs.len();
        collect(project.root(), Path::new(dir), extensions, &mut inputs)?;
        ensure!(
            index >= REQUIRED || inputs.len() > before,
            "there are no inputs in {dir}"
        );
    }
    Ok(Corpus { inputs })
}

fn collect(root: &Path, dir: &Path, extensions: &[&str], inputs: &mut Vec<String>) -> Result<()> {
    if !root.join(dir).is_dir() {
        return Ok(());
    }
    let mut names = Vec::new();
    for entry in fs_err::read_dir(root.join(dir))? {
        names.push(dir.join(entry?.file_name()));
    }
    names.sort();
    for path in names {
        let extension = path.extension().unwrap_or_default().to_string_lossy();
        if root.join(&path).is_dir() {
            collect(root, &path, extensions, inputs)?;
        } else if extensions.contains(&&*extension) {
            inputs.push(path.to_string_lossy().into_owned());
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inputs_are_selected_by_name() {
        let corpus = |names: &[&str]| {
            let inputs = ["a.wat", "b.wat", "c.clif"].map(String::from).to_vec();
            let names: Vec<_> = names.iter().map(|name| name.to_string()).collect();
            Corpus { inputs }.select(&names)
        };
        assert_eq!(
            corpus(&["c.clif", "a.wat"]).unwrap().inputs,
            ["a.wat", "c.clif"]
        );
        assert_eq!(corpus(&[]).unwrap().inputs.len(), 3);
        assert!(corpus(&["d.wat"]).is_err());
    }
}
