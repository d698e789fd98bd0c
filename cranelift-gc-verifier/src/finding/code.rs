//! The closed vocabulary of checks.

use super::about::About;
use super::{
    gcv01, gcv02, gcv03, gcv04, gcv05, gcv06, gcv07, gcv08, gcv09, gcv10, gcv11, gcv12, gcv13,
    gcv14, gcv15, gcv16, gcv17, gcv18, gcv19,
};
use core::fmt;

/// A check, by its stable code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
#[non_exhaustive]
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
    /// `kind-changed`: what arrives at a typed position is of its kind.
    Gcv11,
    /// `nullability-changed`: what arrives where null is excluded is not null.
    Gcv12,
    /// `representation-changed`: a rewrite keeps the CLIF type, and references stay ones.
    Gcv13,
    /// `membership-changed`: a rewrite never revives a reference from before a safepoint.
    Gcv14,
    /// `unequal-rewrite`: both sides of a rewrite compute the same bits.
    Gcv15,
    /// `guard-removed`: what guarded a dereference before a pass still does.
    Gcv16,
    /// `uninitialized-object`: no may-collect safepoint while an object is being initialized.
    Gcv17,
    /// `out-of-object-access`: an access of an object stays inside it.
    Gcv18,
    /// `missing-barrier`: a reference is stored, or loaded, with the barrier that the collector asks for.
    Gcv19,
}

impl Code {
    /// Every check that this version makes, in order.
    pub const ALL: [Code; 19] = [
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
        Code::Gcv11,
        Code::Gcv12,
        Code::Gcv13,
        Code::Gcv14,
        Code::Gcv15,
        Code::Gcv16,
        Code::Gcv17,
        Code::Gcv18,
        Code::Gcv19,
    ];

    /// All that is said about the check.
    pub fn about(self) -> &'static About {
        match self {
            Code::Gcv01 => &gcv01::ABOUT,
            Code::Gcv02 => &gcv02::ABOUT,
            Code::Gcv03 => &gcv03::ABOUT,
            Code::Gcv04 => &gcv04::ABOUT,
            Code::Gcv05 => &gcv05::ABOUT,
            Code::Gcv06 => &gcv06::ABOUT,
            Code::Gcv07 => &gcv07::ABOUT,
            Code::Gcv08 => &gcv08::ABOUT,
            Code::Gcv09 => &gcv09::ABOUT,
            Code::Gcv10 => &gcv10::ABOUT,
            Code::Gcv11 => &gcv11::ABOUT,
            Code::Gcv12 => &gcv12::ABOUT,
            Code::Gcv13 => &gcv13::ABOUT,
            Code::Gcv14 => &gcv14::ABOUT,
            Code::Gcv15 => &gcv15::ABOUT,
            Code::Gcv16 => &gcv16::ABOUT,
            Code::Gcv17 => &gcv17::ABOUT,
            Code::Gcv18 => &gcv18::ABOUT,
            Code::Gcv19 => &gcv19::ABOUT,
        }
    }

    /// The code itself, such as `GCV02`.
    pub fn as_str(self) -> &'static str {
        self.about().code
    }

    /// The check's name, such as `stale-reference`.
    pub fn name(self) -> &'static str {
        self.about().name
    }

    /// What must hold, in one sentence.
    pub fn invariant(self) -> &'static str {
        self.about().invariant
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
            assert_eq!(format!("{code:?}").to_uppercase(), code.as_str());
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
