//! What a run of clif-gc reports (docs/json-schema.md), and sums of that.

use anyhow::Result;
use serde::Deserialize;
use std::collections::BTreeMap;

/// What was found.
#[derive(Debug, Clone, Default)]
pub struct Outcome {
    /// What was looked at.
    pub totals: Totals,
    /// How often each reason made a check impossible.
    pub reasons: BTreeMap<String, u64>,
    /// How many files could not be judged, or not in full, for each kind of error.
    pub errors: BTreeMap<String, u64>,
    /// Violations and failures, one line each; a timeout is neither.
    pub complaints: Vec<String>,
    /// The files that took too long.
    pub slow: Vec<String>,
}

/// Sums of what was looked at.
#[derive(Debug, Clone, Default, Deserialize)]
#[allow(missing_docs, reason = "the schema tells")]
pub struct Totals {
    pub files: u64,
    pub functions: u64,
    pub safepoints: u64,
    pub references: u64,
    pub dereferences: u64,
    pub records: u64,
    pub rewrites: u64,
    pub violations: u64,
    pub inconclusive: u64,
}

#[derive(Debug, Deserialize)]
struct Document {
    files: Vec<File>,
    totals: Totals,
}

#[derive(Debug, Deserialize)]
struct File {
    path: String,
    errors: Vec<Error>,
    functions: Vec<Function>,
}

#[derive(Debug, Deserialize)]
struct Error {
    kind: String,
    message: String,
}

#[derive(Debug, Deserialize)]
struct Function {
    function: String,
    configuration: Configuration,
    violations: Vec<Violation>,
    inconclusive: Vec<Inconclusive>,
}

#[derive(Debug, Deserialize)]
struct Configuration {
    target: String,
    collector: Option<String>,
    opt_level: Option<String>,
    embedding: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Violation {
    code: String,
    layer: String,
    message: String,
}

#[derive(Debug, Deserialize)]
struct Inconclusive {
    reason: String,
}

const TIMEOUT: &str = "timeout";

impl Outcome {
    /// What a JSON report tells.
    pub fn read(json: &[u8]) -> Result<Self> {
        // NB: From a string: of bytes, serde_json would check each string by itself.
        let document: Document = serde_json::from_str(std::str::from_utf8(json)?)?;
        let mut outcome = Self {
            totals: document.totals,
            ..Self::default()
        };
        for file in &document.files {
            outcome.file(file);
        }
        Ok(outcome)
    }

    fn file(&mut self, file: &File) {
        let path = &file.path;
        let kinds: std::collections::BTreeSet<_> = file.errors.iter().map(|e| &e.kind).collect();
        for kind in kinds {
            *self.errors.entry(kind.clone()).or_default() += 1;
        }
        for Error { kind, message } in &file.errors {
            match kind.as_str() {
                TIMEOUT => self.slow.push(format!("{path}: {message}")),
                _ => self.complaints.push(format!("{path}: {kind}: {message}")),
            }
        }
        for function in &file.functions {
            for Inconclusive { reason } in &function.inconclusive {
                *self.reasons.entry(reason.clone()).or_default() += 1;
            }
            for violation in &function.violations {
                self.complaints.push(complaint(path, function, violation));
            }
        }
    }

    /// Adds what another run found.
    pub fn add(&mut self, other: Self) {
        let Self {
            totals,
            reasons,
            errors,
            complaints,
            slow,
        } = other;
        self.totals.add(&totals);
        for (sums, counts) in [(&mut self.reasons, reasons), (&mut self.errors, errors)] {
            for (name, count) in counts {
                *sums.entry(name).or_default() += count;
            }
        }
        self.complaints.extend(complaints);
        self.slow.extend(slow);
    }

    /// How many files took too long.
    pub fn timeouts(&self) -> u64 {
        self.errors.get(TIMEOUT).copied().unwrap_or_default()
    }

    /// How many files could not be judged for other reasons.
    pub fn failed(&self) -> u64 {
        self.errors.values().sum::<u64>() - self.timeouts()
    }

    /// One line.
    pub fn summary(&self) -> String {
        let Totals {
            files,
            functions,
            safepoints,
            violations,
            inconclusive,
            ..
        } = self.totals;
        format!(
            "{files} files, {functions} functions, {safepoints} safepoints, {violations} violations, \
             {inconclusive} inconclusive, {} timeouts, {} failed",
            self.timeouts(),
            self.failed()
        )
    }
}

fn complaint(path: &str, function: &Function, violation: &Violation) -> String {
    let Violation {
        code,
        layer,
        message,
    } = violation;
    let Configuration {
        target,
        collector,
        opt_level,
        embedding,
    } = &function.configuration;
    let parts = [collector, opt_level, embedding].into_iter().flatten();
    let at = parts.fold(target.clone(), |at, part| format!("{at} {part}"));
    format!(
        "{path}: {} ({at}): {code} after {layer}: {message}",
        function.function
    )
}

impl Totals {
    /// Adds other sums.
    pub fn add(&mut self, other: &Self) {
        let Self {
            files,
            functions,
            safepoints,
            references,
            dereferences,
            records,
            rewrites,
            violations,
            inconclusive,
        } = other;
        self.files += files;
        self.functions += functions;
        self.safepoints += safepoints;
        self.references += references;
        self.dereferences += dereferences;
        self.records += records;
        self.rewrites += rewrites;
        self.violations += violations;
        self.inconclusive += inconclusive;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const REPORT: &str = r#"{
        "files": [{"path": "a.wasm", "errors": [
            {"kind": "timeout", "message": "did not end within 1 s"},
            {"kind": "timeout", "message": "no time was left for 3 more compilations"}
        ], "functions": [{
            "function": "%f", "name": "f",
            "configuration": {"target": "x86_64", "collector": "drc", "opt_level": "speed"},
            "violations": [{"code": "GCV02", "layer": "input", "message": "inst1 uses it"}],
            "inconclusive": [{"reason": "pass-failed", "message": "x"}]
        }]}],
        "totals": {"files": 1, "functions": 1, "safepoints": 2, "references": 3,
            "dereferences": 4, "records": 5, "rewrites": 6, "violations": 1, "inconclusive": 1,
            "errors": 2}
    }"#;

    #[test]
    fn a_report_is_summed_up() {
        let mut outcome = Outcome::read(REPORT.as_bytes()).unwrap();
        outcome.add(outcome.clone());
        assert_eq!(outcome.totals.references, 6);
        assert_eq!(outcome.reasons["pass-failed"], 2);
        assert_eq!((outcome.timeouts(), outcome.failed()), (2, 0));
        assert_eq!(outcome.slow.len(), 4);
        let complaint = "a.wasm: %f (x86_64 drc speed): GCV02 after input: inst1 uses it";
        assert_eq!(outcome.complaints, [complaint, complaint]);
    }
}
