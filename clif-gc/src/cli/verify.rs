//! `verify`.

use super::{CompileArgs, parse_code, percent};
use crate::configuration::{Inlining, Mode};
use clap::{Args, ValueEnum};
use cranelift_gc_verifier::Code;
use std::collections::BTreeSet;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::str::FromStr;

/// The arguments of `verify`.
#[derive(Debug, Args)]
#[command(after_long_help = VERIFY_HELP)]
pub struct VerifyArgs {
    /// Files to verify: .wasm, .wat, .wast, .clif, or directories of them; `-` is standard input.
    ///
    /// Of a file with another name, and of standard input, the content tells what it is.
    #[arg(required = true, value_name = "FILE")]
    pub paths: Vec<PathBuf>,

    #[command(flatten)]
    pub compile: CompileArgs,

    /// With which embeddings functions of a module are inlined into each other.
    ///
    /// Wasmtime inlines nothing into functions of modules that switch stacks.
    #[arg(long, value_enum, default_value_t = Inlining::Embedding, value_name = "WHEN")]
    pub inlining: Inlining,

    /// What the verifier does while it looks on.
    ///
    /// With `enforce`, the compilation of a module stops at the first function that cannot be
    /// saved; `check` finds them all.
    #[arg(long, value_enum, default_value_t = Mode::Check)]
    pub mode: Mode,

    /// How to print the result.
    #[arg(long, value_enum, default_value_t = VerifyFormat::Text)]
    pub format: VerifyFormat,

    /// Judge the functions that this names: a name, an index, or a pattern with `*` and `?`; repeatable.
    ///
    /// The others are compiled, and not looked at.
    #[arg(long, value_name = "NAME|INDEX|GLOB")]
    pub function: Vec<String>,

    /// Show what this check finds, and do not count it as an error; repeatable.
    ///
    /// CODE is a code or name, `all` for all checks, or `inconclusive` for what could not be checked.
    #[arg(long, value_name = "CODE", value_parser = parse_level)]
    pub allow: Vec<Level>,

    /// Count what this check finds as an error, in spite of --allow; repeatable.
    ///
    /// `--allow all --deny GCV02` counts one check. With `--deny inconclusive`, what could not be
    /// checked counts as rejected.
    #[arg(long, value_name = "CODE", value_parser = parse_level)]
    pub deny: Vec<Level>,

    /// Judge the Kth of N parts of the files; `merge` puts the results together.
    #[arg(long, value_name = "K/N")]
    pub shard: Option<Shard>,

    /// Exit with 3 unless at least this many safepoints were looked at, over all files and
    /// configurations.
    #[arg(long, value_name = "N")]
    pub min_subjects: Option<u64>,

    /// Exit with 3 unless at least this share of the dereferences was judged, in percent, over all files and
    /// configurations.
    #[arg(long, value_name = "PERCENT", value_parser = percent)]
    pub min_judged: Option<f64>,

    /// Give up on a file after this many seconds.
    #[arg(long, value_name = "SECONDS", default_value_t = 600, value_parser = clap::value_parser!(u64).range(1..))]
    pub timeout: u64,

    /// Use this many threads [default: the number of processors].
    #[arg(long, short, value_name = "N")]
    pub jobs: Option<NonZeroUsize>,

    /// Print nothing if everything is verified.
    #[arg(long, short)]
    pub quiet: bool,

    /// Compare the two sides of every rewrite, also where no reference takes part: a test of the
    /// optimizer's rules.
    #[arg(long)]
    pub all_rewrites: bool,

    /// Count the rewrites of each function by rule, in JSON; `compare` tells which changed.
    #[arg(long)]
    pub rewrites: bool,

    /// Write each function that the verifier looks at, as the compiler was handed it, into this
    /// directory.
    ///
    /// Each becomes a filetest of its own, one for every configuration, which says for what it is
    /// compiled and what is known of its references; `verify` judges it without the module.
    #[arg(long, value_name = "DIR")]
    pub emit_clif: Option<PathBuf>,

    /// Of --emit-clif, write only the functions that are rejected.
    #[arg(long, requires = "emit_clif")]
    pub rejected_only: bool,

    /// Make all checks but this one; repeatable. For testing the tests.
    #[arg(long, value_parser = parse_code, value_name = "CODE", hide = true)]
    pub without_check: Vec<Code>,

    /// Limit the address space of a child process, in MiB.
    #[arg(long, value_name = "MIB", default_value_t = 16 << 10, hide = true)]
    pub memory_limit: u64,

    /// The stack of each compiling thread, in KiB.
    #[arg(long, value_name = "KIB", default_value_t = 128 << 10, hide = true)]
    pub stack_size: u64,
}

const VERIFY_HELP: &str = "\
Each module and function is compiled once for every combination of target, collector and
optimization level; the summary says which. A file is compiled in a child process, so that a
crash of the compiler is reported and the other files are still judged. Where the compiler panics
over a function of a module, that function is named, and the others are judged. RUST_BACKTRACE=1
adds a backtrace.

After ^C, what is known until then is printed.

Exit codes; where several apply, the first of this list:
  1  rejected: a function mistreats a GC reference
  2  a file could not be read, is invalid, or crashed the compiler; it was interrupted; the result
     could not be written; or the command line is wrong
  3  inconclusive: a check could not be made, or --min-subjects was not reached
  0  verified";

impl VerifyArgs {
    /// The checks whose findings do not count.
    pub fn allowed(&self) -> BTreeSet<Code> {
        let codes = |levels: &[Level]| -> BTreeSet<Code> {
            let codes = |level: &Level| match level {
                Level::All => Code::ALL.to_vec(),
                Level::Code(code) => vec![*code],
                Level::Inconclusive => Vec::new(),
            };
            levels.iter().flat_map(codes).collect()
        };
        // NB: `--deny all --allow CODE` would say nothing, as all are denied unless they are allowed.
        let denied: Vec<Level> = self
            .deny
            .iter()
            .copied()
            .filter(|l| *l != Level::All)
            .collect();
        &codes(&self.allow) - &codes(&denied)
    }

    /// What becomes of checks that could not be made.
    pub fn undecided(&self) -> Undecided {
        match () {
            () if self.deny.contains(&Level::Inconclusive) => Undecided::Denied,
            () if self.allow.contains(&Level::Inconclusive) => Undecided::Allowed,
            () => Undecided::Told,
        }
    }
}

/// How a check counts that could not be made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Undecided {
    /// Not at all.
    Allowed,
    /// It makes the verdict inconclusive.
    #[default]
    Told,
    /// As an error.
    Denied,
}

/// What `--allow` and `--deny` are about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// A check.
    Code(Code),
    /// All checks.
    All,
    /// What could not be checked.
    Inconclusive,
}

fn parse_level(text: &str) -> Result<Level, String> {
    match text {
        "all" => Ok(Level::All),
        "inconclusive" => Ok(Level::Inconclusive),
        text => match parse_code(text) {
            Ok(code) => Ok(Level::Code(code)),
            Err(error) => Err(format!("{error}, all, inconclusive")),
        },
    }
}

/// A part of the files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shard {
    /// Which part, from 1.
    pub index: usize,
    /// Of how many.
    pub count: usize,
}

impl Shard {
    /// Is the item at this position a part of it?
    pub fn has(self, position: usize) -> bool {
        position % self.count == self.index - 1
    }
}

impl FromStr for Shard {
    type Err = String;

    fn from_str(text: &str) -> Result<Shard, String> {
        let number = |text: &str| text.parse::<usize>().ok();
        let parts = text.split_once('/');
        match parts.and_then(|(index, count)| Some((number(index)?, number(count)?))) {
            Some((index @ 1.., count)) if index <= count => Ok(Shard { index, count }),
            _ => Err("K/N with 1 ≤ K ≤ N is expected, such as 1/4".to_string()),
        }
    }
}

/// How the result of `verify` is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum VerifyFormat {
    /// For reading.
    Text,
    /// One JSON object, see docs/json-schema.md.
    Json,
    /// One SARIF 2.1.0 object, which editors and code hosts show.
    Sarif,
    /// Annotations of a GitHub workflow.
    Github,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_position_is_in_one_shard() {
        for count in 1..5 {
            for position in 0..20 {
                let shards = (1..=count).map(|index| Shard { index, count });
                assert_eq!(shards.filter(|shard| shard.has(position)).count(), 1);
            }
        }
        for wrong in ["", "1", "0/2", "3/2", "1/0", "a/b", "1/2/3", "-1/2"] {
            assert!(Shard::from_str(wrong).is_err(), "{wrong}");
        }
        assert_eq!(Shard::from_str("2/3"), Ok(Shard { index: 2, count: 3 }));
    }
}
