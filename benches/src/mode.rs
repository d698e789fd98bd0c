//! What is compared.

use cranelift_codegen::gc_verifier::{FunctionGuard, GcVerifier};
use cranelift_codegen::ir::Function;
use cranelift_codegen::isa::TargetIsa;
use cranelift_codegen::settings;
use cranelift_gc_verifier::{FunctionReport, Options, Sink, Verifier};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Who looks on while something is compiled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Nobody. The others are compared with this.
    None,
    /// The GC verifier reports.
    Check,
    /// The GC verifier refuses.
    Enforce,
    /// The GC verifier reports, also on rewrites that are about no reference.
    AllRewrites,
    /// Cranelift's own verifier (`enable_verifier`), the peer.
    CraneliftVerifier,
}

impl Mode {
    /// All of them, the one to compare with first.
    pub const ALL: [Self; 5] = [
        Self::None,
        Self::Check,
        Self::Enforce,
        Self::AllRewrites,
        Self::CraneliftVerifier,
    ];

    /// The word for it.
    pub fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Check => "check",
            Self::Enforce => "enforce",
            Self::AllRewrites => "all-rewrites",
            Self::CraneliftVerifier => "cranelift-verifier",
        }
    }

    /// The mode of that name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|mode| mode.name() == name)
    }

    /// The setting `gc_verifier`.
    #[allow(dead_code, reason = "the probe has no use for it")]
    pub fn setting(self) -> &'static str {
        match self {
            Self::None | Self::CraneliftVerifier => "none",
            Self::Check | Self::AllRewrites => "check",
            Self::Enforce => "enforce",
        }
    }

    /// Have Wasmtime compile like that.
    pub fn configure(self, config: &mut wasmtime::Config) {
        use wasmtime::GcVerifier;
        config.cranelift_gc_verifier(match self {
            Self::None | Self::CraneliftVerifier => GcVerifier::None,
            Self::Check | Self::AllRewrites => GcVerifier::Check,
            Self::Enforce => GcVerifier::Enforce,
        });
        config.cranelift_debug_verifier(self == Self::CraneliftVerifier);
    }
}

/// Two verifiers in one: there can be one a process, and the modes take turns.
pub struct Switch {
    plain: Verifier,
    all_rewrites: Verifier,
    is_all: AtomicBool,
}

impl Switch {
    /// At first without [`Mode::AllRewrites`].
    pub fn make() -> Arc<Self> {
        let verifier = |all_rewrites| {
            let options = Options {
                all_rewrites,
                ..Options::default()
            };
            Verifier::new(options, Arc::new(Forget))
        };
        Arc::new(Self {
            plain: verifier(false),
            all_rewrites: verifier(true),
            is_all: AtomicBool::new(false),
        })
    }

    /// What is compiled next is compiled in this mode.
    pub fn select(&self, mode: Mode) {
        self.is_all
            .store(mode == Mode::AllRewrites, Ordering::Relaxed);
    }
}

impl GcVerifier for Switch {
    fn start(
        &self,
        func: &Function,
        isa: &dyn TargetIsa,
        mode: settings::GcVerifier,
    ) -> Option<Box<dyn FunctionGuard>> {
        let verifier = match self.is_all.load(Ordering::Relaxed) {
            true => &self.all_rewrites,
            false => &self.plain,
        };
        verifier.start(func, isa, mode)
    }
}

/// Takes reports, and keeps nothing: what is measured is the verifier.
struct Forget;

impl Sink for Forget {
    fn function(&self, _: FunctionReport) {}
}
