//! Compiles Wasm modules.

use super::names::{Key, ModuleNames, is_one_of};
use super::operators::{name_operators, wide};
use super::source::{Module, component};
use super::watch::Watch;
use super::{Tools, Work, emit, isolate, panics, sink};
use crate::configuration::{Collector, Configuration, Embedding, Mode, OptLevel, combinations};
use crate::diagnostic::{Diagnostic, Kind, Result};
use crate::job::{Job, Plan, Unit, UnitOutcome};
use crate::record::{FunctionId, FunctionRecord, Verdict};
use crate::target::Target;
use std::collections::BTreeMap;
use wasmparser::{CompositeInnerType, Parser, Payload, Validator, WasmFeatures};
use wasmtime::{Config, Engine, GcVerifier};

/// The collectors that collect, which are the ones that ask for anything.
const DEFAULT_COLLECTORS: [Collector; 2] = [Collector::Copying, Collector::Drc];

/// What is easiest and what is hardest. Neither covers the other: the optimizer has more freedom with a
/// heap that does not move.
const DEFAULT_EMBEDDINGS: [Embedding; 2] = [Embedding::Default, Embedding::Strict];

/// The modules of a file.
pub struct Modules {
    modules: Vec<Module>,
    /// How many functions each of them defines.
    functions: Vec<Option<u64>>,
    /// The units: which module is compiled how.
    units: Vec<(usize, Configuration)>,
    tools: Tools,
    /// The names of the functions of the module that was compiled last.
    names: Option<(usize, ModuleNames)>,
}

impl Modules {
    /// The work on these modules.
    pub fn new(modules: Vec<Module>, tools: Tools) -> Self {
        let job = &tools.job;
        let configurations = combinations(
            &or_default(&job.targets, &Target::DEFAULT.map(str::to_string)),
            &or_default(&job.collectors, &DEFAULT_COLLECTORS),
            &or_default(&job.opt_levels, &[OptLevel::Speed]),
            &or_default(&job.embeddings, &DEFAULT_EMBEDDINGS),
        );
        // NB: A target that was not asked for is left out where Wasmtime cannot compile a module for it.
        let is_wanted = |module: &Module, configuration: &Configuration| {
            !job.targets.is_empty()
                || can_switch_stacks(&configuration.target)
                || !module
                    .bytes
                    .as_ref()
                    .is_ok_and(|bytes| switches_stacks(bytes))
        };
        let units = modules.iter().enumerate().flat_map(|(index, module)| {
            let wanted = configurations.iter().filter(move |c| is_wanted(module, c));
            wanted.map(move |configuration| (index, configuration.clone()))
        });
        let units = units.collect();
        let count = |bytes: &Vec<u8>| u64::from(ModuleNames::read(bytes).len());
        let functions = modules
            .iter()
            .map(|module| module.bytes.as_ref().ok().map(count));
        Modules {
            functions: functions.collect(),
            modules,
            units,
            tools,
            names: None,
        }
    }

    fn read_names(&mut self, index: usize) {
        if self.names.as_ref().is_some_and(|(of, _)| *of == index) {
            return;
        }
        if let Ok(bytes) = &self.modules[index].bytes {
            self.names = Some((index, ModuleNames::read(bytes)));
        }
    }
}

fn or_default<T: Clone>(given: &[T], default: &[T]) -> Vec<T> {
    match given {
        [] => default.to_vec(),
        given => given.to_vec(),
    }
}

impl Work for Modules {
    fn plan(&self) -> Plan {
        let name = &self.tools.job.name;
        Plan {
            entries: self
                .modules
                .iter()
                .map(|module| format!("{name}{}", module.suffix))
                .collect(),
            units: self
                .units
                .iter()
                .map(|(entry, configuration)| Unit {
                    entry: *entry,
                    function: None,
                    functions: self.functions[*entry],
                    configuration: configuration.clone(),
                })
                .collect(),
        }
    }

    fn unit(&mut self, index: usize) -> UnitOutcome {
        let module = self.units[index].0;
        self.read_names(module);
        let configuration = &self.units[index].1;
        match (&self.modules[module].bytes, &self.names) {
            (Ok(bytes), Some((_, names))) => {
                let name = format!("{}{}", self.tools.job.name, self.modules[module].suffix);
                verify(bytes, &name, names, configuration, &self.tools)
            }
            (Err(diagnostic), _) => UnitOutcome::failed((**diagnostic).clone()),
            (Ok(_), None) => unreachable!("the names of a module that can be encoded were read"),
        }
    }
}

/// Compile a module, with the verifier looking on.
///
/// NB: When compilation fails, which functions were compiled and which failure is reported depend
/// on the threads. It is then done over in sequence, for a result that depends on nothing.
fn verify(
    bytes: &[u8],
    name: &str,
    names: &ModuleNames,
    configuration: &Configuration,
    tools: &Tools,
) -> UnitOutcome {
    let is_parallel = tools.job.threads > 1;
    tools.observed.begin();
    if !tools.job.functions.is_empty() {
        let (names, patterns) = (names.clone(), tools.job.functions.clone());
        tools.observed.choose(Some(Box::new(move |name| {
            is_one_of(&names.compiled(name).1, &patterns)
        })));
    }
    let mut error = compile(bytes, configuration, &tools.job, is_parallel).err();
    if let Some(diagnostic) = error.take() {
        if let Err(invalid) = validate(bytes) {
            tools.sink.take();
            return UnitOutcome::failed(*invalid);
        }
        error = Some(diagnostic);
        if is_parallel {
            begin_again(tools);
            error = compile(bytes, configuration, &tools.job, false).err();
        }
    }
    let mut guilty = Vec::new();
    if let Some(panic) = error.take_if(|error| error.kind == Kind::Panic) {
        let rest = without_panics(bytes, names, *panic, configuration, tools);
        guilty = rest.guilty;
        error = rest.error.map(Box::new);
    }
    let mut functions = BTreeMap::new();
    if error.is_none() {
        functions.extend(
            names
                .defined()
                .filter(|(_, id)| is_one_of(id, &tools.job.functions))
                .map(|(key, id)| ((key, 0), FunctionRecord::uninteresting(id))),
        );
    }
    let emit = tools
        .emit
        .as_ref()
        .map(|emit| emit.unit(name, configuration));
    let unwritten = add_reports(&mut functions, names, tools, emit);
    functions.retain(|_, function| is_one_of(&function.id, &tools.job.functions));
    let guilty: Vec<Diagnostic> = guilty
        .into_iter()
        .map(|(index, error)| {
            let (key, id) = names.defined_at(index);
            functions.retain(|(of, _), _| *of != key);
            over_function(&id, error)
        })
        .collect();
    let mut functions: Vec<_> = functions.into_values().collect();
    name_operators(bytes, functions.iter_mut());
    for function in &mut functions {
        function.allow(&tools.job.allowed);
    }
    // In `enforce` mode, a rejected function is why compilation fails.
    let is_explained =
        tools.job.mode == Mode::Enforce && functions.iter().any(|f| f.verdict == Verdict::Rejected);
    UnitOutcome {
        functions,
        errors: error
            .filter(|_| !is_explained)
            .map(|error| *error)
            .into_iter()
            .chain(guilty)
            .chain(unwritten)
            .collect(),
    }
}

/// What was seen until now is forgotten.
fn begin_again(tools: &Tools) {
    tools.sink.take();
    tools.observed.begin();
}

/// Compile the module without the functions over which the compiler panics.
fn without_panics(
    bytes: &[u8],
    names: &ModuleNames,
    panic: Diagnostic,
    configuration: &Configuration,
    tools: &Tools,
) -> isolate::Rest {
    let suspect = || names.index_of(&panics::suspect()?);
    let first = suspect();
    isolate::Module::new(bytes).isolate(panic, first, |bytes| {
        begin_again(tools);
        let error = compile(bytes, configuration, &tools.job, false).err();
        (error.map(|error| *error), suspect())
    })
}

/// A panic, over this function.
fn over_function(id: &FunctionId, error: Diagnostic) -> Diagnostic {
    let error = error
        .note("the other functions were judged, with this one's body replaced by `unreachable`");
    Diagnostic {
        function: Some(id.to_string()),
        ..error
    }
}

/// Add what the verifier reported. A function that was compiled twice is there twice. Returns what
/// could not be written.
fn add_reports(
    functions: &mut BTreeMap<(Key, usize), FunctionRecord>,
    names: &ModuleNames,
    tools: &Tools,
    mut emit: Option<emit::Unit<'_>>,
) -> Option<Diagnostic> {
    let mut seen: BTreeMap<Key, usize> = BTreeMap::new();
    let mut counted = tools.observed.take();
    for report in tools.sink.take() {
        let (key, id) = names.compiled(&report.function);
        let count = seen.entry(key).or_default();
        if let Some(emit) = &mut emit {
            emit.function(&id, *count, &report);
        }
        let mut record = sink::record(&report, id);
        if tools.job.rewrites {
            // NB: What is compiled twice has asked twice.
            let counted = counted.remove(&report.function.to_string());
            counted.unwrap_or_default().tell(&mut record);
        }
        functions.insert((key, *count), record);
        *count += 1;
    }
    emit.and_then(emit::Unit::end)
}

fn compile(
    bytes: &[u8],
    configuration: &Configuration,
    job: &Job,
    is_parallel: bool,
) -> Result<()> {
    panics::catch(|| {
        adjusted_engine(bytes, configuration, job, is_parallel, &|_| ())
            .and_then(|engine| engine.precompile_module(bytes))
            .map(drop)
            .map_err(|error| Box::new(refused(&format!("{error:#}"))))
    })
}

/// What is known of the functions of a module that was compiled, from what was reported.
pub fn records(bytes: &[u8], names: &ModuleNames, watch: &Watch) -> Vec<FunctionRecord> {
    let reports = watch.sink().take();
    let mut records: Vec<_> = reports
        .iter()
        .map(|report| {
            let (key, id) = names.compiled(&report.function);
            (key, sink::record(report, id))
        })
        .collect();
    records.sort_by_key(|(key, _)| *key);
    let mut records: Vec<_> = records.into_iter().map(|(_, record)| record).collect();
    name_operators(bytes, records.iter_mut());
    records
}

/// The compiler's own words, as a diagnostic.
pub fn refused(message: &str) -> Diagnostic {
    let mut lines = message.lines();
    let first = lines.next().unwrap_or_default();
    let diagnostic = Diagnostic::new(Kind::Compile, first);
    lines.take(10).fold(diagnostic, Diagnostic::note)
}

/// An engine that takes every proposal that the module uses and Wasmtime can compile for the target, after a
/// last adjustment.
pub fn adjusted_engine(
    bytes: &[u8],
    configuration: &Configuration,
    job: &Job,
    is_parallel: bool,
    adjust: &dyn Fn(&mut Config),
) -> wasmtime::Result<Engine> {
    let mut config = config(configuration, job, is_parallel)?;
    // NB: Wasmtime inlines nothing where stacks may be switched.
    if switches_stacks(bytes) {
        config.wasm_stack_switching(can_switch_stacks(&configuration.target));
    } else if job.inlining.is_done(configuration.embedding) {
        config.compiler_inlining(wasmtime::Inlining::Yes);
    }
    adjust(&mut config);
    Engine::new(&config)
}

/// Can Wasmtime compile switches of stacks for this target?
fn can_switch_stacks(target: &str) -> bool {
    let target = Target::parse(target);
    target.is_ok_and(|target| target.triple.to_string().starts_with("x86_64"))
}

/// Does the module have types of continuations?
fn switches_stacks(bytes: &[u8]) -> bool {
    let mut payloads = Parser::new(0)
        .parse_all(bytes)
        .map_while(|payload| payload.ok());
    payloads.any(|payload| match payload {
        Payload::TypeSection(types) => {
            let mut groups = types.into_iter().map_while(|group| group.ok());
            groups.any(|group| {
                let mut types = group.types();
                types.any(|ty| matches!(ty.composite_type.inner, CompositeInnerType::Cont(_)))
            })
        }
        _ => false,
    })
}

/// How a module is compiled, with every proposal that Wasmtime can compile for each target.
fn config(configuration: &Configuration, job: &Job, is_parallel: bool) -> wasmtime::Result<Config> {
    let target = Target::parse(&configuration.target).map_err(wasmtime::Error::msg)?;
    let mut config = Config::new();
    // NB: A target that is named has none of this machine's features.
    if configuration.target != Target::HOST {
        config.target(&target.triple.to_string())?;
    }
    config.collector(match configuration.collector {
        Collector::Copying => wasmtime::Collector::Copying,
        Collector::Drc => wasmtime::Collector::DeferredReferenceCounting,
        Collector::Null => wasmtime::Collector::Null,
    });
    config.cranelift_opt_level(match configuration.opt_level {
        OptLevel::None => wasmtime::OptLevel::None,
        OptLevel::Speed => wasmtime::OptLevel::Speed,
        OptLevel::SpeedAndSize => wasmtime::OptLevel::SpeedAndSize,
    });
    config.cranelift_gc_verifier(match job.mode {
        Mode::Check => GcVerifier::Check,
        Mode::Enforce => GcVerifier::Enforce,
    });
    match configuration.embedding {
        Embedding::Default => {}
        Embedding::Strict => {
            config.gc_heap_may_move(true);
            config.gc_heap_reservation(0);
            config.epoch_interruption(true);
        }
    }
    config.parallel_compilation(is_parallel);
    // Everything that is not on by default.
    config.wasm_custom_page_sizes(true);
    config.wasm_shared_everything_threads(true);
    config.wasm_wide_arithmetic(true);
    config.shared_memory(true);
    config.wasm_features(newer_features(), true);
    Ok(config)
}

/// What later releases than the default one compile.
fn newer_features() -> WasmFeatures {
    match gc_filetests::base() {
        gc_filetests::DEFAULT_BASE => WasmFeatures::empty(),
        _ => WasmFeatures::COMPACT_IMPORTS,
    }
}

/// Why the module is not valid, if it is not.
pub fn validate(bytes: &[u8]) -> Result<()> {
    let features = WasmFeatures::WASM3
        | WasmFeatures::CUSTOM_PAGE_SIZES
        | WasmFeatures::SHARED_EVERYTHING_THREADS
        | WasmFeatures::STACK_SWITCHING
        | WasmFeatures::WIDE_ARITHMETIC
        | newer_features();
    if bytes.get(4..8) == Some(&[0x0d, 0, 1, 0]) {
        return Err(Box::new(component()));
    }
    match Validator::new_with_features(features).validate_all(bytes) {
        Ok(_) => Ok(()),
        Err(error) => {
            let offset = wide(error.offset());
            Err(Box::new(invalid(error.message(), offset)))
        }
    }
}

fn invalid(message: &str, offset: u64) -> Diagnostic {
    if message.contains("legacy_exceptions") || message.contains("legacy exceptions") {
        return Diagnostic::new(
            Kind::Invalid,
            "legacy exceptions; translate with wasm-opt --translate-to-exnref",
        )
        .at_offset(offset);
    }
    Diagnostic::new(Kind::Invalid, format!("not a valid module: {message}")).at_offset(offset)
}
