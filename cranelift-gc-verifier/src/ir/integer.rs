//! What integer opcodes compute.
//!
//! **Claim.** Operands and results are the bits of integers, zero-extended. What is computed is what the opcode
//! computes, modulo the width.
//!
//! **Strength.** Exact, for integers that fit in the word: 64 bits for [`narrow`], which is fast, and 128 for
//! [`wide`]. The two are one text. An opcode that is not known is [`Computed::Unknown`].
//!
//! **Math.** Arithmetic in ℤ/2ⁿ for integers of `n` bits; a signed operation reads its operands in two's
//! complement.

use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{Opcode, Type};

/// What an operation computes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Computed<W> {
    /// These bits.
    Is(W),
    /// Nothing: it traps.
    Traps,
    /// It is not known here.
    Unknown,
}

impl<W> Computed<W> {
    /// The bits, if there are any.
    pub(crate) fn bits(self) -> Option<W> {
        match self {
            Computed::Is(bits) => Some(bits),
            Computed::Traps | Computed::Unknown => None,
        }
    }
}

macro_rules! arithmetic {
    ($(#[$doc:meta])* $name:ident, $unsigned:ty, $signed:ty) => {
        $(#[$doc])*
        pub(crate) mod $name {
            use super::{Computed, IntCC, Opcode, Type};

            const WORD: u32 = <$unsigned>::BITS;

            /// Is `ty` an integer that fits in the word?
            pub(crate) fn fits(ty: Type) -> bool {
                ty.is_int() && ty.bits() <= WORD
            }

            /// The bits that a value of `ty` has.
            pub(crate) fn mask(ty: Type) -> $unsigned {
                match ty.bits() {
                    0 => 0,
                    bits @ 1..WORD => (1 << bits) - 1,
                    _ => <$unsigned>::MAX,
                }
            }

            /// `x`, of type `ty`, as a signed number.
            pub(crate) fn signed(ty: Type, x: $unsigned) -> $signed {
                let unused = WORD - ty.bits();
                ((x << unused) as $signed) >> unused
            }

            /// What `opcode` makes of `x`, which is of type `from`.
            pub(crate) fn unary(
                opcode: Opcode,
                from: Type,
                to: Type,
                x: $unsigned,
            ) -> Computed<$unsigned> {
                if !fits(from) || !fits(to) {
                    return Computed::Unknown;
                }
                let bits = from.bits();
                let leading = |x: $unsigned| x.leading_zeros() - (WORD - bits);
                let result = match opcode {
                    Opcode::Uextend | Opcode::Ireduce => x,
                    Opcode::Sextend => signed(from, x) as $unsigned,
                    Opcode::Bnot => !x,
                    Opcode::Bmask if x != 0 => <$unsigned>::MAX,
                    Opcode::Bmask => 0,
                    Opcode::Ineg => x.wrapping_neg(),
                    Opcode::Iabs => signed(from, x).wrapping_abs() as $unsigned,
                    Opcode::Bitrev => x.reverse_bits() >> (WORD - bits),
                    Opcode::Bswap => x.swap_bytes() >> (WORD - bits),
                    Opcode::Clz => leading(x).into(),
                    Opcode::Ctz => x.trailing_zeros().min(bits).into(),
                    Opcode::Popcnt => x.count_ones().into(),
                    Opcode::Cls => {
                        let is_negative = signed(from, x) < 0;
                        let magnitude = if is_negative { !x & mask(from) } else { x };
                        (leading(magnitude) - 1).into()
                    }
                    _ => return Computed::Unknown,
                };
                Computed::Is(result & mask(to))
            }

            /// What `opcode` makes of `a` and `b`, where `a` is of type `ty`.
            ///
            /// NB: The amount of a shift may be of another type; only its low bits count.
            pub(crate) fn binary(
                opcode: Opcode,
                ty: Type,
                a: $unsigned,
                b: $unsigned,
            ) -> Computed<$unsigned> {
                if !fits(ty) {
                    return Computed::Unknown;
                }
                let bits = ty.bits();
                let amount = (b % <$unsigned>::from(bits)) as u32;
                let rotate = |left: u32| match left {
                    0 => a,
                    left => (a << left) | (a >> (bits - left)),
                };
                let numbers = || (signed(ty, a), signed(ty, b));
                let result = match opcode {
                    Opcode::Iadd => a.wrapping_add(b),
                    Opcode::Isub => a.wrapping_sub(b),
                    Opcode::Imul => a.wrapping_mul(b),
                    Opcode::Band => a & b,
                    Opcode::Bor => a | b,
                    Opcode::Bxor => a ^ b,
                    Opcode::Ishl => a << amount,
                    Opcode::Ushr => a >> amount,
                    Opcode::Sshr => (signed(ty, a) >> amount) as $unsigned,
                    Opcode::Rotl => rotate(amount),
                    Opcode::Rotr => rotate((bits - amount) % bits),
                    Opcode::Umin => a.min(b),
                    Opcode::Umax => a.max(b),
                    Opcode::Smin => {
                        let (a, b) = numbers();
                        a.min(b) as $unsigned
                    }
                    Opcode::Smax => {
                        let (a, b) = numbers();
                        a.max(b) as $unsigned
                    }
                    // Half the word leaves room for the exact result.
                    Opcode::AvgRound if bits < WORD => (a + b + 1) >> 1,
                    Opcode::Umulhi if 2 * bits <= WORD => (a * b) >> bits,
                    Opcode::Smulhi if 2 * bits <= WORD => {
                        let (a, b) = numbers();
                        ((a * b) >> bits) as $unsigned
                    }
                    Opcode::Udiv | Opcode::Urem | Opcode::Sdiv | Opcode::Srem if b == 0 => {
                        return Computed::Traps;
                    }
                    Opcode::Udiv => a / b,
                    Opcode::Urem => a % b,
                    Opcode::Sdiv => {
                        let (sa, sb) = numbers();
                        if sb == -1 && a == 1 << (bits - 1) {
                            return Computed::Traps;
                        }
                        sa.wrapping_div(sb) as $unsigned
                    }
                    Opcode::Srem => {
                        let (a, b) = numbers();
                        a.wrapping_rem(b) as $unsigned
                    }
                    _ => return Computed::Unknown,
                };
                Computed::Is(result & mask(ty))
            }

            /// Does `cond` hold of `a` and `b`, which are of type `ty`?
            pub(crate) fn compare(cond: IntCC, ty: Type, a: $unsigned, b: $unsigned) -> bool {
                let (sa, sb) = (signed(ty, a), signed(ty, b));
                match cond {
                    IntCC::Equal => a == b,
                    IntCC::NotEqual => a != b,
                    IntCC::SignedLessThan => sa < sb,
                    IntCC::SignedGreaterThanOrEqual => sa >= sb,
                    IntCC::SignedGreaterThan => sa > sb,
                    IntCC::SignedLessThanOrEqual => sa <= sb,
                    IntCC::UnsignedLessThan => a < b,
                    IntCC::UnsignedGreaterThanOrEqual => a >= b,
                    IntCC::UnsignedGreaterThan => a > b,
                    IntCC::UnsignedLessThanOrEqual => a <= b,
                }
            }
        }
    };
}

arithmetic!(
    /// Integers of up to 64 bits.
    narrow, u64, i64
);
arithmetic!(
    /// Integers of up to 128 bits.
    wide, u128, i128
);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Rng;
    use cranelift_codegen::ir::types::{I8, I16, I32, I64};

    #[test]
    fn the_two_words_agree() {
        let mut rng = Rng::new(7);
        let types = [I8, I16, I32, I64];
        let mut agreed = 0;
        for _ in 0..200 {
            for &opcode in Opcode::all() {
                let ty = types[rng.below(4) as usize];
                let to = types[rng.below(4) as usize];
                let mut word = || match rng.below(4) {
                    0 => rng.below(4),
                    1 => u64::MAX - rng.below(4),
                    _ => rng.next(),
                };
                let [a, b] = [word(), word()].map(|word| word & narrow::mask(ty));
                let unary = narrow::unary(opcode, ty, to, a);
                if let Computed::Is(bits) = unary {
                    let wide = wide::unary(opcode, ty, to, a.into());
                    assert_eq!(wide, Computed::Is(bits.into()), "{opcode} {ty} {to} {a}");
                    agreed += 1;
                }
                match narrow::binary(opcode, ty, a, b) {
                    Computed::Is(bits) => {
                        let wide = wide::binary(opcode, ty, a.into(), b.into());
                        assert_eq!(wide, Computed::Is(bits.into()), "{opcode} {ty} {a} {b}");
                        agreed += 1;
                    }
                    Computed::Traps => {
                        let wide = wide::binary(opcode, ty, a.into(), b.into());
                        assert_eq!(wide, Computed::Traps, "{opcode} {ty} {a} {b}");
                    }
                    Computed::Unknown => {}
                }
            }
        }
        assert!(agreed > 4_000, "{agreed}");
    }
}
