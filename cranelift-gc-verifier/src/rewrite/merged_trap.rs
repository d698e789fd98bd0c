//! Whether a conditional trap that goes away as repeated is a repetition (GCV15).
//!
//! **Claim.** A trap that is not found here has no trap before it, on every path, that traps in the same lanes.
//!
//! **Strength.** That of [`signature`](super::signature).
//!
//! **Math.** `i` is a repetition if some `j` that dominates it has the same opcode, and its condition the same
//! truth in every lane.

use super::signature::{LANES, Signatures};
use crate::ir::cfg::Cfg;
use crate::ir::path::Point;
use cranelift_codegen::FxHashMap;
use cranelift_codegen::ir::{Function, Inst, InstructionData, Opcode};
use smallvec::SmallVec;

/// What two traps have in common that trap alike.
type Key = (Opcode, [bool; LANES], u16);

/// The conditional traps of a function.
#[derive(Default)]
pub(super) struct Traps(FxHashMap<Key, SmallVec<[Inst; 1]>>);

impl Traps {
    fn new(func: &Function, signatures: &mut Signatures) -> Self {
        let mut traps = Traps::default();
        for block in func.layout.blocks() {
            for inst in func.layout.block_insts(block) {
                if let Some(key) = key(func, signatures, inst) {
                    traps.0.entry(key).or_default().push(inst);
                }
            }
        }
        traps
    }

    /// Forget them: what their conditions are is another question.
    pub(super) fn clear(&mut self) {
        self.0.clear();
    }

    /// Is there a trap like `inst` on every path to it?
    pub(super) fn is_repeated(
        &mut self,
        func: &Function,
        cfg: &Cfg,
        signatures: &mut Signatures,
        inst: Inst,
    ) -> bool {
        // NB: The optimizer rewrites conditions on its way, so that what was known may hold no more.
        self.finds(func, cfg, signatures, inst) || {
            *self = Traps::new(func, signatures);
            self.finds(func, cfg, signatures, inst)
        }
    }

    fn finds(&self, func: &Function, cfg: &Cfg, signatures: &mut Signatures, inst: Inst) -> bool {
        let key = key(func, signatures, inst);
        let (Some(key), Some(at)) = (key, Point::at(func, cfg, inst)) else {
            return true;
        };
        let same = self.0.get(&key).map_or(&[][..], |same| same);
        same.iter().any(|&before| {
            let point = Point::at(func, cfg, before);
            before != inst && point.is_some_and(|before| before.dominates(func, cfg, at))
        })
    }
}

fn key(func: &Function, signatures: &mut Signatures, inst: Inst) -> Option<Key> {
    let InstructionData::CondTrap { opcode, arg, .. } = func.dfg.insts[inst] else {
        return None;
    };
    let lanes = signatures.of(func, arg)?;
    Some((opcode, lanes.bits.map(|bits| bits != 0), lanes.valid))
}
