//! What is made of results: pages, comparisons; and of the command line itself.

use super::{CompileArgs, LimitArgs, percent};
use clap::{Args, ValueEnum};
use std::path::PathBuf;

/// The arguments of `report`.
#[derive(Debug, Args)]
#[command(after_long_help = REPORT_HELP)]
pub struct ReportArgs {
    /// The file: .wasm, .wat or .clif; `-` is standard input.
    #[arg(value_name = "FILE")]
    pub file: PathBuf,

    /// The page to write.
    #[arg(long = "output", short = 'o', value_name = "FILE.html")]
    pub output: PathBuf,

    #[command(flatten)]
    pub compile: CompileArgs,

    /// Show the functions that this names in full: a name, an index, or a pattern with `*` and `?`;
    /// repeatable [default: those that are rejected or inconclusive, then the others by size].
    #[arg(long, value_name = "NAME|INDEX|GLOB")]
    pub function: Vec<String>,

    /// Show at most this many functions in full.
    #[arg(long, value_name = "N", default_value_t = 40)]
    pub max_functions: usize,

    #[command(flatten)]
    pub limits: LimitArgs,
}

const REPORT_HELP: &str = "\
The page is one file that needs nothing else. It lists every function. Those that were asked for,
or that are rejected or inconclusive, are there in full: the control-flow graph, the code after each
pass, each rewrite of a reference, the stack slots, the stack maps that were emitted, and the path
that shows each finding. It is one compilation, for the first of each of the options.

Exit codes:
  0  the page was written
  2  the file could not be read, is invalid or crashed the compiler, or the page could not be written";

/// The arguments of `compare`.
#[derive(Debug, Args)]
#[command(after_long_help = COMPARE_HELP)]
pub struct CompareArgs {
    /// What `verify --format json` printed before.
    #[arg(value_name = "OLD.json")]
    pub old: PathBuf,

    /// What it prints now.
    #[arg(value_name = "NEW.json")]
    pub new: PathBuf,

    /// How to print the result.
    #[arg(long, value_enum, default_value_t = ResultFormat::Text)]
    pub format: ResultFormat,
}

const COMPARE_HELP: &str = "\
Functions are the same that have one name in one file, compiled in one configuration. Told are
verdicts that changed, findings that appeared and vanished, and counts that changed. Of results of
`verify --rewrites`, also the rules whose rewrites appeared, vanished or were refused.

Exit codes:
  0  no verdict got worse, and no finding appeared
  1  a verdict got worse, or a finding appeared
  2  a file could not be read, or is no such result";

/// How a comparison is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ResultFormat {
    /// For reading.
    Text,
    /// One JSON object.
    Json,
    /// For a comment on a change.
    Markdown,
}

/// The arguments of `merge`.
#[derive(Debug, Args)]
pub struct MergeArgs {
    /// What the shards printed, in any order.
    #[arg(required = true, value_name = "RESULT.json")]
    pub results: Vec<PathBuf>,

    /// Exit with 3 unless at least this many safepoints were looked at.
    #[arg(long, value_name = "N")]
    pub min_subjects: Option<u64>,

    /// Exit with 3 unless at least this share of the dereferences was judged, in percent.
    #[arg(long, value_name = "PERCENT", value_parser = percent)]
    pub min_judged: Option<f64>,
}

/// The arguments of `completions`.
#[derive(Debug, Args)]
pub struct CompletionsArgs {
    /// The shell.
    #[arg(value_enum)]
    pub shell: clap_complete::Shell,
}

/// The arguments of `man`.
#[derive(Debug, Args)]
pub struct ManArgs {
    /// The directory to write one page a command to; without it, the main page is printed.
    #[arg(value_name = "DIR")]
    pub directory: Option<PathBuf>,
}
