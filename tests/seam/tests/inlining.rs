//! What inlining does to the facts about GC references.

use cranelift_codegen::ir::{Function, GcCollector, Inst, Opcode, Value};
use seam_tests::pipeline::{InlineByName, context};
use seam_tests::program::Program;

const CALLEE: &str = "function %callee(i64, i32) -> i32 {
        ss0 = explicit_slot 4
        sig0 = ()
        fn0 = %collects sig0
        fn1 = %does_not sig0
    block0(v0: i64, v1: i32):
        v2 = load.i32 v0
        v3 = stack_addr.i64 ss0
        store v2, v3
        call fn0(), stack_map=[i32 @ ss0+0]
        v4 = stack_addr.i64 ss0
        v5 = load.i32 v4
        call fn1()
        return v5
    block1:
        v6 = iconst.i32 1
        return v6
    }";

fn find(func: &Function, opcode: Opcode) -> Vec<Inst> {
    let insts = func
        .layout
        .blocks()
        .flat_map(|block| func.layout.block_insts(block));
    insts
        .filter(|inst| func.dfg.insts[*inst].opcode() == opcode)
        .collect()
}

/// The callee, with everything that is known of it.
fn callee() -> Function {
    let mut callee = Program::parse(CALLEE).main().clone();
    let reference = Value::from_u32(2);
    let info = &mut callee.dfg.gc_info;
    info.collector = Some(GcCollector::Null);
    info.declare(reference);
    // Nothing is left of what is declared in unreachable code.
    info.declare(Value::from_u32(6));
    info.set_nogc(cranelift_codegen::ir::FuncRef::from_u32(1));
    let (stores, loads) = (find(&callee, Opcode::Store), find(&callee, Opcode::Load));
    let info = &mut callee.dfg.gc_info;
    info.set_spill_origin(stores[0], reference);
    info.set_spill_origin(loads[1], reference);
    callee
}

fn inlined(caller: &str) -> Function {
    let program = Program::parse(caller);
    let mut context = context(program.main(), None);
    context.func.dfg.gc_info.collector = Some(GcCollector::Moving);
    context.func.dfg.gc_info.declare(Value::from_u32(1));
    assert!(context.inline(InlineByName(&[callee()])).unwrap());
    context.func
}

/// The facts of two inlined copies and of the caller are all there, about the right entities.
fn assert_facts(func: &Function, copies: usize) {
    let info = &func.dfg.gc_info;
    assert_eq!(info.collector, Some(GcCollector::Moving));

    let (stores, loads) = (find(func, Opcode::Store), find(func, Opcode::Load));
    assert_eq!((stores.len(), loads.len()), (copies, 2 * copies));
    let mut declared = vec![Value::from_u32(1)];
    for copy in 0..copies {
        let reference = func.dfg.first_result(loads[2 * copy]);
        declared.push(reference);
        assert_eq!(func.dfg.inst_args(stores[copy])[0], reference);
        assert_eq!(info.spill_origin(stores[copy]), Some(reference));
        assert_eq!(info.spill_origin(loads[2 * copy]), None);
        assert_eq!(info.spill_origin(loads[2 * copy + 1]), Some(reference));
    }
    let mut found = info.declared().to_vec();
    found.sort();
    declared.sort();
    assert_eq!(found, declared);

    let names = |nogc: bool| -> Vec<_> {
        let funcs = func.dfg.ext_funcs.keys();
        let funcs = funcs.filter(|f| info.is_nogc(*f) == nogc);
        funcs
            .map(|f| func.dfg.ext_funcs[f].name.display(None).to_string())
            .collect()
    };
    assert_eq!(names(true), vec!["%does_not"; copies]);
    assert_eq!(names(false)[1..], vec!["%collects"; copies]);
}

#[test]
fn a_call_is_inlined_with_its_facts() {
    let func = inlined(
        "function %caller(i64, i32) -> i32 {
            fn0 = %callee(i64, i32) -> i32
        block0(v0: i64, v1: i32):
            v2 = call fn0(v0, v1)
            v3 = call fn0(v0, v2)
            return v3
        }",
    );
    assert_facts(&func, 2);
}

#[test]
fn a_tail_call_is_inlined_with_its_facts() {
    let func = inlined(
        "function %caller(i64, i32) -> i32 {
            fn0 = %callee(i64, i32) -> i32
        block0(v0: i64, v1: i32):
            return_call fn0(v0, v1)
        }",
    );
    assert_facts(&func, 1);
}

#[test]
fn a_try_call_is_inlined_with_its_facts() {
    let func = inlined(
        "function %caller(i64, i32) -> i32 {
            sig0 = (i64, i32) -> i32
            fn0 = %callee sig0
        block0(v0: i64, v1: i32):
            try_call fn0(v0, v1), sig0, block1(ret0), [ default: block2 ]
        block1(v2: i32):
            return v2
        block2:
            return v1
        }",
    );
    assert_facts(&func, 1);
}
