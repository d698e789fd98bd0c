//! Where control goes, given what is known of values.
//!
//! **Claim.** Control does not go where [`Way::Never`] is said, in an execution that agrees with what is known.
//!
//! **Strength.** That of [`eval`](super::eval). Conditional traps, `brif` and `br_table` are understood; of other
//! terminators every destination is possible.
//!
//! **Math.** With `c` the condition and `w` the value of it that is needed: never if `c` is certainly not `w`, open if `c`
//! is `w` or either, unknown and unsure as `c` is.

use super::eval::{Assumptions, Bits, Truth, eval, truth};
use crate::ir::cfg::{Cfg, Edge, destinations};
use cranelift_codegen::ir::{BlockArg, Function, Inst, InstructionData, Opcode, Value};

/// Whether control goes somewhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    /// It does not.
    Never,
    /// It is not known yet.
    Unknown,
    /// It can.
    Open,
    /// It can as far as is understood.
    Unsure,
}

impl Way {
    pub(crate) fn of(truth: Truth, wanted: bool) -> Way {
        match truth {
            Truth::Unknown => Way::Unknown,
            Truth::Certain(is) if is == wanted => Way::Open,
            Truth::Certain(_) => Way::Never,
            Truth::Either => Way::Open,
            Truth::Unsure => Way::Unsure,
        }
    }
}

/// Does control pass `inst`, a conditional trap?
///
/// NB: `uadd_overflow_trap`, and memory accesses that can trap, are checks of bounds. That they
/// stop a bad reference is luck.
pub(crate) fn way_past(func: &Function, known: &dyn Assumptions, inst: Inst) -> Way {
    match func.dfg.insts[inst] {
        InstructionData::CondTrap { opcode, arg, .. } => {
            Way::of(truth(func, known, arg), opcode == Opcode::Trapz)
        }
        _ => Way::Open,
    }
}

/// Does control take `edge`, at the end of its block?
pub(crate) fn way_along(func: &Function, cfg: &Cfg, known: &dyn Assumptions, edge: Edge) -> Way {
    let Some(inst) = func.layout.last_inst(cfg.block(edge.from)) else {
        return Way::Never;
    };
    match func.dfg.insts[inst] {
        InstructionData::Brif { arg, .. } => Way::of(truth(func, known, arg), edge.dest == 0),
        InstructionData::BranchTable { arg, .. } => {
            let count = destinations(func, inst).len() as u64;
            match eval(func, known, arg) {
                Bits::Unknown => Way::Unknown,
                Bits::Varying => Way::Open,
                Bits::Unsure => Way::Unsure,
                // The default destination comes first.
                Bits::Const { n, .. } => {
                    let taken = if n < count - 1 { n + 1 } else { 0 };
                    match taken == u64::from(edge.dest) {
                        true => Way::Open,
                        false => Way::Never,
                    }
                }
            }
        }
        // Of these, every destination is possible.
        _ => Way::Open,
    }
}

/// Call `f` with each parameter of the block that `edge` enters, and what it is given.
pub(crate) fn for_each_param(
    func: &Function,
    cfg: &Cfg,
    known: &dyn Assumptions,
    edge: Edge,
    mut f: impl FnMut(Value, Bits),
) {
    let Some(inst) = func.layout.last_inst(cfg.block(edge.from)) else {
        return;
    };
    let params = func.dfg.block_params(cfg.block(edge.to));
    if params.is_empty() {
        return;
    }
    let dest = destinations(func, inst)[edge.dest as usize];
    for (arg, &param) in dest.args(&func.dfg.value_lists).zip(params) {
        let bits = match arg {
            BlockArg::Value(arg) => eval(func, known, arg),
            // The results of a call.
            BlockArg::TryCallRet(_) | BlockArg::TryCallExn(_) => Bits::Varying,
        };
        f(param, bits);
    }
}
