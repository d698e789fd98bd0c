//! Wasm as bytes.

use cranelift_gc_verifier::{FunctionReport, Options, Sink, Verdict, install};
use gc_benches::configure::config;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use wasmtime::{Engine, GcVerifier};

/// Compiles a module. Whatever the compiler accepts is correct as long as the compiler is, so that a
/// rejection is a false alarm or a bug of the compiler: a finding either way. Returns how many functions
/// were looked at.
///
/// NB: One verifier a process: not for use beside another one.
pub fn wasm_front(bytes: &[u8]) -> usize {
    let Front { engine, reports } = front();
    // An error is an answer, too.
    let _ = engine.precompile_module(bytes);
    let reports = std::mem::take(&mut *lock(&reports.0));
    for report in &reports {
        assert_ne!(report.report.verdict(), Verdict::Rejected, "{report:?}");
        crate::assert_no_panic(&report.report, &format!("{report:?}"));
    }
    reports.len()
}

struct Front {
    engine: Engine,
    reports: Arc<Reports>,
}

fn front() -> &'static Front {
    static FRONT: OnceLock<Front> = OnceLock::new();
    FRONT.get_or_init(|| {
        let reports = Arc::new(Reports::default());
        install(Options::default(), reports.clone()).expect("nothing else is installed");
        let mut config = config();
        config.cranelift_gc_verifier(GcVerifier::Check);
        let engine = Engine::new(&config).expect("the configuration is fine");
        Front { engine, reports }
    })
}

#[derive(Default)]
struct Reports(Mutex<Vec<FunctionReport>>);

impl Sink for Reports {
    fn function(&self, report: FunctionReport) {
        lock(&self.0).push(report);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
