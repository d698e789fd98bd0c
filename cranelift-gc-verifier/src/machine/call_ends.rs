//! The ends of calls, read from the machine code itself.
//!
//! **Claim.** Where a call begins, [`call_len`] says how long it is, or that there is none.
//!
//! **Strength.** Exact for x86_64 and aarch64: it decodes the bytes, and so depends on nothing
//! that emission says about them. For other targets nothing is decoded.

/// The machine that code is for, as far as its calls are concerned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Machine {
    /// x86_64.
    X64,
    /// aarch64.
    Aarch64,
    /// One whose calls are not decoded here: recorded call sites are trusted.
    Other,
}

impl Machine {
    /// The machine of a target, by the name that Cranelift has for it.
    pub fn of_isa(name: &str) -> Self {
        match name {
            "x64" => Machine::X64,
            "aarch64" => Machine::Aarch64,
            _ => Machine::Other,
        }
    }
}

/// The length of the call at the start of `code`, if there is one.
pub(crate) fn call_len(machine: Machine, code: &[u8]) -> Option<u32> {
    match machine {
        Machine::X64 => x64_call_len(code),
        Machine::Aarch64 => aarch64_call_len(code),
        Machine::Other => None,
    }
}

/// `call rel32`, or `call r/m64` with its addressing mode.
fn x64_call_len(code: &[u8]) -> Option<u32> {
    let has_rex = code.first()? & 0xf0 == 0x40;
    let rest = &code[usize::from(has_rex)..];
    let len = match *rest {
        [0xe8, _, _, _, _, ..] if !has_rex => 5,
        [0xff, modrm, ..] if modrm >> 3 & 7 == 2 => {
            2 + x64_address_len(modrm, rest.get(2).copied())?
        }
        _ => return None,
    };
    let len = len + usize::from(has_rex);
    (len <= code.len()).then_some(len as u32)
}

/// The bytes of an addressing mode after its ModRM byte.
fn x64_address_len(modrm: u8, sib: Option<u8>) -> Option<usize> {
    let (mode, rm) = (modrm >> 6, modrm & 7);
    let has_sib = mode != 3 && rm == 4;
    let base = if has_sib { sib? & 7 } else { rm };
    let displacement = match mode {
        0 if base == 5 => 4,
        1 => 1,
        2 => 4,
        _ => 0,
    };
    Some(usize::from(has_sib) + displacement)
}

/// `bl` or `blr`.
fn aarch64_call_len(code: &[u8]) -> Option<u32> {
    let word = u32::from_le_bytes(code.get(..4)?.try_into().expect("there are four"));
    let is_bl = word >> 26 == 0b10_0101;
    let is_blr = word & 0xffff_fc1f == 0xd63f_0000;
    (is_bl || is_blr).then_some(4)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn x64_calls() {
        let len = |code: &[u8]| call_len(Machine::X64, code);
        assert_eq!(len(&[0xe8, 0, 0, 0, 0, 0x90]), Some(5));
        assert_eq!(len(&[0xe8, 0, 0, 0]), None);
        // call rax; call r11
        assert_eq!(len(&[0xff, 0xd0, 0x90]), Some(2));
        assert_eq!(len(&[0x41, 0xff, 0xd3]), Some(3));
        // call [rax]; call [rax+8]; call [rax+0x100]; call [rip+8]
        assert_eq!(len(&[0xff, 0x10]), Some(2));
        assert_eq!(len(&[0xff, 0x50, 8]), Some(3));
        assert_eq!(len(&[0xff, 0x90, 0, 1, 0, 0]), Some(6));
        assert_eq!(len(&[0xff, 0x15, 8, 0, 0, 0]), Some(6));
        // call [rsp+8]; call [r12]; call [rax*8+4]
        assert_eq!(len(&[0xff, 0x54, 0x24, 8]), Some(4));
        assert_eq!(len(&[0x41, 0xff, 0x14, 0x24]), Some(4));
        assert_eq!(len(&[0xff, 0x14, 0xc5, 4, 0, 0, 0]), Some(7));
        // jmp rax; jmp rel32; cut short; nothing
        assert_eq!(len(&[0xff, 0xe0]), None);
        assert_eq!(len(&[0xe9, 0, 0, 0, 0]), None);
        assert_eq!(len(&[0xff, 0x50]), None);
        assert_eq!(len(&[]), None);
    }

    #[test]
    fn aarch64_calls() {
        let len = |word: u32| call_len(Machine::Aarch64, &word.to_le_bytes());
        assert_eq!(len(0x9400_0000), Some(4));
        assert_eq!(len(0xd63f_0100), Some(4));
        // b; br x8; nop
        assert_eq!(len(0x1400_0000), None);
        assert_eq!(len(0xd61f_0100), None);
        assert_eq!(len(0xd503_201f), None);
        assert_eq!(call_len(Machine::Aarch64, &[0, 0, 0]), None);
    }
}
