//! The runner fails what it has to fail.

use cranelift_gc_verifier::{Checks, Code};
use gc_filetests::{FileOutcome, RunOptions, run_text};

const STALE: &str = "\
test gc-verify

function %f(i32) -> i32 {
    ss0 = explicit_slot 4, align = 4
    fn0 = %collect()
block0(v0: i32):
    v1 = stack_addr.i64 ss0
    store notrap v0, v1
    call fn0(), stack_map=[i32 @ ss0+0]
    return v0 ; error: GCV02
}
";

fn run(text: &str) -> FileOutcome {
    run_text(text, &RunOptions::default()).expect("it is a test")
}

fn mistake(text: &str) -> String {
    let error = run_text(text, &RunOptions::default()).expect_err("it is no test");
    format!("{error:#}")
}

#[test]
fn a_met_expectation_passes() {
    let outcome = run(STALE);
    assert!(outcome.passed(), "{:?}", outcome.failures());
    assert_eq!(outcome.counts.safepoints, 1);
}

#[test]
fn an_unexpected_error_fails() {
    let outcome = run(&STALE.replace(" ; error: GCV02", ""));
    assert!(!outcome.passed());
    assert!(outcome.failures()[0].contains("unexpected error `GCV02 stale-reference"));
}

#[test]
fn an_expectation_of_another_error_fails_twice() {
    let outcome = run(&STALE.replace("GCV02", "GCV04"));
    assert_eq!(outcome.failures().len(), 2, "{:?}", outcome.failures());
}

#[test]
fn an_expectation_at_another_instruction_fails() {
    let outcome = run(&STALE
        .replace(" ; error: GCV02", "")
        .replace("ss0+0]", "ss0+0] ; error: GCV02"));
    assert_eq!(outcome.failures().len(), 2, "{:?}", outcome.failures());
}

#[test]
fn one_error_meets_one_expectation() {
    let outcome = run(&STALE.replace("GCV02", "GCV02; error: GCV02"));
    assert_eq!(outcome.failures().len(), 1, "{:?}", outcome.failures());
}

#[test]
fn an_unexpected_inconclusive_verdict_fails() {
    let text = "\
test gc-verify

function %f(i32) {
    ss0 = explicit_slot 4, align = 4
    fn0 = %fill(i64)
block0(v0: i32):
    v1 = stack_addr.i64 ss0
    store notrap v0, v1
    call fn0(v1), stack_map=[i32 @ ss0+0]
    return
}
";
    assert!(!run(text).passed());
    let expected = text.replace("fn0 = ", "; inconclusive: slot-escapes\n    fn0 = ");
    let outcome = run(&expected);
    assert!(outcome.passed(), "{:?}", outcome.failures());
}

#[test]
fn a_file_without_subjects_says_so() {
    let text = "test gc-verify\n\nfunction %f() {\nblock0:\n    return\n}\n";
    assert!(!run(text).passed());
    assert!(run(&format!("; no-subjects\n{text}")).passed());
    assert!(!run(&format!("; no-subjects\n{STALE}")).passed());
}

#[test]
fn other_passes_run_for_two_targets() {
    let text = STALE.replace(
        "test gc-verify",
        "test gc-verify pass=all\nset opt_level=speed\nset gc_verifier=check",
    );
    let outcome = run(&text);
    assert!(outcome.passed(), "{:?}", outcome.failures());
    assert_eq!(outcome.functions.len(), 6);
}

#[test]
fn a_pass_that_does_not_run_is_a_mistake() {
    let text = STALE.replace(
        "test gc-verify",
        "test gc-verify pass=egraph\nset opt_level=none\nset gc_verifier=check",
    );
    assert!(mistake(&text).contains("egraph does not run with these settings"));
    let text = STALE.replace("test gc-verify", "test gc-verify pass=egraph");
    assert!(mistake(&text).contains("set gc_verifier=check"));
}

#[test]
fn mistakes_are_named() {
    assert!(
        mistake("test verifier\n\nfunction %f() {\nblock0:\n    return\n}\n").contains("verifier")
    );
    assert!(mistake("function %f() {\nblock0:\n    return\n}\n").contains("command"));
    assert!(mistake("test gc-verify\n").contains("function"));
    assert!(mistake(&STALE.replace("return v0", "return v9")).contains("v9"));
    assert!(mistake(&STALE.replace("return v0", "return")).contains("not valid CLIF"));
    let no_value = STALE.replace("return v0", "return v0 ! initializing v7");
    assert!(mistake(&no_value).contains("undefined value v7 in an annotation"));
    let no_directive = STALE.replace("return v0", "return v0 ; inconclusive: perhaps");
    assert!(!run(&no_directive).passed());
}

#[test]
fn blessing_writes_what_is_found() {
    let options = RunOptions {
        bless: true,
        ..RunOptions::default()
    };
    let outcome = run_text(STALE, &options).expect("it is a test");
    let blessed = outcome.blessed.expect("the expectation is abbreviated");
    assert!(blessed.contains(
        "return v0 ; error: GCV02 stale-reference: inst3 uses GC reference v0 after safepoint inst2"
    ));
    assert!(run(&blessed).passed());
    let again = run_text(&blessed, &options).expect("it is a test");
    assert_eq!(again.blessed, None);
}

#[test]
fn the_example_of_the_syntax_passes() {
    let document = include_str!("../../docs/clif-facts.md");
    let (_, rest) = document.split_once("```clif\n").expect("it has an example");
    let (example, _) = rest.split_once("```").expect("the example ends");
    let outcome = run(example);
    assert!(outcome.passed(), "{:?}", outcome.failures());
    assert_eq!(outcome.counts.safepoints, 1);
    assert!(outcome.counts.references >= 2);
}

const FORWARDED: &str = "\
test gc-optimize precise-output pass=seeded
set gc_verifier=enforce

function %f(i32) -> i32 {
    ss0 = explicit_slot 4, align = 4
    fn0 = %collect()
block0(v0: i32):
    v1 = stack_addr.i64 ss0
    store notrap v0, v1
    call fn0(), stack_map=[i32 @ ss0+0]
    v2 = load.i32 notrap v1 ;; rewrite: forward v0
    return v2
}
";

const COMPILED: &str = "\
test compile precise-output
test gc-verify pass=emission
set gc_verifier=check
target x86_64

function %f(i32) {
    ss0 = explicit_slot 4, align = 4
    fn0 = colocated %collect()
block0(v0: i32):
    v1 = stack_addr.i64 ss0
    store notrap v0, v1
    call fn0(), stack_map=[i32 @ ss0+0]
    return
}
";

fn blessed(text: &str) -> String {
    let options = RunOptions {
        bless: true,
        ..RunOptions::default()
    };
    let outcome = run_text(text, &options).expect("it is a test");
    outcome.blessed.expect("there is no output yet")
}

#[test]
fn what_is_refused_is_part_of_the_output() {
    assert!(!run(FORWARDED).passed());
    let text = blessed(FORWARDED);
    assert!(text.contains("\n; refused: GCV08 unsound-forwarding: load inst3"));
    let outcome = run(&text);
    assert!(outcome.passed(), "{:?}", outcome.failures());
    assert!(!run(&text.replace("; refused:", "; undone:")).passed());
    // Without the check, the function comes out wrong, and that is an error of its own.
    let options = RunOptions {
        checks: Checks::all().without(Code::Gcv08),
        ..RunOptions::default()
    };
    let outcome = run_text(&text, &options).expect("it is a test");
    assert!(!outcome.passed());
}

#[test]
fn output_by_directives() {
    let text = FORWARDED.replace(" precise-output", "");
    assert!(run(&text).failures()[0].contains("nothing is expected"));
    let expected = format!("{text}; check: load.i32\n; check: refused: GCV08\n");
    let outcome = run(&expected);
    assert!(outcome.passed(), "{:?}", outcome.failures());
    assert!(!run(&expected.replace("GCV08", "GCV09")).passed());
    assert!(!run(&expected.replace("check: load", "check: atomic_load")).passed());
}

#[test]
fn machine_code_is_given_with_its_records() {
    assert!(!run(COMPILED).passed());
    let text = blessed(COMPILED);
    assert!(
        text.contains("stack_map=[i32 @ ss0+0] ;; record: 0x"),
        "{text}"
    );
    assert!(text.contains(";   ; UserStackMap {"), "{text}");
    let outcome = run(&text);
    assert!(outcome.passed(), "{:?}", outcome.failures());
    // What a disassembler says is left to Cranelift's own runner.
    let disassembled = format!("{text};\n; Disassembled:\n;   anything\n");
    assert!(run(&disassembled).passed());
    for (is, becomes) in [
        ("i32 @ sp+0\n", "i32 @ sp+4\n"),
        (" ;; record: ", " ;; no record: "),
        (";   retq", ";   ret"),
    ] {
        assert!(text.contains(is), "{text}");
        assert!(!run(&text.replace(is, becomes)).passed(), "{is}");
    }
}

#[test]
fn mistakes_of_other_commands_are_named() {
    let text = FORWARDED.replace("=enforce", "=check");
    assert!(mistake(&text).contains("set gc_verifier=enforce"));
    let text = FORWARDED.replace("test gc", "test compile precise-output\ntest gc");
    assert!(mistake(&text).contains("one place for it"));
    let text = STALE.replace("gc-verify", "gc-verify pass=seeded");
    assert!(mistake(&text).contains("seeded"));
    let text = COMPILED.replace("test compile precise-output\n", "");
    let text = text.replace("ss0+0]", "ss0+0] ;; record: 0x0");
    assert!(run(&text).failures()[0].contains("without `test compile`"));
}
