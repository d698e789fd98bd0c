//! From the command line to requests, and from outcomes to exit codes.

use super::outcome::{Class, Outcome};
use super::protocol::{Looker, Plan, Request, Tell, Wish};
use crate::discover::discover;
use crate::exit::Exit;
use crate::kind::FileKind;
use crate::outcome::FileOutcome;
use crate::render;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// A file that was asked for.
#[derive(Clone, Debug)]
pub struct Input {
    /// Where it is.
    pub path: PathBuf,
    /// What it is called in messages.
    pub name: String,
}

/// What kind of file it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// CLIF.
    Clif,
    /// A script of modules and assertions.
    Script,
    /// A module, as text or binary.
    Module,
}

/// The one file that the arguments name; if there is none, that was said, and this is how the command ends.
///
/// # Errors
///
/// If it is none, or a directory.
pub fn input(path: &Path) -> Result<Input, Exit> {
    let failed = |message: String| {
        let diagnostic =
            crate::diagnostic::Diagnostic::new(crate::diagnostic::Kind::Unreadable, message);
        let outcome = FileOutcome::failed(path.display().to_string(), diagnostic);
        for entry in &outcome.entries {
            render::to_stderr(&render::diagnostics(entry));
        }
        Exit::Unusable
    };
    if path.is_dir() {
        return Err(failed("a directory; one file is needed".to_string()));
    }
    let inputs = discover(&[path.to_path_buf()]);
    match inputs.into_iter().next() {
        Some(found) => match &found.error {
            Some(error) => Err(failed(error.message.clone())),
            None => Ok(Input {
                name: found.name(),
                path: found.path,
            }),
        },
        None => Err(failed("no such file".to_string())),
    }
}

impl Input {
    /// A request to compile it so, with nobody looking on.
    pub fn request(&self, wish: Wish) -> Request {
        Request {
            path: OsString::from(&self.path),
            name: self.name.clone(),
            wish,
            looker: Looker::Off,
            plan: Plan::default(),
            tell: Tell::default(),
            run: None,
            without_checks: Vec::new(),
            filetest: None,
        }
    }

    /// What kind of file it is.
    pub fn format(&self) -> Format {
        let bytes = std::fs::read(&self.path).unwrap_or_default();
        match FileKind::of(&self.path, &bytes) {
            Some(FileKind::Clif) => Format::Clif,
            Some(FileKind::Wast) => Format::Script,
            Some(FileKind::Wasm | FileKind::Wat) | None => Format::Module,
        }
    }
}

/// How a command ends that saw this.
pub fn exit_of(outcome: &Outcome) -> Exit {
    match outcome.class() {
        Class::Fine => Exit::Verified,
        Class::Finding | Class::Error => Exit::Rejected,
        Class::Crash | Class::Unknown => Exit::Unusable,
    }
}
