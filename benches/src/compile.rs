//! Compiles functions with Cranelift alone.

use crate::mode::Mode;
use anyhow::{Context as _, Result, anyhow};
use cranelift_codegen::Context;
use cranelift_codegen::control::ControlPlane;
use cranelift_codegen::ir::Function;
use cranelift_codegen::isa::{self, OwnedTargetIsa, TargetIsa};
use cranelift_codegen::settings::{self, Configurable};

/// A target, in each mode.
pub struct Isas(Vec<(Mode, OwnedTargetIsa)>);

/// The settings that a mode decides.
const OF_MODES: [&str; 2] = ["gc_verifier", "enable_verifier"];

impl Isas {
    /// x86_64, optimizing for speed.
    ///
    /// # Errors
    ///
    /// Fails if Cranelift was built without the target.
    pub fn new() -> Result<Self> {
        Self::with(|mode| finish(mode, "x86_64", &[("opt_level", "speed".into())], &[]))
    }

    /// The target of `isa`, with its settings.
    ///
    /// # Errors
    ///
    /// Fails if a setting cannot be set, which would be a setting that nobody can set.
    pub fn like(isa: &dyn TargetIsa) -> Result<Self> {
        let values = |values: Vec<settings::Value>| -> Vec<_> {
            let values = values
                .iter()
                .map(|value| (value.name, value.value_string()));
            values.collect()
        };
        let flags = values(isa.flags().iter().collect());
        let own = values(isa.isa_flags());
        let triple = isa.triple().to_string();
        Self::with(|mode| finish(mode, &triple, &flags, &own))
    }

    fn with(make: impl Fn(Mode) -> Result<OwnedTargetIsa>) -> Result<Self> {
        let isas = Mode::ALL.map(|mode| make(mode).map(|isa| (mode, isa)));
        isas.into_iter().collect::<Result<_>>().map(Self)
    }

    /// Compiles a function.
    ///
    /// # Panics
    ///
    /// Panics if the function does not compile, with the function.
    pub fn compile(&self, mode: Mode, func: &Function) {
        let isa = self.0.iter().find(|(of, _)| *of == mode);
        let (_, isa) = isa.expect("there is one for each mode");
        let mut context = Context::for_function(func.clone());
        if let Err(error) = context.compile(&**isa, &mut ControlPlane::default()) {
            panic!("{:?}\n{func}", error.inner);
        }
    }
}

fn finish(
    mode: Mode,
    target: &str,
    flags: &[(&'static str, String)],
    own: &[(&'static str, String)],
) -> Result<OwnedTargetIsa> {
    let is_verified = (mode == Mode::CraneliftVerifier).to_string();
    let of_mode = [mode.setting(), &is_verified];
    let mut shared = settings::builder();
    for (name, value) in flags.iter().filter(|(name, _)| !OF_MODES.contains(name)) {
        set(&mut shared, name, value)?;
    }
    for (name, value) in OF_MODES.into_iter().zip(of_mode) {
        set(&mut shared, name, value)?;
    }
    let mut builder = isa::lookup_by_name(target)?;
    for (name, value) in own {
        set(&mut builder, name, value)?;
    }
    builder
        .finish(settings::Flags::new(shared))
        .context("the settings do not fit the target")
}

fn set(builder: &mut dyn Configurable, name: &str, value: &str) -> Result<()> {
    let result = builder.set(name, value);
    result.map_err(|error| anyhow!("{name}={value}: {error}"))
}
