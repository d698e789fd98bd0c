use super::*;
use crate::ir::arithmetic::{Outcome, eval_inst};
use crate::testing::{Rng, parse};
use std::collections::BTreeMap;
use std::fmt::Write;

const OPCODES: [&str; 20] = [
    "band",
    "bor",
    "bxor",
    "iadd",
    "isub",
    "imul",
    "umin",
    "umax",
    "smin",
    "smax",
    "ishl",
    "ushr",
    "sshr",
    "rotl",
    "rotr",
    "urem",
    "udiv",
    "uadd_overflow_trap",
    "select",
    "bitselect",
];
const UNARIES: [&str; 9] = [
    "bnot", "ineg", "iabs", "popcnt", "clz", "ctz", "cls", "bswap", "bitrev",
];

/// A function of straight-line code over two parameters.
fn random(rng: &mut Rng, ty: &str) -> String {
    let mut text = format!("function %f({ty}, {ty}) {{\nblock0(v0: {ty}, v1: {ty}):\n");
    let mut next = 2;
    for _ in 0..4 {
        let n = [1, 2, 3, 4, 6, 0x10, 0xf0, 7][rng.below(8) as usize];
        writeln!(text, "    v{next} = iconst.{ty} {n}").expect("is a string");
        next += 1;
    }
    for _ in 0..24 {
        let mut arg = || rng.below(next);
        let (a, b, c) = (arg(), arg(), arg());
        let line = match rng.below(4) {
            0 => format!("{} v{a}", UNARIES[rng.below(9) as usize]),
            _ => match OPCODES[rng.below(20) as usize] {
                "uadd_overflow_trap" => format!("uadd_overflow_trap v{a}, v{b}, user1"),
                name @ ("select" | "bitselect") => format!("{name} v{c}, v{a}, v{b}"),
                name => format!("{name} v{a}, v{b}"),
            },
        };
        writeln!(text, "    v{next} = {line}").expect("is a string");
        next += 1;
    }
    text + "    return\n}\n"
}

/// What is known holds of what is computed.
#[test]
fn known_bits_are_those_that_are_computed() {
    let mut rng = Rng::new(7);
    let mut told = 0;
    for round in 0..300 {
        let func = parse(&random(&mut rng, ["i32", "i64"][round % 2]));
        let cfg = Cfg::new(&func);
        let block = func.layout.entry_block().expect("has one");
        let params = func.dfg.block_params(block);
        for _ in 0..20 {
            let mut bits = BTreeMap::<Value, u128>::new();
            for &param in params {
                let n = rng.next() >> (8 * rng.below(8));
                bits.insert(param, (n & mask(func.dfg.value_type(param))).into());
            }
            for inst in func.layout.block_insts(block) {
                let Some(&result) = func.dfg.inst_results(inst).first() else {
                    continue;
                };
                let args = func.dfg.inst_args(inst).iter();
                let args: Option<Vec<u128>> = args.map(|arg| bits.get(arg).copied()).collect();
                let Some(args) = args else { continue };
                let Outcome::Is(n) = eval_inst(&func, inst, 0, &args) else {
                    continue;
                };
                bits.insert(result, n);
                let known = of(&func, &cfg, &Vec::new(), result).expect("is an integer");
                told += u32::from(known != Known::default());
                let n = n as u64;
                assert_eq!(n & known.zeros, 0, "{result} is {n}: {known:?}\n{func}");
                assert_eq!(n & known.ones, known.ones, "{result} is {n}\n{func}");
                assert!(n != 0 || known.may_be_zero(), "{result}\n{func}");
            }
        }
    }
    assert!(told > 10_000, "{told}");
}

/// `value` of a function whose first block has `lines`, as text.
fn bits(lines: &str, value: u32) -> Known {
    let func = parse(lines);
    let cfg = Cfg::new(&func);
    of(&func, &cfg, &Vec::new(), Value::from_u32(value)).expect("is an integer")
}

#[test]
fn parameters_of_loops_keep_what_all_ways_have() {
    let known = bits(
        "function %f(i32) -> i32 {
block0(v0: i32):
    v1 = iconst.i32 4
    v2 = iconst.i32 2
    jump block1(v1)
block1(v3: i32):
    v4 = iadd v3, v2
    brif v0, block1(v4), block2
block2:
    return v4
}",
        4,
    );
    assert_eq!(known.lowest(), Some(false));
    assert_eq!(known.zeros, 1);
}

#[test]
fn tests_hold_of_what_comes_after_them_and_not_of_another_turn() {
    let func = parse(
        "function %f(i32, i64) -> i32 {
block0(v0: i32, v1: i64):
    v2 = iconst.i32 1
    v3 = iconst.i32 3
    jump block1(v3)
block1(v4: i32):
    v5 = load.i32 v1
    v6 = band v5, v2
    brif v6, block1(v5), block2
block2:
    v7 = iadd v5, v5
    v8 = bor v4, v5
    return v8
}",
    );
    let cfg = Cfg::new(&func);
    let point = Point::of_value(&func, &cfg, Value::from_u32(8)).expect("is there");
    let tests = tests_before(&func, &cfg, point);
    let bits = |value| of(&func, &cfg, &tests, Value::from_u32(value)).expect("is an integer");
    assert_eq!(bits(5).lowest(), Some(false));
    assert_eq!(bits(7).zeros, 3);
    assert_eq!(bits(4).lowest(), None);
    assert_eq!(bits(8).lowest(), None);
}
