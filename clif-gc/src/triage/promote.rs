//! `clif-gc promote`: a filetest of what fails.
//!
//! **Claim.** What is written passes `clif-gc test` as it is; what does not is not written.

use super::ask;
use super::cleanup;
use super::emitted;
use super::failure::Failure;
use super::outcome::{Class, Outcome};
use super::protocol::{Answer, Looker, Request, Run, Wish};
use super::render::{Head, document, outcome_line};
use super::reproduce::{Case, Nothing};
use super::request::{self, Format as FileFormat, Input};
use crate::cli::{Format, PromoteArgs};
use crate::configuration::Collector;
use crate::exit::Exit;
use crate::render::style::{GOOD, STRONG, WARNING, paint};
use crate::render::{to_stderr, to_stdout};
use crate::target::Target;
use crate::text::printable;
use cranelift_codegen::ir::Function;
use cranelift_reader::{ParseOptions, parse_test};
use serde::Serialize;
use std::ffi::OsString;
use std::fmt::Write;
use std::path::{Path, PathBuf};

/// What was written.
#[derive(Serialize)]
struct Promoted {
    failure: Failure,
    description: String,
    files: Vec<File>,
    notes: Vec<String>,
}

#[derive(Serialize)]
struct File {
    path: String,
    passes: bool,
}

type Maybe<T> = Result<T, String>;

/// Write a test of what fails in the file.
pub fn run(args: &PromoteArgs) -> Exit {
    cleanup::watch_signals();
    let input = match request::input(&args.file) {
        Ok(input) => input,
        Err(exit) => return exit,
    };
    if args.failure.command.is_some() {
        to_stderr("error: `promote` runs no commands\n");
        return Exit::Unusable;
    }
    let Some(wish) = args.compile.wishes().into_iter().next() else {
        return Exit::Unusable;
    };
    let case = match Case::find(&input, wish, &args.failure, &args.limits.limits()) {
        Ok(case) => case,
        Err(Nothing::Fine(tried)) => {
            let tried = tried.join("; ");
            to_stderr(&format!("error: there is nothing to promote: {tried}\n"));
            return Exit::Inconclusive;
        }
        Err(Nothing::Unusable(answer)) => {
            let Answer {
                configuration,
                outcome,
                errors,
                ..
            } = *answer;
            to_stderr(&outcome_line(
                &input.name,
                configuration.as_ref(),
                &outcome,
                &errors,
            ));
            return Exit::Unusable;
        }
    };
    let promoted = Promotion::new(args, case).and_then(Promotion::promoted);
    match promoted {
        Err(error) => {
            to_stderr(&format!("error: {}\n", printable(&error)));
            Exit::Unusable
        }
        Ok(promoted) => {
            let exit = match promoted.files.is_empty() {
                true => Exit::Inconclusive,
                false => Exit::Verified,
            };
            match args.output.format {
                Format::Text => to_stdout(&promoted.text()),
                Format::Json => {
                    to_stdout(&document(
                        Head::new("promote", &input.name, exit),
                        &promoted,
                    ));
                }
            }
            exit
        }
    }
}

impl Promoted {
    fn text(&self) -> String {
        let mut out = String::new();
        // NB: Writing to a string cannot fail.
        let _ = writeln!(
            out,
            "{}: {}",
            paint(STRONG, "shows"),
            printable(&self.description)
        );
        for File { path, .. } in &self.files {
            let _ = writeln!(out, "{}: {}", paint(GOOD, "written"), printable(path));
        }
        for note in &self.notes {
            let _ = writeln!(out, "{}: {}", paint(WARNING, "note"), printable(note));
        }
        out
    }
}

struct Promotion<'a> {
    args: &'a PromoteArgs,
    case: Case,
    scratch: PathBuf,
    files: Vec<File>,
    notes: Vec<String>,
}

impl<'a> Promotion<'a> {
    fn new(args: &'a PromoteArgs, case: Case) -> Maybe<Self> {
        let scratch = cleanup::scratch()
            .map_err(|error| format!("cannot make a temporary directory: {error}"))?;
        std::fs::create_dir_all(&args.directory)
            .map_err(|error| format!("cannot write to {}: {error}", args.directory.display()))?;
        Ok(Promotion {
            args,
            case,
            scratch,
            files: Vec::new(),
            notes: Vec::new(),
        })
    }

    fn promoted(mut self) -> Maybe<Promoted> {
        let path = self.case.input.path.clone();
        match (self.case.input.format(), self.case.failure.clone()) {
            (FileFormat::Clif, _) => {
                let text = std::fs::read_to_string(&path).map_err(|error| error.to_string())?;
                self.clif(&text)?;
            }
            (FileFormat::Module, Failure::Run { expected, .. }) => self.module(&expected)?,
            (FileFormat::Module, Failure::Finding { .. }) => {
                match emitted::function(&self.case, &path, &self.scratch)?.0 {
                    Some((path, text)) => {
                        self.case.wish = Wish::default();
                        self.case.input.path = path;
                        self.clif(&text)?;
                    }
                    None => self
                        .notes
                        .push("no function fails without its module".to_string()),
                }
            }
            (FileFormat::Module | FileFormat::Script, _) => self
                .notes
                .push("such a failure of a module is no filetest: reduce it to CLIF".to_string()),
        }
        Ok(Promoted {
            description: self.case.failure.to_string(),
            failure: self.case.failure,
            files: self.files,
            notes: self.notes,
        })
    }

    /// The name of what is written, without its extension.
    fn stem(&self) -> String {
        match &self.args.name {
            Some(name) => name.clone(),
            None => {
                let stem = Path::new(&self.args.file).file_stem();
                let stem = stem.unwrap_or_default().to_string_lossy();
                stem.trim_end_matches(".reduced").to_string()
            }
        }
    }

    /// Bless the text as a filetest, and write it if it passes then.
    fn write(&mut self, name: &str, text: &str) -> Maybe<bool> {
        let draft = self.scratch.join(name);
        std::fs::write(&draft, text).map_err(|error| error.to_string())?;
        let test = |bless| {
            let input = Input {
                path: draft.clone(),
                name: name.to_string(),
            };
            let request = Request {
                filetest: Some(bless),
                ..input.request(Wish::default())
            };
            ask::once(&request, &self.case.limits).outcome
        };
        for bless in [true, false] {
            let outcome = test(bless);
            if outcome.class() != Class::Fine {
                let why = match outcome {
                    Outcome::AssertionFailed { message } | Outcome::Invalid { message } => message,
                    other => other.short(),
                };
                let first = why.lines().next().unwrap_or_default().to_string();
                self.notes.push(format!("{name} is not written: {first}"));
                return Ok(false);
            }
        }
        let bytes = std::fs::read(&draft).map_err(|error| error.to_string())?;
        self.put(name, &bytes)?;
        Ok(true)
    }

    fn put(&mut self, name: &str, bytes: &[u8]) -> Maybe<()> {
        let path = self.args.directory.join(name);
        cleanup::write_whole(&path, bytes)
            .map_err(|error| format!("cannot write {}: {error}", path.display()))?;
        self.files.push(File {
            path: path.display().to_string(),
            passes: true,
        });
        Ok(())
    }

    fn clif(&mut self, text: &str) -> Maybe<()> {
        let file = parse_test(text, ParseOptions::default()).map_err(|error| error.to_string())?;
        let functions: Vec<Function> = file.functions.into_iter().map(|(func, _)| func).collect();
        let guilty = self.guilty(&functions)?;
        let layer = match &self.case.failure {
            Failure::Finding { layer, .. } => layer.clone(),
            _ => "egraph".to_string(),
        };
        let stem = self.stem();
        let title = match &self.case.failure {
            Failure::Finding { code, name, .. } => format!("{code} {name}, from {stem}."),
            failure => format!("{failure}, from {stem}."),
        };
        let collector = self.collector(text);
        match layer.as_str() {
            "input" => self.at_input(&title, &guilty, &collector),
            "lowering" | "emission" => self.at_emission(&title, &guilty, &collector),
            _ => self.at_optimizer(&title, &guilty, &collector, &layer),
        }
    }

    /// The function that fails.
    fn guilty(&self, functions: &[Function]) -> Maybe<Function> {
        let name = match &self.case.failure {
            Failure::Finding { function, .. } => Some(function.as_str()),
            _ => None,
        };
        let is_it = |func: &&Function| name.is_none_or(|name| func.name.to_string() == name);
        let guilty = functions.iter().find(is_it).or(functions.first());
        guilty
            .cloned()
            .ok_or_else(|| "there is no function".to_string())
    }

    /// The collector, as the commands of filetests name it.
    fn collector(&self, text: &str) -> String {
        let of_file = text.lines().find_map(|line| {
            let (_, rest) = line.strip_prefix("test ")?.split_once("collector=")?;
            Some(rest.split_whitespace().next()?.to_string())
        });
        let of_wish = self
            .case
            .wish
            .collector
            .map(|collector| collector.to_string());
        of_wish
            .or(of_file)
            .unwrap_or_else(|| Collector::Copying.to_string())
    }

    /// What the producer made is wrong: it is rejected, and where no call collects it is accepted.
    fn at_input(&mut self, title: &str, guilty: &Function, collector: &str) -> Maybe<()> {
        let head = format!("; {title}\ntest gc-verify collector={collector}\n");
        let name = format!("{}.clif", self.stem());
        let err = named(guilty, "err");
        let mut twin = named(guilty, "ok");
        let callees: Vec<_> = twin.dfg.ext_funcs.keys().collect();
        for callee in callees {
            twin.dfg.gc_info.set_nogc(callee);
        }
        let accepted = format!("\n; The same, where no call collects.\n{}", text_of(&twin));
        let is_accepted = {
            let draft = self.scratch.join("twin.clif");
            std::fs::write(&draft, twin.to_string()).map_err(|error| error.to_string())?;
            let input = Input {
                path: draft,
                name: "twin".to_string(),
            };
            let request = Request {
                looker: Looker::Check,
                ..input.request(Wish::default())
            };
            let answer = ask::once(&request, &self.case.limits);
            answer.outcome == Outcome::Compiled
        };
        let with_twin = match is_accepted {
            true => accepted,
            false => {
                self.notes
                    .push("there is no twin: it is wrong also where no call collects".to_string());
                String::new()
            }
        };
        self.write(&name, &format!("{head}\n{}{with_twin}", text_of(&err)))?;
        Ok(())
    }

    /// What a pass of the optimizer did is wrong. The twin is what comes out when it is refused.
    fn at_optimizer(
        &mut self,
        title: &str,
        guilty: &Function,
        collector: &str,
        layer: &str,
    ) -> Maybe<()> {
        let stem = self.stem();
        let targets: String = Target::DEFAULT
            .iter()
            .map(|target| format!("target {target}\n"))
            .collect();
        let no_subjects = |func: &Function| {
            let mut insts = func.dfg.insts_with_user_stack_maps();
            match insts.next() {
                None => "; no-subjects\n",
                Some(_) => "",
            }
        };
        let is_finding = matches!(self.case.failure, Failure::Finding { .. });
        let err = named(guilty, "err");
        let pass = match layer {
            "constant-phis" => "constant-phis",
            _ => "egraph",
        };
        if is_finding {
            let rejected = |subjects: &str| {
                format!(
                    "; {title} The optimizer does it.\n{subjects}test gc-verify collector={collector} \
                     pass={pass}\nset opt_level=speed\nset gc_verifier=check\n{targets}\n{}",
                    text_of(&err)
                )
            };
            let before = self.notes.len();
            let name = format!("{stem}.clif");
            let is_written = self.write(&name, &rejected(no_subjects(&err)))?;
            if !is_written && self.write(&name, &rejected(""))? {
                self.notes.truncate(before);
            }
        }
        let ok = named(guilty, "ok");
        let run = self.expected_result(&ok);
        let enforced = format!(
            "; {title} The rewrite is refused, and the function comes out right.\n\
             test gc-optimize precise-output collector={collector}\nset opt_level=speed\n\
             set gc_verifier=enforce\n{targets}\n{}",
            text_of(&ok)
        );
        self.write(&format!("{stem}-enforced.clif"), &enforced)?;
        if let Some(run) = run {
            let runs = format!(
                "; {title} The result is right, because the rewrite is refused.\ntest run\n\
                 set opt_level=speed\nset gc_verifier=enforce\n{targets}\n{}; run: {run}\n",
                text_of(&ok)
            );
            self.write(&format!("{stem}-result.clif"), &runs)?;
        }
        Ok(())
    }

    /// What the function returns when nothing optimizes it, if it can be called just so.
    fn expected_result(&self, func: &Function) -> Option<String> {
        if !func.signature.params.is_empty() || func.signature.returns.is_empty() {
            return None;
        }
        let draft = self.scratch.join("result.clif");
        std::fs::write(&draft, func.to_string()).ok()?;
        let input = Input {
            path: draft,
            name: "result".to_string(),
        };
        let request = Request {
            run: Some(Run::default()),
            ..input.request(Wish {
                opt_level: Some(crate::configuration::OptLevel::None),
                ..Wish::default()
            })
        };
        match ask::once(&request, &self.case.limits).outcome {
            Outcome::Returned { values, .. } => Some(format!("{}() == {values}", func.name)),
            _ => None,
        }
    }

    /// Lowering or emission lost something: a file for each target.
    fn at_emission(&mut self, title: &str, guilty: &Function, collector: &str) -> Maybe<()> {
        let stem = self.stem();
        for target in Target::DEFAULT {
            let func = named(guilty, "err");
            let text = format!(
                "; {title} Compiled for {target}.\ntest gc-verify collector={collector} pass=emission\n\
                 test compile precise-output\nset opt_level=speed\nset gc_verifier=check\n\
                 target {target}\n\n{}",
                text_of(&func)
            );
            self.write(&format!("{stem}-{target}.clif"), &text)?;
        }
        Ok(())
    }

    /// A module that does something else than it should: a script that asserts what is right.
    fn module(&mut self, expected: &Outcome) -> Maybe<()> {
        let Outcome::Returned { values, output } = expected else {
            self.notes
                .push(format!("a script cannot assert this: {}", expected.short()));
            return Ok(());
        };
        if output.bytes > 0 {
            self.notes
                .push("a script cannot assert what is printed".to_string());
            return Ok(());
        }
        let bytes = crate::worker::binary(&self.case.input.path)?;
        let module = match std::fs::read_to_string(&self.case.input.path) {
            Ok(text) if text.trim_start().starts_with("(module") => text,
            _ => {
                let bytes: String = bytes.iter().map(|byte| format!("\\{byte:02x}")).collect();
                format!("(module binary \"{bytes}\")")
            }
        };
        let Some(export) = self.export() else {
            self.notes
                .push("it is not known what was called".to_string());
            return Ok(());
        };
        let arguments = &self.case.how.arguments;
        if !arguments.is_empty() {
            self.notes
                .push("a script is written only for calls without arguments".to_string());
            return Ok(());
        }
        let types = crate::worker::results(&self.case.input.path, &export)?;
        let results: Vec<String> = values
            .split_whitespace()
            .zip(&types)
            .map(|(value, ty)| format!("({ty}.const {value})"))
            .collect();
        let text = format!(
            ";; {} is right, and what the optimizer makes of it is not.\n;;! verifier = \"enforce\"\n\n\
             {}\n\n(assert_return (invoke {export:?}) {})\n",
            expected.short(),
            module.trim_end(),
            results.join(" ")
        );
        let name = format!("{}.wast", self.stem());
        let draft = self.scratch.join(&name);
        std::fs::write(&draft, &text).map_err(|error| error.to_string())?;
        let input = crate::discover::Input {
            path: draft,
            alias: None,
            error: None,
        };
        match crate::filetest::failures_of_script(&input).first() {
            None => self.put(&name, text.as_bytes())?,
            Some(failure) => self.notes.push(format!("{name} is not written: {failure}")),
        }
        Ok(())
    }

    /// The export that was called.
    fn export(&self) -> Option<String> {
        if let Some(name) = &self.case.how.invoke {
            return Some(name.clone());
        }
        let request = Request {
            path: OsString::from(&self.case.input.path),
            ..self.case.request()
        };
        let notes = ask::once(&request, &self.case.limits).notes;
        notes.iter().find_map(|note| {
            let name = note.strip_prefix("calls \"")?;
            Some(name.trim_end_matches('"').to_string())
        })
    }
}

/// The function as text, without the comments in which constants are repeated.
fn text_of(func: &Function) -> String {
    let text = func.to_string();
    let lines = text.trim_end().lines();
    let lines: Vec<&str> = lines
        .map(|line| line.split_once("  ; ").map_or(line, |(code, _)| code))
        .collect();
    lines.join("\n") + "\n"
}

/// The function under a name that tells what it is.
fn named(func: &Function, suffix: &str) -> Function {
    let name = func.name.to_string();
    let safe: String = name
        .trim_start_matches('%')
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() { c } else { '_' })
        .collect();
    let safe = match safe.strip_suffix("_err").or(safe.strip_suffix("_ok")) {
        Some(stem) => stem.to_string(),
        None => safe,
    };
    let mut named = func.clone();
    named.name = cranelift_codegen::ir::UserFuncName::testcase(format!("{safe}_{suffix}"));
    named
}
