//! Functions by how many references they have.
//!
//! The functions are caught as Wasmtime hands them to Cranelift, and then compiled by Cranelift alone:
//! without the translation of Wasm and the linking of modules, the verifier's share is larger
//! than in whole modules.

use crate::compile::Isas;
use crate::mode::Mode;
use crate::module::Module;
use anyhow::{Context, Result, ensure};
use cranelift_codegen::gc_verifier::{FunctionGuard, GcVerifier};
use cranelift_codegen::ir::Function;
use cranelift_codegen::isa::TargetIsa;
use cranelift_codegen::settings;
use cranelift_gc_verifier::{Options, verify_function};
use std::sync::{Arc, Mutex, PoisonError};
use wasmtime::Engine;

/// How many references a function has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// None, and no safepoint with a stack map.
    None,
    /// Fewer than [`MANY`].
    Few,
    /// Others.
    Many,
}

/// So many references are many.
pub const MANY: u64 = 32;

impl Class {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::None, Self::Few, Self::Many];

    /// The words for it.
    pub fn name(self) -> String {
        match self {
            Self::None => "functions without references".into(),
            Self::Few => format!("functions with fewer than {MANY} references"),
            Self::Many => format!("functions with {MANY} references or more"),
        }
    }

    fn of(func: &Function) -> Self {
        if !cranelift_gc_verifier::is_of_interest(func) {
            return Self::None;
        }
        let report = verify_function(func, &Options::default());
        match report.counts.references {
            0..MANY => Self::Few,
            MANY.. => Self::Many,
        }
    }
}

/// Functions with their class.
pub struct Functions {
    functions: Vec<(Class, Function)>,
    isas: Isas,
}

impl Functions {
    /// The functions of these modules.
    ///
    /// Must come before anything is verified: what catches functions takes the place of the verifier for
    /// a while.
    ///
    /// # Errors
    ///
    /// Fails if a module does not compile.
    pub fn of(modules: &[Module], catcher: &Catcher) -> Result<Self> {
        let mut config = gc_configurations::measured();
        Mode::Check.configure(&mut config);
        let failed = |error: wasmtime::Error| anyhow::anyhow!("{error:#}");
        let engine = Engine::new(&config).map_err(failed)?;
        catcher.set_open(true);
        for module in modules {
            let result = engine.precompile_module(&module.bytes);
            result
                .map_err(failed)
                .with_context(|| module.name.clone())?;
        }
        catcher.set_open(false);
        let (functions, isas) = catcher.take();
        ensure!(!functions.is_empty(), "no function was caught");
        Ok(Self {
            functions: functions
                .into_iter()
                .map(|func| (Class::of(&func), func))
                .collect(),
            isas: isas.context("no target was caught")??,
        })
    }

    /// How many functions of a class there are.
    pub fn count(&self, class: Class) -> usize {
        self.functions.iter().filter(|(of, _)| *of == class).count()
    }

    /// Compiles the functions of a class.
    pub fn compile(&self, class: Class, mode: Mode) {
        for (_, func) in self.functions.iter().filter(|(of, _)| *of == class) {
            self.isas.compile(mode, func);
        }
    }
}

/// Catches functions while it is open, and lets the verifier see them otherwise.
pub struct Catcher {
    verifier: Arc<dyn GcVerifier>,
    caught: Mutex<Caught>,
}

#[derive(Default)]
struct Caught {
    is_open: bool,
    functions: Vec<Function>,
    isas: Option<Result<Isas>>,
}

impl Catcher {
    /// In front of this verifier.
    pub fn new(verifier: Arc<dyn GcVerifier>) -> Self {
        Self {
            verifier,
            caught: Mutex::default(),
        }
    }

    fn caught(&self) -> std::sync::MutexGuard<'_, Caught> {
        self.caught.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn set_open(&self, is_open: bool) {
        self.caught().is_open = is_open;
    }

    fn take(&self) -> (Vec<Function>, Option<Result<Isas>>) {
        let mut caught = self.caught();
        (std::mem::take(&mut caught.functions), caught.isas.take())
    }
}

impl GcVerifier for Catcher {
    fn start(
        &self,
        func: &Function,
        isa: &dyn TargetIsa,
        mode: settings::GcVerifier,
    ) -> Option<Box<dyn FunctionGuard>> {
        // NB: A lock a function; every mode that verifies pays for it.
        let mut caught = self.caught();
        if !caught.is_open {
            drop(caught);
            return self.verifier.start(func, isa, mode);
        }
        caught.functions.push(func.clone());
        caught.isas.get_or_insert_with(|| Isas::like(isa));
        None
    }
}
