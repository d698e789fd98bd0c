//! What a function does besides branching.

use super::{Builder, Kind, Ref};

const BINARY: [&str; 11] = [
    "iadd", "isub", "imul", "band", "bor", "bxor", "ishl", "ushr", "sshr", "rotl", "umin",
];
const COMPARISONS: [&str; 6] = ["eq", "ne", "slt", "ult", "sge", "ugt"];

/// Where in an object numbers are, references that can be null, and references that cannot, to which nothing is
/// stored.
const NUMBERS: usize = 8;
const NULLABLE: usize = 32;
const NONNULL: usize = 128;

/// Where among those references of this kind are.
fn offset_of(kind: Kind) -> usize {
    let index = Kind::ALL.iter().position(|other| *other == kind);
    4 * index.expect("it is one of all")
}

impl Builder<'_, '_> {
    pub(super) fn step(&mut self) {
        match self.below(20) {
            0 | 1 => self.arithmetic(),
            2 => self.comparison(),
            3 | 4 => self.load_int(),
            5 | 6 => self.load_ref(),
            7 | 8 => self.store(),
            9 => self.select(),
            10 if self.one_in(2) => self.plain_slot(),
            10 => self.memory(),
            11 => self.look(),
            12 | 13 => self.collect(),
            14 => drop(self.allocated()),
            15 => self.i31(),
            _ => self.control(),
        }
    }

    fn arithmetic(&mut self) {
        let (one, other) = (self.any_int(), self.any_int());
        if self.one_in(3) {
            let number = [0, 1, 2, 3, 7, 8, 31, 255, -1, -8, 0x7fff_ffff][self.below(11)];
            let number = self.int(&format!("iconst.i32 {number}"));
            let opcode = BINARY[self.below(BINARY.len())];
            self.int(&format!("{opcode} v{one}, v{number}"));
        } else {
            let opcode = BINARY[self.below(BINARY.len())];
            self.int(&format!("{opcode} v{one}, v{other}"));
        }
    }

    /// Of integers or references; comparing references is harmless.
    fn comparison(&mut self) {
        let condition = self.condition();
        self.int(&format!("uextend.i32 v{condition}"));
    }

    /// A boolean.
    pub(super) fn condition(&mut self) -> usize {
        let comparison = COMPARISONS[self.below(COMPARISONS.len())];
        let (one, other) = match self.below(4) {
            0 => (self.any_ref().value, self.any_ref().value),
            1 => (self.any_ref().value, self.int("iconst.i32 0")),
            _ => (self.any_int(), self.any_int()),
        };
        self.text
            .result(&format!("icmp {comparison} v{one}, v{other}"))
    }

    /// Sees to it that `reference` is not null and no i31, where its type or an earlier guard does not.
    fn guard(&mut self, reference: Ref) {
        let value = reference.value;
        if !reference.nonnull {
            if self.one_in(3) {
                let null = self.text.result("iconst.i32 0");
                let test = self.text.result(&format!("icmp eq v{value}, v{null}"));
                self.text.line(&format!("trapnz v{test}, user1"));
            } else {
                self.text.line(&format!("trapz v{value}, user1"));
            }
        }
        if !reference.object {
            let one = self.text.result("iconst.i32 1");
            let bit = self.text.result(&format!("band v{value}, v{one}"));
            self.text.line(&format!("trapnz v{bit}, user2"));
        }
        let known = self.scope.refs.iter_mut().filter(|r| r.value == value);
        for known in known {
            known.nonnull = true;
            known.object = true;
        }
    }

    /// The address of the field at `offset` of an object that is there, as an operand.
    ///
    /// NB: What is at an offset is always of one type. Otherwise what is loaded as a reference could be what was
    /// stored, or loaded, as a number.
    fn field(&mut self, offset: usize) -> String {
        let known = self.scope.addresses.len();
        if known > 0 && self.one_in(3) {
            let index = self.below(known);
            let address = self.scope.addresses[index];
            return format!("v{address}+{offset}");
        }
        let reference = self.any_ref();
        self.guard(reference);
        let base = self.heap_base();
        let index = self
            .text
            .result(&format!("uextend.i64 v{}", reference.value));
        let address = self.text.result(&format!("iadd v{base}, v{index}"));
        self.scope.addresses.push(address);
        format!("v{address}+{offset}")
    }

    /// The value of the base of the heap.
    fn heap_base(&mut self) -> usize {
        if !self.moving_heap {
            return self.base;
        }
        if let Some(base) = self.scope.base
            && !self.one_in(4)
        {
            return base;
        }
        let base = self.text.value();
        let fact = if self.one_in(2) { " ! gcheapbase" } else { "" };
        let memory = self.memory;
        self.text.line(&format!(
            "v{base}{fact} = load.i64 notrap aligned region2 v{memory}+640"
        ));
        self.scope.base = Some(base);
        base
    }

    /// The flags of an access of an object. All of a function's name the heap's region, or none does.
    fn flags(&mut self) -> String {
        let flags = ["notrap aligned ", "", "notrap "][self.below(3)];
        let region = if self.style.regions { "region0 " } else { "" };
        format!("{flags}{region}")
    }

    fn load_int(&mut self) {
        let offset = NUMBERS + 4 * self.below(4);
        let field = self.field(offset);
        let flags = self.flags();
        let load = ["load.i32", "uload8.i32", "sload16.i32"][self.below(3)];
        self.int(&format!("{load} {flags}{field}"));
    }

    fn load_ref(&mut self) {
        let reference = self.new_ref();
        let offset = match reference.nonnull {
            true => NONNULL + offset_of(reference.kind),
            false => NULLABLE + offset_of(reference.kind),
        };
        let field = self.field(offset);
        let defined = self.annotated(reference);
        let flags = self.flags();
        self.text
            .line(&format!("{defined} = load.i32 {flags}{field}"));
        self.scope.refs.push(reference);
    }

    fn store(&mut self) {
        let (value, offset) = match self.below(2) {
            0 => (self.any_int(), NUMBERS + 4 * self.below(4)),
            _ => {
                let reference = self.any_ref();
                (reference.value, NULLABLE + offset_of(reference.kind))
            }
        };
        let field = self.field(offset);
        let flags = self.flags();
        self.text.line(&format!("store {flags}v{value}, {field}"));
    }

    /// One of two references; its type is `any` unless both have one type.
    fn select(&mut self) {
        let condition = self.condition();
        let (one, other) = (self.any_ref(), self.any_ref());
        if (one.kind == Kind::Extern) != (other.kind == Kind::Extern) {
            return;
        }
        let kind = match (one.kind, other.kind) {
            (one, other) if one == other => one,
            (Kind::Unknown, _) | (_, Kind::Unknown) => Kind::Unknown,
            _ => Kind::Any,
        };
        let reference = Ref {
            value: self.text.value(),
            kind,
            nonnull: false,
            object: !kind.has_i31(),
        };
        let defined = self.annotated(reference);
        self.text.line(&format!(
            "{defined} = select v{condition}, v{}, v{}",
            one.value, other.value
        ));
        self.scope.refs.push(reference);
    }

    /// Memory that is no object's.
    fn memory(&mut self) {
        let memory = self.memory;
        let place = 256 + 4 * self.below(8);
        if self.one_in(2) {
            let int = self.any_int();
            self.text
                .line(&format!("store notrap region1 v{int}, v{memory}+{place}"));
        } else {
            self.int(&format!("load.i32 notrap region1 v{memory}+{place}"));
        }
    }

    /// A slot that serves as memory of numbers in between.
    fn plain_slot(&mut self) {
        let index = self.below(6);
        let place = self.text.place(index);
        let int = self.any_int();
        let address = self.address(&place);
        self.text.line(&format!("store notrap v{int}, {address}"));
        let address = self.address(&place);
        self.int(&format!("load.i32 notrap {address}"));
    }

    /// A call that does not collect.
    fn look(&mut self) {
        let (reference, int) = (self.any_ref().value, self.any_int());
        self.int(&format!("call fn2(v{reference}, v{int})"));
    }

    /// An i31 is made of an integer, and read again.
    fn i31(&mut self) {
        let int = self.any_int();
        let one = self.text.result("iconst.i32 1");
        let shifted = self.text.result(&format!("ishl v{int}, v{one}"));
        let value = self.text.value();
        self.text.line(&format!(
            "v{value} ! gcref(i31, nonnull) = bor v{shifted}, v{one}"
        ));
        self.int(&format!("ushr v{value}, v{one}"));
        self.text
            .line(&format!("store notrap v{value}, v{}+512", self.memory));
    }
}
