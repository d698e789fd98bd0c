use crate::analysis::history::History;
use crate::analysis::nullness::proofs::Proofs;
use crate::finding::code::Code;
use crate::finding::hazard::{Hazard, Hazards};
use crate::finding::options::Options;
use crate::finding::report::Report;
use crate::pipeline::verify::{verify_layer, verify_rewritten};
use crate::testing::parse;
use cranelift_codegen::ir::{FuncRef, Function, GcFact, GcHeapType, GcNullability, Value};

fn v0() -> Value {
    Value::from_u32(0)
}

fn with_fact(text: &str, heap: GcHeapType, nullability: GcNullability) -> Function {
    let mut func = parse(text);
    let fact = GcFact::reference(heap, nullability);
    func.dfg.gc_info.add_fact(v0(), fact);
    func
}

fn verify(text: &str, heap: GcHeapType, nullability: GcNullability) -> Report {
    let func = with_fact(text, heap, nullability);
    verify_rewritten(&func, &Options::default(), &History::default())
}

/// A function of a reference `v0` and a base `v1`, with `body` before it is dereferenced.
fn guarded_by(body: &str) -> String {
    format!(
        "function %f(i32, i64) -> i32 {{
        block0(v0: i32, v1: i64):
            {body}
            v90 = uextend.i64 v0
            v91 = iadd v1, v90
            v92 = load.i32 v91+8
            return v92
        }}"
    )
}

fn hazards(report: &Report) -> Vec<Hazard> {
    let mut hazards: Vec<_> = report
        .violations
        .iter()
        .map(|violation| match violation.error {
            crate::GcError::UnguardedDereference { hazard, .. }
            | crate::GcError::GuardRemoved { hazard, .. } => hazard,
            ref other => panic!("{other}"),
        })
        .collect();
    hazards.sort_unstable();
    hazards
}

#[track_caller]
fn check_any(body: &str, expected: &[Hazard]) {
    let report = verify(&guarded_by(body), GcHeapType::Any, GcNullability::Nullable);
    assert_eq!(report.inconclusive, [], "{body}");
    assert_eq!(hazards(&report), expected, "{body}");
    assert_eq!(report.counts.guarded, u64::from(expected.is_empty()));
}

#[test]
fn types_exclude_hazards() {
    use GcHeapType::*;
    use GcNullability::*;
    for (heap, nullability, expected) in [
        (Struct, NonNull, &[][..]),
        (Struct, Nullable, &[Hazard::Null]),
        (Any, NonNull, &[Hazard::I31]),
        (Extern, Nullable, &[Hazard::Null, Hazard::I31]),
        (Exn, NonNull, &[]),
        (Func, Nullable, &[]),
    ] {
        let report = verify(&guarded_by(""), heap, nullability);
        assert_eq!(hazards(&report), expected, "{heap:?} {nullability:?}");
        let typed = expected.is_empty() && heap != Func;
        assert_eq!(report.counts.typed, u64::from(typed));
    }
}

#[test]
fn a_dereference_without_a_fact_is_not_judged() {
    let mut func = parse(&guarded_by(""));
    func.dfg.gc_info.declare(v0());
    func.dfg
        .gc_info
        .add_fact(Value::from_u32(1), GcFact::Scalar);
    let report = verify_rewritten(&func, &Options::default(), &History::default());
    assert_eq!(report.codes(), []);
    assert_eq!(report.counts.unjudged, 1);
}

#[test]
fn conditional_traps_are_guards() {
    check_any("trapz v0, user1", &[Hazard::I31]);
    check_any(
        "v2 = iconst.i32 1
         v3 = band v0, v2
         trapnz v3, user1
         trapz v0, user2",
        &[],
    );
    check_any(
        "v2 = iconst.i32 1
         v3 = band v0, v2
         trapnz v3, user1",
        &[Hazard::Null],
    );
}

#[test]
fn accesses_and_checks_of_bounds_are_no_guards() {
    check_any(
        "v2 = iconst.i32 24
         v3 = uadd_overflow_trap v0, v2, user1
         v4 = uextend.i64 v3
         v5 = load.i64 v1
         v6 = icmp ugt v4, v5
         trapnz v6, user1",
        &[Hazard::Null, Hazard::I31],
    );
}

/// wasmtime#10171: the mask tells just the i31 0 from a reference.
#[test]
fn a_mask_that_lets_some_i31s_pass_is_no_guard() {
    check_any(
        "v2 = iconst.i32 0xffff_fffe
         v3 = band v0, v2
         v4 = iconst.i32 0
         v5 = icmp eq v3, v4
         trapnz v5, user1",
        &[Hazard::I31],
    );
}

const NULL_OR_I31: &str = "
            v2 = iconst.i32 1
            v3 = band v0, v2
            v4 = iconst.i32 0
            v5 = icmp eq v0, v4
            v6 = uextend.i32 v5
            v7 = bor v3, v6
";

#[test]
fn branches_are_guards() {
    check_any(
        &format!("{NULL_OR_I31} brif v7, block2, block1\n block2: return v4\n block1:"),
        &[],
    );
    check_any(
        &format!("{NULL_OR_I31} brif v7, block1, block2\n block2: return v4\n block1:"),
        &[Hazard::Null, Hazard::I31],
    );
    check_any(
        &format!("{NULL_OR_I31} br_table v7, block2, [block1]\n block2: return v4\n block1:"),
        &[],
    );
}

#[test]
fn the_result_of_a_test_is_followed_through_block_parameters() {
    let test = |zero: u32| {
        format!(
            "{NULL_OR_I31}
            brif v7, block2(v4), block1
         block1:
            v10 = uextend.i64 v1
            v11 = load.i32 v1
            jump block2(v11)
         block2(v12: i32):
            v13 = iconst.i32 {zero}
            v14 = icmp ne v12, v13
            trapz v14, user1"
        )
        .replace("v10 = uextend.i64 v1\n", "")
    };
    check_any(&test(0), &[]);
    check_any(&test(1), &[Hazard::Null, Hazard::I31]);
}

#[test]
fn what_varies_does_not_weaken_a_guard() {
    check_any(
        &format!(
            "{NULL_OR_I31}
            v8 = load.i32 v1
            v9 = bor v8, v7
            trapnz v9, user1"
        ),
        &[],
    );
    check_any(
        &format!(
            "{NULL_OR_I31}
            v8 = load.i32 v1
            v9 = band v8, v7
            trapnz v9, user1"
        ),
        &[Hazard::Null, Hazard::I31],
    );
}

#[test]
fn a_guard_on_one_path_is_not_one_on_the_other() {
    check_any(
        "v8 = load.i32 v1
            brif v8, block1, block2
         block1:
            trapz v0, user1
            jump block3
         block2:
            jump block3
         block3:
            v2 = iconst.i32 1
            v3 = band v0, v2
            trapnz v3, user2",
        &[Hazard::Null],
    );
}

/// Each iteration has another reference, and guards it.
#[test]
fn a_loop_that_guards_its_reference() {
    let text = |guard: &str| {
        format!(
            "function %f(i32, i64) -> i32 {{
            block0(v1: i32, v2: i64):
                jump block1(v1)
            block1(v0: i32):
                {guard}
                v3 = uextend.i64 v0
                v4 = iadd v2, v3
                v5 = load.i32 v4+8
                brif v5, block1(v5), block2
            block2:
                return v5
            }}"
        )
    };
    let verify = |guard| {
        let text = text(guard);
        verify(&text, GcHeapType::Struct, GcNullability::Nullable)
    };
    assert_eq!(verify("trapz v0, user1").codes(), []);
    assert_eq!(verify("").codes(), [Code::Gcv10]);
}

#[test]
fn a_reload_is_what_was_spilled() {
    let text = |guard: &str| {
        format!(
            "function %f(i32, i64) -> i32 {{
                ss0 = explicit_slot 4, align = 4
                fn0 = %collect()
            block0(v0: i32, v1: i64):
                v2 = stack_addr.i64 ss0
                store notrap v0, v2
                {guard}
                call fn0(), stack_map=[i32 @ ss0+0]
                v3 = load.i32 notrap v2
                v4 = uextend.i64 v3
                v5 = iadd v1, v4
                v6 = load.i32 v5+8
                return v6
            }}"
        )
    };
    let verify = |guard| {
        let mut func = parse(&text(guard));
        for value in [0, 3] {
            func.dfg.gc_info.add_fact(
                Value::from_u32(value),
                GcFact::reference(GcHeapType::Struct, GcNullability::Nullable),
            );
        }
        verify_rewritten(&func, &Options::default(), &History::default())
    };
    let report = verify("trapz v0, user1");
    assert_eq!((report.codes(), report.counts.guarded), (vec![], 1));
    let report = verify("");
    assert_eq!(report.codes(), [Code::Gcv10]);
    assert_eq!(report.violations[0].error.value(), Some(v0()));
}

/// A call may have looked at the reference, so that its result is a guard that is not understood.
#[test]
fn what_is_not_understood_is_inconclusive() {
    let body = "v8 = call fn0(v0)
            trapz v8, user1";
    let text = guarded_by(body).replace(
        "block0(",
        "fn0 = %is_object(i32) -> i32
        block0(",
    );
    let mut func = with_fact(&text, GcHeapType::Struct, GcNullability::Nullable);
    func.dfg.gc_info.set_nogc(FuncRef::from_u32(0));
    let report = verify_rewritten(&func, &Options::default(), &History::default());
    assert_eq!(report.codes(), []);
    assert_eq!(report.inconclusive.len(), 1);
    assert_eq!(report.inconclusive[0].reason(), "undecided-guard");
}

#[test]
fn a_guard_that_a_pass_removes_is_missed() {
    let before = with_fact(
        &guarded_by("trapz v0, user1"),
        GcHeapType::Struct,
        GcNullability::Nullable,
    );
    let options = Options::default();
    let (report, _, proofs) = verify_layer(&before, &options, &History::default(), None);
    assert_eq!((report.codes(), report.counts.guarded), (vec![], 1));
    let mut after = before.clone();
    let block = after.layout.entry_block().expect("it has a body");
    let guard = after.layout.first_inst(block).expect("it has a guard");
    after.layout.remove_inst(guard);
    let mut history = History::default();
    history.proofs = proofs;
    let report = verify_rewritten(&after, &options, &history);
    assert_eq!(report.codes(), [Code::Gcv16]);
    // Seen for the first time, it is just unguarded.
    let report = verify_rewritten(&after, &options, &History::default());
    assert_eq!(report.codes(), [Code::Gcv10]);
}

/// An equal value of a weaker type took the place of the reference.
#[test]
fn what_the_type_excluded_before_needs_no_guard() {
    let func = with_fact(
        &guarded_by("trapz v0, user1"),
        GcHeapType::Any,
        GcNullability::Nullable,
    );
    let block = func.layout.entry_block().expect("it has a body");
    let mut insts = func.layout.block_insts(block);
    let load = insts.nth(3).expect("the load comes fourth");
    let mut proofs = Proofs::default();
    let mut hazards = Hazards::default();
    hazards.insert(Hazard::Null);
    proofs.add(load, Value::from_u32(77), hazards);
    let mut history = History::default();
    history.proofs = proofs;
    let report = verify_rewritten(&func, &Options::default(), &history);
    assert_eq!((report.codes(), report.counts.guarded), (vec![], 1));
}

/// What a parameter was given tells of the reference that there was then.
#[test]
fn a_parameter_that_tells_of_the_last_reference_is_no_guard() {
    let found = |trap: &str| {
        let text = format!(
            "function %f(i32, i64) -> i32 {{
            block0(v0: i32, v1: i64):
                v2 = iconst.i32 1
                v3 = iconst.i32 0
                jump block1(v2)
            block1(v4: i32):
                v5 ! gcref(struct, nullable) = load.i32 v1
                trapz {trap}, user1
                v6 = uextend.i64 v5
                v7 = iadd v1, v6
                v8 = load.i32 v7+8
                brif v5, block2, block3
            block2:
                brif v8, block1(v5), block3
            block3:
                return v8
            }}"
        );
        hazards(&verify_rewritten(
            &parse(&text),
            &Options::default(),
            &History::default(),
        ))
    };
    assert_eq!(found("v5"), []);
    assert_eq!(found("v4"), [Hazard::Null]);
}

/// Where ways meet, what each of them passes counts with what may come that way.
#[test]
fn a_parameter_guards_if_each_way_that_null_takes_says_so() {
    let body = |passed: &str| {
        format!(
            "v2 = iconst.i32 1
             v3 = iconst.i32 0
             brif v0, block1, block4({passed})
         block1:
             v4 = band v0, v2
             brif v4, block4(v3), block2
         block2:
             v5 = load.i32 v1
             brif v5, block4(v5), block3
         block3:
             jump block4(v2)
         block4(v6: i32):
             v7 = load.i32 v1
             brif v7, block5, block6
         block5:
             jump block6
         block6:
             trapz v6, user1"
        )
    };
    check_any(&body("v3"), &[]);
    check_any(&body("v2"), &[Hazard::Null]);
    check_any(&body("v0"), &[]);
}
