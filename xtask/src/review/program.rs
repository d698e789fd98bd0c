//! `clif-gc`, built against the tree under review.
//!
//! Both programs are built in one workspace and target directory, one after the other, so that the second costs
//! only what the patch touches.

use crate::base::cargo::{self, BUILT_OFTEN};
use crate::base::hex::hex;
use crate::base::project::Project;
use crate::upstream::pins::Pins;
use anyhow::{Context, Result, ensure};
use sha2::{Digest, Sha256};
use std::fmt::Write as _;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::Stdio;

/// The package of the generated workspace, and its program.
const NAME: &str = "clif-gc-under-review";

/// What the program is made of besides the tree.
const SOURCES: [&str; 3] = ["clif-gc", "cranelift-gc-verifier", "filetests"];

/// How many errors of a build are told.
const MAX_ERRORS: usize = 20;

/// Where the programs are built and kept.
pub struct Builder<'a> {
    project: &'a Project,
    scratch: PathBuf,
    manifest: String,
    tree: PathBuf,
}

/// What came of a build.
pub enum Built {
    /// The program.
    Program(PathBuf),
    /// What the compiler says.
    Failed(String),
}

impl<'a> Builder<'a> {
    /// For this tree.
    pub fn new(project: &'a Project, pins: &Pins, tree: &Path) -> Result<Builder<'a>> {
        Ok(Builder {
            project,
            scratch: project.scratch("review"),
            manifest: manifest(project, pins, tree)?,
            tree: tree.to_path_buf(),
        })
    }

    /// The program without a patch; one that is there from an earlier review, if it is made of the same.
    pub fn base(&self, head: &str) -> Result<PathBuf> {
        let program = self.scratch.join("base");
        let stamp = self.scratch.join("base.key");
        let key = self.key(head)?;
        let is_same = fs_err::read_to_string(&stamp).is_ok_and(|there| there == key);
        if program.is_file() && is_same {
            return Ok(program);
        }
        eprintln!("review: building clif-gc without the patch");
        match self.build("base")? {
            Built::Program(program) => {
                fs_err::write(&stamp, key)?;
                Ok(program)
            }
            Built::Failed(errors) => {
                anyhow::bail!("clif-gc cannot be built without the patch\n{errors}")
            }
        }
    }

    /// The program with the patch that is in the tree.
    pub fn patched(&self) -> Result<Built> {
        eprintln!("review: building clif-gc with the patch");
        self.build("patched")
    }

    fn build(&self, name: &str) -> Result<Built> {
        let dir = self.scratch.join("program");
        fs_err::create_dir_all(dir.join(".cargo"))?;
        // The rules that it shows are those that it is built of.
        let cranelift = self.tree.join("cranelift/codegen");
        let config = format!("[env]\nCLIF_GC_CRANELIFT = {cranelift:?}\n");
        write_if_other(&dir.join(".cargo/config.toml"), &config)?;
        write_if_other(&dir.join("Cargo.toml"), &self.manifest)?;
        let lock = self.project.lock_file();
        if lock.exists() {
            fs_err::copy(lock, dir.join("Cargo.lock"))?;
        }
        cargo::resolve(&dir)?;
        let args = ["build", "--release", "--offline", "--color", "never"];
        let mut command = cargo::build_command(self.project, &dir, &args);
        let target = self.scratch.join("target");
        command.arg("--target-dir").arg(&target);
        let mut child = command
            .stderr(Stdio::piped())
            .spawn()
            .context("cannot start cargo")?;
        let stderr = child.stderr.take().expect("it is piped");
        let mut lines = Vec::new();
        for line in BufReader::new(stderr).split(b'\n') {
            let line = String::from_utf8_lossy(&line?).into_owned();
            eprintln!("{line}");
            lines.push(line);
        }
        if !child.wait()?.success() {
            return Ok(Built::Failed(errors(&lines, &self.tree)));
        }
        let program = self.scratch.join(name);
        let _ = fs_err::remove_file(&program);
        fs_err::copy(target.join("release").join(NAME), &program)?;
        Ok(Built::Program(program))
    }

    /// What the program without a patch is made of, as a hash.
    fn key(&self, head: &str) -> Result<String> {
        let mut hash = Sha256::new();
        // Each field is preceded by its length, so that no two inputs look the same.
        let mut field = |bytes: &[u8]| {
            hash.update((bytes.len() as u64).to_le_bytes());
            hash.update(bytes);
        };
        field(head.as_bytes());
        field(self.manifest.as_bytes());
        field(cargo::rustc_version().unwrap_or_default().as_bytes());
        let root = self.project.root();
        let mut files = vec![self.project.lock_file(), root.join("Cargo.toml")];
        for dir in SOURCES {
            sources(&root.join(dir), &mut files)?;
        }
        for file in files {
            field(file.to_string_lossy().as_bytes());
            field(&fs_err::read(&file)?);
        }
        Ok(hex(&hash.finalize()))
    }
}

/// The files that a crate is compiled from.
fn sources(dir: &Path, files: &mut Vec<PathBuf>) -> Result<()> {
    let mut names = Vec::new();
    for entry in fs_err::read_dir(dir)? {
        names.push(entry?.path());
    }
    names.sort();
    for path in names {
        let name = path.file_name().unwrap_or_default();
        let is_crate = dir.join("Cargo.toml").is_file();
        if path.is_dir() {
            if !is_crate || name == "src" {
                sources(&path, files)?;
            }
        } else if !is_crate || name == "Cargo.toml" || name == "build.rs" {
            files.push(path);
        }
    }
    Ok(())
}

fn write_if_other(path: &Path, text: &str) -> Result<()> {
    // Written again, it would look changed to cargo.
    if !fs_err::read_to_string(path).is_ok_and(|there| there == text) {
        fs_err::write(path, text)?;
    }
    Ok(())
}

fn manifest(project: &Project, pins: &Pins, tree: &Path) -> Result<String> {
    let root = project.root();
    let mut text = format!(
        "[workspace]\n\
         [package]\nname = \"{NAME}\"\nversion = \"0.0.0\"\nedition = \"2024\"\n\
         [[bin]]\nname = \"{NAME}\"\npath = {:?}\n\
         {BUILT_OFTEN}\
         [dependencies]\nclif-gc = {{ path = {:?} }}\n\
         [patch.crates-io]\n",
        root.join("clif-gc/src/main.rs"),
        root.join("clif-gc"),
    );
    ensure!(!pins.crates.is_empty(), "no crate is pinned");
    for pin in &pins.crates {
        let path = tree.join(&pin.path);
        writeln!(text, "{} = {{ path = {path:?} }}", pin.name)?;
    }
    Ok(text)
}

/// The errors in what cargo printed, each with its place; paths are those of the patch.
fn errors(lines: &[String], tree: &Path) -> String {
    let prefix = format!("{}/", tree.display());
    let mut found: Vec<String> = Vec::new();
    let mut is_script = false;
    for line in lines {
        let line = line.replace(&prefix, "");
        let trimmed = line.trim_start();
        is_script |= trimmed.starts_with("--- stderr");
        let is_error = (trimmed.starts_with("error") && !trimmed.starts_with("error: aborting"))
            || (is_script && !trimmed.is_empty() && !trimmed.starts_with("---"));
        if is_error || (trimmed.starts_with("--> ") && !found.is_empty()) {
            // NB: Of warnings, only places come.
            let is_place = trimmed.starts_with("--> ");
            let last_is_place = found.last().is_some_and(|last| last.starts_with("    -->"));
            if is_place && last_is_place {
                continue;
            }
            let indent = if is_place { "    " } else { "  " };
            found.push(format!("{indent}{trimmed}"));
        }
    }
    found.truncate(2 * MAX_ERRORS);
    match found.is_empty() {
        true => "  cargo says no more than that above".into(),
        false => found.join("\n"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_are_told_with_the_place_in_the_patch() {
        let text = "   Compiling a v1\nwarning: unused\n --> /t/a/src/w.rs:1:1\n\
                    error[E0425]: cannot find `x`\n  --> /t/cranelift/codegen/src/a.rs:7:3\n   |\n\
                    error: could not compile `a`\n";
        let lines: Vec<String> = text.lines().map(str::to_string).collect();
        let expected = "  error[E0425]: cannot find `x`\n    --> cranelift/codegen/src/a.rs:7:3\n  \
                        error: could not compile `a`";
        assert_eq!(errors(&lines, Path::new("/t")), expected);
    }

    #[test]
    fn what_a_build_script_says_is_told() {
        let text = "error: failed to run custom build command for `c`\n\nCaused by:\n  \
                    --- stderr\n  src/opts/a.isle:3: type error: no term `x`\n";
        let lines: Vec<String> = text.lines().map(str::to_string).collect();
        assert!(errors(&lines, Path::new("/t")).contains("a.isle:3: type error"));
    }
}
