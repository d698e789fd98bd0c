//! Runs what was compiled.
//!
//! * A module is instantiated, and one of its exports is called.
//! * A script's commands are executed.
//! * Functions of CLIF are optimized, and interpreted: what the optimizer made of them is run, and what
//!   lowering makes of that is not.

use super::host::{Ended, Host, add_imports};
use super::names::ModuleNames;
use super::probe::{Said, clif_name, job, module_names, outcome, outcome_of, say};
use super::source::Source;
use super::watch::Watch;
use super::{interpret, panics, wasm};
use crate::configuration::{Collector, Configuration, Embedding, OptLevel};
use crate::diagnostic::{Diagnostic, Kind, Result};
use crate::record::FunctionRecord;
use crate::target::Target;
use crate::triage::outcome::Outcome;
use crate::triage::protocol::{Answer, Looker, Request, Run, Which};
use std::path::Path;
use wasmtime::{
    Engine, Func, HeapType, Instance, Linker, Module, Store, ThrownException, Trap, Val, ValType,
};
use wasmtime_wast::{Async, SpectestConfig, WastContext};

/// Compile the file, and run it.
pub fn run(watch: &Watch, request: &Request, how: &Run) -> Result<Answer> {
    let path = Path::new(&request.path);
    if path
        .extension()
        .is_some_and(|extension| extension == "wast")
    {
        return script(watch, request, path);
    }
    match Source::read(path)? {
        Source::Clif(text) => interpret::run(watch, request, how, &text),
        Source::Modules(mut modules) => match (modules.pop(), modules.pop()) {
            (Some(only), None) => {
                let names = module_names(&only);
                module(watch, request, how, (only.bytes?, names))
            }
            _ => Err(Box::new(Diagnostic::new(
                Kind::Invalid,
                "more than one module to run",
            ))),
        },
    }
}

/// How a module is compiled that is to be run.
pub fn configuration(request: &Request) -> Configuration {
    Configuration {
        target: request
            .wish
            .target
            .clone()
            .unwrap_or_else(|| Target::HOST.to_string()),
        collector: request.wish.collector.unwrap_or(Collector::Copying),
        opt_level: request.wish.opt_level.unwrap_or(OptLevel::Speed),
        embedding: request.wish.embedding.unwrap_or(Embedding::Default),
    }
}

/// The engine that does what the request asks for.
pub fn engine(request: &Request, bytes: &[u8]) -> Result<Engine> {
    let configuration = configuration(request);
    let is_watched = request.looker != Looker::Off
        || request.tell.rewrites != Which::None
        || !request.plan.is_everything();
    let adjust = |config: &mut wasmtime::Config| {
        if !is_watched {
            config.cranelift_gc_verifier(wasmtime::GcVerifier::None);
        }
        if request.wish.without_gc {
            config.wasm_stack_switching(false);
            config.wasm_shared_everything_threads(false);
            config.wasm_exceptions(false);
            config.wasm_gc(false);
            config.wasm_function_references(false);
        }
        if request.run.as_ref().is_some_and(|run| run.fuel.is_some()) {
            config.consume_fuel(true);
        }
    };
    wasm::adjusted_engine(bytes, &configuration, &job(request), false, &adjust)
        .map_err(|error| Box::new(wasm::refused(&format!("{error:#}"))))
}

fn module(
    watch: &Watch,
    request: &Request,
    how: &Run,
    (bytes, names): (Vec<u8>, ModuleNames),
) -> Result<Answer> {
    let engine = engine(request, &bytes)?;
    let configuration = configuration(request);
    let of = names.clone();
    watch.name(Box::new(move |name| of.compiled(name).1));
    let compiled = panics::catch(|| {
        Module::new(&engine, &bytes).map_err(|error| Box::new(wasm::refused(&format!("{error:#}"))))
    });
    let functions = wasm::records(&bytes, &names, watch);
    let module = match compiled {
        Ok(module) => module,
        Err(error) => {
            let error = match (error.kind, wasm::validate(&bytes)) {
                (Kind::Compile, Err(invalid)) if !request.wish.without_gc => invalid,
                _ => error,
            };
            return Ok(Answer {
                configuration: Some(configuration),
                outcome: outcome(request.looker, &functions, &[*error]),
                functions,
                ..Answer::of(Outcome::Compiled)
            });
        }
    };
    say(&Said::Running);
    let ran = panics::catch(|| Ok(execute(&engine, &module, how)));
    let (outcome, notes) = match ran {
        Ok(ran) => ran,
        Err(error) => (outcome_of(&error), Vec::new()),
    };
    Ok(Answer {
        configuration: Some(configuration),
        outcome,
        functions,
        notes,
        ..Answer::of(Outcome::Compiled)
    })
}

/// Instantiate the module and call an export. Also tells what has to be known of it.
fn execute(engine: &Engine, module: &Module, how: &Run) -> (Outcome, Vec<String>) {
    let mut store = Store::new(engine, Host::new(how));
    store.limiter(|host| &mut host.limits);
    if let Some(fuel) = how.fuel {
        // NB: The engine counts fuel exactly if there is some.
        let _ = store.set_fuel(fuel);
    }
    // NB: The epoch stands still; where it interrupts, it must not do so at once.
    store.set_epoch_deadline(1);
    let mut linker = Linker::new(engine);
    let mut notes = Vec::new();
    let result = add_imports(&mut linker, &mut store, module, &mut notes)
        .and_then(|()| linker.instantiate(&mut store, module))
        .and_then(|instance| call(&mut store, &instance, how, &mut notes))
        .and_then(|values| {
            if how.gc_stress {
                store.gc(None)?;
            }
            Ok(values)
        });
    let output = store.data().printed.output();
    let outcome = match result {
        Ok(values) => Outcome::Returned { values, output },
        Err(error) => failed(&error, output),
    };
    (outcome, notes)
}

fn failed(error: &wasmtime::Error, output: crate::triage::outcome::Output) -> Outcome {
    if let Some(Ended(code)) = error.downcast_ref::<Ended>() {
        return match code {
            0 => Outcome::Returned {
                values: String::new(),
                output,
            },
            &code => Outcome::Exited { code, output },
        };
    }
    match error.downcast_ref::<Trap>() {
        Some(Trap::OutOfFuel) => Outcome::OutOfFuel,
        Some(trap) => Outcome::Trapped {
            trap: trap.to_string(),
            output,
        },
        None if error.is::<ThrownException>() => Outcome::Failed {
            message: "an exception that nobody caught".to_string(),
            output,
        },
        // NB: Not the backtrace, whose addresses are those of the code.
        None => Outcome::Failed {
            message: error.root_cause().to_string(),
            output,
        },
    }
}

/// Call what is to be called, and tell what it returned.
fn call(
    store: &mut Store<Host>,
    instance: &Instance,
    how: &Run,
    notes: &mut Vec<String>,
) -> wasmtime::Result<String> {
    let Some((name, func)) = export(store, instance, how)? else {
        notes.push("it exports no function that takes nothing: only instantiated".to_string());
        return Ok(String::new());
    };
    notes.push(format!("calls \"{name}\""));
    let ty = func.ty(&*store);
    if ty.params().len() != how.arguments.len() {
        return Err(wasmtime::Error::msg(format!(
            "\"{name}\" takes {} arguments",
            ty.params().len()
        )));
    }
    let arguments = ty
        .params()
        .zip(&how.arguments)
        .map(|(ty, text)| argument(store, &ty, text))
        .collect::<wasmtime::Result<Vec<Val>>>()?;
    let mut results = vec![Val::I32(0); ty.results().len()];
    func.call(&mut *store, &arguments, &mut results)?;
    let shown: Vec<String> = results.iter().map(|result| shown(store, result)).collect();
    Ok(shown.join(" "))
}

fn export(
    store: &mut Store<Host>,
    instance: &Instance,
    how: &Run,
) -> wasmtime::Result<Option<(String, Func)>> {
    if let Some(name) = &how.invoke {
        let func = instance.get_func(&mut *store, name);
        let func =
            func.ok_or_else(|| wasmtime::Error::msg(format!("it exports no function \"{name}\"")))?;
        return Ok(Some((name.clone(), func)));
    }
    for name in ["_start", "main"] {
        if let Some(func) = instance.get_func(&mut *store, name)
            && func.ty(&*store).params().len() == how.arguments.len()
        {
            return Ok(Some((name.to_string(), func)));
        }
    }
    let names: Vec<String> = instance
        .exports(&mut *store)
        .map(|export| export.name().to_string())
        .collect();
    for name in names {
        if let Some(func) = instance.get_func(&mut *store, &name)
            && func.ty(&*store).params().len() == how.arguments.len()
        {
            return Ok(Some((name, func)));
        }
    }
    Ok(None)
}

fn argument(store: &mut Store<Host>, ty: &ValType, text: &str) -> wasmtime::Result<Val> {
    let wrong = || wasmtime::Error::msg(format!("the argument `{text}` is no {ty}"));
    let int = |text: &str| {
        let (sign, digits) = match text.strip_prefix('-') {
            Some(digits) => (-1, digits),
            None => (1, text),
        };
        let number = match digits.strip_prefix("0x") {
            Some(digits) => i128::from_str_radix(digits, 16),
            None => digits.parse(),
        };
        number.ok().map(|number| sign * number)
    };
    Ok(match ty {
        ValType::I32 => Val::I32(int(text).ok_or_else(wrong)? as i32),
        ValType::I64 => Val::I64(int(text).ok_or_else(wrong)? as i64),
        ValType::F32 => Val::F32(text.parse::<f32>().map_err(|_| wrong())?.to_bits()),
        ValType::F64 => Val::F64(text.parse::<f64>().map_err(|_| wrong())?.to_bits()),
        ValType::V128 => Val::V128((int(text).ok_or_else(wrong)? as u128).into()),
        ValType::Ref(_) if text == "null" => Val::default_for_ty(ty).ok_or_else(wrong)?,
        ValType::Ref(reference) if matches!(reference.heap_type(), HeapType::I31) => {
            let number = int(text).ok_or_else(wrong)? as i32;
            let i31 = wasmtime::I31::wrapping_i32(number);
            Val::AnyRef(Some(wasmtime::AnyRef::from_i31(store, i31)))
        }
        ValType::Ref(_) => return Err(wrong()),
    })
}

fn shown(store: &Store<Host>, value: &Val) -> String {
    let reference = |is_null: bool, kind: &str| match is_null {
        true => "null".to_string(),
        false => kind.to_string(),
    };
    match value {
        Val::I32(n) => n.to_string(),
        Val::I64(n) => n.to_string(),
        Val::F32(bits) => format!("{:?}", f32::from_bits(*bits)),
        Val::F64(bits) => format!("{:?}", f64::from_bits(*bits)),
        Val::V128(bits) => format!("{:#x}", bits.as_u128()),
        Val::AnyRef(Some(any)) => match any.as_i31(store) {
            Ok(Some(i31)) => format!("i31 {}", i31.get_i32()),
            // NB: Where objects are is not what programs do.
            _ => "anyref".to_string(),
        },
        Val::AnyRef(None) => reference(true, ""),
        Val::FuncRef(func) => reference(func.is_none(), "funcref"),
        Val::ExternRef(host) => reference(host.is_none(), "externref"),
        Val::ExnRef(exn) => reference(exn.is_none(), "exnref"),
        Val::ContRef(_) => "contref".to_string(),
    }
}

/// Execute a script.
fn script(watch: &Watch, request: &Request, path: &Path) -> Result<Answer> {
    let unreadable =
        |error: std::io::Error| Box::new(Diagnostic::new(Kind::Unreadable, error.to_string()));
    // NB: What is no script is told so with its place.
    Source::read(path)?;
    let bytes = std::fs::read(path).map_err(unreadable)?;
    let engine = engine(request, &[])?;
    watch.name(Box::new(clif_name));
    say(&Said::Running);
    let ran = panics::catch(|| Ok(commands(&engine, &request.name, &bytes)));
    let outcome = match ran {
        Ok(outcome) => outcome,
        Err(error) => outcome_of(&error),
    };
    let functions: Vec<FunctionRecord> = watch
        .sink()
        .take()
        .iter()
        .map(|report| super::sink::record(report, clif_name(&report.function)))
        .collect();
    Ok(Answer {
        configuration: Some(configuration(request)),
        outcome,
        functions,
        ..Answer::of(Outcome::Compiled)
    })
}

fn commands(engine: &Engine, name: &str, script: &[u8]) -> Outcome {
    let mut context = WastContext::new(engine, Async::No, |store| store.set_epoch_deadline(1));
    // NB: What an invalid module is refused with is not what is tested.
    context.ignore_error_messages(true);
    let spectest = SpectestConfig {
        use_shared_memory: false,
        suppress_prints: true,
    };
    let run = context
        .register_spectest(&spectest)
        .and_then(|()| context.run_wast(name, script));
    match run {
        Ok(()) => Outcome::Returned {
            values: "every assertion holds".to_string(),
            output: crate::triage::outcome::Output::default(),
        },
        Err(error) => {
            let causes: Vec<String> = error.chain().map(ToString::to_string).collect();
            Outcome::AssertionFailed {
                message: causes.join(": ").replace('\n', " "),
            }
        }
    }
}
