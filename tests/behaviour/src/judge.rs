//! The process's verifier, which hands over to the one that a setup asks for.

use crate::setup::Looker;
use anyhow::{Result, anyhow};
use cranelift_codegen::gc_verifier::{FunctionGuard, GcVerifier, set_gc_verifier};
use cranelift_codegen::ir::Function;
use cranelift_codegen::isa::TargetIsa;
use cranelift_codegen::settings;
use cranelift_gc_verifier::{FunctionReport, Options, Sink, Verdict, Verifier};
use seam_tests::guard::Chaos;
use std::sync::{Arc, Mutex, PoisonError};

/// What was looked at.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    /// Functions that the verifier looked at.
    pub functions: u64,
    /// Their safepoints.
    pub safepoints: u64,
    /// Rewrites that the verifier refused.
    pub refused: u64,
    /// Passes that were undone.
    pub undone: u64,
    /// Functions that were not verified, with what was found.
    pub rejected: Vec<String>,
    /// Rewrites that the guard that refuses at random was asked about.
    pub asked_of_chaos: u64,
    /// Those of them that it refused.
    pub refused_by_chaos: u64,
}

/// The process's verifier.
pub struct Judge {
    current: Mutex<Option<Arc<dyn GcVerifier>>>,
    chaos: Mutex<Option<Chaos>>,
    seen: Mutex<Seen>,
}

impl Judge {
    /// Install it, once in a process.
    ///
    /// # Errors
    ///
    /// If another verifier was installed.
    pub fn install() -> Result<Arc<Judge>> {
        let judge = Arc::new(Judge {
            current: Mutex::default(),
            chaos: Mutex::default(),
            seen: Mutex::default(),
        });
        let installed = set_gc_verifier(judge.clone());
        installed.map_err(|_| anyhow!("another verifier is installed"))?;
        Ok(judge)
    }

    /// From now on, `looker` looks on. What it answers at random depends on `seed`.
    pub fn turn_to(self: &Arc<Self>, looker: Looker, seed: u64) {
        self.take_chaos();
        let (current, chaos): (Option<Arc<dyn GcVerifier>>, _) = match looker {
            Looker::Off => (None, None),
            Looker::Enforce => {
                let sink = Arc::new(Into(self.clone()));
                let verifier = Verifier::new(Options::default(), sink);
                (Some(Arc::new(verifier)), None)
            }
            Looker::Chaos(percent) => {
                let chaos = Chaos::new(seed, percent);
                (Some(Arc::new(chaos.clone())), Some(chaos))
            }
        };
        *lock(&self.current) = current;
        *lock(&self.chaos) = chaos;
    }

    /// What was seen so far.
    pub fn seen(&self) -> Seen {
        self.take_chaos();
        lock(&self.seen).clone()
    }

    fn take_chaos(&self) {
        if let Some(chaos) = lock(&self.chaos).take() {
            let total = chaos.tally().total();
            let seen = &mut *lock(&self.seen);
            seen.asked_of_chaos += total.asked as u64;
            seen.refused_by_chaos += total.refused as u64;
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl GcVerifier for Judge {
    fn start(
        &self,
        func: &Function,
        isa: &dyn TargetIsa,
        mode: settings::GcVerifier,
    ) -> Option<Box<dyn FunctionGuard>> {
        let current = lock(&self.current).clone();
        current.and_then(|verifier| verifier.start(func, isa, mode))
    }
}

/// Counts what the verifier reports.
struct Into(Arc<Judge>);

impl Sink for Into {
    fn function(&self, report: FunctionReport) {
        let seen = &mut *lock(&self.0.seen);
        seen.functions += 1;
        seen.safepoints += report.report.counts.safepoints;
        seen.refused += report.refused;
        seen.undone += report.undone.len() as u64;
        if report.report.verdict() != Verdict::Verified {
            seen.rejected
                .push(format!("{}: {:?}", report.function, report.report));
        }
    }
}
