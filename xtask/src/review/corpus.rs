//! What both compilers are tried on.

use super::patch::{Section, TESTS};
use anyhow::{Result, ensure};
use std::path::{Path, PathBuf};

/// The project's own inputs.
const OWN: [&str; 3] = ["filetests/gc-verify", "filetests/replay", "filetests/wasm"];

/// The filetests, whose expectations are looked at, too.
pub const FILETESTS: &str = "filetests/gc-verify";

/// The directory of the functions that are made from rules, among the inputs.
pub const SYNTHESIZED: &str = "synthesized";

/// What the compile time is measured on.
pub const TIMED: &str = "filetests/wasm";

/// The inputs, as paths from the project's directory.
#[derive(Debug)]
pub struct Corpus {
    /// Files and directories.
    pub paths: Vec<String>,
    /// The tests that the patch brings along and that are not known as a whole.
    pub left_out: Vec<String>,
}

impl Corpus {
    /// Adds functions, a file each, so that one of them that is no good spoils no other.
    pub fn add(&mut self, root: &Path, dir: &Path, name: &str, functions: &[String]) -> Result<()> {
        if functions.is_empty() {
            return Ok(());
        }
        fs_err::create_dir_all(dir)?;
        for (number, text) in functions.iter().enumerate() {
            fs_err::write(dir.join(format!("{name}-{number}.clif")), text)?;
        }
        let path = dir.strip_prefix(root).unwrap_or(dir);
        let path = path.to_string_lossy().into_owned();
        // NB: The tests of the patch are in the directory above.
        let is_known = |known: &String| Path::new(&path).starts_with(known);
        if !self.paths.iter().any(is_known) {
            self.paths.push(path);
        }
        Ok(())
    }
}

/// Collects the inputs: the project's, those that were named, and the tests that the patch brings along, which
/// are written to `scratch`.
pub fn find(
    root: &Path,
    named: &[PathBuf],
    only: bool,
    sections: &[Section],
    scratch: &Path,
) -> Result<Corpus> {
    let mut paths: Vec<String> = Vec::new();
    if !only {
        let own = OWN.iter().filter(|path| root.join(path).is_dir());
        paths.extend(own.map(|path| path.to_string()));
    }
    for path in named {
        let path = std::path::absolute(path)?;
        ensure!(path.exists(), "{} does not exist", path.display());
        paths.push(path.to_string_lossy().into_owned());
    }
    if scratch.exists() {
        fs_err::remove_dir_all(scratch)?;
    }
    let mut left_out = Vec::new();
    let mut has_some = false;
    for section in sections {
        let name = section.path.replace('/', "-");
        if !TESTS.iter().any(|end| name.ends_with(end)) {
            continue;
        }
        let added = section.added();
        let mut texts = Vec::new();
        if let Some(whole) = &section.whole {
            texts.push((name.clone(), whole.clone()));
        } else if section.is_new() {
            texts.push((name.clone(), added));
        } else if let Some(stem) = name.strip_suffix(".clif") {
            let functions = whole_functions(&added).into_iter().enumerate();
            texts.extend(functions.map(|(at, text)| (format!("{stem}-{at}.clif"), text)));
        }
        if texts.is_empty() {
            left_out.push(section.path.clone());
        }
        for (name, text) in texts {
            fs_err::create_dir_all(scratch)?;
            fs_err::write(scratch.join(name), text)?;
            has_some = true;
        }
    }
    if has_some {
        let scratch = scratch.strip_prefix(root).unwrap_or(scratch);
        paths.push(scratch.to_string_lossy().into_owned());
    }
    ensure!(!paths.is_empty(), "there is nothing to compile");
    Ok(Corpus { paths, left_out })
}

/// The functions of CLIF that are there from the first line to the last.
fn whole_functions(added: &str) -> Vec<String> {
    let mut functions = Vec::new();
    let mut open: Option<String> = None;
    for line in added.split_inclusive('\n') {
        if line.starts_with("function ") {
            open = Some(String::new());
        }
        let Some(text) = &mut open else {
            continue;
        };
        text.push_str(line);
        if line.trim_end() == "}" {
            functions.extend(open.take());
        }
    }
    functions
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn functions_that_are_there_as_a_whole_are_found() {
        let added = "    v1 = iadd v0, v0\n}\n\nfunction %a() {\nblock0:\n    return\n}\n; check: x\n\
                     function %b() {\nblock0:\nfunction %c() {\n}\n";
        let found = whole_functions(added);
        assert_eq!(found.len(), 2);
        assert_eq!(found[0], "function %a() {\nblock0:\n    return\n}\n");
        assert_eq!(found[1], "function %c() {\n}\n");
    }

    #[test]
    fn tests_that_come_with_the_patch_are_inputs() {
        let dir = tempfile::tempdir().unwrap();
        let section = |path: &str, old: Option<&str>, text: &str| Section {
            path: path.into(),
            old_path: old.map(str::to_string),
            source: String::new(),
            text: text.into(),
            whole: None,
        };
        let sections = [
            section("t/new.clif", None, "@@ -0,0 +1 @@\n+function %x() {\n"),
            section("t/old.wat", Some("t/old.wat"), "@@ -1 +1,2 @@\n a\n+b\n"),
            section("src/a.rs", None, "@@ -0,0 +1 @@\n+a\n"),
        ];
        let scratch = dir.path().join("inputs");
        let corpus = find(dir.path(), &[], false, &sections, &scratch).unwrap();
        assert_eq!(corpus.paths, ["inputs"]);
        assert_eq!(corpus.left_out, ["t/old.wat"]);
        let text = fs_err::read_to_string(scratch.join("t-new.clif")).unwrap();
        assert_eq!(text, "function %x() {\n");
        assert!(find(dir.path(), &[], false, &[], &scratch).is_err());
    }
}
