//! What is compared.

use cranelift_codegen::gc_verifier::{FunctionGuard, GcVerifier};
use cranelift_codegen::ir::Function;
use cranelift_codegen::isa::TargetIsa;
use cranelift_codegen::settings;
use cranelift_gc_verifier::{FunctionReport, Options, Sink, Verifier, VerifyInput};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Who looks on while something is compiled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Nobody. The others are compared with this.
    None,
    /// The GC verifier reports.
    Check,
    /// The GC verifier reports, and verifies inputs only on demand.
    OnDemand,
    /// The GC verifier refuses.
    Enforce,
    /// The GC verifier reports, also on rewrites that are about no reference.
    AllRewrites,
    /// Cranelift's own verifier (`enable_verifier`), the peer.
    CraneliftVerifier,
}

impl Mode {
    /// All of them, the one to compare with first.
    pub const ALL: [Self; 6] = [
        Self::None,
        Self::Check,
        Self::OnDemand,
        Self::Enforce,
        Self::AllRewrites,
        Self::CraneliftVerifier,
    ];

    /// The word for it.
    pub fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Check => "check",
            Self::OnDemand => "on-demand",
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
            Self::Check | Self::OnDemand | Self::AllRewrites => "check",
            Self::Enforce => "enforce",
        }
    }

    /// Have Wasmtime compile like that.
    pub fn configure(self, config: &mut wasmtime::Config) {
        use wasmtime::GcVerifier;
        config.cranelift_gc_verifier(match self {
            Self::None | Self::CraneliftVerifier => GcVerifier::None,
            Self::Check | Self::OnDemand | Self::AllRewrites => GcVerifier::Check,
            Self::Enforce => GcVerifier::Enforce,
        });
        config.cranelift_debug_verifier(self == Self::CraneliftVerifier);
    }
}

/// The verifiers of all modes in one: there can be one a process, and the modes take turns.
pub struct Switch {
    plain: Verifier,
    on_demand: Verifier,
    all_rewrites: Verifier,
    /// The mode, as its place in [`Mode::ALL`].
    mode: AtomicUsize,
}

impl Switch {
    /// At first in [`Mode::None`].
    pub fn make() -> Arc<Self> {
        let verifier = |all_rewrites, verify_input| {
            let options = Options {
                all_rewrites,
                verify_input,
                ..Options::default()
            };
            Verifier::new(options, Arc::new(Forget))
        };
        Arc::new(Self {
            plain: verifier(false, VerifyInput::Always),
            on_demand: verifier(false, VerifyInput::OnDemand),
            all_rewrites: verifier(true, VerifyInput::Always),
            mode: AtomicUsize::new(0),
        })
    }

    /// What is compiled next is compiled in this mode.
    pub fn select(&self, mode: Mode) {
        let place = Mode::ALL.iter().position(|&other| other == mode);
        self.mode.store(place.unwrap_or(0), Ordering::Relaxed);
    }
}

impl GcVerifier for Switch {
    fn start(
        &self,
        func: &Function,
        isa: &dyn TargetIsa,
        mode: settings::GcVerifier,
    ) -> Option<Box<dyn FunctionGuard>> {
        let verifier = match Mode::ALL[self.mode.load(Ordering::Relaxed)] {
            Mode::AllRewrites => &self.all_rewrites,
            Mode::OnDemand => &self.on_demand,
            Mode::None | Mode::Check | Mode::Enforce | Mode::CraneliftVerifier => &self.plain,
        };
        verifier.start(func, isa, mode)
    }
}

/// Takes reports, and keeps nothing: what is measured is the verifier.
struct Forget;

impl Sink for Forget {
    fn function(&self, _: FunctionReport) {}
}
