//! Where inputs come from.

use super::Args;
use super::inputs::Inputs;
use crate::base::project::Project;
use anyhow::{Result, ensure};
use std::path::{Path, PathBuf};

/// Inputs of one kind.
#[derive(Debug)]
pub struct Source {
    /// What it is called in the table.
    pub name: String,
    /// Files and directories.
    pub paths: Vec<PathBuf>,
    /// Whether each path gets a run of its own.
    pub one_by_one: bool,
    /// Whether the files themselves say for what they are compiled.
    pub as_they_say: bool,
    /// Whether rewrites are judged that are about no reference.
    pub all_rewrites: bool,
}

impl Source {
    fn new(name: &str, paths: Vec<PathBuf>) -> Self {
        Self {
            name: name.into(),
            paths,
            one_by_one: false,
            as_they_say: false,
            all_rewrites: false,
        }
    }
}

/// The corpus, where the project is developed.
const CORPUS: &str = "../shared/corpus";
/// Its directories of modules that the compiler accepts.
const CORPUS_PARTS: [&str; 3] = ["gc", "generated", "nongc"];
/// Random functions for the optimizer's rules.
const RANDOM_CLIF: u64 = 200;

/// The sources that are asked for, their files written.
pub fn find(project: &Project, inputs: &Inputs, args: &Args) -> Result<Vec<Source>> {
    let root = project.root();
    let asked =
        |name: &str| args.only.is_empty() || args.only.iter().any(|text| name.contains(text));
    let mut sources = Vec::new();
    if asked("spec tests") {
        let paths = vec![inputs.write("spec", "spec", &[])?];
        sources.push(Source::new("spec tests", paths));
    }
    let programs = programs(root)?;
    if asked("project programs") {
        sources.push(Source::new("project programs", programs.clone()));
    }
    if asked("accepted .clif") {
        sources.push(Source::new("accepted .clif", accepted_clif(root)?));
    }
    if asked("emitted .clif") {
        sources.push(Source {
            as_they_say: true,
            ..Source::new("emitted .clif", vec![inputs.emit("emitted", &programs)?])
        });
    }
    if asked("random .clif, all rewrites") {
        let paths = vec![inputs.write("random", "clif", &[args.seed, RANDOM_CLIF])?];
        sources.push(Source {
            all_rewrites: true,
            ..Source::new("random .clif, all rewrites", paths)
        });
    }
    if asked("wasm-smith") && args.smith > 0 {
        let paths = vec![inputs.write("smith", "smith", &[args.seed, args.smith])?];
        sources.push(Source::new("wasm-smith", paths));
    }
    for (name, paths) in corpus(root, &args.corpus)? {
        if asked(&name) {
            sources.push(Source {
                one_by_one: true,
                ..Source::new(&name, paths)
            });
        }
    }
    ensure!(!sources.is_empty(), "no source is called so");
    Ok(sources)
}

/// The project's own Wasm programs.
fn programs(root: &Path) -> Result<Vec<PathBuf>> {
    let mut programs = files(&root.join("filetests/wasm"), &["wat"])?;
    programs.extend(files(&root.join("filetests/replay"), &["wat"])?);
    Ok(programs)
}

/// What a filetest says that is not meant to be accepted as a whole: it is to be rejected, is too hard,
/// is a test of one pass whose input does not matter, or is of a bug of the unmodified compiler.
const NOT_ACCEPTED: [&str; 5] = [
    "; error",
    "; inconclusive",
    "pass=",
    "test gc-optimize",
    "wasmtime#14323",
];

/// The project's own CLIF that is accepted.
fn accepted_clif(root: &Path) -> Result<Vec<PathBuf>> {
    let mut accepted = files(&root.join("filetests/replay"), &["clif"])?;
    for path in files_below(&root.join("filetests/gc-verify"), &["clif"])? {
        let text = fs_err::read_to_string(&path)?;
        if !NOT_ACCEPTED.iter().any(|mark| text.contains(mark)) {
            accepted.push(path);
        }
    }
    let examples = files(&root.join("clif-gc/src/explain"), &["clif"])?;
    let is_accepted = |path: &PathBuf| path.to_string_lossy().ends_with("-accepted.clif");
    accepted.extend(examples.into_iter().filter(is_accepted));
    Ok(accepted)
}

/// Each directory of modules, with its name.
fn corpus(root: &Path, asked: &[PathBuf]) -> Result<Vec<(String, Vec<PathBuf>)>> {
    let default = root.join(CORPUS);
    let directories: Vec<PathBuf> = match asked {
        [] if default.is_dir() => vec![default],
        [] => Vec::new(),
        asked => asked
            .iter()
            .map(std::path::absolute)
            .collect::<Result<_, _>>()?,
    };
    let mut sources = Vec::new();
    for directory in &directories {
        let parts = CORPUS_PARTS.map(|part| directory.join(part));
        let mut parts: Vec<_> = parts.iter().filter(|part| part.is_dir()).collect();
        if parts.is_empty() {
            parts.push(directory);
        }
        for part in parts {
            let files = files(part, &["wasm", "wat", "wast", "clif"])?;
            ensure!(!files.is_empty(), "{} has no modules", part.display());
            let name = part.file_name().unwrap_or_default().to_string_lossy();
            sources.push((format!("corpus {name}"), files));
        }
    }
    Ok(sources)
}

/// The files of a directory with one of these extensions, sorted.
fn files(directory: &Path, extensions: &[&str]) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in fs_err::read_dir(directory)? {
        let path = entry?.path();
        let extension = path.extension().unwrap_or_default().to_string_lossy();
        if path.is_file() && extensions.contains(&&*extension) {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

/// Those of the directories in it, too.
fn files_below(directory: &Path, extensions: &[&str]) -> Result<Vec<PathBuf>> {
    let mut files = files(directory, extensions)?;
    for entry in fs_err::read_dir(directory)? {
        let path = entry?.path();
        if path.is_dir() {
            files.extend(files_below(&path, extensions)?);
        }
    }
    files.sort();
    Ok(files)
}
