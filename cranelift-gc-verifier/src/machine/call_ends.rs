//! The ends of calls, read from the machine code itself.
//!
//! **Claim.** Where a call begins, [`call_len`] says how long it is, or that there is none. Where a switch of
//! stacks begins, [`switch_len`] says how far away control comes back, or that there is none.
//!
//! **Strength.** Exact for x86_64 and aarch64: it decodes the bytes, and so depends on nothing that emission
//! says about them. For other targets nothing is decoded.
//!
//! **Math.** A call is one instruction. A switch of stacks is a sequence of moves of 64 bits, among them one
//! address relative to the program counter, and an indirect jump; the address is that of the end of the jump.

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

/// The length of the switch of stacks at the start of `code`, if there is one: of code that leaves the address of its
/// own end where the next switch takes it from, and jumps away.
pub(crate) fn switch_len(machine: Machine, code: &[u8]) -> Option<u32> {
    match machine {
        Machine::X64 => x64_switch_len(code),
        // Cranelift does not switch stacks there.
        Machine::Aarch64 | Machine::Other => None,
    }
}

/// So many instructions a switch of stacks has at most.
const MAX_OF_SWITCH: usize = 16;

/// Moves of 64 bits and one `lea` relative to the instruction pointer, then `jmp r64`. The `lea` tells the end.
fn x64_switch_len(code: &[u8]) -> Option<u32> {
    let mut at = 0;
    let mut resumed = None;
    for _ in 0..MAX_OF_SWITCH {
        let rest = code.get(at..)?;
        let has_rex = rest.first()? & 0xf0 == 0x40;
        let [opcode, modrm, ..] = rest[usize::from(has_rex)..] else {
            return None;
        };
        let address = usize::from(has_rex) + 2;
        if opcode == 0xff {
            let end = at + address;
            let is_jump = modrm >> 3 & 7 == 4 && modrm >> 6 == 3;
            return (is_jump && resumed == Some(end)).then_some(end as u32);
        }
        let len = address + x64_address_len(modrm, rest.get(address).copied())?;
        match opcode {
            0x89 | 0x8b => {}
            0x8d if modrm & 0xc7 == 5 && resumed.is_none() => {
                let displacement = rest.get(address..len)?.try_into().ok()?;
                let target = (at + len) as i64 + i64::from(i32::from_le_bytes(displacement));
                resumed = Some(usize::try_from(target).ok()?);
            }
            _ => return None,
        }
        at += len;
    }
    None
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
    fn x64_switches() {
        let switch = |displacement: u8, jump: [u8; 2]| {
            let mut code = vec![0x48, 0x8b, 0x07]; // mov rax, [rdi]
            code.extend([0x48, 0x89, 0x26]); // mov [rsi], rsp
            code.extend([0x48, 0x89, 0xc4]); // mov rsp, rax
            code.extend([0x48, 0x8b, 0x47, 0x08]); // mov rax, [rdi+8]
            code.extend([0x48, 0x89, 0x6e, 0x08]); // mov [rsi+8], rbp
            code.extend([0x48, 0x89, 0xc5]); // mov rbp, rax
            code.extend([0x48, 0x8b, 0x47, 0x10]); // mov rax, [rdi+16]
            code.extend([0x48, 0x8d, 0x0d, displacement, 0, 0, 0]); // lea rcx, [rip+displacement]
            code.extend([0x48, 0x89, 0x4e, 0x10]); // mov [rsi+16], rcx
            code.extend(jump);
            code
        };
        let jmp_rax = [0xff, 0xe0];
        let len = |code: &[u8]| switch_len(Machine::X64, code);
        let right = switch(6, jmp_rax);
        assert_eq!(len(&right), Some(37));
        assert_eq!(len(&[&right[..], &[0x90]].concat()), Some(37));
        // Control comes back elsewhere; a call; cut short; no address is left; nothing.
        assert_eq!(len(&switch(7, jmp_rax)), None);
        assert_eq!(len(&switch(6, [0xff, 0xd0])), None);
        assert_eq!(len(&right[..36]), None);
        assert_eq!(len(&jmp_rax), None);
        assert_eq!(len(&[]), None);
        assert_eq!(switch_len(Machine::Other, &right), None);
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
