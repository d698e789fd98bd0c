//! Optimize and compile under a guard.

pub use gc_filetests::inline_by_name::InlineByName;

use cranelift_codegen::Context;
use cranelift_codegen::control::ControlPlane;
use cranelift_codegen::gc_verifier::GcVerifier;
use cranelift_codegen::ir::Function;
use cranelift_codegen::isa::{self, OwnedTargetIsa, TargetIsa};
use cranelift_codegen::settings::{self, Configurable as _};
use std::sync::Arc;

/// The targets that functions are compiled for, whatever the host.
pub const TARGETS: [&str; 2] = ["x86_64", "aarch64"];

/// A target with Cranelift's own verifier and the register allocator's checker on.
///
/// # Panics
///
/// Panics if Cranelift was built without the target.
pub fn isa(target: &str, gc_verifier: &str) -> OwnedTargetIsa {
    isa_with(target, &[("gc_verifier", gc_verifier)])
}

/// [`isa()`] with more settings.
///
/// # Panics
///
/// Panics if Cranelift was built without the target or does not know a setting.
pub fn isa_with(target: &str, settings: &[(&str, &str)]) -> OwnedTargetIsa {
    let mut flags = settings::builder();
    let defaults = [
        ("opt_level", "speed"),
        ("enable_verifier", "true"),
        ("regalloc_checker", "true"),
    ];
    for (name, value) in defaults.iter().chain(settings) {
        flags.set(name, value).expect("the setting exists");
    }
    isa::lookup_by_name(target)
        .expect("the target is compiled in")
        .finish(settings::Flags::new(flags))
        .expect("the target's flags are fine")
}

/// A context for `func` with `verifier` in it.
pub fn context(func: &Function, verifier: Option<Arc<dyn GcVerifier>>) -> Context {
    let mut context = Context::for_function(func.clone());
    context.set_gc_verifier(verifier);
    context
}

/// `func`, optimized.
///
/// # Panics
///
/// Panics if the optimizer fails, with the function.
pub fn optimize(
    func: &Function,
    isa: &dyn TargetIsa,
    verifier: Option<Arc<dyn GcVerifier>>,
) -> Function {
    let mut context = context(func, verifier);
    context
        .optimize(isa, &mut ControlPlane::default())
        .unwrap_or_else(|e| panic!("{e}: {e:?}\n{func}"));
    context.func
}

/// The machine code of `func`, with everything that comes with it.
///
/// # Panics
///
/// Panics if the compilation fails, with the function.
pub fn compile(
    func: &Function,
    isa: &dyn TargetIsa,
    verifier: Option<Arc<dyn GcVerifier>>,
) -> Emitted {
    let mut context = context(func, verifier);
    let code = context
        .compile(isa, &mut ControlPlane::default())
        .unwrap_or_else(|e| panic!("{:?}\n{func}", e.inner));
    Emitted {
        code: code.code_buffer().to_vec(),
        rest: format!(
            "{:?}\n{:?}\n{:?}\n{:?}",
            code.buffer.relocs(),
            code.buffer.traps(),
            code.buffer.user_stack_maps(),
            code.buffer.call_sites().collect::<Vec<_>>(),
        ),
    }
}

/// What a compilation emits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Emitted {
    /// The bytes.
    pub code: Vec<u8>,
    /// Relocations, traps, stack maps and call sites, as text.
    pub rest: String,
}

/// `func` with the calls of `callees` inlined, optimized.
///
/// # Panics
///
/// Panics if inlining or the optimizer fails, with the function.
pub fn inline_and_optimize(
    func: &Function,
    callees: &[Function],
    isa: &dyn TargetIsa,
    verifier: Option<Arc<dyn GcVerifier>>,
) -> Function {
    let mut context = context(func, verifier);
    context
        .start_gc_verifier(isa)
        .and_then(|()| context.inline(InlineByName(callees)))
        .and_then(|_| context.optimize(isa, &mut ControlPlane::default()))
        .unwrap_or_else(|e| panic!("{e}: {e:?}\n{func}"));
    context.func
}
