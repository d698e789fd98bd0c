//! What a reference may be that must not be dereferenced.

use core::fmt;
use cranelift_codegen::ir::{GcFact, GcHeapType, GcNullability};

/// A class of references that refer to no object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Hazard {
    /// Null, which is 0.
    Null,
    /// An unboxed integer, which is odd.
    I31,
}

impl Hazard {
    /// All of them.
    pub const ALL: [Hazard; 2] = [Hazard::Null, Hazard::I31];

    /// References of this class that a guard has to exclude; one that tests too few bits, or too
    /// many, lets one of them pass.
    pub const fn representatives(self) -> &'static [u32] {
        match self {
            Hazard::Null => &[0],
            Hazard::I31 => &[1, 3, 0x7fff_ffff, 0x8000_0001, 0xffff_ffff],
        }
    }

    /// A word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Hazard::Null => "null",
            Hazard::I31 => "i31",
        }
    }
}

impl fmt::Display for Hazard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A set of hazards.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Hazards(u8);

impl Hazards {
    /// Those that a reference with `fact` may be; none for one that is no index into the heap.
    pub fn of(fact: GcFact) -> Option<Hazards> {
        let GcFact::Ref {
            kind, nullability, ..
        } = fact
        else {
            return None;
        };
        match kind.heap {
            // These are raw pointers.
            GcHeapType::Func | GcHeapType::NoFunc | GcHeapType::Cont | GcHeapType::NoCont => {
                return None;
            }
            GcHeapType::Any
            | GcHeapType::Eq
            | GcHeapType::I31
            | GcHeapType::Struct
            | GcHeapType::Array
            | GcHeapType::None
            | GcHeapType::Extern
            | GcHeapType::NoExtern
            | GcHeapType::Exn
            | GcHeapType::NoExn => {}
        }
        let mut hazards = Hazards::default();
        if nullability != GcNullability::NonNull {
            hazards.insert(Hazard::Null);
        }
        if kind.heap.may_be_i31() {
            hazards.insert(Hazard::I31);
        }
        Some(hazards)
    }

    /// Those that a reference with `fact` may be that is a raw pointer, as one to a function is; none for any other
    /// one.
    pub fn of_pointer(fact: GcFact) -> Option<Hazards> {
        let GcFact::Ref {
            kind, nullability, ..
        } = fact
        else {
            return None;
        };
        let is_pointer = matches!(kind.heap, GcHeapType::Func | GcHeapType::NoFunc);
        let mut hazards = Hazards::default();
        if nullability != GcNullability::NonNull {
            hazards.insert(Hazard::Null);
        }
        is_pointer.then_some(hazards)
    }

    /// All there are.
    pub fn all() -> Hazards {
        let mut hazards = Hazards::default();
        Hazard::ALL
            .into_iter()
            .for_each(|hazard| hazards.insert(hazard));
        hazards
    }

    /// Add `hazard`.
    pub fn insert(&mut self, hazard: Hazard) {
        self.0 |= 1 << hazard as u8;
    }

    /// Take `hazard` out.
    pub fn remove(&mut self, hazard: Hazard) {
        self.0 &= !(1 << hazard as u8);
    }

    /// Is `hazard` among them?
    pub fn contains(self, hazard: Hazard) -> bool {
        self.0 & (1 << hazard as u8) != 0
    }

    /// Are there none?
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// They, in order.
    pub fn iter(self) -> impl Iterator<Item = Hazard> {
        Hazard::ALL
            .into_iter()
            .filter(move |&hazard| self.contains(hazard))
    }

    /// Those that are also in `other`.
    pub fn and(self, other: Hazards) -> Hazards {
        Hazards(self.0 & other.0)
    }
}
