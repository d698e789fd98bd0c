//! What came of a file.

use cranelift_gc_verifier::{Code, Counts, Report};

/// What was found in one function by one command.
#[derive(Clone, Debug)]
pub struct FunctionOutcome {
    /// The function, and by what it was verified: `%f after egraph for x86_64`.
    pub what: String,
    /// What was found.
    pub report: Report,
    /// The checks for which a rewrite was refused, or a pass undone.
    pub prevented: Vec<Code>,
    /// What was not as expected, a line each.
    pub differences: Vec<String>,
}

/// What came of a file.
#[derive(Clone, Debug, Default)]
pub struct FileOutcome {
    /// What was found, by command, target, function and pass.
    pub functions: Vec<FunctionOutcome>,
    /// What is wrong with the file as a whole, a line each.
    pub mistakes: Vec<String>,
    /// The sum of what was looked at.
    pub counts: Counts,
    /// The text with its expectations rewritten, if that was asked for and made a difference.
    pub blessed: Option<String>,
}

impl FileOutcome {
    /// Everything that was not as expected, a line each; none if the file passes.
    pub fn failures(&self) -> Vec<String> {
        let of_functions = self.functions.iter().flat_map(|function| {
            let lines = function.differences.iter();
            lines.map(|line| format!("{}: {line}", function.what))
        });
        of_functions.chain(self.mistakes.iter().cloned()).collect()
    }

    /// Is everything as expected?
    pub fn passed(&self) -> bool {
        self.mistakes.is_empty() && self.functions.iter().all(|f| f.differences.is_empty())
    }
}
