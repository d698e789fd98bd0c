//! Whether a trap goes away, or comes (GCV15), and what else does with a block that does nothing but trap
//! (GCV08).
//!
//! **Claim.** What is refused is wrong: under the assignment that the error shows, one side traps and the other
//! one does not; or the instruction that the error names is executed no more.
//!
//! **Strength.** Conditional traps, sums that trap on overflow, and divisions. Of accesses that trap nothing is
//! known.
//!
//! **Math.** Let `t(i)` be the lanes of [`signature`](super::signature) in which `i` traps. `i` may become `j`
//! if `t(i) = t(j)`, and may go away, with `j` left, if `t(i) ⊆ t(j)`, in all lanes that are known of both. A
//! block may become a trap if everything on its way to its own trap, with the same code, has no effect.

use super::context::{Context, Refusal};
use super::equal_bits::{given, traps};
use super::signature::{LANES, Lanes, Signatures};
use crate::evidence::steps::step;
use crate::finding::error::{GcError, MemoryRewrite, Unjustified};
use crate::finding::witness::{Role, Step};
use crate::ir::arithmetic::{Operation, Outcome, eval};
use cranelift_codegen::ir::{
    Block, Function, Inst, InstructionData, Opcode, TrapCode, Type, Value,
};
use smallvec::SmallVec;

/// Sets of lanes: in which an instruction traps, and of which that is known.
#[derive(Clone, Copy)]
struct Traps {
    traps: u16,
    known: u16,
}

/// May `new` take the place of the skeleton instruction `inst`? It may trap where that does, and nowhere else.
pub(super) fn replaced(
    func: &Function,
    signatures: &mut Signatures,
    inst: Inst,
    new: Inst,
) -> Option<GcError> {
    if !is_of_interest(func, inst) {
        return None;
    }
    let (was, is) = (of(func, signatures, inst)?, of(func, signatures, new)?);
    let wrong = (was.traps ^ is.traps) & was.known & is.known;
    error(func, signatures, inst, wrong)
}

/// May `inst`, whose result is made by `kept` already or by no trap, go away?
pub(super) fn merged(
    func: &Function,
    signatures: &mut Signatures,
    inst: Inst,
    kept: Option<Inst>,
) -> Option<GcError> {
    if !is_of_interest(func, inst) {
        return None;
    }
    let was = of(func, signatures, inst)?;
    let is = match kept {
        Some(kept) => of(func, signatures, kept)?,
        None => NEVER,
    };
    let wrong = was.traps & !is.traps & was.known & is.known;
    error(func, signatures, inst, wrong)
}

/// Is it an instruction that traps on what it is given?
fn is_of_interest(func: &Function, inst: Inst) -> bool {
    use Opcode::*;
    let opcode = func.dfg.insts[inst].opcode();
    matches!(
        opcode,
        Trapz | Trapnz | UaddOverflowTrap | Udiv | Urem | Sdiv | Srem
    )
}

/// That of what does not trap.
const NEVER: Traps = Traps {
    traps: 0,
    known: u16::MAX,
};

/// The lanes in which `inst` traps.
fn of(func: &Function, signatures: &mut Signatures, inst: Inst) -> Option<Traps> {
    let data = &func.dfg.insts[inst];
    match *data {
        InstructionData::CondTrap { opcode, arg, .. } => {
            let lanes = signatures.of(func, arg)?;
            Some(where_it_is(&lanes, |lane| traps(opcode, lanes.bits[lane])))
        }
        InstructionData::Trap { .. } => Some(Traps {
            traps: u16::MAX,
            known: u16::MAX,
        }),
        InstructionData::IntAddTrap { args, .. } | InstructionData::Binary { args, .. }
            if is_of_interest(func, inst) =>
        {
            let [a, b] = [signatures.of(func, args[0])?, signatures.of(func, args[1])?];
            let arg_types: [Type; 2] = args.map(|arg| func.dfg.value_type(arg));
            let operation = Operation {
                data,
                arg_types: &arg_types,
                result: 0,
                ty: arg_types[0],
            };
            let both = Lanes {
                bits: a.bits,
                valid: a.valid & b.valid,
            };
            Some(where_it_is(&both, |lane| {
                eval(&operation, &[a.bits[lane], b.bits[lane]]) == Outcome::Undefined
            }))
        }
        _ => (!data.opcode().can_trap() && !data.opcode().can_load() && !data.opcode().can_store())
            .then_some(NEVER),
    }
}

fn where_it_is(lanes: &Lanes, is_it: impl Fn(usize) -> bool) -> Traps {
    let traps = lanes.lanes_with(lanes).filter(|&lane| is_it(lane));
    Traps {
        traps: traps.fold(0, |set, lane| set | 1 << lane),
        known: lanes.valid,
    }
}

/// What is reported if the lanes of `wrong` are.
fn error(func: &Function, signatures: &mut Signatures, inst: Inst, wrong: u16) -> Option<GcError> {
    let lane = (0..LANES).find(|lane| wrong & 1 << lane != 0)?;
    let args: SmallVec<[Value; 2]> = func.dfg.inst_args(inst).into();
    let mut shown = given(func, signatures, *args.first()?, lane);
    for &arg in &args[1..] {
        shown.extend(given(func, signatures, arg, lane));
    }
    Some(GcError::UnequalRewrite {
        inst,
        orig: None,
        new: None,
        expected: 0,
        found: 0,
        given: shown,
    })
}

// --- Blocks that go away -------------------------------------------------------------------

/// How many blocks in a row are looked at.
const BLOCKS: usize = 8;

/// May the branch `inst` go to `gone` no more, because that does nothing but trap with `code`?
pub(super) fn gone(
    context: Context<'_>,
    inst: Inst,
    gone: Block,
    code: TrapCode,
) -> Option<Refusal> {
    let Context { func, .. } = context;
    let mut steps = vec![step(func, Role::Use, inst)?];
    let mut block = gone;
    for _ in 0..BLOCKS {
        steps.push(Step {
            role: Role::Through,
            block,
            inst: None,
        });
        let mut insts = func.layout.block_insts(block);
        let lost = insts.find(|&at| !is_nothing(func, at, code))?;
        if let InstructionData::Jump { destination, .. } = func.dfg.insts[lost] {
            block = destination.block(&func.dfg.value_lists);
            continue;
        }
        if matches!(func.dfg.insts[lost], InstructionData::Trap { code: other, .. } if other == code)
        {
            return None;
        }
        steps.push(step(func, Role::Clobber, lost)?);
        let error = GcError::UnsoundForwarding {
            rewrite: MemoryRewrite::RemoveBlock,
            inst,
            value: None,
            other: lost,
            why: Unjustified::Vanishes,
        };
        return Some((error, steps.into()));
    }
    None
}

/// Does nothing happen when `inst` is executed on the way to a trap with `code`?
fn is_nothing(func: &Function, inst: Inst, code: TrapCode) -> bool {
    let data = &func.dfg.insts[inst];
    let opcode = data.opcode();
    match *data {
        InstructionData::CondTrap { code: other, .. }
        | InstructionData::IntAddTrap { code: other, .. } => other == code,
        InstructionData::Load { flags, .. } | InstructionData::LoadNoOffset { flags, .. } => {
            func.dfg.mem_flags[flags].notrap()
        }
        _ => {
            !opcode.can_store()
                && !opcode.can_load()
                && !opcode.can_trap()
                && !opcode.is_call()
                && !opcode.is_terminator()
                && !opcode.other_side_effects()
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::finding::code::Code;
    use crate::testing::parse;
    use crate::{Options, Rewrites};
    use cranelift_codegen::gc_verifier::Rewrite;
    use cranelift_codegen::ir::{
        Endianness, Function, Inst, InstructionData, Opcode, TrapCode, types,
    };

    fn insts(func: &Function) -> Vec<Inst> {
        let blocks = func.layout.blocks();
        blocks
            .flat_map(|block| func.layout.block_insts(block))
            .collect()
    }

    fn judge(func: &Function, rewrite: Rewrite) -> Option<Code> {
        let mut rewrites = Rewrites::of(func, Options::default(), Endianness::Little);
        let violation = rewrites.judge(func, rewrite);
        violation.map(|violation| violation.error.code())
    }

    /// What is said when a branch to a block that holds `lost` becomes a trap.
    fn becomes_trap(lost: &str) -> Option<Code> {
        let mut func = parse(&format!(
            "function %f(i32, i64) -> i32 {{
                fn0 = %g()
            block0(v0 ! gcref(any, nullable): i32, v1: i64):
                brif v0, block1, block2
            block1:
                return v0
            block2:
                {lost}
            }}"
        ));
        let inst = insts(&func)[0];
        let InstructionData::Brif { arg, blocks, .. } = func.dfg.insts[inst] else {
            unreachable!("it branches");
        };
        let first = func.dfg.make_inst(InstructionData::CondTrap {
            opcode: Opcode::Trapz,
            arg,
            code: TrapCode::unwrap_user(1),
        });
        let second = func.dfg.make_inst(InstructionData::Jump {
            opcode: Opcode::Jump,
            destination: blocks[0],
        });
        let rewrite = Rewrite::ReplaceWithTwo {
            inst,
            first,
            second,
            rule: None,
        };
        judge(&func, rewrite)
    }

    #[test]
    fn a_block_that_becomes_a_trap_does_nothing_else() {
        let right = [
            "trap user1",
            "v5 = iadd v0, v0\n trap user1",
            "jump block3\n block3:\n trap user1",
        ];
        let wrong = [
            "store v0, v1\n trap user1",
            "call fn0()\n trap user1",
            "jump block3\n block3:\n store v0, v1\n trap user1",
            "trap user2",
            "return v0",
        ];
        for lost in right {
            assert_eq!(becomes_trap(lost), None, "{lost}");
        }
        for lost in wrong {
            assert_eq!(becomes_trap(lost), Some(Code::Gcv08), "{lost}");
        }
    }

    /// What is said when the last sum of `body`, which traps on overflow, becomes one that does not.
    fn becomes_sum(body: &str) -> Option<Code> {
        let mut func = parse(&format!(
            "function %f(i32, i32) -> i32 {{
            block0(v0: i32, v1: i32):
                {body}
                return v0
            }}"
        ));
        let all = insts(&func);
        let inst = all[all.len() - 2];
        let InstructionData::IntAddTrap { args, .. } = func.dfg.insts[inst] else {
            unreachable!("it adds");
        };
        let new_inst = func.dfg.make_inst(InstructionData::Binary {
            opcode: Opcode::Iadd,
            args,
        });
        func.dfg.make_inst_results(new_inst, types::I32);
        let rewrite = Rewrite::SkeletonReplace {
            inst,
            new_inst,
            rule: None,
        };
        judge(&func, rewrite)
    }

    #[test]
    fn a_sum_that_may_overflow_keeps_its_trap() {
        let wrong = "v2 = uadd_overflow_trap v0, v1, user1";
        assert_eq!(becomes_sum(wrong), Some(Code::Gcv15));
        let right = "v2 = ireduce.i16 v0\n v3 = uextend.i32 v2\n v4 = ireduce.i16 v1\n \
                     v5 = uextend.i32 v4\n v6 = uadd_overflow_trap v3, v5, user1";
        assert_eq!(becomes_sum(right), None);
    }
}
