//! What was found, in a form that crosses the pipe from the child process.

use crate::excerpt::Excerpt;
use cranelift_gc_verifier::Unjudged;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;

/// The verdict on a function.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// Every check was made and holds.
    Verified,
    /// Some check could not be made; none that was made fails.
    Inconclusive,
    /// Some check fails.
    Rejected,
}

impl From<cranelift_gc_verifier::Verdict> for Verdict {
    fn from(verdict: cranelift_gc_verifier::Verdict) -> Self {
        use cranelift_gc_verifier::Verdict as V;
        match verdict {
            V::Verified => Verdict::Verified,
            V::Inconclusive => Verdict::Inconclusive,
            V::Rejected => Verdict::Rejected,
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Verdict::Verified => "verified",
            Verdict::Inconclusive => "inconclusive",
            Verdict::Rejected => "rejected",
        })
    }
}

/// Which function.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FunctionId {
    /// What it is called in the compiler: `wasm[0]::function[3]`, or its name in CLIF.
    pub function: String,
    /// What its author calls it, if that is known.
    pub name: Option<String>,
    /// Its Wasm function index, if it is a Wasm function.
    pub index: Option<u32>,
    /// The line on which it begins in the file, if it is CLIF.
    pub line: Option<usize>,
}

impl fmt::Display for FunctionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.name {
            Some(name) => write!(f, "{} \"{name}\"", self.function),
            None => f.write_str(&self.function),
        }
    }
}

/// What was found in one function under one configuration.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FunctionRecord {
    /// The function.
    pub id: FunctionId,
    /// The verdict.
    pub verdict: Verdict,
    /// The point of the pipeline that the findings are about. The verifier declared functions
    /// without one to be of no interest: they have no GC references.
    pub layer: Option<String>,
    /// What was looked at.
    pub counts: Counts,
    /// What is broken.
    pub violations: Vec<ViolationRecord>,
    /// What is broken, and was allowed to be on the command line.
    pub allowed: Vec<ViolationRecord>,
    /// The rewrites by rule, if they were asked for.
    pub rules: Option<BTreeMap<String, RuleCount>>,
    /// The machine code, if rewrites were asked for and it was emitted.
    pub code: Option<CodeRecord>,
    /// Rewrites that were refused, and so did no harm.
    pub refusals: Vec<ViolationRecord>,
    /// Passes that were undone, and so did no harm.
    pub undone: Vec<UndoneRecord>,
    /// What could not be checked.
    pub inconclusive: Vec<InconclusiveRecord>,
}

impl FunctionRecord {
    /// A function in which there was nothing to look at.
    pub fn uninteresting(id: FunctionId) -> Self {
        FunctionRecord {
            id,
            verdict: Verdict::Verified,
            layer: None,
            counts: Counts::default(),
            violations: Vec::new(),
            allowed: Vec::new(),
            rules: None,
            code: None,
            refusals: Vec::new(),
            undone: Vec::new(),
            inconclusive: Vec::new(),
        }
    }

    /// Let these checks, by code, fail.
    pub fn allow(&mut self, codes: &[String]) {
        let is_allowed = |violation: &ViolationRecord| codes.contains(&violation.code);
        let violations = std::mem::take(&mut self.violations);
        let (allowed, violations): (Vec<_>, Vec<_>) = violations.into_iter().partition(is_allowed);
        self.violations = violations;
        if !allowed.is_empty() && self.violations.is_empty() {
            self.verdict = match self.inconclusive.is_empty() {
                true => Verdict::Verified,
                false => Verdict::Inconclusive,
            };
        }
        self.allowed.extend(allowed);
    }

    /// Tell the lines of instructions, where it is known which they are.
    pub fn set_lines(&mut self, lines: &[usize]) {
        let line = |inst: &str| {
            let number: usize = inst.strip_prefix("inst")?.parse().ok()?;
            lines.get(number).copied()
        };
        let undone = self.undone.iter_mut();
        let undone = undone.flat_map(|undone| &mut undone.violations);
        for violation in self
            .violations
            .iter_mut()
            .chain(&mut self.allowed)
            .chain(&mut self.refusals)
            .chain(undone)
        {
            for step in &mut violation.witness {
                step.line = step.inst.as_deref().and_then(line);
            }
            // NB: An instruction that a pass made is on no line; the path leads to one that is.
            let mut steps = violation.witness.iter().rev().filter_map(|step| step.line);
            violation.line = line(&violation.inst).or_else(|| steps.next());
        }
        for inconclusive in &mut self.inconclusive {
            let number = crate::worker::lines::named(&inconclusive.message);
            inconclusive.line = number.and_then(|number| lines.get(number).copied());
        }
    }
}

/// The machine code of a function, before relocation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CodeRecord {
    /// How long it is.
    pub bytes: u64,
    /// What tells it from other code, where one compiler built both programs that say so.
    pub hash: String,
}

/// How often a rule asked for a rewrite.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RuleCount {
    /// How often it asked.
    pub asked: u64,
    /// How often it was refused.
    pub refused: u64,
}

impl RuleCount {
    /// Add another one.
    pub fn add(&mut self, other: RuleCount) {
        let RuleCount { asked, refused } = other;
        self.asked += asked;
        self.refused += refused;
    }
}

/// Counts of dereferences that were not judged, by reason, with those reasons that there are.
pub fn by_reason(counts: [u64; Unjudged::ALL.len()]) -> BTreeMap<&'static str, u64> {
    let reasons = Unjudged::ALL.into_iter().map(Unjudged::as_str);
    reasons
        .zip(counts)
        .filter(|&(_, count)| count > 0)
        .collect()
}

/// How many subjects were looked at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Safepoints that may collect.
    pub safepoints: u64,
    /// Stack-map entries of those safepoints.
    pub entries: u64,
    /// GC references.
    pub references: u64,
    /// Loads and stores through GC references.
    pub dereferences: u64,
    /// Those of them whose type excludes null and i31.
    pub typed: u64,
    /// Those of them that are guarded against what the type does not exclude.
    pub guarded: u64,
    /// Those of them whose guards were not looked for.
    pub unjudged: u64,
    /// The same by reason, in the order of [`Unjudged::ALL`].
    pub unjudged_by: [u64; Unjudged::ALL.len()],
    /// Typed positions, at which something is relied upon.
    pub positions: u64,
    /// Those at which the type of what arrives is enough.
    pub positions_typed: u64,
    /// Those at which a test, or what makes the value, proves what arrives.
    pub positions_proved: u64,
    /// Those at which nothing is known of what arrives.
    pub positions_unjudged: u64,
    /// Emitted records of stack maps.
    pub records: u64,
    /// Entries of those records.
    pub record_entries: u64,
    /// Rewrites that the optimizer asked for.
    pub rewrites: u64,
    /// Rewrites that were refused.
    pub refused: u64,
}

/// One broken invariant.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ViolationRecord {
    /// The check, such as `GCV02`.
    pub code: String,
    /// The check's name.
    pub name: String,
    /// The point of the pipeline at which it was found.
    pub layer: String,
    /// The guilty instruction.
    pub inst: String,
    /// The mistreated value, if there is one.
    pub value: Option<String>,
    /// The ISLE rule that is to blame, if one is known.
    pub rule: Option<String>,
    /// The line of the guilty instruction in the file, if it is CLIF.
    pub line: Option<usize>,
    /// The Wasm offset of the guilty instruction, if it is known.
    pub wasm_offset: Option<u64>,
    /// The Wasm operator at that offset, such as `struct.get`, if it is known.
    pub wasm_operator: Option<String>,
    /// What is wrong, in one line.
    pub message: String,
    /// The path that shows it.
    pub witness: Vec<StepRecord>,
    /// What surrounds it in the function.
    pub excerpt: Excerpt,
}

/// A pass that was undone.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct UndoneRecord {
    /// The pass.
    pub pass: String,
    /// What it broke.
    pub violations: Vec<ViolationRecord>,
}

/// One step of a witness.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct StepRecord {
    /// What it shows.
    pub role: String,
    /// The block that it is in.
    pub block: String,
    /// The instruction; without one, the start of the block.
    pub inst: Option<String>,
    /// The instruction or block header as CLIF.
    pub text: Option<String>,
    /// The line of the instruction in the file, if it is CLIF.
    pub line: Option<usize>,
}

/// A check that could not be made.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct InconclusiveRecord {
    /// The kind of reason.
    pub reason: String,
    /// The reason.
    pub message: String,
    /// The line of the instruction that it names in the file, if it is CLIF.
    pub line: Option<usize>,
}
