//! Accesses by a pointer that is chosen, or that an allocation passes to the block that initializes an object.
//!
//! **Claim.** An access of which [`is_inside`] says so is inside of the object at which the pointer points.
//!
//! **Strength.** Whichever pointer is chosen, and whichever way the block is entered, it is the base of the heap, one word that refers to the object, and a
//! constant. Of an array, the length is known that is stored by the same pointer, if it is a constant.
//!
//! **Math.** Each pointer that is chosen or passed is `base + word + s`. With the access at offset `o` from the pointer, `[s + o, s + o + size)` is
//! inside of a field, of the header, or of `[start, start + length · element)`.

use super::suspect::{is_at, is_inside as inside};
use crate::analysis::facts::Facts;
use crate::analysis::kind::address::Address;
use crate::analysis::kind::dominating::argument;
use crate::ir::cfg::constant;
use crate::ir::instruction::Access;
use cranelift_codegen::ir::{
    GcField, GcHeapType, GcKind, InstructionData, Opcode, Value, ValueDef,
};
use smallvec::SmallVec;
use std::cell::OnceCell;

/// The stores by pointers that blocks are passed, each with how far from the pointer it is, its size, and what is stored if that is a
/// constant; sorted.
#[derive(Default)]
pub(super) struct ByPointer(Vec<(Value, i64, u32, Option<u64>)>);

impl ByPointer {
    fn new(facts: &Facts) -> ByPointer {
        let func = facts.func;
        let stores = facts.body.accesses().iter().filter_map(|memory| {
            let access = &memory.access;
            let data = access.data?;
            let address = Address::of(func, &facts.body, access.addr);
            let pointer = address.pointer.filter(|_| address.reference.is_none())?;
            let ValueDef::Param(..) = func.dfg.value_def(pointer) else {
                return None;
            };
            let offset = address.offset?.wrapping_add(access.offset.into());
            Some((pointer, offset, access.size, constant(func, data)))
        });
        let mut stores: Vec<_> = stores.collect();
        stores.sort_unstable();
        ByPointer(stores)
    }

    /// The length that an array at `pointer` is given, if that is a constant, and there is one.
    fn length(&self, pointer: Value, length: &GcField) -> Option<u64> {
        let start = self.0.partition_point(|&(of, ..)| of < pointer);
        let of_pointer = self.0[start..]
            .iter()
            .take_while(|&&(of, ..)| of == pointer);
        let (first, end) = (
            i64::from(length.offset),
            i64::from(length.offset + length.size),
        );
        let mut over = of_pointer
            .filter(|&&(_, at, size, _)| at < end && first < at.saturating_add(size.into()));
        match (over.next(), over.next()) {
            (Some(&(_, at, size, data)), None) if at == first && size == length.size => data,
            _ => None,
        }
    }
}

/// Is the access, at `offset` from a pointer, inside of an object of this kind, whichever pointer is chosen or passed?
///
/// An allocation passes the address of a new object to the block that initializes it.
pub(super) fn is_inside(
    facts: &Facts,
    kind: GcKind,
    (address, offset): (&Address, i64),
    access: &Access,
    stores: &OnceCell<ByPointer>,
) -> bool {
    let func = facts.func;
    let info = &func.dfg.gc_info;
    let Some(pointer) = address.pointer else {
        return false;
    };
    let cfg = &facts.cfg;
    let mut sources: SmallVec<[Option<Value>; 4]> = SmallVec::new();
    match func.dfg.value_def(pointer) {
        ValueDef::Param(block, number) => {
            let Some(node) = cfg.node(block).filter(|&node| node != 0) else {
                return false;
            };
            let edges = cfg.preds(node);
            sources.extend(edges.map(|edge| argument(func, cfg.block(edge.from), edge, number)));
        }
        ValueDef::Result(inst, 0) => match func.dfg.insts[inst] {
            InstructionData::Ternary {
                opcode: Opcode::Select | Opcode::SelectSpectreGuard,
                args: [_, yes, no],
            } => sources.extend([Some(yes), Some(no)]),
            _ => return false,
        },
        ValueDef::Result(..) | ValueDef::Union(..) => return false,
    }
    let is_there = |at: i64| {
        let fields = kind.concrete.and_then(|index| info.fields(index));
        let (GcHeapType::Array, Some([length, element])) = (kind.heap, fields) else {
            return inside(info, kind.concrete, at, access.size);
        };
        if is_at(length, at, access.size) {
            return true;
        }
        let stores = stores.get_or_init(|| ByPointer::new(facts));
        let Some(count) = stores.length(pointer, length) else {
            return false;
        };
        let start = i128::from(element.offset);
        let end = start + i128::from(count) * i128::from(element.size);
        let at = i128::from(at);
        start <= at && at + i128::from(access.size) <= end
    };
    sources.into_iter().all(|source| {
        let Some(arg) = source else {
            return false;
        };
        let start = Address::of(func, &facts.body, arg).with_word();
        let (Some(_), Some(_), Some(start)) = (start.reference, start.pointer, start.offset) else {
            return false;
        };
        // NB: What is stored by the pointer is that far from it.
        let is_array = kind.heap == GcHeapType::Array;
        (start == 0 || !is_array) && is_there(start.wrapping_add(offset))
    })
}

#[cfg(test)]
mod tests {
    use crate::finding::options::Options;
    use crate::ir::steps::Analysis;
    use crate::pipeline::verify::{counted, verify_function};
    use crate::testing::parse;

    /// How many instructions are executed to judge a function that makes an array of two elements and then does that.
    fn executed(store: &str) -> u64 {
        let func = parse(&format!(
            "function %f(i64, i32) {{
                gctype 0 (8: 4, 12: 4)
            block0(v0: i64, v1: i32):
                v2 = uextend.i64 v1
                v3 = iadd v0, v2
                jump block1(v3)
            block1(v4: i64):
                v5 = iconst.i32 2
                store notrap v5, v4+8 ! gcobject(array 0)
                {store}
                return
            }}"
        ));
        let (_, steps) = counted(|| verify_function(&func, &Options::default()));
        steps.of(Analysis::Evidence)
    }

    #[test]
    fn what_is_inside_of_a_new_object_need_not_be_executed() {
        assert_eq!(executed("store notrap v1, v4+12 ! gcobject(array 0)"), 0);
        assert_eq!(executed("store notrap v1, v4+16 ! gcobject(array 0)"), 0);
        assert!(executed("store notrap v1, v4+20 ! gcobject(array 0)") > 0);
        assert!(
            executed(
                "store notrap v5, v4+8 ! gcobject(array 0)\nstore notrap v1, v4+12 ! gcobject(array 0)"
            ) > 0
        );
    }
}
