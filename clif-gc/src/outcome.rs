//! What became of one argument file, put together from its child processes.

use crate::configuration::Configuration;
use crate::diagnostic::{Diagnostic, Kind};
use crate::record::{FunctionRecord, Verdict};

/// What became of one file.
#[derive(Debug)]
pub struct FileOutcome {
    /// The parts that are judged on their own: the modules of a `.wast` file, else the file.
    pub entries: Vec<Entry>,
}

/// What became of a module, or of a file of functions.
#[derive(Debug)]
pub struct Entry {
    /// Its name: the path, for a module of a `.wast` file with the line.
    pub path: String,
    /// Which of the files that were found it is from, from 0.
    pub input: usize,
    /// The functions that were compiled, by configuration and index.
    pub functions: Vec<(Configuration, FunctionRecord)>,
    /// What could not be judged.
    pub errors: Vec<Diagnostic>,
    /// The configurations that it was compiled for, or should have been.
    pub configurations: Vec<Configuration>,
}

impl Entry {
    /// Nothing is known yet.
    pub fn new(path: impl Into<String>) -> Self {
        Entry {
            path: path.into(),
            input: 0,
            functions: Vec::new(),
            errors: Vec::new(),
            configurations: Vec::new(),
        }
    }

    /// Add an error, to the same one in other configurations if there is one.
    pub fn add_error(&mut self, error: Diagnostic) {
        match self.errors.iter_mut().find(|e| e.same_cause(&error)) {
            Some(same) => {
                for configuration in error.configurations {
                    if !same.configurations.contains(&configuration) {
                        same.configurations.push(configuration);
                    }
                }
            }
            None => self.errors.push(error),
        }
    }

    /// The file that it is in.
    pub fn file(&self) -> &str {
        match self.place() {
            Some((file, _)) => file,
            None => &self.path,
        }
    }

    /// The line of the file on which it begins, if it is a module of a script.
    pub fn line(&self) -> Option<usize> {
        self.place().map(|(_, line)| line)
    }

    /// The file and the line of a module of a script, `FILE.wast:LINE` or `FILE.wast:LINE:COLUMN`.
    fn place(&self) -> Option<(&str, usize)> {
        let (file, rest) = self.path.rsplit_once(".wast:")?;
        let line = rest.split(':').next()?.parse().ok()?;
        Some((&self.path[..file.len() + ".wast".len()], line))
    }

    /// Is the file a binary, in which an offset of a module is an offset of the file?
    pub fn is_binary(&self) -> bool {
        self.path.ends_with(".wasm")
    }

    /// Was it not begun when a signal came?
    pub fn is_untouched(&self) -> bool {
        let is_not_begun = |error: &Diagnostic| {
            error.kind == Kind::Interrupted && error.message == crate::supervise::NOT_BEGUN
        };
        self.errors.iter().any(is_not_begun)
    }

    /// The verdict on the functions that were judged.
    pub fn judged(&self) -> Verdict {
        self.functions
            .iter()
            .map(|(_, function)| function.verdict)
            .max()
            .unwrap_or(Verdict::Verified)
    }
}

impl FileOutcome {
    /// The file could not be judged at all.
    pub fn failed(path: impl Into<String>, error: Diagnostic) -> Self {
        let mut entry = Entry::new(path);
        entry.add_error(error);
        FileOutcome {
            entries: vec![entry],
        }
    }
}
