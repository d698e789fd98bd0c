//! Compiles CLIF functions.

use super::lines::of_instructions;
use super::{Tools, Work, clif_error, emit, names, panics, sink};
use crate::configuration::{Collector, Configuration, Embedding, OptLevel, combinations};
use crate::diagnostic::{Diagnostic, Kind, Result};
use crate::job::{Job, Plan, Unit, UnitOutcome};
use crate::record::{FunctionId, FunctionRecord, Verdict};
use crate::snippet::Snippet;
use crate::target::Target;
use cranelift_codegen::control::ControlPlane;
use cranelift_codegen::ir::Function;
use cranelift_codegen::isa::{self, OwnedTargetIsa};
use cranelift_codegen::settings::{self, Configurable, Flags};
use cranelift_codegen::{CodegenError, Context};
use cranelift_reader::{Details, IsaSpec, ParseOptions, parse_test};
use std::collections::HashMap;
use target_lexicon::Triple;

/// The collector that asks for most.
const DEFAULT_COLLECTOR: Collector = Collector::Copying;

/// How many errors of Cranelift's own verifier are passed on.
const MAX_NOTES: usize = 5;

/// The functions of a file.
pub struct Functions {
    text: String,
    /// They, the lines on which they begin, and the lines of their instructions, as far as these are known.
    functions: Vec<(Function, usize, Vec<usize>)>,
    spec: IsaSpec,
    configurations: Vec<Configuration>,
    /// The targets that were made up to now.
    isas: HashMap<(String, OptLevel), std::result::Result<OwnedTargetIsa, String>>,
    tools: Tools,
}

impl Functions {
    /// The work on the functions in `text`.
    pub fn parse(text: &str, tools: Tools) -> Result<Self> {
        let file = panics::catch(|| {
            parse_test(text, ParseOptions::default())
                .map_err(|error| Box::new(clif_error::diagnostic(text, &error)))
        })?;
        if file.functions.is_empty() {
            let diagnostic = Diagnostic::new(Kind::NotAModule, "no function in this file");
            return Err(Box::new(diagnostic));
        }
        let patterns = &tools.job.functions;
        let lines = |func: &Function, line: usize| {
            of_instructions(text, line, func.dfg.num_insts()).unwrap_or_default()
        };
        let functions = file.functions.iter().filter_map(|(func, details)| {
            let line = details.location.line_number;
            let id = names::clif(func.name.to_string(), line);
            names::is_one_of(&id, patterns).then(|| (func.clone(), line, lines(func, line)))
        });
        Ok(Functions {
            text: text.to_string(),
            configurations: configurations(
                &tools.job,
                &file.isa_spec,
                declared_collector(&file.functions),
                set_opt_level(text),
            ),
            functions: functions.collect(),
            spec: file.isa_spec,
            isas: HashMap::new(),
            tools,
        })
    }
}

/// The functions of a file as the optimizer makes them, or what stopped it, in the first configuration.
pub fn optimized(text: &str, tools: Tools) -> Result<(Result<Vec<Function>>, Configuration)> {
    let file = Functions::parse(text, tools)?;
    let configuration = file.configurations[0].clone();
    let isa = make_isa(&configuration, &file.spec, &file.tools.job)
        .map_err(|error| Box::new(Diagnostic::new(Kind::Compile, error)))?;
    let functions = file.functions.iter().map(|(func, ..)| {
        let mut func = func.clone();
        func.dfg
            .gc_info
            .collector
            .get_or_insert(configuration.collector.behaviour());
        panics::catch(|| {
            let mut context = Context::for_function(func);
            match context.optimize(&*isa, &mut ControlPlane::default()) {
                Ok(()) => Ok(context.func.clone()),
                Err(error) => Err(Box::new(diagnostic(&error))),
            }
        })
    });
    Ok((functions.collect(), configuration))
}

/// What the command line asks for, else what the file says, else the defaults; of collectors, first
/// what the file says.
fn configurations(
    job: &Job,
    spec: &IsaSpec,
    collector: Option<Collector>,
    opt_level: Option<OptLevel>,
) -> Vec<Configuration> {
    let targets = match (&job.targets[..], spec) {
        ([], IsaSpec::Some(isas)) => isas
            .iter()
            .map(|isa| Target::of_triple(isa.triple()).name)
            .collect(),
        ([], IsaSpec::None(_)) => Target::DEFAULT.map(str::to_string).to_vec(),
        (targets, _) => targets.to_vec(),
    };
    let collectors = match (collector, &job.collectors[..]) {
        // NB: What is declared is kept, so that every collector that is asked for comes to the same.
        (Some(declared), _) => vec![declared],
        (None, []) => vec![DEFAULT_COLLECTOR],
        (None, collectors) => collectors.to_vec(),
    };
    let opt_levels = match &job.opt_levels[..] {
        [] => vec![opt_level.unwrap_or(OptLevel::Speed)],
        opt_levels => opt_levels.to_vec(),
    };
    let mut all = combinations(&targets, &collectors, &opt_levels, &[Embedding::Default]);
    // A file may name a target more than once, with different settings; the first is taken.
    let mut seen = Vec::new();
    all.retain(|configuration| {
        let is_new = !seen.contains(configuration);
        seen.push(configuration.clone());
        is_new
    });
    all
}

/// The collector that all functions declare.
fn declared_collector(functions: &[(Function, Details<'_>)]) -> Option<Collector> {
    let mut declared = functions.iter().map(|(func, _)| func.dfg.gc_info.collector);
    let first = declared.next()??;
    declared
        .all(|collector| collector == Some(first))
        .then(|| Collector::of_behaviour(first))
}

/// The optimization level that the file sets.
///
/// NB: The parsed flags do not tell whether `none` was set or is the default.
fn set_opt_level(text: &str) -> Option<OptLevel> {
    text.lines()
        .take_while(|line| !line.starts_with("function"))
        .filter_map(|line| line.trim().strip_prefix("set "))
        .flat_map(str::split_whitespace)
        .filter_map(|setting| setting.strip_prefix("opt_level="))
        .filter_map(|value| {
            [OptLevel::None, OptLevel::Speed, OptLevel::SpeedAndSize]
                .into_iter()
                .find(|level| level.as_str() == value)
        })
        .last()
}

impl Work for Functions {
    fn plan(&self) -> Plan {
        let unit = |configuration: &Configuration, func: &Function| Unit {
            entry: 0,
            function: Some(func.name.to_string()),
            functions: None,
            configuration: configuration.clone(),
        };
        Plan {
            entries: vec![self.tools.job.name.clone()],
            units: self
                .configurations
                .iter()
                .flat_map(|configuration| {
                    let functions = self.functions.iter();
                    functions.map(move |(func, ..)| unit(configuration, func))
                })
                .collect(),
        }
    }

    fn unit(&mut self, index: usize) -> UnitOutcome {
        let configuration = &self.configurations[index / self.functions.len()];
        let (func, line, lines) = &self.functions[index % self.functions.len()];
        let key = (configuration.target.clone(), configuration.opt_level);
        let isa = self
            .isas
            .entry(key)
            .or_insert_with(|| make_isa(configuration, &self.spec, &self.tools.job));
        match isa {
            Ok(isa) => {
                let id = names::clif(func.name.to_string(), *line);
                let mut outcome = verify(func, id, isa, configuration, &self.tools);
                for function in &mut outcome.functions {
                    function.set_lines(lines);
                }
                for error in &mut outcome.errors {
                    error.snippet = Some(header(&self.text, *line));
                }
                outcome
            }
            Err(error) => UnitOutcome::failed(Diagnostic::new(Kind::Compile, error.as_str())),
        }
    }
}

/// The beginning of the function on that line.
fn header(text: &str, line: usize) -> Snippet {
    let line = clif_error::line_range(text, line);
    let name = text[line.clone()].find(['(', '{']).unwrap_or(line.len());
    let end = text[line.start..line.start + name].trim_end().len();
    Snippet::new(text, line.start, line.start + end)
}

/// Compile a function, with the verifier looking on.
fn verify(
    func: &Function,
    id: FunctionId,
    isa: &OwnedTargetIsa,
    configuration: &Configuration,
    tools: &Tools,
) -> UnitOutcome {
    let mut func = func.clone();
    func.dfg
        .gc_info
        .collector
        .get_or_insert(configuration.collector.behaviour());
    let mut context = Context::for_function(func);
    tools.observed.begin();
    let error = panics::catch(|| {
        let result = context.compile(&**isa, &mut ControlPlane::default());
        result
            .map(drop)
            .map_err(|error| Box::new(diagnostic(&error.inner)))
    })
    .err();
    let name = &tools.job.name;
    let mut emit = tools
        .emit
        .as_ref()
        .map(|emit| emit.unit(name, configuration));
    let mut functions = Vec::new();
    for (count, report) in tools.sink.take().iter().enumerate() {
        if let Some(emit) = &mut emit {
            emit.function(&id, count, report);
        }
        let mut record = sink::record(report, id.clone());
        record.allow(&tools.job.allowed);
        functions.push(record);
    }
    let mut counted = tools.observed.take();
    for function in functions.iter_mut().filter(|_| tools.job.rewrites) {
        // NB: What is compiled twice has asked twice.
        let counted = counted.remove(&function.id.function);
        counted.unwrap_or_default().tell(function);
    }
    let unwritten = emit.and_then(emit::Unit::end);
    if functions.is_empty() && error.is_none() {
        functions.push(FunctionRecord::uninteresting(id));
    }
    let is_rejected = functions.iter().any(|f| f.verdict == Verdict::Rejected);
    let is_explained =
        is_rejected && matches!(&error, Some(error) if error.message == GC_VERIFIER_REFUSAL);
    UnitOutcome {
        functions,
        errors: error
            .filter(|_| !is_explained)
            .map(|error| *error)
            .into_iter()
            .chain(unwritten)
            .collect(),
    }
}

const GC_VERIFIER_REFUSAL: &str = "the GC verifier stopped the compilation";

fn diagnostic(error: &CodegenError) -> Diagnostic {
    match error {
        CodegenError::Verifier(errors) => {
            let mut diagnostic = Diagnostic::new(
                Kind::Invalid,
                "not a valid function: Cranelift's verifier rejects it",
            );
            for error in errors.0.iter().take(MAX_NOTES) {
                let context = error.context.as_deref().map(str::trim).unwrap_or_default();
                let context = match context {
                    "" => String::new(),
                    context => format!(" `{context}`"),
                };
                let place = error.location;
                diagnostic = diagnostic.note(format!("{place}{context}: {}", error.message));
            }
            let more = errors.0.len().saturating_sub(MAX_NOTES);
            match more {
                0 => diagnostic,
                more => diagnostic.note(format!("and {more} more")),
            }
        }
        CodegenError::GcVerifier(errors) => {
            let diagnostic = Diagnostic::new(Kind::Compile, GC_VERIFIER_REFUSAL);
            errors
                .0
                .iter()
                .fold(diagnostic, |d, error| d.note(error.to_string()))
        }
        error => Diagnostic::new(Kind::Compile, error.to_string()),
    }
}

/// A target with the settings of the file, and ours.
fn make_isa(
    configuration: &Configuration,
    spec: &IsaSpec,
    job: &Job,
) -> std::result::Result<OwnedTargetIsa, String> {
    let asked = Target::parse(&configuration.target)?;
    let named = match spec {
        IsaSpec::Some(isas) => isas
            .iter()
            .find(|isa| Target::of_triple(isa.triple()).name == asked.name)
            .or_else(|| {
                isas.iter()
                    .find(|isa| same_architecture(isa, &asked.triple))
            }),
        IsaSpec::None(_) => None,
    };
    let triple = match named {
        Some(isa) => isa.triple().clone(),
        None => asked.triple,
    };
    let shared = match (named, spec) {
        (Some(isa), _) => isa.flags(),
        (None, IsaSpec::Some(isas)) => isas[0].flags(),
        (None, IsaSpec::None(flags)) => flags,
    };
    let mut flags = settings::builder();
    copy(shared.iter(), &mut flags)?;
    set(&mut flags, "opt_level", configuration.opt_level.as_str())?;
    set(&mut flags, "gc_verifier", job.mode.as_str())?;
    // What is said of a function is said of a valid one, whatever its file sets.
    set(&mut flags, "enable_verifier", "true")?;
    // What the code generator needs for tail calls and for many results. Neither matters here, and
    // without them such functions cannot be judged.
    set(&mut flags, "preserve_frame_pointers", "true")?;
    set(&mut flags, "enable_multi_ret_implicit_sret", "true")?;
    let mut builder = isa::lookup(triple).map_err(|error| error.to_string())?;
    if let Some(isa) = named {
        copy(isa.isa_flags().into_iter(), &mut builder)?;
    }
    builder
        .finish(Flags::new(flags))
        .map_err(|error| error.to_string())
}

fn same_architecture(isa: &OwnedTargetIsa, triple: &Triple) -> bool {
    isa.triple().architecture == triple.architecture
}

fn copy(
    values: impl Iterator<Item = settings::Value>,
    to: &mut impl Configurable,
) -> std::result::Result<(), String> {
    for value in values {
        set(to, value.name, &value.value_string())?;
    }
    Ok(())
}

fn set(to: &mut impl Configurable, name: &str, value: &str) -> std::result::Result<(), String> {
    to.set(name, value)
        .map_err(|error| format!("setting {name}={value}: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_optimization_level_of_a_file_is_heeded() {
        let level = |text| set_opt_level(text);
        assert_eq!(level("test compile\nfunction %f() {"), None);
        assert_eq!(level("set opt_level=none\n"), Some(OptLevel::None));
        assert_eq!(
            level("set enable_x=false opt_level=speed_and_size"),
            Some(OptLevel::SpeedAndSize)
        );
        assert_eq!(level("function %f() {\nset opt_level=none"), None);
    }
}
