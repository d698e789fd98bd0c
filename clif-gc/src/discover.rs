//! From arguments to files.

use crate::diagnostic::{Diagnostic, Kind};
use crate::kind::FileKind;
use crate::triage::cleanup;
use std::fs::{self, Metadata};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use walkdir::{DirEntry, WalkDir};

/// The extensions of the files that are picked from a directory.
const EXTENSIONS: [&str; 4] = ["clif", "wasm", "wast", "wat"];

/// A file that was asked for.
#[derive(Debug)]
pub struct Input {
    /// Where it is.
    pub path: PathBuf,
    /// What it is called, if not as its path says.
    pub alias: Option<&'static str>,
    /// Why it cannot be read, if that is known.
    pub error: Option<Diagnostic>,
}

/// The argument that stands for standard input.
const STDIN: &str = "-";

/// What standard input is called.
const STDIN_NAME: &str = "<stdin>";

impl Input {
    /// What it is called in messages.
    pub fn name(&self) -> String {
        match self.alias {
            Some(alias) => alias.to_string(),
            None => self.path.display().to_string(),
        }
    }
}

/// The files that the arguments name, with those of directories sorted by path.
pub fn discover(arguments: &[PathBuf]) -> Vec<Input> {
    let mut inputs = Vec::new();
    let mut has_stdin = false;
    for path in arguments {
        if path.as_os_str() == STDIN {
            if !std::mem::replace(&mut has_stdin, true) {
                inputs.push(stdin());
            }
            continue;
        }
        match fs::metadata(path) {
            Ok(metadata) if metadata.is_dir() => walk(path, &mut inputs),
            Ok(metadata) => inputs.push(regular(path.clone(), &metadata)),
            Err(error) => inputs.push(unreadable(path.clone(), &error)),
        }
    }
    inputs
}

/// Standard input, as a file: each child process reads it anew.
fn stdin() -> Input {
    let kept = || -> io::Result<PathBuf> {
        let mut bytes = Vec::new();
        io::stdin().lock().read_to_end(&mut bytes)?;
        // NB: What is unknown is told by the child.
        let kind = FileKind::of_content(&bytes);
        let name = kind.map_or("stdin".to_string(), |kind| {
            format!("stdin.{}", kind.extension())
        });
        let path = cleanup::scratch()?.join(name);
        fs::write(&path, bytes)?;
        Ok(path)
    };
    let (path, error) = match kept() {
        Ok(path) => (path, None),
        Err(error) => {
            let error = Diagnostic::new(Kind::Unreadable, error.to_string());
            (PathBuf::from(STDIN), Some(error))
        }
    };
    Input {
        path,
        alias: Some(STDIN_NAME),
        error,
    }
}

/// The files below a directory. Links to files are followed, links to directories are not, so that
/// the walk ends.
fn walk(directory: &Path, inputs: &mut Vec<Input>) {
    let before = inputs.len();
    let entries = WalkDir::new(directory)
        .sort_by_file_name()
        .into_iter()
        .filter_entry(|entry| entry.depth() == 0 || !is_hidden(entry));
    for entry in entries {
        match entry {
            Ok(entry) if entry.file_type().is_dir() || !is_known(entry.path()) => {}
            Ok(entry) => inputs.extend(found(entry.into_path())),
            Err(error) => {
                let path = error.path().unwrap_or(directory).to_path_buf();
                inputs.push(unreadable(path, &error.into()));
            }
        }
    }
    if inputs.len() == before {
        inputs.push(Input {
            path: directory.to_path_buf(),
            alias: None,
            error: Some(Diagnostic::new(
                Kind::Unreadable,
                "no .clif, .wasm, .wast or .wat file in this directory",
            )),
        });
    }
}

fn found(path: PathBuf) -> Option<Input> {
    match fs::metadata(&path) {
        Ok(metadata) if metadata.is_dir() => None,
        Ok(metadata) => Some(regular(path, &metadata)),
        Err(error) => Some(unreadable(path, &error)),
    }
}

fn is_hidden(entry: &DirEntry) -> bool {
    entry.file_name().as_encoded_bytes().starts_with(b".")
}

fn is_known(path: &Path) -> bool {
    path.extension()
        .is_some_and(|extension| EXTENSIONS.iter().any(|known| extension == *known))
}

/// NB: Anything but a regular file could block, or never end.
fn regular(path: PathBuf, metadata: &Metadata) -> Input {
    let error =
        (!metadata.is_file()).then(|| Diagnostic::new(Kind::Unreadable, "not a regular file"));
    Input {
        path,
        alias: None,
        error,
    }
}

fn unreadable(path: PathBuf, error: &io::Error) -> Input {
    Input {
        path,
        alias: None,
        error: Some(Diagnostic::new(Kind::Unreadable, error.to_string())),
    }
}
