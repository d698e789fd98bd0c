//! A host that does the same each time: what a program prints is kept, random numbers are not.

use crate::setup::Setup;
use anyhow::Result;
use wasmtime::{Caller, Extern, Linker, Module, Store, Trap, Val};

/// What a program did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// What it printed.
    pub output: Vec<u8>,
    /// The results of its main function, or the trap that it ended with.
    pub end: String,
}

/// Compile `wasm` as `setup` says, and run its `main`, or its `_start`.
///
/// Its imports may be `spectest.print_char`, what `wasi_snapshot_preview1` has of `fd_write`, `poll_oneoff` and
/// `random_get`, and `"" "gc"`, which collects; any other function traps.
///
/// # Errors
///
/// If it does not compile, or exports neither.
pub fn run_module(setup: &Setup, wasm: &[u8]) -> Result<Outcome> {
    let engine = setup.engine()?;
    let module = Module::new(&engine, wasm)?;
    let mut linker = Linker::<Vec<u8>>::new(&engine);
    linker.func_wrap("", "gc", |mut caller: Caller<'_, Vec<u8>>| caller.gc(None))?;
    linker.func_wrap("spectest", "print_char", print_char)?;
    let wasi = "wasi_snapshot_preview1";
    linker.func_wrap(wasi, "fd_write", fd_write)?;
    linker.func_wrap(wasi, "random_get", random_get)?;
    linker.func_wrap(wasi, "poll_oneoff", |_: i32, _: i32, _: i32, _: i32| 0)?;
    linker.define_unknown_imports_as_traps(&module)?;
    let mut store = Store::new(&engine, Vec::new());
    let instance = linker.instantiate(&mut store, &module)?;
    let main = ["main", "_start"].into_iter();
    let main = main
        .filter_map(|name| instance.get_func(&mut store, name))
        .next();
    let main = main.ok_or_else(|| anyhow::anyhow!("it exports neither `main` nor `_start`"))?;
    let results = main.ty(&store).results().len();
    let mut results = vec![Val::I32(0); results];
    let end = match main.call(&mut store, &[], &mut results) {
        Ok(()) if results.is_empty() => "it returns".to_string(),
        Ok(()) => shown(&results),
        Err(error) => match error.downcast_ref::<Trap>() {
            Some(trap) => format!("trap: {trap}"),
            // NB: Not the backtrace, whose addresses are those of the code.
            None => format!("error: {}", error.root_cause()),
        },
    };
    let output = store.into_data();
    Ok(Outcome { output, end })
}

/// The machine code that `wasm` becomes as `setup` says.
///
/// # Errors
///
/// If it does not compile.
pub fn code(setup: &Setup, wasm: &[u8]) -> Result<Vec<u8>> {
    let module = Module::new(&setup.engine()?, wasm)?;
    Ok(module.text().to_vec())
}

fn shown(results: &[Val]) -> String {
    let results = results.iter().map(|result| match result {
        Val::I32(n) => n.to_string(),
        Val::I64(n) => n.to_string(),
        Val::F32(bits) => format!("{:?}", f32::from_bits(*bits)),
        Val::F64(bits) => format!("{:?}", f64::from_bits(*bits)),
        // NB: Where objects are is not what programs do.
        Val::AnyRef(reference) => format!("anyref {}", reference.is_some()),
        _ => "another value".to_string(),
    });
    results.collect::<Vec<_>>().join(", ")
}

fn print_char(mut caller: Caller<'_, Vec<u8>>, char: i32) {
    let char = char::from_u32(char as u32).unwrap_or(char::REPLACEMENT_CHARACTER);
    let mut buffer = [0; 4];
    let bytes = char.encode_utf8(&mut buffer).as_bytes();
    caller.data_mut().extend_from_slice(bytes);
}

/// WASI's `errno` for a bad address.
const EFAULT: i32 = 21;

fn memory(caller: &mut Caller<'_, Vec<u8>>) -> Option<wasmtime::Memory> {
    match caller.get_export("memory") {
        Some(Extern::Memory(memory)) => Some(memory),
        _ => None,
    }
}

/// Keep what is written, to whatever file.
fn fd_write(
    mut caller: Caller<'_, Vec<u8>>,
    _fd: i32,
    vectors: i32,
    count: i32,
    written: i32,
) -> i32 {
    let Some(memory) = memory(&mut caller) else {
        return EFAULT;
    };
    let data = memory.data(&caller);
    let word = |at: u32| {
        let bytes = data.get(at as usize..)?.first_chunk::<4>()?;
        Some(u32::from_le_bytes(*bytes))
    };
    let mut output = Vec::new();
    for index in 0..count as u32 {
        let vector = (vectors as u32).wrapping_add(8 * index);
        let range = word(vector).zip(word(vector.wrapping_add(4)));
        let bytes = range.and_then(|(start, len)| data.get(start as usize..)?.get(..len as usize));
        match bytes {
            Some(bytes) => output.extend_from_slice(bytes),
            None => return EFAULT,
        }
    }
    let len = output.len() as u32;
    caller.data_mut().extend_from_slice(&output);
    match memory.write(&mut caller, written as u32 as usize, &len.to_le_bytes()) {
        Ok(()) => 0,
        Err(_) => EFAULT,
    }
}

/// Numbers that are as good as random, and the same each time.
fn random_get(mut caller: Caller<'_, Vec<u8>>, start: i32, len: i32) -> i32 {
    let Some(memory) = memory(&mut caller) else {
        return EFAULT;
    };
    let bytes: Vec<u8> = (0..len as u32).map(|i| (i * 37 + 11) as u8).collect();
    match memory.write(&mut caller, start as u32 as usize, &bytes) {
        Ok(()) => 0,
        Err(_) => EFAULT,
    }
}
