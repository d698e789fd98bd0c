//! What one walk for a forwarded load found, for the next one.
//!
//! **Claim.** From a place that is known here, the walk backwards for the same question finds no conflict.
//!
//! **Strength.** Questions of stack slots, which are nearly all: a reference that lives long is reloaded
//! again and again, and each time the way back to where it was spilled is longer.
//! What the optimizer removes on that way takes nothing from it, as long as nothing is wrong: a load
//! that is forwarded showed what the walk from there shows, too, and a store that is dead is
//! written over before. All is forgotten when something is wrong, when another instruction takes the
//! place of one that accesses memory, when the graph has new ways, and when values turn out to be others.

use cranelift_codegen::FxHashMap;
use cranelift_codegen::entity::EntitySet;
use cranelift_codegen::ir::{Block, Inst, StackSlot, Value};
use cranelift_codegen::packed_option::PackedOption;

/// The question whether a slot holds a value.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Key {
    pub(crate) slot: StackSlot,
    pub(crate) offset: i64,
    pub(crate) size: u32,
    pub(crate) is_big: bool,
    pub(crate) value: Value,
}

/// From where the walk need not be made again.
#[derive(Default)]
pub(crate) struct Walked {
    /// From the ends of these blocks.
    pub(crate) ends: EntitySet<Block>,
    /// From behind this instruction.
    pub(crate) behind: PackedOption<Inst>,
}

/// What is known of all questions.
#[derive(Default)]
pub(crate) struct Walks(FxHashMap<Key, Walked>);

impl Walks {
    /// Take out what is known of `key`.
    pub(crate) fn take(&mut self, key: &Key) -> Walked {
        self.0.get_mut(key).map(core::mem::take).unwrap_or_default()
    }

    /// Put back what is known of `key`.
    pub(crate) fn put(&mut self, key: Key, walked: Walked) {
        self.0.insert(key, walked);
    }

    /// Forget everything.
    pub(crate) fn clear(&mut self) {
        self.0.clear();
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::{Rng, parse};
    use crate::{Options, Rewrites};
    use cranelift_codegen::gc_verifier::Rewrite;
    use cranelift_codegen::ir::{Endianness, Function, InstructionData, Value};
    use std::fmt::Write;

    /// A random function that stores to one slot and loads from it.
    fn random_function(rng: &mut Rng) -> String {
        let blocks = 2 + rng.below(6);
        let mut text = String::from(
            "function %f(i32, i32) {
                ss0 = explicit_slot 4
                fn0 = %collect()
            block0(v0: i32, v1: i32):
                v2 = stack_addr.i64 ss0
                store notrap v0, v2
                jump block1\n",
        );
        let mut value = 10;
        for block in 1..blocks {
            writeln!(text, "block{block}:").expect("a string takes everything");
            for _ in 0..rng.below(4) {
                value += 1;
                match rng.below(8) {
                    0 => text += "  store notrap v1, v2\n",
                    1 | 2 => text += "  store notrap v0, v2\n",
                    3 => text += "  call fn0(), stack_map=[i32 @ ss0+0]\n",
                    _ => writeln!(text, "  v{value} = load.i32 notrap v2")
                        .expect("a string takes everything"),
                }
            }
            let target = |rng: &mut Rng| 1 + rng.below(blocks - 1);
            let (a, b) = (target(rng), target(rng));
            match rng.below(4) {
                0 => text += "  return\n",
                1 => writeln!(text, "  jump block{a}").expect("a string takes everything"),
                _ => writeln!(text, "  brif v1, block{a}, block{b}")
                    .expect("a string takes everything"),
            }
        }
        text + "}\n"
    }

    fn judge(func: &Function) -> Rewrites {
        Rewrites::of(func, Options::default(), Endianness::Little)
    }

    #[test]
    fn who_walked_before_makes_no_difference() {
        let mut rng = Rng::new(1);
        let (mut accepted, mut refused) = (0, 0);
        for _ in 0..400 {
            let text = random_function(&mut rng);
            let func = parse(&text);
            let mut judge_of_all = judge(&func);
            for block in func.layout.blocks() {
                for load in func.layout.block_insts(block) {
                    if !matches!(func.dfg.insts[load], InstructionData::Load { .. }) {
                        continue;
                    }
                    let value = Value::from_u32(u32::from(rng.below(8) == 0));
                    let rewrite = Rewrite::ForwardLoad { load, value };
                    let expected = judge(&func).judge(&func, rewrite).is_some();
                    let found = judge_of_all.judge(&func, rewrite).is_some();
                    assert_eq!(found, expected, "{load} in\n{text}");
                    *if found { &mut refused } else { &mut accepted } += 1;
                }
            }
        }
        assert!(accepted > 300 && refused > 300, "{accepted}, {refused}");
    }
}
