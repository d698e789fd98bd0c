//! What can be asked on the command line.

mod results;
mod verify;

pub use results::{CompareArgs, CompletionsArgs, ManArgs, MergeArgs, ReportArgs, ResultFormat};
pub use verify::{Shard, Undecided, VerifyArgs, VerifyFormat};

use crate::configuration::{Collector, Embedding, Mode, OptLevel};
use crate::target::Target;
use crate::triage::ask::Limits;
use crate::triage::protocol::{Run, Wish};
use clap::{Args, Parser, Subcommand, ValueEnum};
use cranelift_gc_verifier::Code;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;

/// Verifies that Cranelift keeps GC references safe around safepoints.
#[derive(Debug, Parser)]
#[command(name = "clif-gc", version, long_version = crate::version::LONG, max_term_width = 100)]
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
    /// Tell every rewrite that the optimizer asks about, and the answer.
    Trace(TraceArgs),
    /// Tell what happens with each setting, and what follows from that.
    Diagnose(DiagnoseArgs),
    /// Find the first rewrite without which the failure goes away.
    Bisect(BisectArgs),
    /// Make a smaller input with the same failure.
    Reduce(ReduceArgs),
    /// Write a filetest of what fails.
    Promote(PromoteArgs),
    /// Run filetests.
    Test(TestArgs),
    /// Write a page about the functions of a file, to be looked at in a browser.
    Report(ReportArgs),
    /// Compare two results of `verify --format json`.
    Compare(CompareArgs),
    /// Put the results of `verify --shard K/N --format json` together.
    Merge(MergeArgs),
    /// Say what a check means, with an example.
    Explain(ExplainArgs),
    /// Print a script that completes this command line in a shell.
    Completions(CompletionsArgs),
    /// Write the man pages.
    Man(ManArgs),
    /// The child process of `verify`.
    #[command(name = "__worker", hide = true)]
    Worker(WorkerArgs),
    /// The child process of the commands that triage.
    #[command(name = "__probe", hide = true)]
    Probe(ProbeArgs),
}

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

/// How to compile: shared by all commands that do.
#[derive(Clone, Debug, Args)]
pub struct CompileArgs {
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
}

impl CompileArgs {
    /// Every combination of what was asked for, where what was not is left to the file.
    pub fn wishes(&self) -> Vec<Wish> {
        fn or_none<T: Clone + PartialEq>(given: impl Iterator<Item = T>) -> Vec<Option<T>> {
            let mut all = Vec::new();
            for item in given.map(Some) {
                if !all.contains(&item) {
                    all.push(item);
                }
            }
            match all.is_empty() {
                true => vec![None],
                false => all,
            }
        }
        let mut wishes = Vec::new();
        for target in or_none(self.target.iter().map(|target| target.name.clone())) {
            for collector in or_none(self.collector.iter().flat_map(|c| c.collectors()).copied()) {
                for opt_level in or_none(self.opt_level.iter().copied()) {
                    for embedding in or_none(self.embedding.iter().copied()) {
                        wishes.push(Wish {
                            target: target.clone(),
                            collector,
                            opt_level,
                            embedding,
                            without_gc: false,
                        });
                    }
                }
            }
        }
        wishes
    }
}

/// How to print: shared by all commands that print a result.
#[derive(Clone, Debug, Args)]
pub struct OutputArgs {
    /// How to print the result.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub format: Format,
}

/// What a child process may use: shared by the commands that triage.
#[derive(Clone, Debug, Args)]
pub struct LimitArgs {
    /// Give up on one compilation, or on one run, after this many seconds.
    #[arg(long, value_name = "SECONDS", default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..))]
    pub timeout: u64,

    /// Limit the memory of a child process, in MiB.
    #[arg(long, value_name = "MIB", default_value_t = 4 << 10, value_parser = clap::value_parser!(u64).range(64..))]
    pub memory_limit: u64,

    /// The stack of the compiling thread, in KiB.
    #[arg(long, value_name = "KIB", default_value_t = 128 << 10, hide = true)]
    pub stack_size: u64,
}

impl LimitArgs {
    /// As they are kept.
    pub fn limits(&self) -> Limits {
        Limits {
            time: Duration::from_secs(self.timeout),
            memory: self.memory_limit << 20,
            stack: self.stack_size << 10,
        }
    }
}

/// The arguments of `trace`.
#[derive(Debug, Args)]
#[command(after_long_help = TRACE_HELP)]
pub struct TraceArgs {
    /// The file: .wasm, .wat, .wast or .clif.
    #[arg(value_name = "FILE")]
    pub file: PathBuf,

    #[command(flatten)]
    pub compile: CompileArgs,

    /// Tell of the functions that this names: a name, an index, or a pattern with `*` and `?`.
    #[arg(long, value_name = "NAME|INDEX|GLOB")]
    pub function: Option<String>,

    /// Tell of, and judge, also the rewrites in which no reference takes part.
    #[arg(long)]
    pub all_rewrites: bool,

    /// Tell of the rewrites whose rule, as `file:line`, contains this.
    #[arg(long, value_name = "SUBSTRING")]
    pub rule: Option<String>,

    /// Tell of the rewrite with this number only.
    #[arg(long, value_name = "N")]
    pub number: Option<u64>,

    /// Show what each pass does to each function, as a unified difference with the rewrites that made
    /// each hunk.
    #[arg(long)]
    pub diff: bool,

    /// What the verifier does while it looks on. A refused rewrite changes what is asked after it.
    #[arg(long, value_enum, default_value_t = Mode::Check)]
    pub mode: Mode,

    #[command(flatten)]
    pub output: OutputArgs,

    #[command(flatten)]
    pub limits: LimitArgs,
}

const TRACE_HELP: &str = "\
Rewrites are numbered in the order in which the optimizer asks about them, while functions are
compiled one after the other. The same input and options give the same numbers, and `bisect`
means the same ones.

The result is one compilation for each combination of the options that were given. What was not
given is what `verify` would take first; of a .clif file, what it says.

Exit codes:
  0  no rewrite is wrong, and the function is verified or inconclusive
  1  a rewrite, or what a pass left behind, is wrong
  2  the file could not be read, is invalid, or crashed the compiler";

/// How a file is run: shared by all commands that do.
#[derive(Clone, Debug, Args)]
pub struct RunArgs {
    /// Call this export, with these arguments; of a .clif file, this function [default: `_start`,
    /// `main`, or the first that takes nothing; of a .clif file, what `; run:` comments call, or all
    /// functions that take nothing].
    #[arg(long, value_name = "EXPORT [ARG…]", num_args = 1.., allow_negative_numbers = true)]
    pub invoke: Vec<String>,

    /// Collect garbage at every call of the host.
    #[arg(long)]
    pub gc_stress: bool,

    /// Stop after this much fuel, a unit for each operator. Counting it changes the code.
    #[arg(long, value_name = "UNITS")]
    pub fuel: Option<u64>,

    /// Give a WASI program this argument; repeatable.
    #[arg(long, value_name = "ARG")]
    pub arg: Vec<String>,

    /// Limit linear memories and the GC heap of a program, in MiB.
    #[arg(long, value_name = "MIB", default_value_t = 1 << 10)]
    pub store_limit: u64,
}

impl RunArgs {
    /// Was it said how to run it?
    pub fn is_asked(&self) -> bool {
        !self.invoke.is_empty() || self.gc_stress
    }

    /// As it is kept.
    pub fn run(&self) -> Run {
        let (invoke, arguments) = match self.invoke.split_first() {
            Some((invoke, arguments)) => (Some(invoke.clone()), arguments.to_vec()),
            None => (None, Vec::new()),
        };
        Run {
            invoke,
            arguments,
            gc_stress: self.gc_stress,
            fuel: self.fuel,
            store_limit: self.store_limit << 20,
            wasi_arguments: ["program".to_string()]
                .into_iter()
                .chain(self.arg.clone())
                .collect(),
        }
    }
}

/// What counts as the failure: shared by the commands that look into one.
#[derive(Clone, Debug, Args)]
pub struct FailureArgs {
    /// The failure is a finding of the verifier with this code.
    #[arg(long, value_parser = parse_code_name, value_name = "CODE")]
    pub code: Option<String>,

    /// The failure is to return, print or do anything but this.
    #[arg(long, value_name = "VALUE", allow_hyphen_values = true)]
    pub expect: Option<String>,

    /// The failure is that this command fails: it exits with a code from 1 to 127 other than 125, which
    /// says that it cannot be told. `{}` is the file.
    ///
    /// CLIF_GC_REWRITE_LIMIT tells it how many rewrites are let happen; every clif-gc that it runs heeds
    /// that.
    #[arg(long, value_name = "COMMAND", conflicts_with_all = ["code", "expect"])]
    pub command: Option<String>,

    /// Compare the two sides of every rewrite, also where no reference takes part.
    #[arg(long)]
    pub all_rewrites: bool,

    #[command(flatten)]
    pub run: RunArgs,
}

/// The arguments of `bisect`.
#[derive(Debug, Args)]
#[command(after_long_help = BISECT_HELP)]
pub struct BisectArgs {
    /// The file: .wasm, .wat, .wast or .clif.
    #[arg(value_name = "FILE")]
    pub file: PathBuf,

    #[command(flatten)]
    pub compile: CompileArgs,

    #[command(flatten)]
    pub failure: FailureArgs,

    #[command(flatten)]
    pub output: OutputArgs,

    #[command(flatten)]
    pub limits: LimitArgs,
}

const BISECT_HELP: &str = "\
The failure is, in this order: what --command, --expect or --invoke say; what the verifier finds;
a crash of the compiler; what the code does at --opt-level none, or with another collector, and
here does not. A module is run on this machine; functions of CLIF are optimized, and interpreted.

The optimizer may do its first N rewrites, and is refused the others. The culprit is the N that
fails where N - 1 does not. When it fails with every rewrite refused, the layer that is left is
named.

Exit codes:
  1  there is a failure, and a culprit was found
  2  the file could not be read, or is invalid
  3  nothing fails, or the culprit was not found";

/// The arguments of `diagnose`.
#[derive(Debug, Args)]
#[command(after_long_help = DIAGNOSE_HELP)]
pub struct DiagnoseArgs {
    /// The file: .wasm, .wat, .wast or .clif.
    #[arg(value_name = "FILE")]
    pub file: PathBuf,

    #[command(flatten)]
    pub compile: CompileArgs,

    #[command(flatten)]
    pub run: RunArgs,

    /// Compile only.
    #[arg(long)]
    pub no_run: bool,

    /// Compare the two sides of every rewrite, also where no reference takes part.
    #[arg(long)]
    pub all_rewrites: bool,

    /// Build the same program with Cranelift's and Wasmtime's debug assertions, if it is not there or
    /// not up to date, and run with it, too. It takes minutes.
    #[arg(long)]
    pub assertions: bool,

    /// Try this many settings at once [default: the number of processors].
    #[arg(long, short, value_name = "N")]
    pub jobs: Option<NonZeroUsize>,

    #[command(flatten)]
    pub output: OutputArgs,

    #[command(flatten)]
    pub limits: LimitArgs,
}

const DIAGNOSE_HELP: &str = "\
Everything is tried over the matrix: collector, and the GC proposals off; optimization level;
verifier off, check and enforce; assertions of the compiler off and on. It is run on this machine,
and compiled for the other targets. Each cell is a child process with limits of time, memory and,
if asked for, fuel.

A module gets WASI preview 1 without anything of this machine, `spectest`, `\"\" \"gc\"`, which
collects, and stubs that return defaults for what else it imports. A script's assertions are run.
Functions of CLIF are optimized, and interpreted.

Exit codes:
  0  it does the same with every setting, and nothing is found
  1  something fails, or differs
  2  the file could not be read, or is invalid
  3  nothing can be said";

/// The arguments of `reduce`.
#[derive(Debug, Args)]
#[command(after_long_help = REDUCE_HELP)]
pub struct ReduceArgs {
    /// The file: .wasm, .wat or .clif.
    #[arg(value_name = "FILE")]
    pub file: PathBuf,

    #[command(flatten)]
    pub compile: CompileArgs,

    #[command(flatten)]
    pub failure: FailureArgs,

    /// Where to write what is left; of a module, the function goes beside it [default: the file's name
    /// with `.reduced` before its extension, in the current directory].
    #[arg(long = "output", short = 'o', value_name = "PATH")]
    pub output_file: Option<PathBuf>,

    /// Stay with the module, also where one function fails alone.
    #[arg(long)]
    pub no_clif: bool,

    /// Let wasm-shrink give up after this many attempts without a success.
    #[arg(long, value_name = "N", default_value_t = 300)]
    pub attempts: u32,

    /// Ask about this many candidates at once [default: the number of processors]. The result is the
    /// same.
    #[arg(long, short, value_name = "N")]
    pub jobs: Option<NonZeroUsize>,

    #[command(flatten)]
    pub output: OutputArgs,

    #[command(flatten)]
    pub limits: LimitArgs,
}

const REDUCE_HELP: &str = "\
What counts as the failure is found as `bisect` does. What is left fails in the same way: with the
same code after the same pass, or with the same outcome, and not in any other.

The best so far is always in the output file. After ^C, the same command goes on from there.

Exit codes:
  0  it was reduced
  2  the file could not be read, is invalid, or does not fail again
  3  nothing fails";

/// The arguments of `promote`.
#[derive(Debug, Args)]
#[command(after_long_help = PROMOTE_HELP)]
pub struct PromoteArgs {
    /// The file: .clif, .wasm or .wat; best is what `reduce` left.
    #[arg(value_name = "FILE")]
    pub file: PathBuf,

    /// The directory to write to.
    #[arg(long = "output", short = 'o', value_name = "DIR")]
    pub directory: PathBuf,

    /// What the tests are called [default: as the file].
    #[arg(long, value_name = "NAME")]
    pub name: Option<String>,

    #[command(flatten)]
    pub compile: CompileArgs,

    #[command(flatten)]
    pub failure: FailureArgs,

    #[command(flatten)]
    pub output: OutputArgs,

    #[command(flatten)]
    pub limits: LimitArgs,
}

const PROMOTE_HELP: &str = "\
What the producer did wrong becomes a rejected function, with the same one beside it where no call
collects. What the optimizer does wrong becomes the rejected function, and what comes out of it
when the rewrite is refused, for x86_64 and aarch64. What lowering or emission lose becomes a file
with precise output for each target. A module that does something else than it should becomes a
script that asserts what is right.

Everything that is written passes `clif-gc test` as it is.

Exit codes:
  0  tests were written
  2  the file could not be read, or is invalid
  3  nothing fails, or it cannot be shown by a filetest";

/// The arguments of `test`.
#[derive(Debug, Args)]
#[command(after_long_help = TEST_HELP)]
pub struct TestArgs {
    /// Filetests, or directories of them.
    #[arg(value_name = "PATH", default_value = "filetests/gc-verify")]
    pub paths: Vec<PathBuf>,

    /// Run this many at once [default: the number of processors].
    #[arg(long, short, value_name = "N")]
    pub jobs: Option<NonZeroUsize>,

    /// Print nothing if every test passes.
    #[arg(long, short)]
    pub quiet: bool,

    #[command(flatten)]
    pub output: OutputArgs,

    /// Make all checks but this one; repeatable. For testing the tests.
    #[arg(long, value_parser = parse_code, value_name = "CODE", hide = true)]
    pub without_check: Vec<Code>,
}

const TEST_HELP: &str = "\
A .clif file is a filetest with `test` lines, as filetests/src/lib.rs documents them. A .wast
file passes if every assertion holds, with every collector, at every optimization level, with
the verifier enforcing and without it.

With CLIF_GC_BLESS=1 in the environment, the expectations of .clif files are rewritten to what is
found, to be reviewed as a difference.

Exit codes:
  0  every test passes
  1  a test fails
  2  a file could not be read, or is no test";

/// The arguments of the child process that triage asks.
#[derive(Debug, Args)]
pub struct ProbeArgs {
    /// How much memory it may use, in bytes.
    #[arg(long)]
    pub memory: u64,

    /// The stack of the compiling thread, in bytes.
    #[arg(long)]
    pub stack: u64,
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

fn parse_code_name(text: &str) -> Result<String, String> {
    parse_code(text).map(|code| code.as_str().to_string())
}

fn parse_code(text: &str) -> Result<Code, String> {
    Code::parse(text).ok_or_else(|| {
        let known: Vec<&str> = Code::ALL.into_iter().map(Code::as_str).collect();
        format!("no such check; there are {}", known.join(", "))
    })
}

/// A share in percent.
fn percent(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(share) if (0.0..=100.0).contains(&share) => Ok(share),
        Ok(_) | Err(_) => Err("a number between 0 and 100 is expected".to_string()),
    }
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
