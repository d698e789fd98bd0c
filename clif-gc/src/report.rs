//! `clif-gc report`: one page about the functions of a file.
//!
//! The page is one file without references to others: its data, its style and its script are in it, and a policy
//! in its head forbids it to fetch anything. It lists every function of the file; only some are there in full, for
//! a module may have tens of thousands. Those are the ones that were asked for, or else the ones that are rejected
//! or inconclusive, and after them the largest ones up to 4 KiB, as long as all take 8 MiB at most.

use crate::cli::ReportArgs;
use crate::configuration::{Collector, Configuration, Embedding, Inlining, Mode, OptLevel};
use crate::diagnostic::{Diagnostic, Kind};
use crate::exit::Exit;
use crate::job::Job;
use crate::listing::dedented;
use crate::outcome::Entry;
use crate::progress::Steps;
use crate::record::{FunctionId, FunctionRecord, Verdict, ViolationRecord};
use crate::render;
use crate::supervise;
use crate::target::Target;
use crate::text::{plural, thousands};
use crate::triage::ask;
use crate::triage::protocol::{
    Answer, EmissionRecord, Looker, PassLine, PassRecord, Request, RewriteRecord, RewriteVerdict,
    Side, Tell, Which, Wish,
};
use crate::triage::{render as triage_render, request};
use crate::version;
use crate::worker::{is_meant, sizes};
use cranelift_gc_verifier::Code;
use serde::Serialize;
use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::path::Path;
use std::thread::available_parallelism;

/// How many bytes the functions may take that are in the page in full; the first of them is there in any case.
const MAX_BYTES: usize = 8 << 20;

/// How large a function may be that is in the page in full though nothing is wrong with it and nobody asked for it, in
/// bytes or lines.
const MAX_VERIFIED: u64 = 4 << 10;

/// How many rewrites of a function are in the page.
const MAX_REWRITES: usize = 3000;

/// How many lines of a function are in the page, after all passes together.
const MAX_LINES: usize = 60_000;

const PAGE: &str = include_str!("report/page.html");
const STYLE: &str = include_str!("report/page.css");
const SCRIPT: &str = include_str!("report/page.js");

/// Write the page.
pub fn run(args: &ReportArgs) -> Exit {
    let input = match request::input(&args.file) {
        Ok(input) => input,
        Err(exit) => return exit,
    };
    if input.format() == request::Format::Script {
        return failed(
            &input.name,
            "a script; a page is about one module, or one file of CLIF",
        );
    }
    let Some(wish) = args.compile.wishes().into_iter().next() else {
        return failed(&input.name, "there is nothing to compile it for");
    };
    let steps = Steps::new("report");
    steps.tell("judging every function");
    let entry = match judged(args, &input, &wish, &steps) {
        Ok(entry) => entry,
        Err(exit) => {
            steps.finish();
            return exit;
        }
    };
    let Some(configuration) = entry.configurations.first().cloned() else {
        steps.finish();
        return failed(&input.name, "nothing was compiled");
    };
    let sizes = sizes(&input.path);
    let listed = listed(&entry, &configuration, &sizes);
    let chosen = chosen(args, &listed);
    if chosen.is_empty() && !args.function.is_empty() {
        steps.finish();
        let message = format!("no function is called {}", args.function.join(" or "));
        return failed(&input.name, &message);
    }
    steps.tell(&format!(
        "following {}",
        plural(chosen.len() as u64, "function")
    ));
    let request = Request {
        looker: Looker::Check,
        tell: Tell {
            rewrites: Which::All,
            functions: chosen.clone(),
            passes: true,
            ..Tell::default()
        },
        ..input.request(wish)
    };
    let answer = match chosen.is_empty() {
        true => Answer::of(crate::triage::outcome::Outcome::Compiled),
        false => ask::once(&request, &args.limits.limits()),
    };
    steps.finish();
    if !chosen.is_empty() && answer.passes.is_empty() {
        let told = triage_render::outcome_line(
            &input.name,
            answer.configuration.as_ref(),
            &answer.outcome,
            &answer.errors,
        );
        render::to_stderr(&told);
        return Exit::Unusable;
    }
    let details = details(answer, &chosen);
    let shown = details.len() as u64;
    let page = page(&Document::new(
        &input.name,
        &configuration,
        &listed,
        details,
    ));
    if let Err(error) = std::fs::write(&args.output, page) {
        let path = args.output.display();
        render::to_stderr(&format!("error: cannot write {path}: {error}\n"));
        return Exit::Unusable;
    }
    render::to_stdout(&format!(
        "{}: {}, {} of them in full\n",
        args.output.display(),
        plural(listed.len() as u64, "function"),
        thousands(shown)
    ));
    Exit::Verified
}

fn failed(name: &str, message: &str) -> Exit {
    let mut entry = Entry::new(name);
    entry.add_error(Diagnostic::new(Kind::NotAModule, message));
    render::to_stderr(&render::diagnostics(&entry));
    Exit::Unusable
}

/// Every function of the file, judged.
fn judged(
    args: &ReportArgs,
    input: &request::Input,
    wish: &Wish,
    steps: &Steps,
) -> Result<Entry, Exit> {
    let is_clif = input.format() == request::Format::Clif;
    let wish = wish.clone();
    // NB: Of a module, what `trace` and `bisect` take as well, where nothing was said.
    let or = |given: Option<String>, default: &str| match given {
        None if !is_clif => vec![default.to_string()],
        given => given.into_iter().collect(),
    };
    let limits = args.limits.limits();
    let job = Job {
        name: input.name.clone(),
        targets: or(wish.target, Target::DEFAULT[0]),
        collectors: match wish.collector {
            None if !is_clif => vec![Collector::Copying],
            given => given.into_iter().collect(),
        },
        opt_levels: match wish.opt_level {
            None if !is_clif => vec![OptLevel::Speed],
            given => given.into_iter().collect(),
        },
        embeddings: vec![wish.embedding.unwrap_or(Embedding::Default)],
        inlining: Inlining::Embedding,
        mode: Mode::Check,
        without_checks: Vec::new(),
        allowed: Vec::new(),
        functions: Vec::new(),
        all_rewrites: false,
        rewrites: false,
        rejected_only: false,
        threads: available_parallelism().map_or(1, NonZeroUsize::get),
        stack_size: usize::try_from(limits.stack).unwrap_or(usize::MAX),
        memory_limit: limits.memory,
        first_unit: 0,
    };
    let tell = |stage: String| steps.tell(&stage);
    let outcome = supervise::judge(&input.path, None, &job, limits.time, &tell);
    let mut entries = outcome.entries.into_iter();
    let Some(entry) = entries.next() else {
        return Err(failed(&input.name, "nothing was compiled"));
    };
    if !entry.errors.is_empty() {
        steps.suspend(|| render::to_stderr(&render::diagnostics(&entry)));
        if entry.functions.is_empty() {
            return Err(Exit::Unusable);
        }
    }
    Ok(entry)
}

/// A function in the list.
#[derive(Serialize)]
struct Listed<'a> {
    id: &'a FunctionId,
    verdict: Verdict,
    size: u64,
    safepoints: u64,
    references: u64,
    dereferences: u64,
    rewrites: u64,
    findings: usize,
    undecided: usize,
    /// Is there anything of interest in it?
    watched: bool,
}

fn listed<'a>(
    entry: &'a Entry,
    configuration: &Configuration,
    sizes: &BTreeMap<String, u64>,
) -> Vec<Listed<'a>> {
    let of_this = entry.functions.iter().filter(|(of, _)| of == configuration);
    of_this
        .map(|(_, function)| Listed {
            id: &function.id,
            verdict: function.verdict,
            size: sizes.get(&function.id.function).copied().unwrap_or(0),
            safepoints: function.counts.safepoints,
            references: function.counts.references,
            dereferences: function.counts.dereferences,
            rewrites: function.counts.rewrites,
            findings: function.violations.len(),
            undecided: function.inconclusive.len(),
            watched: function.layer.is_some(),
        })
        .collect()
}

/// The functions that are shown in full.
fn chosen(args: &ReportArgs, listed: &[Listed<'_>]) -> Vec<String> {
    let is_wanted = |function: &&Listed<'_>| match args.function.is_empty() {
        true => {
            function.watched
                && (function.verdict != Verdict::Verified || function.size <= MAX_VERIFIED)
        }
        false => args
            .function
            .iter()
            .any(|pattern| is_meant(function.id, pattern)),
    };
    let mut wanted: Vec<&Listed<'_>> = listed.iter().filter(is_wanted).collect();
    wanted.sort_by(|a, b| b.verdict.cmp(&a.verdict).then(b.size.cmp(&a.size)));
    let names = wanted
        .into_iter()
        .map(|function| function.id.function.clone());
    names.take(args.max_functions).collect()
}

/// The data of the page.
#[derive(Serialize)]
struct Document<'a> {
    file: &'a str,
    version: &'static str,
    cranelift: &'static str,
    wasmtime: &'static str,
    configuration: String,
    functions: &'a [Listed<'a>],
    details: Vec<Detail>,
    /// The invariant of each check.
    checks: BTreeMap<&'static str, &'static str>,
}

/// A function in full.
#[derive(Default, Serialize)]
struct Detail {
    function: String,
    passes: Vec<Pass>,
    rewrites: Vec<Rewrite>,
    /// How many rewrites are left out.
    rewrites_left: usize,
    emission: Option<EmissionRecord>,
    findings: Vec<Finding>,
    undecided: Vec<String>,
    /// Passes whose code is left out, as the function is too large.
    passes_left: Vec<String>,
}

/// A function after a pass.
#[derive(Serialize)]
struct Pass {
    pass: String,
    undone: bool,
    /// The instruction, the CLIF, and the Wasm offset of each line.
    lines: Vec<(Option<String>, String, Option<u64>)>,
}

impl Pass {
    fn new(record: PassRecord) -> Pass {
        let PassRecord {
            function: _,
            compilation: _,
            pass,
            number: _,
            lines,
            undone,
        } = record;
        let lines = lines
            .into_iter()
            .map(|PassLine { inst, text }| (inst, text));
        Pass {
            pass,
            undone,
            lines: dedented(lines.collect()),
        }
    }
}

/// A rewrite, without what the page does not show.
#[derive(Serialize)]
struct Rewrite {
    number: u64,
    pass: String,
    event: String,
    rule: Option<String>,
    entity: String,
    before: (String, Option<String>),
    after: Option<(String, Option<String>)>,
    note: Option<String>,
    references: bool,
    verdict: RewriteVerdict,
}

impl Rewrite {
    fn new(record: RewriteRecord) -> Rewrite {
        let side = |Side { text, fact, .. }| (text, fact);
        Rewrite {
            number: record.number,
            pass: record.pass,
            event: record.event,
            rule: record.rule,
            entity: record.entity,
            before: side(record.before),
            after: record.after.map(side),
            note: record.note,
            references: record.references,
            verdict: record.verdict,
        }
    }
}

#[derive(Serialize)]
struct Finding {
    #[serde(flatten)]
    violation: ViolationRecord,
}

impl<'a> Document<'a> {
    fn new(
        file: &'a str,
        configuration: &Configuration,
        functions: &'a [Listed<'a>],
        details: Vec<Detail>,
    ) -> Self {
        Document {
            file,
            version: env!("CARGO_PKG_VERSION"),
            cranelift: version::CRANELIFT,
            wasmtime: version::WASMTIME,
            configuration: configuration.to_string(),
            functions,
            details,
            checks: Code::ALL
                .into_iter()
                .map(|code| (code.as_str(), code.invariant()))
                .collect(),
        }
    }
}

/// The functions that were chosen, as far as there is room for them, in that order.
fn details(answer: Answer, chosen: &[String]) -> Vec<Detail> {
    let Answer {
        functions,
        rewrites,
        passes,
        emissions,
        ..
    } = answer;
    let mut details: BTreeMap<u64, Detail> = BTreeMap::new();
    for pass in passes {
        let detail = details.entry(pass.compilation).or_default();
        detail.function = pass.function.function.clone();
        let lines: usize = detail.passes.iter().map(|pass| pass.lines.len()).sum();
        match lines + pass.lines.len() > MAX_LINES {
            true => detail.passes_left.push(pass.pass),
            false => detail.passes.push(Pass::new(pass)),
        }
    }
    for rewrite in rewrites {
        if let Some(detail) = details.get_mut(&rewrite.compilation) {
            // NB: Those of references are never left out.
            let is_wanted = rewrite.references || rewrite.verdict.code.is_some();
            match detail.rewrites.len() < MAX_REWRITES || is_wanted {
                true => detail.rewrites.push(Rewrite::new(rewrite)),
                false => detail.rewrites_left += 1,
            }
        }
    }
    for emission in emissions {
        if let Some(detail) = details.get_mut(&emission.compilation) {
            detail.emission = Some(emission);
        }
    }
    for detail in details.values_mut() {
        let mut of_this = functions
            .iter()
            .filter(|f| f.id.function == detail.function);
        if let Some(function) = of_this.next() {
            detail.judge(function);
        }
    }
    let place = |detail: &Detail| chosen.iter().position(|name| *name == detail.function);
    let mut details: Vec<Detail> = details.into_values().collect();
    details.sort_by_key(place);
    let mut room = MAX_BYTES;
    let mut is_first = true;
    details.retain(|detail| {
        let size = serde_json::to_vec(detail).map_or(0, |bytes| bytes.len());
        let fits = size <= room || std::mem::take(&mut is_first);
        is_first = false;
        if fits {
            room = room.saturating_sub(size);
        }
        fits
    });
    details
}

impl Detail {
    fn judge(&mut self, function: &FunctionRecord) {
        let findings = function.violations.iter().cloned();
        self.findings = findings.map(|violation| Finding { violation }).collect();
        let undecided = function.inconclusive.iter();
        self.undecided = undecided
            .map(|record| format!("{}: {}", record.reason, record.message))
            .collect();
    }
}

/// The page.
fn page(document: &Document<'_>) -> String {
    let data = serde_json::to_string(document).expect("all keys are strings");
    // NB: Nothing in it ends the element that it is in.
    let data = data.replace('<', "\\u003c");
    let name = Path::new(document.file).file_name();
    let title = name.map_or(document.file.into(), |name| name.to_string_lossy());
    let title = title.replace('&', "&amp;").replace('<', "&lt;");
    let mut page = String::with_capacity(PAGE.len() + STYLE.len() + SCRIPT.len() + data.len());
    let mut rest = PAGE;
    // NB: In one sweep, so that nothing of the file is taken for a place to fill in.
    while let Some((before, after)) = rest.split_once("{{") {
        page.push_str(before);
        let (name, after) = after.split_once("}}").expect("the page is well-formed");
        page.push_str(match name {
            "title" => &title,
            "style" => STYLE,
            "script" => SCRIPT,
            "data" => &data,
            name => unreachable!("the page has no place called {name}"),
        });
        rest = after;
    }
    page.push_str(rest);
    page
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_in_a_file_cannot_leave_the_data() {
        let configuration = Configuration {
            target: "x86_64".to_string(),
            collector: Collector::Copying,
            opt_level: OptLevel::Speed,
            embedding: Embedding::Default,
        };
        let name = "</script><!-- {{data}}.wat";
        let page = page(&Document::new(name, &configuration, &[], Vec::new()));
        assert_eq!(page.matches("</script>").count(), 2);
        assert!(!page.contains("<!--"));
        assert!(page.contains("<title>script>&lt;!-- {{data}}.wat"));
    }
}
