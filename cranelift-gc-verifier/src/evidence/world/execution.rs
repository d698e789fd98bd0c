//! One execution, instruction by instruction.
//!
//! **Claim.** Each step does what the instruction does to the words of its operands, and to memory.
//!
//! **Strength.** The execution ends as [`End::Vague`] at what is not understood.
//!
//! **Math.** The bits of a result are those that the evaluator of all analyses computes. Its tag is a sum: a base and a reference make an
//! address, and of two words with the same tag the difference is plain.

use super::{End, Seen, Stage, TYPE, Tag, VAGUE, Watch, Word, World, is_null_page, is_true};
use crate::analysis::kind::is_in_heap;
use crate::ir::arithmetic::{Outcome, eval_inst};
use crate::ir::cfg::{Node, destinations};
use crate::ir::gc_info::returned;
use crate::ir::instruction::{Access, Stored, access, stored_by};
use crate::ir::integer::narrow::{binary, fits};
use crate::ir::linear::Linear;
use crate::ir::steps;
use crate::ir::steps::Analysis;
use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{
    AtomicRmwOp, BlockArg, GcFact, Inst, InstructionData, Opcode, Type, Value,
};
use smallvec::SmallVec;

/// How many blocks an execution enters.
const MAX_ENTERED: usize = 96;

impl World {
    pub(super) fn run(&mut self, stage: &Stage, fuel: &mut u32, watch: &mut dyn Watch) -> End {
        let func = stage.func;
        let entry = stage.cfg.block(0);
        for &param in func.dfg.block_params(entry) {
            let word = self.unknown_word(stage, param);
            if !self.define(stage, param, word) {
                return End::Vague;
            }
        }
        self.given = self.objects.len() as u32;
        let mut node = 0;
        loop {
            for inst in func.layout.block_insts(stage.cfg.block(node)) {
                let Some(left) = fuel.checked_sub(1) else {
                    return End::Spent;
                };
                *fuel = left;
                steps::count(Analysis::Evidence, 1);
                watch.before(self, stage, inst);
                if let Some(end) = self.step(stage, inst, watch) {
                    return end;
                }
            }
            match self.leave(stage, node) {
                Ok(next) if self.path.len() < MAX_ENTERED => node = next,
                Ok(_) => return End::Spent,
                Err(end) => return end,
            }
        }
    }

    fn step(&mut self, stage: &Stage, inst: Inst, watch: &mut dyn Watch) -> Option<End> {
        let func = stage.func;
        let data = &func.dfg.insts[inst];
        let opcode = data.opcode();
        let args = |world: &World| -> SmallVec<[Word; 4]> {
            let args = func.dfg.inst_args(inst).iter();
            args.map(|&arg| world.value(stage, arg)).collect()
        };
        if opcode.is_return() {
            let args = args(self);
            if opcode.is_call() {
                watch.called(self, inst, &args);
            }
            watch.returned(self, inst, &args);
            return Some(End::Returned);
        }
        if opcode.is_call() {
            let args = args(self);
            watch.called(self, inst, &args);
            for &result in func.dfg.inst_results(inst) {
                let word = self.called(stage, result, &args);
                if !self.define(stage, result, word) {
                    return Some(End::Vague);
                }
            }
            return None;
        }
        if opcode.can_load() || opcode.can_store() {
            return self.access(stage, inst, watch);
        }
        match *data {
            InstructionData::CondTrap { arg, .. } => {
                let condition = self.value(stage, arg);
                let is = match is_true(condition) {
                    Some(is) => is,
                    None => return Some(End::Vague),
                };
                let traps = is == (opcode == Opcode::Trapnz);
                return traps.then_some(End::Trapped);
            }
            InstructionData::Trap { .. } => return Some(End::Trapped),
            InstructionData::StackAddr {
                stack_slot, offset, ..
            } => {
                let word = Word {
                    bits: u128::from(i64::from(i32::from(offset)) as u64),
                    tag: Tag::Slot(stack_slot.as_u32()),
                };
                self.values.insert(func.dfg.first_result(inst), word);
                return None;
            }
            _ if opcode.is_branch() => return None,
            _ => {}
        }
        let args = args(self);
        for index in 0..func.dfg.inst_results(inst).len() {
            let result = func.dfg.inst_results(inst)[index];
            let word = match self.computed(stage, (inst, index), &args) {
                Ok(word) => word,
                Err(end) => return Some(end),
            };
            if !self.define(stage, result, word) {
                return Some(End::Vague);
            }
        }
        None
    }

    /// What a callee returns.
    fn called(&mut self, stage: &Stage, result: Value, args: &[Word]) -> Word {
        let func = stage.func;
        if stage.headers.compared(func, result).is_some()
            && let [.., sub, sup] = args
        {
            let index = |word: &Word| match word.tag {
                Tag::Type => Some((word.bits as u64).wrapping_sub(TYPE) as u32),
                _ => None,
            };
            return match (index(sub), index(sup)) {
                (Some(sub), Some(sup)) => {
                    let is = sub == sup || func.dfg.gc_info.is_subtype(sub, sup);
                    Word::plain(is.into())
                }
                _ => VAGUE,
            };
        }
        let word = self.unknown_word(stage, result);
        let tells = args
            .iter()
            .any(|arg| !matches!(arg.tag, Tag::Plain | Tag::Base | Tag::Slot(_)));
        match word.tag {
            // NB: It may be the length of an array that is passed.
            Tag::Plain if tells && func.dfg.gc_info.fact(result).is_none() => VAGUE,
            _ => word,
        }
    }

    fn access(&mut self, stage: &Stage, inst: Inst, watch: &mut dyn Watch) -> Option<End> {
        let func = stage.func;
        let Some(access) = access(func, inst) else {
            return Some(End::Vague);
        };
        let address = self.value(stage, access.addr);
        // NB: An address that a bounds check makes null is not there. What is added to it may lead out of that page.
        let at = (address.bits as u64).wrapping_add(i64::from(access.offset) as u64);
        if address.tag == Tag::Plain && is_null_page(at) {
            return Some(End::Trapped);
        }
        let Some(place) = self.place(address, access.offset) else {
            if let (None, Some(result)) = (access.data, access.result) {
                self.values.insert(result, VAGUE);
                return None;
            }
            return Some(End::Vague);
        };
        let mut seen = Seen {
            inst,
            access,
            place,
            data: None,
        };
        // NB: What does both loads first.
        let mut found = None;
        if let Some(result) = access.result {
            match self.load(stage, &seen, result, watch) {
                Ok(word) => found = Some(word),
                Err(end) => return Some(end),
            }
        }
        let data = match (stored_by(func, inst, &access)?, found) {
            (Stored::Value(data), _) => self.value(stage, data),
            (Stored::Perhaps(data), Some(found)) => {
                let expected = self.value(stage, func.dfg.inst_args(inst)[1]);
                match are_equal(found, expected) {
                    Some(true) => self.value(stage, data),
                    Some(false) => return None,
                    None => return Some(End::Vague),
                }
            }
            (Stored::Computed, Some(found)) => self.modified(stage, inst, &access, found),
            (Stored::Perhaps(_) | Stored::Computed, None) => return Some(End::Vague),
        };
        seen.data = Some(data);
        if watch.access(self, stage, &seen) {
            return Some(End::Stopped);
        }
        self.store(place, access.size, cut(data, access.size));
        None
    }

    /// What an atomic operation leaves where it found `found`.
    fn modified(&self, stage: &Stage, inst: Inst, access: &Access, found: Word) -> Word {
        let func = stage.func;
        let (InstructionData::AtomicRmw { op, .. }, Some(data)) =
            (func.dfg.insts[inst], access.data)
        else {
            return VAGUE;
        };
        let opcode = match op {
            AtomicRmwOp::Add => Opcode::Iadd,
            AtomicRmwOp::Sub => Opcode::Isub,
            AtomicRmwOp::And => Opcode::Band,
            AtomicRmwOp::Or => Opcode::Bor,
            AtomicRmwOp::Xor => Opcode::Bxor,
            AtomicRmwOp::Umin => Opcode::Umin,
            AtomicRmwOp::Umax => Opcode::Umax,
            AtomicRmwOp::Smin => Opcode::Smin,
            AtomicRmwOp::Smax => Opcode::Smax,
            AtomicRmwOp::Xchg | AtomicRmwOp::Nand => return VAGUE,
        };
        let data = self.value(stage, data);
        let ty = access.ty;
        let bits = binary(opcode, ty, found.bits as u64, data.bits as u64).bits();
        match (found.tag, data.tag, bits) {
            (Tag::Plain, Tag::Plain, Some(bits)) if fits(ty) => Word::plain(bits.into()),
            _ => VAGUE,
        }
    }

    /// Load `result`, and return what is found.
    fn load(
        &mut self,
        stage: &Stage,
        seen: &Seen,
        result: Value,
        watch: &mut dyn Watch,
    ) -> Result<Word, End> {
        let func = stage.func;
        let Seen {
            inst,
            access,
            place,
            ..
        } = *seen;
        if watch.access(self, stage, seen) {
            return Err(End::Stopped);
        }
        let found = match self.header(stage, result, place) {
            Some(word) => word,
            None => match self.held(place, access.size) {
                Some(word) => word,
                None => {
                    let mut word = self.unknown_word(stage, result);
                    if access.size < 16 && word.tag == Tag::Plain {
                        word.bits &= (1u128 << (8 * access.size)) - 1;
                    }
                    self.set(place, access.size, word);
                    word
                }
            },
        };
        let ty = func.dfg.value_type(result);
        let is_signed = matches!(
            func.dfg.insts[inst].opcode(),
            Opcode::Sload8 | Opcode::Sload16 | Opcode::Sload32
        );
        let found = match found.tag {
            Tag::Plain if is_signed && ty.bits() <= 64 => {
                let shift = 128 - 8 * access.size;
                let bits = ((found.bits << shift) as i128 >> shift) as u128;
                Word::plain(bits & ((1 << ty.bits()) - 1))
            }
            _ => found,
        };
        watch.loaded(self, stage, seen, found);
        match self.define(stage, result, found) {
            true => Ok(found),
            false => Err(End::Vague),
        }
    }

    /// What an instruction computes of its operands.
    fn computed(
        &mut self,
        stage: &Stage,
        (inst, index): (Inst, usize),
        args: &[Word],
    ) -> Result<Word, End> {
        let func = stage.func;
        let data = &func.dfg.insts[inst];
        let opcode = data.opcode();
        let result = func.dfg.inst_results(inst)[index];
        if let (Opcode::Select | Opcode::SelectSpectreGuard, &[condition, yes, no]) = (opcode, args)
        {
            return Ok(match is_true(condition) {
                Some(true) => yes,
                Some(false) => no,
                None if yes == no => yes,
                None => VAGUE,
            });
        }
        if args.iter().any(|arg| arg.tag == Tag::Vague) {
            return Ok(VAGUE);
        }
        if let Some(word) = unchanged(data, func.dfg.value_type(result), args) {
            return Ok(word);
        }
        let tag = tag_of(data, index, args);
        if tag == Tag::Vague {
            return Ok(VAGUE);
        }
        let bits: SmallVec<[u128; 4]> = args.iter().map(|arg| arg.bits).collect();
        match eval_inst(func, inst, index, &bits) {
            Outcome::Is(bits) => Ok(Word { bits, tag }),
            Outcome::Undefined if opcode.can_trap() => Err(End::Trapped),
            Outcome::Opaque | Outcome::Unknown if args.is_empty() => {
                Ok(self.unknown_word(stage, result))
            }
            Outcome::Undefined | Outcome::Opaque | Outcome::Unknown => Ok(VAGUE),
        }
    }

    /// Take a branch.
    fn leave(&mut self, stage: &Stage, node: Node) -> Result<Node, End> {
        let func = stage.func;
        let last = func
            .layout
            .last_inst(stage.cfg.block(node))
            .ok_or(End::Vague)?;
        let dests = destinations(func, last);
        let dest = match func.dfg.insts[last] {
            InstructionData::Brif { arg, .. } => {
                let is = is_true(self.value(stage, arg)).ok_or(End::Vague)?;
                usize::from(!is)
            }
            InstructionData::BranchTable { arg, .. } => {
                let index = self.value(stage, arg);
                if index.tag != Tag::Plain {
                    return Err(End::Vague);
                }
                // The default destination comes first.
                let index = usize::try_from(index.bits).unwrap_or(usize::MAX);
                if index < dests.len() - 1 {
                    index + 1
                } else {
                    0
                }
            }
            _ if dests.is_empty() => return Err(End::Vague),
            _ => self.roll() as usize % dests.len(),
        };
        let block = dests[dest].block(&func.dfg.value_lists);
        let to = stage.cfg.node(block).ok_or(End::Vague)?;
        let mut args = SmallVec::<[Option<Word>; 4]>::new();
        for arg in dests[dest].args(&func.dfg.value_lists) {
            args.push(match arg {
                BlockArg::Value(arg) => Some(self.value(stage, arg)),
                // NB: The parameter may have no fact of its own.
                BlockArg::TryCallRet(index) => match returned(func, last, index as usize) {
                    Some(GcFact::Ref {
                        kind, nullability, ..
                    }) if is_in_heap(kind.heap) => Some(self.reference(stage, kind, nullability)),
                    _ => None,
                },
                BlockArg::TryCallExn(_) => None,
            });
        }
        self.path.push(to);
        for (word, &param) in args.into_iter().zip(func.dfg.block_params(block)) {
            let word = match word {
                Some(word) => word,
                None => self.unknown_word(stage, param),
            };
            if !self.define(stage, param, word) {
                return Err(End::Vague);
            }
        }
        Ok(to)
    }
}

/// The word of which an instruction makes the same bits again, whatever these are.
fn unchanged(data: &InstructionData, ty: Type, args: &[Word]) -> Option<Word> {
    let ones = match ty.bits() {
        bits @ 1..=64 => u128::from(u64::MAX >> (64 - bits)),
        _ => return None,
    };
    let is = |word: Word, bits: u128| word.tag == Tag::Plain && word.bits == bits;
    let opcode = data.opcode();
    match (opcode, args) {
        (Opcode::Bitcast, &[word]) => Some(word),
        (Opcode::Bitselect, &[mask, yes, no]) => match () {
            () if is(mask, ones) => Some(yes),
            () if is(mask, 0) => Some(no),
            () => None,
        },
        (Opcode::Umax | Opcode::Umin, &[a, b]) if a.bits != b.bits => {
            let is_first = (a.bits > b.bits) == (opcode == Opcode::Umax);
            Some(if is_first { a } else { b })
        }
        (_, &[a, b]) => {
            let neutral = match opcode {
                Opcode::Band => ones,
                Opcode::Bor
                | Opcode::Bxor
                | Opcode::Ishl
                | Opcode::Ushr
                | Opcode::Sshr
                | Opcode::Rotl
                | Opcode::Rotr => 0,
                Opcode::Imul | Opcode::Udiv => 1,
                _ => return None,
            };
            let is_ordered = !matches!(
                opcode,
                Opcode::Band | Opcode::Bor | Opcode::Bxor | Opcode::Imul
            );
            match () {
                () if is(b, neutral) => Some(a),
                () if !is_ordered && is(a, neutral) => Some(b),
                () if !is_ordered && opcode != Opcode::Bor && opcode != Opcode::Bxor => {
                    (is(a, 0) || is(b, 0)).then_some(Word::plain(0))
                }
                () => None,
            }
        }
        _ => None,
    }
}

/// What the result with this index is, by what the operands are.
fn tag_of(data: &InstructionData, index: usize, args: &[Word]) -> Tag {
    use Tag::*;
    let tags: SmallVec<[Tag; 4]> = args.iter().map(|arg| arg.tag).collect();
    if tags.iter().all(|&tag| tag == Plain) {
        return Plain;
    }
    match (Linear::of(data, index), &tags[..]) {
        (Linear::Sum(_) | Linear::Exact(_), &[a, b]) => {
            return match (a, b) {
                (tag @ (Base | Reference(_) | Address(_) | Slot(_)), Plain)
                | (Plain, tag @ (Base | Reference(_) | Address(_) | Slot(_))) => tag,
                (Base, Reference(object)) | (Reference(object), Base) => Address(object),
                _ => Vague,
            };
        }
        (Linear::Difference(_), &[a, b]) => {
            return match (a, b) {
                (tag @ (Base | Reference(_) | Address(_) | Slot(_)), Plain) => tag,
                (Base, Base) => Plain,
                (Reference(a), Reference(b)) | (Address(a), Address(b)) if a == b => Plain,
                (Address(object), Base) => Reference(object),
                (Address(a), Reference(b)) if a == b => Base,
                _ => Vague,
            };
        }
        (Linear::Extended(_) | Linear::Truncated(_), &[tag @ (Reference(_) | Type)]) => return tag,
        _ => {}
    }
    match (data.opcode(), &tags[..]) {
        (Opcode::Bitcast, &[tag @ (Base | Reference(_) | Address(_))]) => tag,
        (Opcode::Icmp, &[a, b]) => {
            let is_equality = matches!(data.cond_code(), Some(IntCC::Equal | IntCC::NotEqual));
            match (a, b) {
                (Slot(a), Slot(b)) if a == b => Plain,
                (Slot(_), _) | (_, Slot(_)) => Vague,
                (Type, Type) if is_equality => Plain,
                (Type, _) | (_, Type) => Vague,
                _ => Plain,
            }
        }
        // The tag of an i31, or how an address is aligned.
        (Opcode::Band, &[Reference(_), Plain]) if args[1].bits <= 7 => Plain,
        (Opcode::Band, &[Plain, Reference(_)]) if args[0].bits <= 7 => Plain,
        _ => Vague,
    }
}

/// The bytes of `word` that are stored.
fn cut(word: Word, size: u32) -> Word {
    if size >= 16 {
        return word;
    }
    let mask = (1u128 << (8 * size)) - 1;
    match word.bits & !mask {
        0 => word,
        _ => Word {
            bits: word.bits & mask,
            tag: match word.tag {
                Tag::Plain => Tag::Plain,
                _ => Tag::Vague,
            },
        },
    }
}

/// Are both the same, if that is known?
fn are_equal(a: Word, b: Word) -> Option<bool> {
    match (a.tag, b.tag) {
        (Tag::Plain | Tag::Reference(_), Tag::Plain | Tag::Reference(_)) => Some(a.bits == b.bits),
        _ => None,
    }
}
