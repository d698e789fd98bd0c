//! What the verifier reports of one function.

use cranelift_codegen::gc_verifier::GcVerifier;
use cranelift_gc_verifier::{FunctionReport, Options, Sink, Verifier};
use std::sync::{Arc, Mutex};

/// Keeps what is reported.
#[derive(Clone, Default)]
pub(crate) struct Reports(Arc<Mutex<Vec<FunctionReport>>>);

impl Sink for Reports {
    fn function(&self, report: FunctionReport) {
        let mut reports = self.0.lock().expect("no thread panics with the lock");
        reports.push(report);
    }
}

impl Reports {
    /// The verifier with these options that reports here.
    pub(crate) fn verifier(&self, options: Options) -> Arc<dyn GcVerifier> {
        Arc::new(Verifier::new(options, Arc::new(self.clone())))
    }

    /// The last report, if there is one.
    pub(crate) fn take(&self) -> Option<FunctionReport> {
        let mut reports = self.0.lock().expect("no thread panics with the lock");
        reports.pop()
    }
}
