//! What can be asked on the command line.

use crate::configuration::{Collector, Embedding, Inlining, Mode, OptLevel};
use crate::target::Target;
use clap::{Args, Parser, Subcommand, ValueEnum};
use cranelift_gc_verifier::Code;
use std::num::NonZeroUsize;
use std::path::PathBuf;

/// Verifies that Cranelift keeps GC references safe around safepoints.
#[derive(Debug, Parser)]
#[command(name = "clif-gc", version, max_term_width = 100)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,

    /// When to colour the output; `auto` heeds NO_COLOR and whether it goes to a terminal.
    #[arg(long, global = true, value_enum, default_value_t = Color::Auto, value_name = "WHEN")]
    pub color: Color,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Compile files and verify every function on the way.
    Verify(VerifyArgs),
    /// Say what a check means, with an example.
    Explain(ExplainArgs),
    /// The child process of `verify`.
    #[command(name = "__worker", hide = true)]
    Worker(WorkerArgs),
}

/// The arguments of `verify`.
#[derive(Debug, Args)]
#[command(after_long_help = VERIFY_HELP)]
pub struct VerifyArgs {
    /// Files to verify: .wasm, .wat, .wast, .clif, or directories of them.
    #[arg(required = true, value_name = "FILE")]
    pub paths: Vec<PathBuf>,

    /// Target to compile for; repeatable [default: x86_64 and aarch64; for a .clif file its own
    /// `target` lines].
    ///
    /// An architecture (x86_64, aarch64, riscv64, s390x, pulley64) or a target triple. Any host
    /// will do: nothing is run.
    #[arg(long, value_parser = Target::parse, value_name = "ARCH")]
    pub target: Vec<Target>,

    /// Collector to compile for; repeatable [default: copying and drc; for a .clif file
    /// what its functions declare, else copying].
    ///
    /// The default is the collectors that collect, of which `copying` asks for most. `null` never
    /// collects, so that nothing is asked of it. A .clif function that declares its collector
    /// keeps it, and a file of which all do is compiled for that one only.
    #[arg(long, value_enum, value_name = "COLLECTOR")]
    pub collector: Vec<CollectorArg>,

    /// Optimization level to compile at; repeatable [default: speed; for a .clif file what it
    /// `set`s].
    ///
    /// What the frontend made is verified at every level; the optimizer's work at all but `none`.
    #[arg(long, value_enum, value_name = "LEVEL")]
    pub opt_level: Vec<OptLevel>,

    /// What the embedder asks of Wasmtime; repeatable [default: default and strict].
    ///
    /// `strict` has a GC heap that moves when it grows, epoch interruption, whose callback may
    /// collect at the head of every loop, and inlining. It means nothing for .clif files.
    #[arg(long, value_enum, value_name = "EMBEDDING")]
    pub embedding: Vec<Embedding>,

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
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub format: Format,

    /// Exit with 3 unless at least this many safepoints were looked at, over all files and
    /// configurations.
    #[arg(long, value_name = "N")]
    pub min_subjects: Option<u64>,

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

    /// Write each function that the verifier looks at, as the compiler was handed it, into this
    /// directory.
    ///
    /// Each becomes a filetest of its own, one for every configuration, which says for what it is
    /// compiled and what is known of its references; `verify` judges it without the module.
    #[arg(long, value_name = "DIR")]
    pub emit_clif: Option<PathBuf>,

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
crash of the compiler is reported and the other files are still judged.

Exit codes; where several apply, the first of this list:
  1  rejected: a function mistreats a GC reference
  2  a file could not be read, is invalid, or crashed the compiler; or the command line is wrong
  3  inconclusive: a check could not be made, or --min-subjects was not reached
  0  verified";

/// The arguments of `explain`.
#[derive(Debug, Args)]
pub struct ExplainArgs {
    /// The check, by code or name; without it, all are listed.
    #[arg(value_parser = parse_code)]
    pub code: Option<Code>,
}

/// The arguments of the child process; the rest comes through its standard input.
#[derive(Debug, Args)]
pub struct WorkerArgs {
    /// The file.
    pub path: PathBuf,

    /// Where to write functions, if they are wanted.
    #[arg(long)]
    pub emit_clif: Option<PathBuf>,
}

/// A value of `--collector`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum CollectorArg {
    /// Copies: moves objects.
    Copying,
    /// Deferred reference counting: frees objects, and leaves the others in place.
    Drc,
    /// Never collects.
    Null,
    /// Each of them in turn.
    All,
}

impl CollectorArg {
    /// The collectors that it stands for.
    pub fn collectors(self) -> &'static [Collector] {
        match self {
            CollectorArg::Copying => &[Collector::Copying],
            CollectorArg::Drc => &[Collector::Drc],
            CollectorArg::Null => &[Collector::Null],
            CollectorArg::All => &[Collector::Copying, Collector::Drc, Collector::Null],
        }
    }
}

/// A value of `--format`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For reading.
    Text,
    /// One JSON object, see docs/json-schema.md.
    Json,
}

/// A value of `--color`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Color {
    /// On a terminal.
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

impl Color {
    /// Make it the choice of the whole process.
    pub fn write_global(self) {
        match self {
            Color::Auto => anstream::ColorChoice::Auto,
            Color::Always => anstream::ColorChoice::Always,
            Color::Never => anstream::ColorChoice::Never,
        }
        .write_global();
    }
}

fn parse_code(text: &str) -> Result<Code, String> {
    Code::parse(text).ok_or_else(|| {
        let known: Vec<&str> = Code::ALL.into_iter().map(Code::as_str).collect();
        format!("no such check; there are {}", known.join(", "))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_well_formed() {
        Cli::command().debug_assert();
    }
}
