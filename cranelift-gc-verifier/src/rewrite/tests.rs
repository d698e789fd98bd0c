//! The evaluator against Cranelift's interpreter, and signatures against each other.

use super::signature::{LANES, Signatures};
use crate::testing::{Rng, parse};
use cranelift_codegen::data_value::DataValue;
use cranelift_codegen::ir::{Block, Function, Inst, Value};
use cranelift_interpreter::environment::FunctionStore;
use cranelift_interpreter::interpreter::{Interpreter, InterpreterState};
use cranelift_interpreter::step::ControlFlow;
use std::collections::BTreeMap;
use std::fmt::Write;

const INTS: [(&str, u32); 5] = [
    ("i8", 8),
    ("i16", 16),
    ("i32", 32),
    ("i64", 64),
    ("i128", 128),
];

const UNARY: [&str; 8] = [
    "ineg", "iabs", "bnot", "clz", "cls", "ctz", "popcnt", "bitrev",
];

const BINARY: [&str; 26] = [
    "iadd", "isub", "imul", "umin", "umax", "smin", "smax", "umulhi", "smulhi", "udiv", "sdiv",
    "urem", "srem", "band", "bor", "bxor", "ishl", "ushr", "sshr", "rotl", "rotr", "icmp eq",
    "icmp slt", "icmp sge", "icmp ult", "icmp ugt",
];

const OVERFLOW: [&str; 6] = [
    "uadd_overflow",
    "sadd_overflow",
    "usub_overflow",
    "ssub_overflow",
    "umul_overflow",
    "smul_overflow",
];

const FLOAT_UNARY: [&str; 7] = ["fneg", "fabs", "sqrt", "ceil", "floor", "trunc", "nearest"];

const FLOAT_BINARY: [&str; 11] = [
    "fadd",
    "fsub",
    "fmul",
    "fdiv",
    "fmin",
    "fmax",
    "fcopysign",
    "fcmp eq",
    "fcmp ult",
    "fcmp one",
    "fcmp ge",
];

/// A number of `bits` bits, often a corner.
fn number(rng: &mut Rng, bits: u32) -> u128 {
    let mask = u128::MAX >> (128 - bits);
    let random = (u128::from(rng.next()) << 64) | u128::from(rng.next());
    let number = match rng.below(10) {
        0 => 0,
        1 => 1,
        2 => u128::MAX,
        3 => 1 << (bits - 1),
        4 => (1 << (bits - 1)) - 1,
        5 => random % 70,
        _ => random,
    };
    number & mask
}

/// Define `name` to be `n`.
fn constant(text: &mut String, name: &str, ty: &str, n: u128) {
    let written = match ty {
        "i8" => writeln!(text, "{name} = iconst.i8 {}", n as i8),
        "i16" => writeln!(text, "{name} = iconst.i16 {}", n as i16),
        "i32" => writeln!(text, "{name} = iconst.i32 {}", n as i32),
        "i64" => writeln!(text, "{name} = iconst.i64 {}", n as i64),
        "i128" => writeln!(
            text,
            "{name}00 = iconst.i64 {}\n{name}01 = iconst.i64 {}\n{name} = iconcat {name}00, {name}01",
            n as i64,
            (n >> 64) as i64
        ),
        "f32" => writeln!(
            text,
            "{name}00 = iconst.i32 {}\n{name} = bitcast.f32 {name}00",
            n as i32
        ),
        _ => writeln!(
            text,
            "{name}00 = iconst.i64 {}\n{name} = bitcast.f64 {name}00",
            n as i64
        ),
    };
    written.expect("a string takes everything");
}

fn bits(value: &DataValue) -> u128 {
    match *value {
        DataValue::I8(n) => n as u8 as u128,
        DataValue::I16(n) => n as u16 as u128,
        DataValue::I32(n) => n as u32 as u128,
        DataValue::I64(n) => n as u64 as u128,
        DataValue::I128(n) => n as u128,
        DataValue::F32(n) => n.bits().into(),
        DataValue::F64(n) => n.bits().into(),
        ref other => panic!("{other:?}"),
    }
}

/// What the interpreter makes of `func`; nothing if it traps or does not know how.
fn interpreted(func: &Function) -> Option<Vec<u128>> {
    let mut store = FunctionStore::default();
    store.add(func.name.to_string(), func);
    let state = InterpreterState::default().with_function_store(store);
    let mut interpreter = Interpreter::new(state);
    // NB: It panics on what it does not know.
    let name = func.name.to_string();
    let run = std::panic::AssertUnwindSafe(|| interpreter.call_by_name(&name, &[]));
    match std::panic::catch_unwind(run) {
        Ok(Ok(ControlFlow::Return(values))) => Some(values.iter().map(bits).collect()),
        _ => None,
    }
}

fn returned(func: &Function) -> Vec<Value> {
    let block = func.layout.entry_block().expect("there is one block");
    let inst: Inst = func.layout.last_inst(block).expect("it returns");
    func.dfg.inst_args(inst).to_vec()
}

/// Compares what both make of `text`.
#[derive(Default)]
struct Comparison {
    agreed: BTreeMap<String, u32>,
    differences: Vec<String>,
}

impl Comparison {
    fn compare(&mut self, what: &str, text: &str) {
        let func = parse(text);
        let Some(expected) = interpreted(&func) else {
            return;
        };
        let mut signatures = Signatures::default();
        for (value, expected) in returned(&func).into_iter().zip(expected) {
            let Some(lanes) = signatures.of(&func, value) else {
                return;
            };
            // Without leaves, all lanes are alike; a NaN makes none of them hold.
            if lanes.valid == 0 {
                return;
            }
            if (lanes.valid, lanes.bits) != (u16::MAX, [expected; LANES]) {
                let found = lanes.bits[0];
                let difference = format!("{expected:#x}, not {found:#x}, in {text}");
                self.differences.push(difference);
            }
        }
        *self.agreed.entry(what.to_string()).or_default() += 1;
    }
}

fn function(results: &str, body: &str, returned: &str) -> String {
    format!("function %f() -> {results} {{\nblock0:\n{body}return {returned}\n}}\n")
}

#[test]
fn the_evaluator_agrees_with_the_interpreter() {
    let Comparison {
        agreed,
        differences,
    } = compare_all();
    assert!(differences.is_empty(), "{}", differences.join("\n"));
    let known = [
        UNARY.as_slice(),
        &BINARY,
        &OVERFLOW,
        &FLOAT_UNARY,
        &FLOAT_BINARY,
    ]
    .concat();
    for what in known.iter().chain(&[
        "select",
        "bitselect",
        "uextend",
        "sextend",
        "ireduce",
        "bswap",
    ]) {
        let count = agreed.get(*what).copied().unwrap_or(0);
        assert!(count > 50, "{what} was compared {count} times");
    }
}

fn compare_all() -> Comparison {
    let mut rng = Rng::new(7);
    let mut comparison = Comparison::default();
    for _ in 0..80 {
        for (ty, width) in INTS {
            ints(&mut comparison, &mut rng, ty, width);
        }
        for (ty, width) in [("f32", 32), ("f64", 64)] {
            floats(&mut comparison, &mut rng, ty, width);
        }
        conversions(&mut comparison, &mut rng);
    }
    comparison
}

fn ints(comparison: &mut Comparison, rng: &mut Rng, ty: &str, width: u32) {
    let mut operands = String::new();
    for name in ["v1", "v2", "v3"] {
        constant(&mut operands, name, ty, number(rng, width));
    }
    for op in UNARY {
        let body = format!("{operands}v9 = {op} v1\n");
        comparison.compare(op, &function(ty, &body, "v9"));
    }
    if width > 8 {
        let body = format!("{operands}v9 = bswap v1\n");
        comparison.compare("bswap", &function(ty, &body, "v9"));
    }
    for op in BINARY {
        let result = if op.starts_with("icmp") { "i8" } else { ty };
        let body = format!("{operands}v9 = {op} v1, v2\n");
        comparison.compare(op, &function(result, &body, "v9"));
    }
    for op in OVERFLOW {
        if width == 128 && op.contains("mul") {
            continue;
        }
        let body = format!("{operands}v9, v10 = {op} v1, v2\n");
        comparison.compare(op, &function(&format!("{ty}, i8"), &body, "v9, v10"));
    }
    for op in ["select", "bitselect"] {
        let body = format!("{operands}v9 = {op} v1, v2, v3\n");
        comparison.compare(op, &function(ty, &body, "v9"));
    }
}

fn floats(comparison: &mut Comparison, rng: &mut Rng, ty: &str, width: u32) {
    let mut operands = String::new();
    for name in ["v1", "v2"] {
        let n = match (rng.below(3), width) {
            (0, _) => number(rng, width),
            (_, 32) => (rng.below(2000) as f32 / 8.0 - 100.0).to_bits().into(),
            _ => (rng.below(2000) as f64 / 8.0 - 100.0).to_bits().into(),
        };
        constant(&mut operands, name, ty, n);
    }
    for op in FLOAT_UNARY {
        let body = format!("{operands}v9 = {op} v1\n");
        comparison.compare(op, &function(ty, &body, "v9"));
    }
    for op in FLOAT_BINARY {
        let result = if op.starts_with("fcmp") { "i8" } else { ty };
        let body = format!("{operands}v9 = {op} v1, v2\n");
        comparison.compare(op, &function(result, &body, "v9"));
    }
    for (to, _) in [("i32", 0), ("i64", 0)] {
        for op in [
            "fcvt_to_sint_sat",
            "fcvt_to_uint_sat",
            "fcvt_to_sint",
            "fcvt_to_uint",
        ] {
            let body = format!("{operands}v9 = {op}.{to} v1\n");
            comparison.compare(op, &function(to, &body, "v9"));
        }
    }
}

fn conversions(comparison: &mut Comparison, rng: &mut Rng) {
    for (from, narrow) in INTS {
        for (to, wide) in INTS.into_iter().filter(|(_, wide)| *wide > narrow) {
            let mut body = String::new();
            constant(&mut body, "v1", from, number(rng, narrow));
            constant(&mut body, "v2", to, number(rng, wide));
            for op in ["uextend", "sextend"] {
                let text = format!("{body}v9 = {op}.{to} v1\n");
                comparison.compare(op, &function(to, &text, "v9"));
            }
            let text = format!("{body}v9 = ireduce.{from} v2\n");
            comparison.compare("ireduce", &function(from, &text, "v9"));
        }
    }
}

#[test]
fn what_is_equal_has_equal_signatures() {
    let func = parse(
        "function %f(i32, i32) -> i32, i32, i32, i32 {
        block0(v0: i32, v1: i32):
            v2 = iadd v0, v1
            v3 = isub v2, v1
            v4 = bxor v0, v1
            v5 = bxor v4, v1
            return v0, v3, v5, v1
        }",
    );
    let mut signatures = Signatures::default();
    let lanes: Vec<_> = returned(&func)
        .into_iter()
        .map(|value| {
            signatures
                .of(&func, value)
                .expect("all of it is understood")
        })
        .collect();
    assert_eq!(lanes[0], lanes[1]);
    assert_eq!(lanes[0], lanes[2]);
    assert!(lanes[0].difference(&lanes[3]).is_some());
}

#[test]
fn a_deep_expression_is_no_danger_to_the_stack() {
    let mut text = String::from("function %f(i32) -> i32 {\nblock0(v0: i32):\n");
    for i in 1..100_000 {
        writeln!(text, "v{i} = iadd v{}, v0", i - 1).expect("a string takes everything");
    }
    text += "return v99999\n}";
    let func = parse(&text);
    let mut signatures = Signatures::default();
    assert!(signatures.of(&func, returned(&func)[0]).is_some());
}

#[test]
fn a_merged_leaf_has_the_signature_of_the_other() {
    let func = parse(
        "function %f(i32, i32) -> i32, i32 {
        block0(v0: i32, v1: i32):
            v2 = ineg v0
            v3 = ineg v1
            return v2, v3
        }",
    );
    let [a, b] = returned(&func)[..] else {
        panic!("it returns two values")
    };
    let mut signatures = Signatures::default();
    assert!(signatures.of(&func, a) != signatures.of(&func, b));
    signatures.merge(&func, Value::from_u32(1), Value::from_u32(0));
    assert_eq!(signatures.of(&func, a), signatures.of(&func, b));
}

/// A branch to a block that just traps becomes a conditional trap and a jump.
/// The branch at the end of the first block.
fn branch_of(func: &Function) -> Inst {
    let block = func.layout.entry_block().expect("it has a body");
    func.layout.last_inst(block).expect("it has a branch")
}

#[test]
fn a_branch_that_becomes_a_trap_keeps_its_way() {
    use crate::finding::code::Code;
    use crate::{Options, Rewrites};
    use cranelift_codegen::cursor::{Cursor, FuncCursor};
    use cranelift_codegen::gc_verifier::Rewrite;
    use cranelift_codegen::ir::{Endianness, InstBuilder, InstructionData, TrapCode};

    let judged = |branch: &str, is_trapz: bool, kept: usize| {
        let mut func = parse(&format!(
            "function %f(i32) -> i32 {{
            block0(v0 ! gcref(any, nullable): i32):
                brif v0, {branch}
            block1:
                trap user1
            block2:
                return v0
            }}"
        ));
        let inst = branch_of(&func);
        let InstructionData::Brif { arg, blocks, .. } = func.dfg.insts[inst] else {
            panic!("it is a branch");
        };
        let mut judge = Rewrites::of(&func, Options::default(), Endianness::Little);
        let code = TrapCode::unwrap_user(1);
        // NB: Where they are makes no difference; in the optimizer they are nowhere yet.
        let mut cursor = FuncCursor::new(&mut func).at_inst(inst);
        let first = match is_trapz {
            true => cursor.ins().trapz(arg, code),
            false => cursor.ins().trapnz(arg, code),
        };
        let call = blocks[kept].block(&cursor.func.dfg.value_lists);
        let second = cursor.ins().jump(call, &[]);
        func.layout.remove_inst(first);
        func.layout.remove_inst(second);
        let rewrite = Rewrite::ReplaceWithTwo {
            inst,
            first,
            second,
            rule: None,
        };
        judge.judge(&func, rewrite).map(|v| v.error.code())
    };
    let wrong = Some(Code::Gcv15);
    assert_eq!(judged("block1, block2", false, 1), None);
    assert_eq!(judged("block1, block2", true, 1), wrong);
    assert_eq!(judged("block2, block1", true, 0), None);
    assert_eq!(judged("block2, block1", false, 0), wrong);
    // The block that goes away returned.
    assert_eq!(judged("block1, block2", false, 0), Some(Code::Gcv08));
}

#[test]
fn a_branch_table_of_a_constant_takes_its_entry() {
    use crate::finding::code::Code;
    use crate::{Options, Rewrites};
    use cranelift_codegen::cursor::{Cursor, FuncCursor};
    use cranelift_codegen::gc_verifier::Rewrite;
    use cranelift_codegen::ir::{Endianness, InstBuilder};

    let judged = |index: u32, table: &str, taken: u32| {
        let mut func = parse(&format!(
            "function %f(i32) -> i32 {{
            block0(v0: i32):
                v1 = iconst.i32 {index}
                br_table v1, block3, [{table}]
            block1:
                return v0
            block2:
                return v1
            block3:
                return v0
            }}"
        ));
        let inst = branch_of(&func);
        let options = Options {
            all_rewrites: true,
            ..Options::default()
        };
        let mut judge = Rewrites::of(&func, options, Endianness::Little);
        // NB: Where it is makes no difference; in the optimizer it is nowhere yet.
        let taken = Block::from_u32(taken);
        let new_inst = FuncCursor::new(&mut func)
            .at_inst(inst)
            .ins()
            .jump(taken, &[]);
        func.layout.remove_inst(new_inst);
        let rewrite = Rewrite::SkeletonReplace {
            inst,
            new_inst,
            rule: None,
        };
        judge.judge(&func, rewrite).map(|v| v.error.code())
    };
    let wrong = Some(Code::Gcv15);
    assert_eq!(judged(0, "block1, block2", 1), None);
    assert_eq!(judged(0, "block1, block2", 2), wrong);
    assert_eq!(judged(1, "block1, block2", 2), None);
    assert_eq!(judged(2, "block1, block2", 3), None);
    assert_eq!(judged(7, "block1, block2", 2), wrong);
    // Whichever entry it is, it goes there.
    assert_eq!(judged(1, "block3, block3", 3), None);
}

/// A function that stores `v0` and then `stored` to a slot, and loads that so many blocks later.
fn far(stored: &str, blocks: usize) -> Function {
    let way: String = (1..=blocks)
        .map(|block| format!("block{block}:\n  jump block{}\n", block + 1))
        .collect();
    parse(&format!(
        "function %f(i32, i32) -> i32 {{
            ss0 = explicit_slot 4
        block0(v0: i32, v1: i32):
            v2 = stack_addr.i64 ss0
            store notrap v0, v2
            store notrap {stored}, v2
            jump block1
        {way}
        block{}:
            v3 = load.i32 notrap v2
            store notrap v1, v2
            return v3
        }}",
        blocks + 1
    ))
}

/// The instructions of `func` that access memory, in order.
fn accesses(func: &Function) -> Vec<Inst> {
    let insts = func
        .layout
        .blocks()
        .flat_map(|block| func.layout.block_insts(block));
    insts
        .filter(|&inst| crate::ir::instruction::access(func, inst).is_some())
        .collect()
}

#[test]
fn what_was_stored_is_found_however_long_ago() {
    use crate::finding::code::Code;
    use crate::{Options, Rewrites};
    use cranelift_codegen::gc_verifier::Rewrite;
    use cranelift_codegen::ir::Endianness;

    for (stored, expected) in [("v0", None), ("v1", Some(Code::Gcv08))] {
        let func = far(stored, 6_000);
        let load = accesses(&func)[2];
        let value = Value::from_u32(0);
        let mut judge = Rewrites::of(&func, Options::default(), Endianness::Little);
        let found = judge.judge(&func, Rewrite::ForwardLoad { load, value });
        assert_eq!(found.map(|found| found.error.code()), expected, "{stored}");
        assert_eq!(judge.take_inconclusive(), [], "{stored}");
    }
}

#[test]
fn a_question_without_an_answer_is_inconclusive() {
    use crate::finding::report::Inconclusive;
    use crate::{Options, Rewrites};
    use cranelift_codegen::gc_verifier::Rewrite;
    use cranelift_codegen::ir::Endianness;

    let func = far("v1", 500);
    let accesses = accesses(&func);
    let rewrites = [
        // Both are wrong.
        Rewrite::ForwardLoad {
            load: accesses[2],
            value: Value::from_u32(0),
        },
        Rewrite::DeadStore {
            dead: accesses[1],
            overwriter: accesses[3],
        },
        Rewrite::IdempotentStore { store: accesses[3] },
    ];
    for rewrite in rewrites {
        let mut judge = Rewrites::of(&func, Options::default(), Endianness::Little);
        judge.allow(400);
        assert!(judge.judge(&func, rewrite).is_none(), "{rewrite:?}");
        let analysis = "forwarding";
        let expected = [Inconclusive::TooMuchWork { analysis }];
        assert_eq!(judge.take_inconclusive(), expected, "{rewrite:?}");
    }
    // With enough steps there is one.
    for rewrite in &rewrites[..2] {
        let mut judge = Rewrites::of(&func, Options::default(), Endianness::Little);
        assert!(judge.judge(&func, *rewrite).is_some(), "{rewrite:?}");
    }
}
