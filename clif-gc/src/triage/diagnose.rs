//! `clif-gc diagnose`: what happens with each setting, each in a child process of its own.

use super::ask::{self, Limits};
use super::assertions::{self, Assertions};
use super::cleanup;
use super::conclude::{conclusions, is_inapplicable};
use super::outcome::{Class, Outcome};
use super::protocol::{Answer, Looker, Request, RewriteRecord, Tell, Which, Wish};
use super::render::{Head, document};
use super::request::{self, Format, Input};
use crate::cli::{DiagnoseArgs, Format as OutputFormat};
use crate::configuration::{Collector, Embedding, OptLevel};
use crate::exit::Exit;
use crate::pool;
use crate::progress::Steps;
use crate::render::style::{ERROR, FRAME, GOOD, STRONG, WARNING, paint};
use crate::render::to_stdout;
use crate::target::Target;
use crate::text::{printable, shorten};
use serde::Serialize;
use std::fmt::Write;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::available_parallelism;

/// One setting, and what happens with it.
#[derive(Clone, Debug, Serialize)]
pub struct Cell {
    /// The target; `host` is this machine.
    pub target: String,
    /// The collector; nothing, where the GC proposals are off.
    pub collector: Option<Collector>,
    /// The optimization level.
    pub opt_level: OptLevel,
    /// The embedding.
    pub embedding: Embedding,
    /// Who looks on.
    pub verifier: Looker,
    /// Are the compiler's debug assertions on?
    pub assertions: bool,
    /// Was it run, or only compiled?
    pub run: bool,
    /// What happens. Nothing, if it was not tried.
    pub outcome: Option<Outcome>,
    /// Why it was not tried.
    pub untried: Option<String>,
    /// What the verifier found, each once.
    pub codes: Vec<String>,
    /// The rewrites that are wrong, and with `enforce` refused.
    pub wrong: Vec<RewriteRecord>,
    /// What has to be known of it.
    pub notes: Vec<String>,
}

/// Try everything, and print it.
pub fn run(args: &DiagnoseArgs) -> Exit {
    cleanup::watch_signals();
    let input = match request::input(&args.file) {
        Ok(input) => input,
        Err(exit) => return exit,
    };
    let assertions = assertions::program(args.assertions);
    let cells = plan(args, &input, &assertions);
    let jobs = args
        .jobs
        .or_else(|| available_parallelism().ok())
        .map_or(1, NonZeroUsize::get);
    let steps = Steps::new("diagnosing");
    let done = AtomicUsize::new(0);
    let limits = args.limits.limits();
    let mut filled = Vec::new();
    let all = cells.len();
    pool::in_order(
        &cells,
        jobs,
        |cell| {
            let cell = try_cell(args, &input, cell, &assertions, &limits);
            let done = done.fetch_add(1, Ordering::Relaxed) + 1;
            steps.tell(&format!("{done} of {all} cells"));
            cell
        },
        |_, cell| filled.push(cell),
    );
    steps.finish();
    let conclusions = conclusions(&filled);
    let exit = exit(&filled);
    match args.output.format {
        OutputFormat::Text => to_stdout(&text(&input, &filled, &conclusions)),
        OutputFormat::Json => to_stdout(&document(
            Head::new("diagnose", &input.name, exit),
            &Document {
                cells: filled,
                conclusions,
            },
        )),
    }
    exit
}

#[derive(Serialize)]
struct Document {
    cells: Vec<Cell>,
    conclusions: Vec<String>,
}

fn exit(cells: &[Cell]) -> Exit {
    let is_applicable = |cell: &&Cell| {
        let outcome = cell.outcome.as_ref();
        !outcome.is_some_and(|outcome| is_inapplicable(cell, outcome))
    };
    let cells: Vec<&Cell> = cells.iter().filter(is_applicable).collect();
    let tried: Vec<&Outcome> = cells
        .iter()
        .filter_map(|cell| cell.outcome.as_ref())
        .collect();
    let is_unusable = |outcome: &&&Outcome| matches!(outcome, Outcome::Invalid { .. });
    let invalid = tried.iter().filter(is_unusable).count();
    let is_bad = |cell: &Cell| {
        let class = cell.outcome.as_ref().map(Outcome::class);
        !cell.codes.is_empty() || !matches!(class, None | Some(Class::Fine | Class::Unknown))
    };
    let runs = cells.iter().filter(|cell| cell.run);
    let runs: Vec<&&Cell> = runs.collect();
    let outcomes: Vec<&Outcome> = runs
        .iter()
        .filter_map(|cell| cell.outcome.as_ref())
        .collect();
    let differ = outcomes.windows(2).any(|pair| !pair[0].is_like(pair[1]));
    match () {
        () if tried.is_empty() || invalid == tried.len() => Exit::Unusable,
        () if differ || cells.iter().any(|cell| is_bad(cell)) => Exit::Rejected,
        () if outcomes
            .iter()
            .any(|outcome| outcome.class() == Class::Unknown) =>
        {
            Exit::Inconclusive
        }
        () => Exit::Verified,
    }
}

/// The cells, in the order of the table.
fn plan(args: &DiagnoseArgs, input: &Input, assertions: &Assertions) -> Vec<Cell> {
    let compile = &args.compile;
    let mut collectors: Vec<Collector> = Vec::new();
    for collector in compile.collector.iter().flat_map(|c| c.collectors()) {
        if !collectors.contains(collector) {
            collectors.push(*collector);
        }
    }
    let is_clif = input.format() == Format::Clif;
    if collectors.is_empty() {
        // NB: CLIF that is interpreted meets no collector.
        collectors = match is_clif {
            true => vec![Collector::Copying],
            false => vec![Collector::Copying, Collector::Drc, Collector::Null],
        };
    }
    let opt_levels = match &compile.opt_level[..] {
        [] => vec![OptLevel::None, OptLevel::Speed],
        opt_levels => opt_levels.to_vec(),
    };
    let embeddings = match &compile.embedding[..] {
        [] => vec![Embedding::Default],
        embeddings => embeddings.to_vec(),
    };
    let targets = match &compile.target[..] {
        [] => vec!["x86_64", "aarch64", "riscv64", "s390x", "pulley64"]
            .into_iter()
            .map(str::to_string)
            .collect(),
        targets => targets
            .iter()
            .map(|target| target.name.clone())
            .collect::<Vec<_>>(),
    };
    let cell = |target: &str, collector, opt_level, embedding, verifier| Cell {
        target: target.to_string(),
        collector,
        opt_level,
        embedding,
        verifier,
        assertions: false,
        run: false,
        outcome: None,
        untried: None,
        codes: Vec::new(),
        wrong: Vec::new(),
        notes: Vec::new(),
    };
    let mut cells = Vec::new();
    let settings: Vec<Option<Collector>> = match input.format() {
        Format::Module => collectors.iter().copied().map(Some).chain([None]).collect(),
        Format::Clif | Format::Script => collectors.iter().copied().map(Some).collect(),
    };
    for &collector in settings.iter().filter(|_| !args.no_run) {
        for &opt_level in &opt_levels {
            for &embedding in &embeddings {
                for verifier in [Looker::Off, Looker::Check, Looker::Enforce] {
                    if collector.is_none() && verifier != Looker::Off {
                        continue;
                    }
                    cells.push(Cell {
                        run: true,
                        ..cell(Target::HOST, collector, opt_level, embedding, verifier)
                    });
                }
                if collector.is_some() {
                    cells.push(Cell {
                        run: true,
                        assertions: true,
                        untried: match assertions {
                            Assertions::Program(_) => None,
                            Assertions::None(why) => Some(why.clone()),
                        },
                        ..cell(Target::HOST, collector, opt_level, embedding, Looker::Off)
                    });
                }
            }
        }
    }
    for target in &targets {
        for &collector in &collectors {
            for &opt_level in &opt_levels {
                for &embedding in &embeddings {
                    cells.push(cell(
                        target,
                        Some(collector),
                        opt_level,
                        embedding,
                        Looker::Check,
                    ));
                }
            }
        }
    }
    cells
}

fn try_cell(
    args: &DiagnoseArgs,
    input: &Input,
    cell: &Cell,
    assertions: &Assertions,
    limits: &Limits,
) -> Cell {
    if cell.untried.is_some() {
        return cell.clone();
    }
    let program: Option<PathBuf> = match (cell.assertions, assertions) {
        (true, Assertions::Program(program)) => Some(program.clone()),
        _ => None,
    };
    let wish = Wish {
        target: Some(cell.target.clone()),
        collector: cell.collector,
        opt_level: Some(cell.opt_level),
        embedding: Some(cell.embedding),
        without_gc: cell.collector.is_none(),
    };
    let request = Request {
        looker: cell.verifier,
        run: cell.run.then(|| args.run.run()),
        tell: Tell {
            rewrites: match cell.verifier {
                Looker::Off => Which::None,
                Looker::Check | Looker::Enforce => Which::Wrong,
            },
            all_rewrites: args.all_rewrites,
            ..Tell::default()
        },
        ..input.request(wish)
    };
    let Answer {
        outcome,
        functions,
        rewrites,
        notes,
        ..
    } = ask::once_of(program, &request, limits);
    let mut codes: Vec<String> = functions
        .iter()
        .flat_map(|function| &function.violations)
        .map(|violation| violation.code.clone())
        .collect();
    codes.sort();
    codes.dedup();
    Cell {
        outcome: Some(outcome),
        codes,
        wrong: rewrites,
        notes,
        ..cell.clone()
    }
}

/// How wide a column gets before its text is cut.
const MAX_COLUMN: usize = 38;

fn text(input: &Input, cells: &[Cell], conclusions: &[String]) -> String {
    let mut out = String::new();
    // NB: Writing to a string cannot fail.
    let _ = writeln!(out, "{}", paint(STRONG, printable(&input.name)));
    let mut notes: Vec<&String> = cells.iter().flat_map(|cell| &cell.notes).collect();
    notes.sort();
    notes.dedup();
    for note in notes {
        let _ = writeln!(out, "{}: {}", paint(STRONG, "note"), printable(note));
    }
    let (runs, compilations): (Vec<&Cell>, Vec<&Cell>) = cells.iter().partition(|cell| cell.run);
    if !runs.is_empty() {
        out += "\nrun on this machine:\n";
        out += &table(&runs, |cell| match (cell.verifier, cell.assertions) {
            (_, true) => "assertions on".to_string(),
            (verifier, false) => format!("verifier {}", verifier.as_str()),
        });
    }
    if !compilations.is_empty() {
        out += "\ncompiled, with the verifier looking on:\n";
        out += &table(&compilations, |cell| cell.target.clone());
    }
    let longer: Vec<&Cell> = cells
        .iter()
        .filter(|cell| content(cell).chars().count() > MAX_COLUMN)
        .collect();
    let mut told: Vec<String> = Vec::new();
    for cell in longer {
        let whole = content(cell);
        if !told.contains(&whole) {
            let _ = writeln!(out, "\n{}", shorten(&printable(&whole), 500));
            told.push(whole);
        }
    }
    out.push('\n');
    for conclusion in conclusions {
        let _ = writeln!(out, "{} {conclusion}", paint(STRONG, "*"));
    }
    out
}

/// Rows are collectors and levels, columns what `column` tells.
fn table(cells: &[&Cell], column: impl Fn(&Cell) -> String) -> String {
    let mut columns: Vec<String> = Vec::new();
    let mut rows: Vec<String> = Vec::new();
    for cell in cells {
        let (column, row) = (column(cell), row(cell));
        if !columns.contains(&column) {
            columns.push(column);
        }
        if !rows.contains(&row) {
            rows.push(row);
        }
    }
    let at = |row_name: &str, column_name: &str| {
        let mut cells = cells.iter();
        cells.find(|cell| row(cell) == row_name && column(cell) == column_name)
    };
    let shown = |cell: &Cell| shorten(&printable(&content(cell)), MAX_COLUMN).into_owned();
    let width = |text: &str| text.chars().count();
    let first = rows.iter().map(|row| width(row)).max().unwrap_or(0);
    let widths: Vec<usize> = columns
        .iter()
        .map(|column| {
            let texts = rows.iter().filter_map(|row| at(row, column));
            let widest = texts.map(|cell| width(&shown(cell))).max().unwrap_or(0);
            widest.max(width(column))
        })
        .collect();
    let mut out = String::new();
    let pad = |text: &str, to: usize| " ".repeat(to.saturating_sub(width(text)));
    let mut heading = format!("  {}", " ".repeat(first));
    for (column, &to) in columns.iter().zip(&widths) {
        let _ = write!(heading, "  {}{}", paint(FRAME, column), pad(column, to));
    }
    let _ = writeln!(out, "{}", heading.trim_end());
    for row in &rows {
        let mut line = format!("  {row}{}", pad(row, first));
        for (column, &to) in columns.iter().zip(&widths) {
            let (text, style) = match at(row, column) {
                Some(cell) => (shown(cell), style(cell)),
                None => (String::new(), FRAME),
            };
            let padding = pad(&text, to);
            let _ = write!(line, "  {}{padding}", paint(style, &text));
        }
        let _ = writeln!(out, "{}", line.trim_end());
    }
    out
}

fn row(cell: &Cell) -> String {
    let collector = cell
        .collector
        .map_or("GC off".to_string(), |c| c.to_string());
    match cell.embedding {
        Embedding::Default => format!("{collector} {}", cell.opt_level),
        embedding => format!("{collector} {} {embedding}", cell.opt_level),
    }
}

fn content(cell: &Cell) -> String {
    let Some(outcome) = &cell.outcome else {
        return cell.untried.clone().unwrap_or_default();
    };
    let codes = cell.codes.join(" ");
    match outcome {
        outcome if is_inapplicable(cell, outcome) => "needs GC".to_string(),
        Outcome::Findings { .. } => codes,
        Outcome::Compiled => "verified".to_string(),
        outcome if codes.is_empty() || matches!(outcome, Outcome::Stopped { .. }) => {
            outcome.short()
        }
        outcome => format!("{} ({codes})", outcome.short()),
    }
}

fn style(cell: &Cell) -> anstyle::Style {
    match cell.outcome.as_ref().map(Outcome::class) {
        Some(Class::Fine) if cell.codes.is_empty() => GOOD,
        Some(Class::Fine | Class::Unknown) => WARNING,
        Some(Class::Finding | Class::Error | Class::Crash) => ERROR,
        None => FRAME,
    }
}
