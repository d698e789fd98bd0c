//! `cargo xtask review`: what a patch of the compiler changes, for a reviewer.
//!
//! The patch is put into a tree of its own (`upstream-review/`) on top of the shipped series. `clif-gc` is built
//! without and with it, and both compile a corpus. What differs is told: verdicts, findings, rewrites by rule,
//! safepoints and machine code. Of each rule that the patch adds or changes, it is told whether any input fires
//! it, and of each function that it touches, whether it ran: what nothing exercises was not judged.

mod corpus;
mod isle;
mod judge;
mod marks;
mod observe;
mod patch;
// What `clif-gc compare` writes is read as the same type.
#[path = "../../../clif-gc/src/compare/place.rs"]
mod place;
mod program;
mod report;
mod rules;
mod synthesize;
mod tree;

use crate::base::lock;
use crate::base::project::Project;
use crate::upstream::pins::Pins;
use anyhow::{Context, Result};
use judge::{Comparison, Outcome, Review, Synthesized, Times};
use marks::Marks;
use observe::Runner;
use program::{Builder, Built};
use rules::{Kind, Rules};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use tree::{Applied, Parts, Tree};

/// What is asked for.
#[derive(Debug, clap::Args)]
#[command(after_long_help = HELP)]
pub struct Args {
    /// The patch: diffs or mails, directories of them (`git format-patch`), or, with --checkout, ranges of commits,
    /// in Wasmtime's paths
    #[arg(required = true, value_name = "PATCH")]
    patches: Vec<String>,
    /// The checkout of Wasmtime that ranges of commits are of
    #[arg(long, value_name = "DIR")]
    checkout: Option<PathBuf>,
    /// Also compile these files and directories
    #[arg(long, value_name = "PATH")]
    corpus: Vec<PathBuf>,
    /// Compile only what --corpus names, and the tests of the patch
    #[arg(long, requires = "corpus")]
    only_corpus: bool,
    /// Judge also rewrites that are about no reference; without it, if the patch changes a rule of the mid-end
    #[arg(long)]
    all_rewrites: bool,
    /// Also compile functions that are made from the left-hand sides of the rules that the patch adds or changes
    #[arg(long)]
    synthesize: bool,
    /// Compile for this target; repeatable [default: those of clif-gc]
    #[arg(long, value_name = "ARCH")]
    target: Vec<String>,
    /// How to print the outcome
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
    /// Also write the outcome as Markdown to this file
    #[arg(long, value_name = "FILE")]
    markdown: Option<PathBuf>,
    /// Also write the outcome as JSON to this file
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Measure the time of compilation so many times with each compiler
    #[arg(long, value_name = "N", default_value_t = 3)]
    rounds: usize,
    /// Compile this many files at once [default: the number of processors]
    #[arg(long, short, value_name = "N")]
    jobs: Option<usize>,
}

const HELP: &str = "\
Exit codes:
  0  no verdict got worse, and no finding appeared
  1  a verdict got worse, or a finding appeared
  2  the patch does not apply or compile, or the review could not be made
  3  some of the patch was not exercised: a rule that no input fires, or functions of which none ran";

/// How the outcome is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    /// For reading.
    Text,
    /// For a comment.
    Markdown,
    /// One JSON object.
    Json,
}

/// Reviews a patch, and prints the outcome.
///
/// # Errors
///
/// If the review cannot be made. A patch that does not apply or compile is an outcome.
pub fn run(project: &Project, args: &Args) -> Result<ExitCode> {
    let review = review(project, args)?;
    let json = || serde_json::to_string_pretty(&review).map(|text| text + "\n");
    if let Some(path) = &args.markdown {
        fs_err::write(path, report::markdown(&review))?;
    }
    if let Some(path) = &args.json {
        fs_err::write(path, json()?)?;
    }
    match args.format {
        Format::Text => print!("{}", report::text(&review)),
        Format::Markdown => print!("{}", report::markdown(&review)),
        Format::Json => print!("{}", json()?),
    }
    Ok(ExitCode::from(review.exit_code))
}

fn review(project: &Project, args: &Args) -> Result<Review> {
    let sections = patch::read(&args.patches, args.checkout.as_deref())?;
    let mut review = Review::new(args.patches.clone());
    let _lock = lock::take(project, "review")?;
    let pins = Pins::load(&project.pins())?;
    let tree = Tree::bootstrap(project)?;
    let builder = Builder::new(project, &pins, tree.dir())?;

    // What does not apply need not wait for a build.
    let parts = match tree.apply(&sections, &pins)? {
        Applied::Yes(parts) => parts,
        Applied::No(reason) => {
            review.end(Outcome::DoesNotApply, vec![reason]);
            return Ok(review);
        }
    };
    let rules = match changed_rules(&parts) {
        Ok(rules) => rules,
        Err(error) => {
            review.end(Outcome::DoesNotCompile, vec![format!("{error:#}")]);
            return Ok(review);
        }
    };
    describe(&mut review, &parts, &rules);
    if parts.files.is_empty() {
        let reason = "no file of the patch is in a crate that is judged";
        review.end(Outcome::NotExercised, vec![reason.into()]);
        return Ok(review);
    }
    tree.reset()?;
    let old_rules = rules::of_tree(tree.dir())?;
    let base = builder.base(tree.head())?;
    tree.apply(&sections, &pins)?;
    let mut marks = Marks::find(&parts.files);
    marks.write(tree.dir())?;
    let mut built = builder.patched()?;
    if matches!(built, Built::Failed(_)) && !marks.is_empty() {
        // It may be the marks that do not compile.
        marks.give_up(tree.dir(), &parts.files)?;
        built = builder.patched()?;
    }
    let patched = match built {
        Built::Program(program) => program,
        Built::Failed(errors) => {
            review.functions = marks.functions;
            review.end(Outcome::DoesNotCompile, vec![format!("\n{errors}")]);
            return Ok(review);
        }
    };

    let scratch = project.scratch("review");
    let inputs = scratch.join("inputs");
    let (named, only) = (&args.corpus, args.only_corpus);
    let mut corpus = corpus::find(project.root(), named, only, &sections, &inputs)?;
    if args.synthesize {
        review.synthesized = synthesize(&rules, &mut corpus, project.root(), &inputs)?;
    }
    review.tests_left_out = corpus.left_out.clone();
    let is_mid_end = rules
        .changes
        .iter()
        .any(|rule| rule.observed && rule.kind != Kind::Removed);
    review.all_rewrites = args.all_rewrites || is_mid_end;
    let runner = Runner {
        root: project.root(),
        corpus: &corpus,
        all_rewrites: review.all_rewrites,
        targets: &args.target,
        jobs: args.jobs,
    };
    let rules = (rules, [old_rules, rules::of_tree(tree.dir())?]);
    observe(
        &mut review,
        &runner,
        [&base, &patched],
        rules,
        marks,
        &scratch,
    )?;
    if args.rounds > 0 && !args.only_corpus {
        eprintln!("review: measuring the time of compilation");
        let [old, new] = runner.times([&base, &patched], args.rounds)?;
        let rounds = args.rounds;
        review.compile_time = Some(Times { old, new, rounds });
    }
    Ok(review)
}

/// Has both programs compile the corpus, and takes note of what differs.
fn observe(
    review: &mut Review,
    runner: &Runner<'_>,
    [base, patched]: [&PathBuf; 2],
    (changed, trees): (Rules, [BTreeSet<String>; 2]),
    mut marks: Marks,
    scratch: &Path,
) -> Result<()> {
    let (old, new) = (scratch.join("base.json"), scratch.join("patched.json"));
    eprintln!("review: compiling the corpus without the patch");
    let mut before = runner.verify(base, None)?;
    eprintln!("review: compiling the corpus with the patch");
    let seen = scratch.join("marks");
    fs_err::write(&seen, "")?;
    let mut said = runner.verify(patched, Some(&seen))?;
    rules::check_names(&mut before, &trees[0])?;
    rules::check_names(&mut said, &trees[1])?;
    // Each rule is called as it is in the new tree.
    rules::rename(&mut before, |name| changed.renamed(name));
    for (path, result) in [(&old, &before), (&new, &said)] {
        fs_err::write(path, serde_json::to_string(result)?)?;
    }
    marks.seen(&fs_err::read_to_string(&seen)?);
    review.functions = marks.functions;
    review.totals = Some(said["totals"].clone());
    review.rules = judge::rules(changed.changes, &said);
    review.compare_filetests(&runner.filetests(base)?, &runner.filetests(patched)?);
    let comparison = runner.compare(base, &old, &new)?;
    let comparison: Comparison =
        serde_json::from_value(comparison).context("a comparison is not understood")?;
    review.conclude(comparison);
    Ok(())
}

/// Makes functions for the rules that are there with the patch, and adds them to the corpus.
fn synthesize(
    rules: &Rules,
    corpus: &mut corpus::Corpus,
    root: &Path,
    inputs: &Path,
) -> Result<Vec<Synthesized>> {
    let mut all = Vec::new();
    for change in rules.changes.iter().filter(|change| change.observed) {
        let Some(rule) = &change.new else {
            continue;
        };
        let (functions, not_understood) = match synthesize::functions(rule) {
            Ok(functions) => (functions, None),
            Err(reason) => (Vec::new(), Some(reason)),
        };
        let name = change.rule.replace(['/', ':', '.'], "-");
        corpus.add(root, &inputs.join(corpus::SYNTHESIZED), &name, &functions)?;
        all.push(Synthesized {
            rule: change.rule.clone(),
            functions: functions.len(),
            not_understood,
        });
    }
    Ok(all)
}

/// The rules that the patch changes, in files that are ISLE.
fn changed_rules(parts: &Parts) -> Result<Rules> {
    let mut rules = Rules::default();
    for file in &parts.files {
        if file.path.ends_with(".isle") {
            rules.add(&file.path, &file.old, &file.new)?;
        }
    }
    Ok(rules)
}

fn describe(review: &mut Review, parts: &Parts, rules: &Rules) {
    review.files = parts.files.iter().map(|file| file.path.clone()).collect();
    review.not_judged = parts.not_judged.clone();
    review.other_forms = rules.other_forms.clone();
}
