//! What the command and its child process say to each other, as lines of JSON.

use crate::configuration::{Collector, Configuration, Embedding, Inlining, Mode, OptLevel};
use crate::diagnostic::Diagnostic;
use crate::record::FunctionRecord;
use serde::{Deserialize, Serialize};

/// What a child process is to do. The path of the file is its argument, because a path need not be
/// text.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Job {
    /// What the file is called in messages.
    pub name: String,
    /// The targets, if any were asked for.
    pub targets: Vec<String>,
    /// The collectors, if any were asked for.
    pub collectors: Vec<Collector>,
    /// The optimization levels, if any were asked for.
    pub opt_levels: Vec<OptLevel>,
    /// The embeddings, if any were asked for.
    pub embeddings: Vec<Embedding>,
    /// With which of them functions are inlined.
    pub inlining: Inlining,
    /// What the verifier does.
    pub mode: Mode,
    /// The checks that are not to be made, by code.
    pub without_checks: Vec<String>,
    /// The checks whose findings do not count, by code.
    pub allowed: Vec<String>,
    /// Patterns of the functions that are judged; without any, all are.
    pub functions: Vec<String>,
    /// Is every rewrite judged?
    pub all_rewrites: bool,
    /// Are rewrites counted by rule?
    pub rewrites: bool,
    /// Of the functions that are written, only those that are rejected?
    pub rejected_only: bool,
    /// How many threads to use.
    pub threads: usize,
    /// The size of their stacks, in bytes.
    pub stack_size: usize,
    /// How much address space to use, in bytes, apart from the stacks.
    pub memory_limit: u64,
    /// The unit to start with: those before it were done by an earlier process.
    pub first_unit: usize,
}

/// What a child process says.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Message {
    /// The file cannot be judged; nothing follows.
    Failed(Box<Diagnostic>),
    /// What there is to do.
    Plan(Plan),
    /// The work on this unit begins.
    Begin(usize),
    /// So many functions were compiled of the unit that was begun.
    Compiled(u64),
    /// The work on the unit that was begun has ended.
    End(UnitOutcome),
}

/// What there is to do in a file. It is the same in each process that works on the file.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Plan {
    /// The names of the parts that are judged on their own.
    pub entries: Vec<String>,
    /// The units of work, in order.
    pub units: Vec<Unit>,
}

/// One compilation of one thing.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Unit {
    /// The part that it belongs to.
    pub entry: usize,
    /// The function, if only one is compiled.
    pub function: Option<String>,
    /// How many functions there are, if that is known.
    pub functions: Option<u64>,
    /// How it is compiled.
    pub configuration: Configuration,
}

/// What came of a unit.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct UnitOutcome {
    /// The functions that were compiled.
    pub functions: Vec<FunctionRecord>,
    /// What could not be judged.
    pub errors: Vec<Diagnostic>,
}

impl UnitOutcome {
    /// Nothing could be judged.
    pub fn failed(error: Diagnostic) -> Self {
        UnitOutcome {
            functions: Vec::new(),
            errors: vec![error],
        }
    }
}
