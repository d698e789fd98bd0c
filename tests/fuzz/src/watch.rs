//! The process's verifier, which hands over to the one that a thread asks for.

use cranelift_codegen::gc_verifier::{FunctionGuard, GcVerifier, set_gc_verifier};
use cranelift_codegen::ir::Function;
use cranelift_codegen::isa::TargetIsa;
use cranelift_codegen::settings;
use std::cell::RefCell;
use std::sync::{Arc, Once};

thread_local! {
    static CURRENT: RefCell<Option<Arc<dyn GcVerifier>>> = const { RefCell::new(None) };
}

struct Watch;

impl GcVerifier for Watch {
    fn start(
        &self,
        func: &Function,
        isa: &dyn TargetIsa,
        mode: settings::GcVerifier,
    ) -> Option<Box<dyn FunctionGuard>> {
        let current = CURRENT.with_borrow(Clone::clone);
        current?.start(func, isa, mode)
    }
}

/// Does `compile`, during which `verifier` looks at what is compiled on this thread.
///
/// NB: The process has no other verifier.
pub(crate) fn under<T>(verifier: Arc<dyn GcVerifier>, compile: impl FnOnce() -> T) -> T {
    static INSTALLED: Once = Once::new();
    INSTALLED.call_once(|| {
        set_gc_verifier(Arc::new(Watch)).expect("nothing else is installed");
    });
    CURRENT.set(Some(verifier));
    let result = compile();
    CURRENT.set(None);
    result
}
