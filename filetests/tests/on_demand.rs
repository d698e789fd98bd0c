//! Whether the input is verified always or only on demand, the verdict is the same.
//!
//! `cargo test --release --workspace --test on_demand -- --nocapture` prints the table. With `CLIF_GC_ON_DEMAND` in the environment,
//! the functions of the files below that directory are compared, too.

use cranelift_codegen::control::ControlPlane;
use cranelift_codegen::ir::{Function, GcCollector};
use cranelift_codegen::isa::{OwnedTargetIsa, lookup_by_name};
use cranelift_codegen::settings::{Configurable, Flags, builder};
use cranelift_codegen::{CodegenError, Context};
use cranelift_gc_verifier::{FunctionReport, Options, Verdict, VerifyInput};
use gc_filetests::find_files;
use gc_filetests::reports::Reports;
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

/// What the optimizer makes clear: an input of which it is not known whether it is right, and an output that is right.
///
/// NB: The same file has what would be found if the input were wrong.
const CLEARER: &[&str] = &["%rotated_twice_as_one"];

/// What became of a function.
#[derive(Debug, PartialEq, Eq)]
struct Outcome {
    /// Was it compiled?
    is_compiled: bool,
    verdict: Option<Verdict>,
    /// The codes with what they are about, the pass after which that was found, and what was prevented.
    found: Vec<String>,
}

fn isa(setting: &str) -> OwnedTargetIsa {
    let mut flags = builder();
    let flags_and_values = [
        ("gc_verifier", setting),
        ("opt_level", "speed"),
        ("preserve_frame_pointers", "true"),
    ];
    for (name, value) in flags_and_values {
        flags.set(name, value).expect("is a setting");
    }
    let builder = lookup_by_name("x86_64").expect("is a target");
    builder.finish(Flags::new(flags)).expect("is a target")
}

/// Compile `func`. Nothing, if that does not work, whatever the verifier says.
fn outcome(func: &Function, isa: &OwnedTargetIsa, options: Options) -> Option<Outcome> {
    let reports = Reports::default();
    let mut context = Context::for_function(func.clone());
    context.set_gc_verifier(Some(reports.verifier(options)));
    // NB: Some functions are such as no backend is made for.
    let compiled = catch_unwind(AssertUnwindSafe(|| {
        let compiled = context.compile(&**isa, &mut ControlPlane::default());
        compiled.map(|_| ()).map_err(|error| error.inner)
    }));
    let is_compiled = match compiled {
        Ok(Ok(())) => true,
        Ok(Err(CodegenError::GcVerifier(_))) => false,
        Ok(Err(_)) | Err(_) => return None,
    };
    drop(context);
    let report = reports.take().pop();
    Some(Outcome {
        is_compiled,
        verdict: report.as_ref().map(|report| report.report.verdict()),
        found: report.iter().flat_map(found).collect(),
    })
}

fn found(report: &FunctionReport) -> Vec<String> {
    let layer = report.layer;
    let mut found: Vec<String> = Vec::new();
    for violation in &report.report.violations {
        let error = &violation.error;
        found.push(format!("{} after {layer}: {error}", error.code()));
    }
    for reason in &report.report.inconclusive {
        found.push(format!("inconclusive after {layer}: {reason}"));
    }
    for refusal in &report.refusals {
        found.push(format!(
            "refused {}: {}",
            refusal.pass, refusal.violation.error
        ));
    }
    for undone in &report.undone {
        for violation in &undone.violations {
            found.push(format!("undone {}: {}", undone.pass, violation.error));
        }
    }
    found
}

fn files() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut roots = vec![root.join("gc-verify"), root.join("open")];
    roots.extend(std::env::var_os("CLIF_GC_ON_DEMAND").map(PathBuf::from));
    let mut files = Vec::new();
    for root in roots.iter().filter(|root| root.is_dir()) {
        files.extend(find_files(root, "clif").expect("it can be read"));
    }
    files
}

fn is_clearer(func: &Function) -> bool {
    let name = func.name.to_string();
    CLEARER.contains(&name.as_str())
}

/// The functions of a file; none, if it is about how files are read.
fn functions(path: &Path) -> Vec<Function> {
    let text = std::fs::read_to_string(path).expect("it can be read");
    let parsed = cranelift_reader::parse_test(&text, cranelift_reader::ParseOptions::default());
    let functions = parsed.map(|file| file.functions).unwrap_or_default();
    functions.into_iter().map(|(func, _)| func).collect()
}

#[test]
fn the_verdict_is_the_same() {
    let collectors = [None, Some(GcCollector::NonMoving), Some(GcCollector::Null)];
    std::panic::set_hook(Box::new(|_| {}));
    let isas = ["check", "enforce"].map(|setting| (setting, isa(setting)));
    let mut table: BTreeMap<(&str, String, String), u32> = BTreeMap::new();
    let mut differences = Vec::new();
    for path in files() {
        for func in functions(&path) {
            for (setting, isa) in &isas {
                for collector in collectors {
                    let with = |verify_input| {
                        let options = Options {
                            collector,
                            verify_input,
                            ..Options::default()
                        };
                        outcome(&func, isa, options)
                    };
                    let both = [VerifyInput::Always, VerifyInput::OnDemand].map(with);
                    let names = both.each_ref().map(|outcome| match outcome {
                        Some(Outcome {
                            verdict: Some(verdict),
                            ..
                        }) => verdict.to_string(),
                        Some(_) => "nothing to say".to_owned(),
                        None => "not compiled".to_owned(),
                    });
                    let [always, on_demand] = names;
                    *table.entry((setting, always, on_demand)).or_default() += 1;
                    // NB: With `enforce`, an input that is verified always is rejected before a backend gets to see what it is
                    // not made for.
                    let is_no_difference = match &both {
                        [Some(always), None] => !always.is_compiled,
                        [Some(always), Some(on_demand)] if is_clearer(&func) => {
                            always.verdict == Some(Verdict::Inconclusive)
                                && on_demand.verdict == Some(Verdict::Verified)
                        }
                        [always, on_demand] => always == on_demand,
                    };
                    if !is_no_difference {
                        let what =
                            format!("{}: {} {setting} {collector:?}", path.display(), func.name);
                        differences.push(format!("{what}\n  {:?}\n  {:?}", both[0], both[1]));
                    }
                }
            }
        }
    }
    println!(
        "| setting | input verified always | on demand | functions and collectors |\n|---|---|---|--:|"
    );
    for ((setting, always, on_demand), count) in &table {
        println!("| {setting} | {always} | {on_demand} | {count} |");
    }
    for difference in &differences {
        println!("{difference}");
    }
    assert!(differences.is_empty(), "{} differences", differences.len());
}
