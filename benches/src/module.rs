//! Whole modules.

use crate::mode::{Mode, Switch};
use crate::stats::{Effort, Rounds, measure};
use anyhow::{Context, Result, ensure};
use std::path::{Path, PathBuf};
use wasmtime::Engine;

/// A module in the binary format.
pub struct Module {
    /// Its file's name.
    pub name: String,
    /// What is in it.
    pub bytes: Vec<u8>,
}

/// The modules below a directory that are not larger than `most` bytes, and the names of those that
/// are.
///
/// # Errors
///
/// Fails if there is none, or one cannot be read.
pub fn find(directory: &Path, most: u64) -> Result<(Vec<Module>, Vec<String>)> {
    let mut paths = Vec::new();
    collect(directory, &mut paths)?;
    paths.sort();
    let (mut modules, mut larger) = (Vec::new(), Vec::new());
    for path in paths {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        match std::fs::metadata(&path)?.len() > most {
            true => larger.push(name.into_owned()),
            false => modules.push(Module {
                bytes: read(&path)?,
                name: name.into_owned(),
            }),
        }
    }
    ensure!(!modules.is_empty(), "no modules in {}", directory.display());
    Ok((modules, larger))
}

fn collect(directory: &Path, paths: &mut Vec<PathBuf>) -> Result<()> {
    let entries = std::fs::read_dir(directory);
    for entry in entries.with_context(|| format!("cannot read {}", directory.display()))? {
        let path = entry?.path();
        let is_module = path.extension().is_some_and(|e| e == "wasm" || e == "wat");
        // Of modules on which the compiler fails, nothing can be measured.
        if path.is_dir() && !path.ends_with("upstream-failures") {
            collect(&path, paths)?;
        } else if path.is_file() && is_module {
            paths.push(path);
        }
    }
    Ok(())
}

fn read(path: &Path) -> Result<Vec<u8>> {
    let bytes = std::fs::read(path)?;
    if path.extension().is_some_and(|e| e == "wasm") {
        return Ok(bytes);
    }
    encode(&String::from_utf8(bytes)?)
}

/// A module from its text.
///
/// # Errors
///
/// Fails if it is not one.
pub fn encode(text: &str) -> Result<Vec<u8>> {
    let buffer = wast::parser::ParseBuffer::new(text)?;
    let mut wat: wast::Wat = wast::parser::parse(&buffer)?;
    Ok(wat.encode()?)
}

/// How long modules take to compile, together, in each mode.
///
/// # Errors
///
/// Fails if a module does not compile.
pub fn time(modules: &[&Module], switch: &Switch, effort: Effort) -> Result<Rounds> {
    let engines = Mode::ALL.map(|mode| {
        let mut config = gc_configurations::measured();
        mode.configure(&mut config);
        Engine::new(&config).map(|engine| (mode, engine))
    });
    let engines: Vec<_> = engines
        .into_iter()
        .collect::<Result<_, wasmtime::Error>>()
        .map_err(|error| anyhow::anyhow!("{error:#}"))?;
    let mut failure = None;
    let rounds = measure(&Mode::ALL, effort, |mode| {
        switch.select(mode);
        let of_mode = engines.iter().find(|(of, _)| *of == mode);
        let (_, engine) = of_mode.expect("there is one for each mode");
        for module in modules {
            if let Err(error) = engine.precompile_module(&module.bytes) {
                failure = Some(format!("{}: {error:#}", module.name));
            }
        }
    });
    ensure!(failure.is_none(), "{}", failure.unwrap_or_default());
    Ok(rounds)
}
