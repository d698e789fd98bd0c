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
    /// `lost-stack-map`: what is emitted has the stack map of each safepoint, and no other.
    Gcv09 = 9,
}

impl Code {
    /// Every check that this version makes, in order.
    pub const ALL: [Code; 7] = [
        Code::Gcv01,
        Code::Gcv02,
        Code::Gcv03,
        Code::Gcv04,
        Code::Gcv05,
        Code::Gcv06,
        Code::Gcv09,
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
                "a pointer derived from a reference is not used after a safepoint that may collect"
            }
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
