//! `cargo xtask culprits`: does `clif-gc bisect` name what is to blame?
//!
//! The command line is built against the tree with faults. For each fault, the first input on which the
//! verifier finds something that it does not find without the fault is bisected. Ways to compile are tried one
//! after another, those that show most faults first. The name is right if it is that of what the fault is in: the
//! wrong rule itself, the event that the broken analysis asks for, or the layer.

use super::list::{self, Fault};
use super::{corpus, tree};
use crate::base::cargo::{self, BUILT_OFTEN};
use crate::base::project::Project;
use crate::upstream::pins::Pins;
use anyhow::{Context, Result, bail};
use serde::Deserialize;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, OnceLock};
use std::time::Instant;

/// The variable that switches faults on.
const VARIABLE: &str = "CRANELIFT_GC_FAULT";

/// What is asked for.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Faults to bisect [default: all of patches/faults/faults.toml, each once]
    #[arg(value_name = "NAME")]
    names: Vec<String>,
    /// Take so many faults, of as many operators as there are
    #[arg(long, value_name = "N")]
    sample: Option<usize>,
    /// Build the command line, and do nothing else
    #[arg(long)]
    build: bool,
    /// Also write the table to this file
    #[arg(long, value_name = "FILE")]
    markdown: Option<PathBuf>,
    /// Bisect so many faults at once
    #[arg(long, short, value_name = "N", default_value_t = 1)]
    jobs: usize,
}

/// One fault, and what was named.
struct Row {
    name: String,
    operator: String,
    place: String,
    input: String,
    named: String,
    verdict: Verdict,
    seconds: f64,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Verdict {
    Right,
    Wrong,
    /// The verifier finds nothing on any input.
    NotShown,
}

/// Bisects, and prints the table.
pub fn run(project: &Project, args: &Args) -> Result<ExitCode> {
    let tree = tree::bootstrap(project)?;
    let program = build(project, &tree)?;
    if args.build {
        println!("{}", program.display());
        return Ok(ExitCode::SUCCESS);
    }
    let mut faults = list::select(list::load(project)?, &args.names)?;
    if args.names.is_empty() {
        // One that nobody catches has nothing to be bisected for.
        faults.retain(|fault| fault.same_as.is_none() && !fault.codes.is_empty());
    }
    if let Some(count) = args.sample {
        faults = list::sample(faults, count);
    }
    let inputs = corpus::find(project)?.inputs;
    let session = Session {
        program: &program,
        root: project.root(),
        inputs: &inputs,
        sound: STAGES.map(|_| OnceLock::new()),
    };
    let next = AtomicUsize::new(0);
    let rows = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..args.jobs.max(1) {
            scope.spawn(|| {
                loop {
                    let index = next.fetch_add(1, Ordering::Relaxed);
                    let Some(fault) = faults.get(index) else {
                        break;
                    };
                    eprintln!(
                        "culprits: {} of {}: {}",
                        index + 1,
                        faults.len(),
                        fault.name
                    );
                    let row = session.row(fault);
                    if let Ok(row) = &row {
                        eprint!("{}", line(row));
                    }
                    rows.lock()
                        .expect("nobody panics with it")
                        .push((index, row));
                }
            });
        }
    });
    let mut rows = rows.into_inner().expect("nobody panics with it");
    rows.sort_by_key(|(index, _)| *index);
    let rows = rows
        .into_iter()
        .map(|(_, row)| row)
        .collect::<Result<Vec<Row>>>()?;
    let table = table(&rows);
    print!("{table}");
    if let Some(path) = &args.markdown {
        fs_err::write(path, &table)?;
    }
    let shown = rows.iter().filter(|row| row.verdict != Verdict::NotShown);
    let (right, shown) = shown.fold((0, 0), |(right, shown), row| {
        (
            right + usize::from(row.verdict == Verdict::Right),
            shown + 1,
        )
    });
    Ok(match right * 10 >= shown * 9 {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    })
}

/// Builds the command line against the tree, in a workspace and a target directory of its own.
fn build(project: &Project, tree: &Path) -> Result<PathBuf> {
    let scratch = project.scratch("culprits");
    let pins = Pins::load(&project.pins())?;
    let root = project.root();
    let mut text = format!(
        "[workspace]\n\
         [package]\nname = \"clif-gc-with-faults\"\nversion = \"0.0.0\"\nedition = \"2024\"\n\
         [[bin]]\nname = \"clif-gc-with-faults\"\npath = {:?}\n\
         {BUILT_OFTEN}\
         [dependencies]\nclif-gc = {{ path = {:?} }}\n\
         [patch.crates-io]\n",
        root.join("clif-gc/src/main.rs"),
        root.join("clif-gc"),
    );
    for pin in &pins.crates {
        let path = tree.join(&pin.path);
        writeln!(text, "{} = {{ path = {path:?} }}", pin.name)?;
    }
    let target = scratch.join("target");
    eprintln!("culprits: building the command line");
    // The rules that it shows are those that it is built of.
    let program = scratch.join("program");
    fs_err::create_dir_all(program.join(".cargo"))?;
    let cranelift = tree.join("cranelift/codegen");
    fs_err::write(
        program.join(".cargo/config.toml"),
        format!("[env]\nCLIF_GC_CRANELIFT = {cranelift:?}\n"),
    )?;
    cargo::build_generated(project, &program, &text, &target)?;
    Ok(target.join("release/clif-gc-with-faults"))
}

struct Session<'a> {
    program: &'a Path,
    root: &'a Path,
    inputs: &'a [String],
    /// What is found without a fault, by stage.
    sound: [OnceLock<Vec<Finding>>; STAGES.len()],
}

/// A way to look for what a fault breaks.
struct Stage {
    /// The arguments of `verify`.
    args: &'static [&'static str],
    /// Look only at inputs with this ending.
    ending: &'static str,
    all_rewrites: bool,
}

/// In the order in which they are tried. Those that judge all rewrites are for faults that ask for it.
const STAGES: [Stage; 5] = [
    Stage {
        args: &[
            "--target",
            "x86_64",
            "--collector",
            "copying",
            "--embedding",
            "default",
        ],
        ending: "",
        all_rewrites: false,
    },
    Stage {
        args: &[
            "--target",
            "x86_64",
            "--target",
            "aarch64",
            "--collector",
            "drc",
        ],
        ending: "",
        all_rewrites: false,
    },
    Stage {
        args: &["--target", "x86_64"],
        ending: ".clif",
        all_rewrites: true,
    },
    Stage {
        args: &[],
        ending: "",
        all_rewrites: false,
    },
    Stage {
        args: &["--target", "x86_64", "--collector", "copying"],
        ending: "",
        all_rewrites: true,
    },
];

/// A finding: the input, the configuration and the function that it is in, and its code.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Finding {
    input: String,
    target: String,
    collector: String,
    embedding: String,
    function: String,
    code: String,
}

#[derive(Deserialize)]
struct Verified {
    files: Vec<VerifiedFile>,
}

#[derive(Deserialize)]
struct VerifiedFile {
    path: String,
    functions: Vec<VerifiedFunction>,
}

#[derive(Deserialize)]
struct VerifiedFunction {
    function: String,
    configuration: Configuration,
    violations: Vec<Violation>,
}

#[derive(Deserialize)]
struct Configuration {
    target: String,
    collector: String,
    embedding: String,
}

#[derive(Deserialize)]
struct Violation {
    code: String,
}

#[derive(Deserialize)]
struct Bisected {
    bisections: Vec<Bisection>,
}

#[derive(Deserialize)]
struct Bisection {
    culprit: Option<Culprit>,
    rule: Vec<String>,
    layer: Option<Layer>,
    notes: Vec<String>,
}

#[derive(Deserialize)]
struct Culprit {
    number: u64,
    event: String,
    rule: Option<String>,
}

#[derive(Deserialize)]
struct Layer {
    name: String,
}

impl Session<'_> {
    fn json<T: for<'de> Deserialize<'de>>(&self, fault: &str, args: &[&str]) -> Result<Option<T>> {
        let mut command = Command::new(self.program);
        command
            .current_dir(self.root)
            .args(args)
            .args(["--format", "json"])
            .stdin(Stdio::null())
            .stderr(Stdio::null());
        match fault {
            "" => command.env_remove(VARIABLE),
            fault => command.env(VARIABLE, fault),
        };
        let output = command.output().context("cannot start the command line")?;
        Ok(serde_json::from_slice(&output.stdout).ok())
    }

    /// What the verifier finds in the inputs.
    fn findings(&self, fault: &str, stage: &Stage) -> Result<Vec<Finding>> {
        let mut args = vec!["verify", "--jobs", "1", "--timeout", "300"];
        args.extend(stage.args);
        if stage.all_rewrites {
            args.push("--all-rewrites");
        }
        let inputs = self.inputs.iter().map(String::as_str);
        args.extend(inputs.filter(|input| input.ends_with(stage.ending)));
        let Some(verified) = self.json::<Verified>(fault, &args)? else {
            bail!("`clif-gc verify` printed no JSON with `{fault}`");
        };
        let mut findings = Vec::new();
        for file in verified.files {
            for function in file.functions {
                let Configuration {
                    target,
                    collector,
                    embedding,
                } = function.configuration;
                findings.extend(function.violations.iter().map(|violation| Finding {
                    input: file.path.clone(),
                    target: target.clone(),
                    collector: collector.clone(),
                    embedding: embedding.clone(),
                    function: function.function.clone(),
                    code: violation.code.clone(),
                }));
            }
        }
        Ok(findings)
    }

    /// What is found with the fault and not without it, in the first stage that finds something.
    fn shown(&self, fault: &Fault) -> Result<Option<(Finding, &'static Stage)>> {
        for (stage, known) in STAGES.iter().zip(&self.sound) {
            if stage.all_rewrites && !fault.all_rewrites {
                continue;
            }
            let sound = match known.get() {
                Some(sound) => sound,
                None => {
                    let found = self.findings("", stage)?;
                    known.get_or_init(|| found)
                }
            };
            let found = self.findings(&fault.name, stage)?;
            let new = found.into_iter().find(|finding| !sound.contains(finding));
            if let Some(finding) = new {
                return Ok(Some((finding, stage)));
            }
        }
        Ok(None)
    }

    fn row(&self, fault: &Fault) -> Result<Row> {
        let row = |input: &str, named: String, verdict, seconds| Row {
            name: fault.name.clone(),
            operator: fault.operator.clone(),
            place: fault.place.clone(),
            input: input.to_string(),
            named,
            verdict,
            seconds,
        };
        let Some((finding, stage)) = self.shown(fault)? else {
            return Ok(row("", String::new(), Verdict::NotShown, 0.0));
        };
        let mut args = vec![
            "bisect",
            finding.input.as_str(),
            "--target",
            &finding.target,
            "--collector",
            &finding.collector,
            "--code",
            &finding.code,
            "--timeout",
            "300",
        ];
        if !finding.input.ends_with(".clif") {
            args.extend(["--embedding", &finding.embedding]);
        }
        if stage.all_rewrites {
            args.push("--all-rewrites");
        }
        let begin = Instant::now();
        let bisected = self.json::<Bisected>(&fault.name, &args)?;
        let seconds = begin.elapsed().as_secs_f64();
        let input = finding.input.rsplit('/').next().unwrap_or_default();
        let Some(bisection) = bisected.and_then(|bisected| bisected.bisections.into_iter().next())
        else {
            return Ok(row(input, "nothing".to_string(), Verdict::Wrong, seconds));
        };
        let verdict = match is_right(fault, &bisection) {
            true => Verdict::Right,
            false => Verdict::Wrong,
        };
        Ok(row(input, named(&bisection), verdict, seconds))
    }
}

fn named(bisection: &Bisection) -> String {
    match (&bisection.culprit, &bisection.layer) {
        (Some(culprit), _) => {
            let rule = culprit.rule.as_deref().unwrap_or_default();
            let rule = rule.rsplit('/').next().unwrap_or_default();
            format!("{} {} {rule}", culprit.event, culprit.number)
                .trim_end()
                .to_string()
        }
        (None, Some(layer)) => layer.name.clone(),
        (None, None) => bisection.notes.join("; "),
    }
}

/// Is what was named what the fault is in?
fn is_right(fault: &Fault, bisection: &Bisection) -> bool {
    let event = bisection
        .culprit
        .as_ref()
        .map(|culprit| culprit.event.as_str());
    let layer = bisection.layer.as_ref().map(|layer| layer.name.as_str());
    let is_event = |events: &[&str]| event.is_some_and(|event| events.contains(&event));
    let is_layer = |layers: &[&str]| layer.is_some_and(|layer| layers.contains(&layer));
    match fault.place.as_str() {
        place if place.starts_with("rule: ") => {
            // NB: A wrong rule asks for its fault by name.
            let names = format!("\"{}\"", fault.name);
            bisection
                .rule
                .iter()
                .any(|line| line.contains(&names) || line.contains(&fault.name))
        }
        "alias analysis" => is_event(&["forward-load", "dead-store", "idempotent-store"]),
        "GVN" => is_event(&["gvn", "gvn-skeleton"]),
        "code motion" | "elaboration" | "GVN and code motion" => {
            is_event(&["gvn", "gvn-skeleton", "hoist", "remat"]) || is_layer(&["mid-end"])
        }
        "constant phis" => is_event(&["constant-phi"]),
        "inliner" => is_event(&["inline"]) || is_layer(&["inlining"]),
        "lowering" => is_layer(&["lowering"]),
        "emission" => is_layer(&["emission"]),
        // What makes CLIF: liveness, the spiller, SSA construction, and Wasmtime's translation.
        _ => is_layer(&["producer"]),
    }
}

/// The line of the table that `row` is, with its end.
fn line(row: &Row) -> String {
    let right = match row.verdict {
        Verdict::Right => "yes",
        Verdict::Wrong => "**no**",
        Verdict::NotShown => "not shown",
    };
    format!(
        "| {} | {} | {} | {} | {} | {right} | {:.1} |\n",
        row.name, row.operator, row.place, row.input, row.named, row.seconds
    )
}

fn table(rows: &[Row]) -> String {
    let mut out = String::from(
        "| fault | operator | place | input | named | right? | seconds |\n\
         |---|---|---|---|---|---|--:|\n",
    );
    out.extend(rows.iter().map(line));
    let count = |verdict| rows.iter().filter(|row| row.verdict == verdict).count();
    let (right, wrong) = (count(Verdict::Right), count(Verdict::Wrong));
    let mut operators: Vec<&str> = rows
        .iter()
        .filter(|row| row.verdict != Verdict::NotShown)
        .map(|row| row.operator.as_str())
        .collect();
    operators.sort_unstable();
    operators.dedup();
    let _ = writeln!(
        out,
        "\n{right} of {} faults of {} operators are named right; {} are not shown by the verifier.",
        right + wrong,
        operators.len(),
        count(Verdict::NotShown)
    );
    out
}
