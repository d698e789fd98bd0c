//! What the verifier reports.

use cranelift_codegen::gc_verifier::GcVerifier;
use cranelift_gc_verifier::{FunctionReport, Options, Sink, Verifier};
use std::sync::{Arc, Mutex, PoisonError};

/// Keeps what is reported.
#[derive(Clone, Debug, Default)]
pub struct Reports(Arc<Mutex<Vec<FunctionReport>>>);

impl Sink for Reports {
    fn function(&self, report: FunctionReport) {
        let mut reports = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        reports.push(report);
    }
}

impl Reports {
    /// The verifier with these options that reports here.
    pub fn verifier(&self, options: Options) -> Arc<dyn GcVerifier> {
        Arc::new(Verifier::new(options, Arc::new(self.clone())))
    }

    /// What was reported since the last call.
    pub fn take(&self) -> Vec<FunctionReport> {
        std::mem::take(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// The only report since the last call.
    ///
    /// # Panics
    ///
    /// Panics if there is none, or more than one.
    pub fn take_one(&self) -> FunctionReport {
        let mut reports = self.take();
        assert_eq!(reports.len(), 1);
        reports.remove(0)
    }
}
