//! The closed vocabulary of checks.

use core::fmt;

/// A check, by its stable code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Code {
    /// `missing-root`: a reference live across a may-collect safepoint is in its stack map.
    Gcv01 = 1,
    /// `stale-reference`: no use of a reference after a may-collect safepoint without a reload.
    Gcv02,
    /// `uninitialized-root`: a slot that a stack map names definitely holds a valid reference.
    Gcv03,
    /// `clobbered-root`: a reload sees the reference that was spilled for it.
    Gcv04,
    /// `non-reference-root`: no scalar, derived or wrongly sized value in a mapped slot.
    Gcv05,
    /// `stale-derived-pointer`: no derived pointer is used across a may-collect safepoint.
    Gcv06,
    /// `movable-load`: no load of what a collection rewrites is merged or moved across one.
    Gcv07,
    /// `unsound-forwarding`: every forwarded load and removed store is justified.
    Gcv08,
    /// `lost-stack-map`: what is emitted has the stack map of each safepoint, and no other.
    Gcv09,
    /// `unguarded-dereference`: every dereference is guarded against null and i31, or the type
    /// of its reference excludes them.
    Gcv10,
    /// `representation-changed`: a rewrite keeps the CLIF type, and references stay ones.
    Gcv13 = 13,
    /// `membership-changed`: a rewrite never revives a reference from before a safepoint.
    Gcv14,
    /// `unequal-rewrite`: both sides of a rewrite compute the same bits.
    Gcv15,
    /// `guard-removed`: what guarded a dereference before a pass still does.
    Gcv16,
    /// `uninitialized-object`: no may-collect safepoint while an object is being initialized.
    Gcv17,
}

impl Code {
    /// Every check that this version makes, in order.
    pub const ALL: [Code; 15] = [
        Code::Gcv01,
        Code::Gcv02,
        Code::Gcv03,
        Code::Gcv04,
        Code::Gcv05,
        Code::Gcv06,
        Code::Gcv07,
        Code::Gcv08,
        Code::Gcv09,
        Code::Gcv10,
        Code::Gcv13,
        Code::Gcv14,
        Code::Gcv15,
        Code::Gcv16,
        Code::Gcv17,
    ];

    /// The code itself, such as `GCV02`.
    pub fn as_str(self) -> &'static str {
        match self {
            Code::Gcv01 => "GCV01",
            Code::Gcv02 => "GCV02",
            Code::Gcv03 => "GCV03",
            Code::Gcv04 => "GCV04",
            Code::Gcv05 => "GCV05",
            Code::Gcv06 => "GCV06",
            Code::Gcv07 => "GCV07",
            Code::Gcv10 => "GCV10",
            Code::Gcv16 => "GCV16",
            Code::Gcv17 => "GCV17",
            Code::Gcv08 => "GCV08",
            Code::Gcv13 => "GCV13",
            Code::Gcv14 => "GCV14",
            Code::Gcv15 => "GCV15",
            Code::Gcv09 => "GCV09",
        }
    }

    /// The check's name, such as `stale-reference`.
    pub fn name(self) -> &'static str {
        match self {
            Code::Gcv01 => "missing-root",
            Code::Gcv02 => "stale-reference",
            Code::Gcv03 => "uninitialized-root",
            Code::Gcv04 => "clobbered-root",
            Code::Gcv05 => "non-reference-root",
            Code::Gcv06 => "stale-derived-pointer",
            Code::Gcv07 => "movable-load",
            Code::Gcv10 => "unguarded-dereference",
            Code::Gcv16 => "guard-removed",
            Code::Gcv17 => "uninitialized-object",
            Code::Gcv08 => "unsound-forwarding",
            Code::Gcv13 => "representation-changed",
            Code::Gcv14 => "membership-changed",
            Code::Gcv15 => "unequal-rewrite",
            Code::Gcv09 => "lost-stack-map",
        }
    }

    /// What must hold, in one sentence.
    pub fn invariant(self) -> &'static str {
        match self {
            Code::Gcv01 => {
                "a reference that is live across a safepoint that may collect is in that \
                 safepoint's stack map"
            }
            Code::Gcv02 => {
                "a reference is not used after a safepoint that may collect without being reloaded"
            }
            Code::Gcv03 => "a stack slot that a stack map names holds a valid reference there",
            Code::Gcv04 => "a reload sees the reference that was spilled for it",
            Code::Gcv05 => {
                "a stack slot that a stack map names holds no scalar, no derived pointer and no \
                 value of another size"
            }
            Code::Gcv06 => {
                "a pointer derived from a reference, or the base of a heap that can move, is not used \
                 after a safepoint that may collect"
            }
            Code::Gcv07 => {
                "a load of memory that a collection rewrites is not merged with one before a \
                 safepoint, nor moved across one"
            }
            Code::Gcv10 => {
                "a reference is not dereferenced where it can be null or an i31: its type \
                 excludes that, or a guard does"
            }
            Code::Gcv16 => "a pass does not remove what guards a dereference against null or i31",
            Code::Gcv17 => {
                "no safepoint that may collect comes between the allocation of an object and the end \
                 of its initialization, and what a collector reads of the object is stored before the \
                 object is handed on"
            }
            Code::Gcv08 => {
                "a load is forwarded, and a store removed, only where no write, safepoint or \
                 reader on the way contradicts it"
            }
            Code::Gcv13 => {
                "a rewrite keeps the type of a value, and makes a reference no constant that is \
                 neither null nor an i31; a subtype has the fields of its supertype where that has them"
            }
            Code::Gcv14 => {
                "a rewrite does not replace a reference by one from before a safepoint that may \
                 collect"
            }
            Code::Gcv15 => "both sides of a rewrite compute the same bits",
            Code::Gcv09 => {
                "the stack map of a safepoint is emitted once, for its return address, with its \
                 entries where their slots are"
            }
        }
    }

    /// The check with this code, such as `gcv02` (in either case), or this name.
    pub fn parse(text: &str) -> Option<Code> {
        Code::ALL
            .into_iter()
            .find(|code| code.as_str().eq_ignore_ascii_case(text) || code.name() == text)
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A set of checks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Checks(u32);

impl Checks {
    /// All checks.
    pub const fn all() -> Self {
        Checks(u32::MAX)
    }

    /// These checks without `code`.
    pub fn without(self, code: Code) -> Self {
        Checks(self.0 & !(1 << code as u8))
    }

    /// Tells sets apart: one bit a check.
    pub(crate) fn bits(self) -> u32 {
        let bit = |code: Code| 1 << code as u8;
        let known = Code::ALL.into_iter().filter(|code| self.contains(*code));
        known.fold(0, |bits, code| bits | bit(code))
    }

    /// Is `code` among these checks?
    pub fn contains(self, code: Code) -> bool {
        self.0 & (1 << code as u8) != 0
    }
}

impl Default for Checks {
    fn default() -> Self {
        Checks::all()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_round_trip() {
        for code in Code::ALL {
            assert_eq!(Code::parse(code.as_str()), Some(code));
            assert_eq!(Code::parse(&code.as_str().to_lowercase()), Some(code));
            assert_eq!(Code::parse(code.name()), Some(code));
        }
        assert_eq!(Code::parse("GCV99"), None);
    }

    #[test]
    fn without_removes_just_that_check() {
        for off in Code::ALL {
            let checks = Checks::all().without(off);
            for code in Code::ALL {
                assert_eq!(checks.contains(code), code != off);
            }
        }
    }
}
