//! The host of a program that is run to see what it does.
//!
//! It does the same each time: what is printed is counted and digested, numbers that should be random are
//! not, and time goes on by the number of questions. Nothing of the machine is granted.

use crate::triage::outcome::Output;
use crate::triage::protocol::Run;
use std::fmt;
use wasmtime::{
    Caller, Extern, ExternType, FuncType, Global, GlobalType, Linker, Memory, MemoryType, Module,
    Mutability, Ref, RefType, Result, Store, StoreLimits, StoreLimitsBuilder, Table, TableType,
    Val, ValType,
};

/// What a program's host knows.
pub struct Host {
    /// What it may use.
    pub limits: StoreLimits,
    /// What was printed.
    pub printed: Printed,
    is_stressed: bool,
    arguments: Vec<String>,
    clock: u64,
    random: u64,
}

impl Host {
    /// The host of a run.
    pub fn new(how: &Run) -> Host {
        let limit = usize::try_from(how.store_limit).unwrap_or(usize::MAX);
        Host {
            limits: StoreLimitsBuilder::new().memory_size(limit).build(),
            printed: Printed::default(),
            is_stressed: how.gc_stress,
            arguments: how.wasi_arguments.clone(),
            clock: 0,
            random: 0x9e37_79b9_7f4a_7c15,
        }
    }

    fn next_random(&mut self) -> u8 {
        // Xorshift.
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        (self.random >> 32) as u8
    }
}

/// What a program printed, of which the beginning is kept.
pub struct Printed {
    bytes: u64,
    hash: u64,
    head: Vec<u8>,
}

/// How much of it is kept.
const MAX_HEAD: usize = 2048;

impl Default for Printed {
    fn default() -> Self {
        Printed {
            bytes: 0,
            hash: 0xcbf2_9ce4_8422_2325,
            head: Vec::new(),
        }
    }
}

impl Printed {
    fn print(&mut self, bytes: &[u8]) {
        self.bytes += bytes.len() as u64;
        self.hash = bytes.iter().fold(self.hash, |hash, &byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        });
        let room = MAX_HEAD.saturating_sub(self.head.len());
        self.head.extend(&bytes[..bytes.len().min(room)]);
    }

    /// It, to be told.
    pub fn output(&self) -> Output {
        Output {
            bytes: self.bytes,
            digest: format!("{:016x}", self.hash),
            head: String::from_utf8_lossy(&self.head).into_owned(),
        }
    }
}

/// A WASI program ended itself.
#[derive(Debug)]
pub struct Ended(pub i32);

impl fmt::Display for Ended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the program ended with exit code {}", self.0)
    }
}

impl std::error::Error for Ended {}

/// Give the module what it imports: WASI, `spectest`, `"" "gc"`, which collects, and stubs.
pub fn add_imports(
    linker: &mut Linker<Host>,
    store: &mut Store<Host>,
    module: &Module,
    notes: &mut Vec<String>,
) -> Result<()> {
    let mut stubs = Vec::new();
    let mut has_wasi = false;
    for import in module.imports() {
        let (space, name) = (import.module(), import.name());
        if linker.get(&mut *store, space, name).is_ok() {
            continue;
        }
        match import.ty() {
            ExternType::Func(ty) if space == WASI || space == "wasi_unstable" => {
                has_wasi = true;
                wasi(linker, (space, name), ty)?;
            }
            ExternType::Func(ty) if (space, name) == ("", "gc") => {
                linker.func_new(space, name, ty, |mut caller, _, _| caller.gc(None))?;
            }
            ExternType::Func(ty) if space == "spectest" && name.starts_with("print") => {
                linker.func_new(space, name, ty, print)?;
            }
            ExternType::Func(ty) => {
                stubs.push(format!("{space}.{name}"));
                linker.func_new(space, name, ty.clone(), stub(ty))?;
            }
            other if space == "spectest" => {
                if let Some(item) = spectest(store, name, &other)? {
                    linker.define(&mut *store, space, name, item)?;
                }
            }
            _ => stubs.push(format!("{space}.{name}")),
        }
    }
    linker.define_unknown_imports_as_default_values(&mut *store, module)?;
    if has_wasi {
        notes.push("WASI: nothing of this machine is granted".to_string());
    }
    if !stubs.is_empty() {
        const MAX: usize = 8;
        let more = match stubs.len().saturating_sub(MAX) {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        let first = stubs[..stubs.len().min(MAX)].join(", ");
        notes.push(format!("stubs that return defaults: {first}{more}"));
    }
    Ok(())
}

/// Collect, if every call of the host is to.
fn stress(caller: &mut Caller<'_, Host>) -> Result<()> {
    match caller.data().is_stressed {
        true => caller.gc(None),
        false => Ok(()),
    }
}

fn stub(
    ty: FuncType,
) -> impl Fn(Caller<'_, Host>, &[Val], &mut [Val]) -> Result<()> + Send + Sync + 'static {
    move |mut caller, _, results| {
        stress(&mut caller)?;
        for (result, ty) in results.iter_mut().zip(ty.results()) {
            *result = Val::default_for_ty(&ty).ok_or_else(|| {
                wasmtime::Error::msg(format!("a stub would have to return a {ty}"))
            })?;
        }
        Ok(())
    }
}

/// What `spectest` has besides functions, as the spec tests' own interpreter has it.
fn spectest(store: &mut Store<Host>, name: &str, ty: &ExternType) -> Result<Option<Extern>> {
    let global = |store: &mut Store<Host>, ty: ValType, value: Val| -> Result<Option<Extern>> {
        let ty = GlobalType::new(ty, Mutability::Const);
        Ok(Some(Global::new(store, ty, value)?.into()))
    };
    match name {
        "global_i32" => global(store, ValType::I32, Val::I32(666)),
        "global_i64" => global(store, ValType::I64, Val::I64(666)),
        "global_f32" => global(store, ValType::F32, Val::F32(0x4426_a666)),
        "global_f64" => global(store, ValType::F64, Val::F64(0x4084_d4cc_cccc_cccd)),
        "memory" => Ok(Some(
            Memory::new(store, MemoryType::new(1, Some(2)))?.into(),
        )),
        "table" => {
            let ty = TableType::new(RefType::FUNCREF, 10, Some(20));
            Ok(Some(Table::new(store, ty, Ref::Func(None))?.into()))
        }
        _ => {
            let _ = ty;
            Ok(None)
        }
    }
}

/// Print the arguments as the spec tests' own interpreter does; of `print_char`, a character.
fn print(mut caller: Caller<'_, Host>, arguments: &[Val], _: &mut [Val]) -> Result<()> {
    stress(&mut caller)?;
    let mut text = String::new();
    for argument in arguments {
        text += &match argument {
            Val::I32(n) => format!("{n} : i32\n"),
            Val::I64(n) => format!("{n} : i64\n"),
            Val::F32(bits) => format!("{:?} : f32\n", f32::from_bits(*bits)),
            Val::F64(bits) => format!("{:?} : f64\n", f64::from_bits(*bits)),
            _ => "a reference\n".to_string(),
        };
    }
    caller.data_mut().printed.print(text.as_bytes());
    Ok(())
}

const WASI: &str = "wasi_snapshot_preview1";

const SUCCESS: i32 = 0;
const BADF: i32 = 8;
const FAULT: i32 = 21;
const NOSYS: i32 = 52;
const SPIPE: i32 = 70;

/// A function of WASI preview 1.
fn wasi(linker: &mut Linker<Host>, (space, name): (&str, &str), ty: FuncType) -> Result<()> {
    let function = name.to_string();
    linker.func_new(
        space,
        name,
        ty.clone(),
        move |mut caller, arguments, results| {
            stress(&mut caller)?;
            let words: Vec<u64> = arguments
                .iter()
                .map(|argument| match argument {
                    Val::I32(n) => u64::from(*n as u32),
                    Val::I64(n) => *n as u64,
                    _ => 0,
                })
                .collect();
            let errno = match function.as_str() {
                "proc_exit" => {
                    let code = words.first().copied().unwrap_or_default() as i32;
                    return Err(wasmtime::Error::from(Ended(code)));
                }
                function => System::new(&mut caller)
                    .call(function, &words)
                    .unwrap_or(FAULT),
            };
            if let Some(result) = results.first_mut() {
                *result = Val::I32(errno);
            }
            Ok(())
        },
    )?;
    Ok(())
}

/// The calls of the system; `None` is a bad address.
struct System<'a, 'b> {
    caller: &'a mut Caller<'b, Host>,
    memory: Option<Memory>,
}

impl<'a, 'b> System<'a, 'b> {
    fn new(caller: &'a mut Caller<'b, Host>) -> Self {
        let memory = match caller.get_export("memory") {
            Some(Extern::Memory(memory)) => Some(memory),
            _ => None,
        };
        System { caller, memory }
    }

    fn call(&mut self, name: &str, words: &[u64]) -> Option<i32> {
        let word = |index: usize| words.get(index).copied().unwrap_or_default();
        match name {
            "fd_write" => self.fd_write(word(0), word(1), word(2), word(3)),
            "fd_read" => {
                let is_stdin = word(0) == 0;
                self.write(word(3), &0_u32.to_le_bytes())?;
                Some(if is_stdin { SUCCESS } else { BADF })
            }
            "random_get" => {
                let bytes: Vec<u8> = (0..word(1).min(1 << 24))
                    .map(|_| self.caller.data_mut().next_random())
                    .collect();
                self.write(word(0), &bytes)?;
                Some(SUCCESS)
            }
            "clock_time_get" => {
                let host = self.caller.data_mut();
                host.clock += 1_000_000;
                // NB: Not the beginning of the epoch, which some take for an error.
                let time = 1_000_000_000_000_000_000 + host.clock;
                self.write(word(2), &time.to_le_bytes())?;
                Some(SUCCESS)
            }
            "clock_res_get" => {
                self.write(word(1), &1_000_000_u64.to_le_bytes())?;
                Some(SUCCESS)
            }
            "args_sizes_get" => {
                let arguments = &self.caller.data().arguments;
                let count = arguments.len() as u32;
                let bytes: usize = arguments.iter().map(|argument| argument.len() + 1).sum();
                self.write(word(0), &count.to_le_bytes())?;
                self.write(word(1), &(bytes as u32).to_le_bytes())?;
                Some(SUCCESS)
            }
            "args_get" => {
                let (mut pointers, mut bytes) = (word(0), word(1));
                for argument in self.caller.data().arguments.clone() {
                    self.write(pointers, &(bytes as u32).to_le_bytes())?;
                    self.write(bytes, argument.as_bytes())?;
                    self.write(bytes + argument.len() as u64, &[0])?;
                    pointers += 4;
                    bytes += argument.len() as u64 + 1;
                }
                Some(SUCCESS)
            }
            "environ_sizes_get" => {
                self.write(word(0), &0_u32.to_le_bytes())?;
                self.write(word(1), &0_u32.to_le_bytes())?;
                Some(SUCCESS)
            }
            "environ_get" | "sched_yield" => Some(SUCCESS),
            "fd_fdstat_get" if word(0) < 3 => {
                // A character device that may be read and written.
                let mut stat = [0; 24];
                stat[0] = 2;
                stat[8] = 0x42;
                self.write(word(1), &stat)?;
                Some(SUCCESS)
            }
            "fd_close" if word(0) < 3 => Some(SUCCESS),
            "fd_seek" if word(0) < 3 => Some(SPIPE),
            "poll_oneoff" => {
                self.write(word(3), &0_u32.to_le_bytes())?;
                Some(SUCCESS)
            }
            name if name.starts_with("fd_") || name.starts_with("path_") => Some(BADF),
            _ => Some(NOSYS),
        }
    }

    /// What is written to standard output and error is what the program prints.
    fn fd_write(&mut self, fd: u64, vectors: u64, count: u64, written: u64) -> Option<i32> {
        if !matches!(fd, 1 | 2) {
            return Some(BADF);
        }
        let mut total = 0_u64;
        for index in 0..count {
            let at = vectors.checked_add(8 * index)?;
            let (start, len) = (self.word(at)?, self.word(at + 4)?);
            let memory = self.memory?;
            let (data, host) = memory.data_and_store_mut(&mut *self.caller);
            let bytes = data.get(start as usize..)?.get(..len as usize)?;
            host.printed.print(bytes);
            total += u64::from(len);
        }
        self.write(written, &(total as u32).to_le_bytes())?;
        Some(SUCCESS)
    }

    fn word(&self, at: u64) -> Option<u32> {
        let data = self.memory?.data(&*self.caller);
        let bytes = data.get(usize::try_from(at).ok()?..)?.first_chunk::<4>()?;
        Some(u32::from_le_bytes(*bytes))
    }

    fn write(&mut self, at: u64, bytes: &[u8]) -> Option<()> {
        let at = usize::try_from(at).ok()?;
        self.memory?.write(&mut *self.caller, at, bytes).ok()
    }
}
