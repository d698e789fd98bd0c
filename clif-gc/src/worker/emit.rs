//! Writes functions as filetests.
//!
//! **Claim.** What is written, judged as a file of its own for the same target, optimization level
//! and collector, has the verdict and the subjects that it had in its module, unless a callee was
//! inlined: a file holds one function.
//!
//! A file is named after the module, the configuration and the function, with what is not safe in
//! a name replaced, and with a hash of what it stands for, so that no two are the same.

use crate::configuration::Configuration;
use crate::diagnostic::{Diagnostic, Kind};
use crate::record::FunctionId;
use crate::text::fnv;
use cranelift_gc_verifier::{FunctionReport, Input, Report, Verdict};
use std::fmt::Write as _;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// How much of a module's name becomes part of a file's name, from its end.
const MAX_MODULE: usize = 60;

/// What a name does not begin or end with.
const EDGES: [char; 3] = ['_', '.', '-'];

/// How much of a function's name becomes part of a file's name, from its beginning.
const MAX_FUNCTION: usize = 60;

/// Make the directory, and make sure that files can be written there.
///
/// # Errors
///
/// Fails, with what is to be told, if they cannot.
pub fn prepare(dir: &Path) -> Result<(), String> {
    let failed = |error: io::Error| format!("cannot write to {}: {error}", dir.display());
    fs::create_dir_all(dir).map_err(failed)?;
    let probe = dir.join(format!(".clif-gc-{}", std::process::id()));
    fs::write(&probe, "").map_err(failed)?;
    fs::remove_file(&probe).map_err(failed)
}

/// The directory to which functions are written.
pub struct Emit {
    dir: PathBuf,
    /// Are only those written that are rejected?
    rejected_only: bool,
}

impl Emit {
    /// Write to this directory, which is there.
    pub fn new(dir: PathBuf, rejected_only: bool) -> Self {
        Emit { dir, rejected_only }
    }

    /// Write functions of this module, compiled like that.
    pub fn unit<'a>(&'a self, module: &'a str, configuration: &'a Configuration) -> Unit<'a> {
        Unit {
            dir: &self.dir,
            rejected_only: self.rejected_only,
            module,
            configuration,
            unwritten: None,
        }
    }
}

/// One compilation whose functions are written.
pub struct Unit<'a> {
    dir: &'a Path,
    rejected_only: bool,
    module: &'a str,
    configuration: &'a Configuration,
    unwritten: Option<Diagnostic>,
}

impl Unit<'_> {
    /// Write the function that is called `id`, of which `copy` others were written.
    pub fn function(&mut self, id: &FunctionId, copy: usize, report: &FunctionReport) {
        let Some(input) = &report.input else {
            return;
        };
        if self.rejected_only && report.report.verdict() != Verdict::Rejected {
            return;
        }
        let path = self.dir.join(self.name(id, copy));
        if let Err(error) = fs::write(&path, self.text(id, input)) {
            let message = format!("cannot write {}: {error}", path.display());
            let diagnostic = Diagnostic::new(Kind::Unwritable, message);
            self.unwritten.get_or_insert(diagnostic);
        }
    }

    /// What could not be written first.
    pub fn end(self) -> Option<Diagnostic> {
        self.unwritten
    }

    fn name(&self, id: &FunctionId, copy: usize) -> String {
        let FunctionId {
            function,
            name: _,
            index: _,
            line,
        } = id;
        let configuration = self.configuration.to_string();
        let module = safe(self.module);
        // NB: What is safe is ASCII. Files whose names begin with a dot are hidden.
        let module = &module[module.len().saturating_sub(MAX_MODULE)..];
        let module = module.trim_start_matches(EDGES);
        let short = safe(function);
        let short = &short[..short.len().min(MAX_FUNCTION)];
        let hash = fnv(&format!(
            "{}\0{configuration}\0{function}\0{line:?}\0{copy}",
            self.module
        ));
        format!("{module}-{}-{short}-{hash:016x}.clif", safe(&configuration))
    }

    fn text(&self, id: &FunctionId, input: &Input) -> String {
        let Configuration {
            target: _,
            collector,
            opt_level,
            embedding: _,
        } = self.configuration;
        let mut text = String::new();
        let target = &input.target;
        let mut line = |line: String| {
            text.push_str(line.trim_end());
            text.push('\n');
        };
        line(format!("; {}", printable(&title(self.module, id))));
        line(format!("test gc-verify collector={collector}"));
        line(format!("set opt_level={opt_level}"));
        line("set gc_verifier=check".to_owned());
        for (name, value) in &target.settings {
            if !matches!(*name, "opt_level" | "gc_verifier") {
                line(format!("set {name}={value}"));
            }
        }
        let settings = target.isa_settings.iter();
        let settings: String = settings.fold(String::new(), |mut all, (name, value)| {
            let _ = write!(all, " {name}={value}");
            all
        });
        line(format!("target {}{settings}", target.triple));
        line(String::new());
        let counts = &input.report.counts;
        if counts.safepoints + counts.dereferences + counts.positions == 0 {
            line("; no-subjects".to_owned());
        }
        function(input, line);
        text
    }
}

/// The lines of the function, with what was found in it.
fn function(input: &Input, mut line: impl FnMut(String)) {
    let Report {
        counts: _,
        violations,
        inconclusive,
    } = &input.report;
    let mut lines = input.lines.iter();
    if let Some(header) = lines.next() {
        line(header.text.clone());
    }
    for reason in inconclusive {
        line(format!("    ; inconclusive: {}", reason.reason()));
    }
    let mut last = None;
    for next in lines {
        // NB: The lines of an instruction are it and the aliases of its results.
        let errors = violations
            .iter()
            .map(|violation| &violation.error)
            .filter(|error| next.inst == Some(error.inst()) && last != next.inst);
        let mut text = next.text.clone();
        for error in errors {
            let code = error.code();
            // NB: The numbers of instructions are not the same in the text.
            let _ = write!(text, " ; error: {code} {}", code.name());
        }
        last = next.inst;
        line(text);
    }
}

fn title(module: &str, id: &FunctionId) -> String {
    match &id.name {
        Some(name) => format!("{module}: {} ({name})", id.function),
        None => format!("{module}: {}", id.function),
    }
}

/// Without what would end or divide a comment.
fn printable(text: &str) -> String {
    let replace = |c: char| if c.is_control() || c == ';' { ' ' } else { c };
    text.chars().map(replace).collect()
}

/// As a part of a file's name.
fn safe(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        let is_safe = c.is_ascii_alphanumeric() || matches!(c, '.' | '-');
        match c {
            c if is_safe => safe.push(c),
            _ if safe.ends_with('_') => {}
            _ => safe.push('_'),
        }
    }
    let trimmed = safe.trim_matches(EDGES);
    match trimmed {
        "" => "x".to_owned(),
        trimmed => trimmed.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_safe() {
        assert_eq!(safe("../a b/ä.wat:3"), "a_b_.wat_3");
        assert_eq!(safe("wasm[0]::function[7]"), "wasm_0_function_7");
        assert_eq!(safe("%../.."), "x");
        assert_eq!(safe(""), "x");
    }

    #[test]
    fn a_title_is_one_comment() {
        assert_eq!(printable("a\nb; error: c"), "a b  error: c");
    }
}
