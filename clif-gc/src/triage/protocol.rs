//! What a triage command asks of a child process, and what that answers: a line of JSON each.

use super::outcome::Outcome;
use crate::configuration::{Collector, Configuration, Embedding, OptLevel};
use crate::diagnostic::Diagnostic;
use crate::record::{FunctionId, FunctionRecord};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::ffi::OsString;

/// What a child process is to do, once.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Request {
    /// The file. A path need not be text.
    pub path: OsString,
    /// What it is called in messages.
    pub name: String,
    /// How to compile it.
    pub wish: Wish,
    /// Who looks on.
    pub looker: Looker,
    /// Which rewrites are let happen.
    pub plan: Plan,
    /// What is told of the rewrites.
    pub tell: Tell,
    /// What to do with the code; if nothing, it is only compiled.
    pub run: Option<Run>,
    /// The checks that are not to be made, by code.
    pub without_checks: Vec<String>,
    /// Run it as a filetest, and nothing else. Are its expectations rewritten to what is found?
    pub filetest: Option<bool>,
}

/// A configuration of which parts are left to the file, or to the defaults.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wish {
    /// The target; `host` is this machine with all its features.
    pub target: Option<String>,
    /// The collector.
    pub collector: Option<Collector>,
    /// The optimization level.
    pub opt_level: Option<OptLevel>,
    /// The embedding.
    pub embedding: Option<Embedding>,
    /// Are the GC proposals off?
    pub without_gc: bool,
}

/// Who looks on while functions are compiled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Looker {
    /// Nobody. The setting is `none`, unless rewrites are refused or told of.
    Off,
    /// The verifier, which reports.
    Check,
    /// The verifier, which refuses.
    Enforce,
}

impl Looker {
    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Looker::Off => "off",
            Looker::Check => "check",
            Looker::Enforce => "enforce",
        }
    }
}

/// Which rewrites are let happen, besides what the verifier refuses.
///
/// **Numbers.** The rewrites that one compilation of a file asks about are numbered from 1, in the order
/// in which they are asked about while functions are compiled one after the other. Everything here is
/// deterministic, so that as long as the rewrites below a number are answered alike, that number is the
/// same rewrite.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// The last number that is let happen.
    pub limit: Option<u64>,
    /// Numbers that are refused.
    pub refused: BTreeSet<u64>,
    /// If set, rewrites happen in these functions only, by their order of compilation.
    pub functions: Option<BTreeSet<u64>>,
    /// If set, only rewrites like this one happen.
    pub only: Option<Likeness>,
}

impl Plan {
    /// Does it let everything happen?
    pub fn is_everything(&self) -> bool {
        *self == Plan::default()
    }

    /// Nothing after this number happens.
    pub fn up_to(limit: u64) -> Plan {
        Plan {
            limit: Some(limit),
            ..Plan::default()
        }
    }
}

/// What makes rewrites of two compilations alike, where their numbers differ.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Likeness {
    /// The function, by its order of compilation.
    pub function: u64,
    /// The event.
    pub event: String,
    /// The rule.
    pub rule: Option<String>,
    /// What is rewritten, as an entity.
    pub entity: String,
}

/// What is told of the rewrites.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tell {
    /// Tell of which rewrites.
    pub rewrites: Which,
    /// Of the functions that this names; of all, if it is empty.
    pub function: Option<String>,
    /// Of the functions that are called exactly so; of all, if it is empty.
    pub functions: Vec<String>,
    /// Of the rules that contain this.
    pub rule: Option<String>,
    /// Also judge rewrites in which no reference takes part.
    pub all_rewrites: bool,
    /// Tell what functions are after each pass, and what was emitted.
    pub passes: bool,
}

/// Of which rewrites is told?
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Which {
    /// Of none; they are not even counted.
    #[default]
    None,
    /// Of none, but they are counted.
    Count,
    /// Of this one.
    One(u64),
    /// Of those with which something is wrong.
    Wrong,
    /// Of those in which references take part.
    References,
    /// Of all.
    All,
}

/// How to run a module.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Run {
    /// The export to call; without one, `_start`, `main`, or the first that takes nothing.
    pub invoke: Option<String>,
    /// Its arguments.
    pub arguments: Vec<String>,
    /// Collect at every call of the host?
    pub gc_stress: bool,
    /// How many units of fuel it may use. Counting fuel changes the code.
    pub fuel: Option<u64>,
    /// How much memory its linear memories, tables and GC heap may take, in bytes.
    pub store_limit: u64,
    /// The arguments of a WASI program, its own name first.
    pub wasi_arguments: Vec<String>,
}

/// What a child process answers.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Answer {
    /// How it was compiled.
    pub configuration: Option<Configuration>,
    /// What became of it.
    pub outcome: Outcome,
    /// The functions that the verifier looked at.
    pub functions: Vec<FunctionRecord>,
    /// What could not be compiled.
    pub errors: Vec<Diagnostic>,
    /// What has to be known of how it was run.
    pub notes: Vec<String>,
    /// How many rewrites were asked about.
    pub asked: u64,
    /// How many functions were compiled.
    pub compiled: u64,
    /// The rewrites that were to be told of.
    pub rewrites: Vec<RewriteRecord>,
    /// The functions that were to be told of, as they were after each pass.
    pub passes: Vec<PassRecord>,
    /// What was emitted of them.
    pub emissions: Vec<EmissionRecord>,
}

impl Answer {
    /// Nothing but an outcome.
    pub fn of(outcome: Outcome) -> Answer {
        Answer {
            configuration: None,
            outcome,
            functions: Vec::new(),
            errors: Vec::new(),
            notes: Vec::new(),
            asked: 0,
            compiled: 0,
            rewrites: Vec::new(),
            passes: Vec::new(),
            emissions: Vec::new(),
        }
    }
}

/// One rewrite that was asked about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RewriteRecord {
    /// Its number.
    pub number: u64,
    /// The function.
    pub function: FunctionId,
    /// Which of the functions that were compiled it is, from 0.
    pub compilation: u64,
    /// What the optimizer wants to do, such as `forward-load`.
    pub event: String,
    /// The pass that asks.
    pub pass: String,
    /// The ISLE rule, as `file:line`, if one asks.
    pub rule: Option<String>,
    /// What is rewritten, as an entity: a value, instruction or block parameter.
    pub entity: String,
    /// What it is now.
    pub before: Side,
    /// What it becomes; nothing, if it goes away.
    pub after: Option<Side>,
    /// What else there is to say about where, such as the store that makes another one dead.
    pub note: Option<String>,
    /// Do references take part in it?
    pub references: bool,
    /// The answer, and why.
    pub verdict: RewriteVerdict,
}

/// One side of a rewrite.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Side {
    /// As an expression of CLIF, a few levels deep.
    pub text: String,
    /// What is known of its value, as CLIF has it.
    pub fact: Option<String>,
    /// The values and instructions that it is about.
    pub entities: Vec<String>,
}

/// The answer to a rewrite, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RewriteVerdict {
    /// Was it let happen?
    pub answer: RewriteAnswer,
    /// Why, as a word.
    pub reason: Reason,
    /// What is wrong with it.
    pub code: Option<String>,
    /// The same in a line.
    pub message: Option<String>,
}

/// The answer to a rewrite.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RewriteAnswer {
    /// It is let happen.
    Accepted,
    /// It is not.
    Refused,
}

/// Why a rewrite is let happen, or is not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reason {
    /// No reference takes part in it, and it was not asked for all rewrites.
    NoReference,
    /// It was compared, and nothing is wrong: both sides are of one type and have the same bits.
    SameBits,
    /// It was compared, and nothing is wrong: what is forwarded or removed is justified.
    Justified,
    /// What it does is judged when the pass has ended.
    AtPassEnd,
    /// Nobody judges.
    NotJudged,
    /// Something is wrong with it.
    Wrong,
    /// It is not in the plan: a bisection refuses it.
    NotPlanned,
}

impl Reason {
    /// As a phrase.
    pub fn phrase(self) -> &'static str {
        match self {
            Reason::NoReference => "no reference takes part",
            Reason::SameBits => "same type, same bits",
            Reason::Justified => "justified on every path",
            Reason::AtPassEnd => "judged when the pass has ended",
            Reason::NotJudged => "not judged",
            Reason::Wrong => "wrong",
            Reason::NotPlanned => "refused by plan",
        }
    }
}

/// One line of a function.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PassLine {
    /// The instruction on it, if it is one.
    pub inst: Option<String>,
    /// The CLIF.
    pub text: String,
}

/// What was emitted of a function.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EmissionRecord {
    /// Which of the functions that were compiled it is, from 0.
    pub compilation: u64,
    /// The size of the machine code, in bytes.
    pub code_size: u64,
    /// The size of the frame, in bytes.
    pub frame_size: u32,
    /// Where each stack slot is, from the stack pointer.
    pub slots: Vec<(String, u32)>,
    /// The stack maps.
    pub records: Vec<StackMapRecord>,
}

/// A stack map as it was emitted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StackMapRecord {
    /// The call that it is of, if that is known.
    pub inst: Option<String>,
    /// Where it holds, from the start of the code.
    pub return_address: u32,
    /// Where the references are, from the stack pointer, and of which type.
    pub entries: Vec<(u32, String)>,
}

/// What a function was after a pass.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PassRecord {
    /// The function.
    pub function: FunctionId,
    /// Which of the functions that were compiled it is, from 0.
    pub compilation: u64,
    /// The pass.
    pub pass: String,
    /// The number of the last rewrite that was asked about until then.
    pub number: u64,
    /// The lines of the function.
    pub lines: Vec<PassLine>,
    /// Was the pass undone?
    pub undone: bool,
}
