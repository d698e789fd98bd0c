//! Cranelift's incremental cache: a result counts as judged only under the same setting, by the
//! same verifier, and with the same facts.

use cranelift_codegen::CodegenError;
use cranelift_codegen::control::ControlPlane;
use cranelift_codegen::gc_verifier::{GcVerifier, Pass};
use cranelift_codegen::incremental_cache::CacheKvStore;
use cranelift_codegen::ir::Function;
use cranelift_codegen::isa::TargetIsa;
use cranelift_gc_verifier::{Checks, Code, Options, Verdict};
use seam_tests::broken::Broken;
use seam_tests::guard::{Event, Recorder};
use seam_tests::pipeline::{context, isa};
use seam_tests::program::Program;
use seam_tests::reports::Reports;
use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;

const MODES: [&str; 3] = ["none", "check", "enforce"];

#[derive(Default)]
struct Cache(HashMap<Vec<u8>, Vec<u8>>);

impl CacheKvStore for Cache {
    fn get(&self, key: &[u8]) -> Option<Cow<'_, [u8]>> {
        self.0.get(key).map(|value| Cow::Borrowed(&value[..]))
    }

    fn insert(&mut self, key: &[u8], value: Vec<u8>) {
        self.0.insert(key.to_vec(), value);
    }
}

/// What a compilation came to.
struct Compiled {
    code: Vec<u8>,
    is_hit: bool,
}

impl Cache {
    fn compile(
        &mut self,
        func: &Function,
        isa: &dyn TargetIsa,
        verifier: Option<Arc<dyn GcVerifier>>,
    ) -> Result<Compiled, CodegenError> {
        let mut context = context(func, verifier);
        let compiled = context.compile_with_cache(isa, self, &mut ControlPlane::default());
        let (code, is_hit) = compiled.map_err(|error| error.inner)?;
        Ok(Compiled {
            code: code.code_buffer().to_vec(),
            is_hit,
        })
    }
}

fn function(fact: &str) -> Function {
    let program = Program::parse(&format!(
        "function %f(i32) -> i32 {{
            ss0 = explicit_slot 4, align = 4
            fn0 = %collect()
        block0(v0{fact}: i32):
            v1 = stack_addr.i64 ss0
            store notrap v0, v1
            call fn0(), stack_map=[i32 @ ss0+0]
            v2 = load.i32 notrap v1
            return v2
        }}"
    ));
    program.main().clone()
}

/// It returns a stale reference.
fn wrong() -> Function {
    let text = function("").to_string();
    let text = text.replace("return v2", "return v0");
    Program::parse(&text).main().clone()
}

fn verifier() -> Arc<dyn GcVerifier> {
    Reports::default().verifier(Options::default())
}

#[test]
fn a_hit_is_of_the_same_setting() {
    let mut cache = Cache::default();
    let func = function("");
    let mut codes = Vec::new();
    for mode in MODES {
        let isa = isa("x86_64", mode);
        for is_hit in [false, true] {
            let compiled = cache.compile(&func, &*isa, Some(verifier()));
            let compiled = compiled.expect("nothing is wrong with it");
            assert_eq!(compiled.is_hit, is_hit, "{mode}");
            codes.push(compiled.code);
        }
    }
    assert_eq!(cache.0.len(), MODES.len());
    assert!(codes.iter().all(|code| *code == codes[0]));
}

#[test]
fn a_hit_is_of_the_same_facts() {
    let mut cache = Cache::default();
    let isa = isa("x86_64", "enforce");
    let facts = ["", " ! gcref(any, nullable)", " ! gcref(any, nonnull)"];
    for (count, fact) in facts.into_iter().enumerate() {
        let func = function(fact);
        for is_hit in [false, true] {
            let compiled = cache.compile(&func, &*isa, Some(verifier()));
            let compiled = compiled.expect("nothing is wrong with it");
            assert_eq!(compiled.is_hit, is_hit, "{fact}");
        }
        assert_eq!(cache.0.len(), count + 1);
    }
}

#[test]
fn a_hit_is_of_the_same_verifier() {
    let mut cache = Cache::default();
    let func = function("");
    let isa = isa("x86_64", "check");
    let reports = Reports::default();
    let without = Options {
        checks: Checks::all().without(Code::Gcv02),
        ..Options::default()
    };
    let all_rewrites = Options {
        all_rewrites: true,
        ..Options::default()
    };
    let verifiers: [Arc<dyn GcVerifier>; 4] = [
        Arc::new(Recorder::default()),
        reports.verifier(Options::default()),
        reports.verifier(without),
        reports.verifier(all_rewrites),
    ];
    for verifier in verifiers {
        for is_hit in [false, true] {
            let compiled = cache.compile(&func, &*isa, Some(verifier.clone()));
            let compiled = compiled.expect("nothing is wrong with it");
            assert_eq!(compiled.is_hit, is_hit);
        }
    }
    // What is kept for the report decides nothing.
    let options = Options {
        keep_text: true,
        ..Options::default()
    };
    let compiled = cache.compile(&func, &*isa, Some(reports.verifier(options)));
    assert!(compiled.expect("nothing is wrong with it").is_hit);
}

/// What `none` and `check` stored is no way around `enforce`.
#[test]
fn what_fails_is_not_stored() {
    let mut cache = Cache::default();
    let func = wrong();
    for mode in ["none", "check"] {
        let compiled = cache.compile(&func, &*isa("x86_64", mode), Some(verifier()));
        assert!(!compiled.expect("it is compiled all the same").is_hit);
    }
    assert_eq!(cache.0.len(), 2);
    for _ in 0..2 {
        let compiled = cache.compile(&func, &*isa("x86_64", "enforce"), Some(verifier()));
        assert!(matches!(compiled, Err(CodegenError::GcVerifier(_))));
        assert_eq!(cache.0.len(), 2);
    }
}

/// What an undone pass left is as good as any other code.
#[test]
fn what_came_out_right_is_stored() {
    let mut cache = Cache::default();
    let isa = isa("x86_64", "enforce");
    let broken = Broken::new(&[Pass::Egraph]);
    let mut codes = Vec::new();
    for is_hit in [false, true] {
        let compiled = cache.compile(&function(""), &*isa, Some(Arc::new(broken.clone())));
        let compiled = compiled.expect("the pass is undone");
        assert_eq!(compiled.is_hit, is_hit);
        codes.push(compiled.code);
    }
    assert_eq!(codes[0], codes[1]);
    assert_eq!(broken.restored().len(), 1);
}

/// A sink hears of each function when it is compiled, and nothing when it comes from the cache.
#[test]
fn a_hit_is_not_reported() {
    let mut cache = Cache::default();
    let reports = Reports::default();
    let isa = isa("x86_64", "check");
    let verifier = reports.verifier(Options::default());
    for is_hit in [false, true] {
        let compiled = cache.compile(&function(""), &*isa, Some(verifier.clone()));
        assert_eq!(compiled.expect("nothing is wrong with it").is_hit, is_hit);
        let reports = reports.take();
        assert_eq!(reports.len(), usize::from(!is_hit));
        let verdict = |verdict| verdict == Verdict::Verified;
        assert!(
            reports
                .iter()
                .all(|report| verdict(report.report.verdict()))
        );
    }
}

/// The guard that a hit finds, because inlining started it, ends there.
#[test]
fn a_hit_ends_the_guard() {
    let mut cache = Cache::default();
    let isa = isa("x86_64", "check");
    let recorder = Recorder::default();
    let verifier: Arc<dyn GcVerifier> = Arc::new(recorder.clone());
    let compiled = cache.compile(&function(""), &*isa, Some(verifier.clone()));
    assert!(!compiled.expect("nothing is wrong with it").is_hit);
    recorder.take();
    for _ in 0..2 {
        let mut context = context(&function(""), Some(verifier.clone()));
        context.start_gc_verifier(&*isa).expect("it is there");
        let plane = &mut ControlPlane::default();
        let (_, is_hit) = context
            .compile_with_cache(&*isa, &mut cache, plane)
            .map_err(|error| error.inner)
            .expect("nothing is wrong with it");
        assert!(is_hit);
        assert_eq!(recorder.take(), [Event::Start("%f".into())]);
        // It starts anew.
        context.start_gc_verifier(&*isa).expect("it is there");
        assert_eq!(recorder.take(), [Event::Start("%f".into())]);
    }
}

/// NB: No test of this process may install a verifier for the process.
#[test]
fn a_hit_needs_a_verifier_too() {
    let mut cache = Cache::default();
    let func = function("");
    for mode in MODES {
        let isa = isa("x86_64", mode);
        let compiled = cache.compile(&func, &*isa, Some(verifier()));
        assert!(!compiled.expect("nothing is wrong with it").is_hit);
        let compiled = cache.compile(&func, &*isa, None);
        match mode {
            "none" => assert!(compiled.expect("nobody is needed").is_hit),
            _ => assert!(matches!(compiled, Err(CodegenError::Unsupported(_)))),
        }
    }
}
