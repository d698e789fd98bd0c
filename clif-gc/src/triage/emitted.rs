//! The function of a module that fails, as CLIF that fails without its module.

use super::ask;
use super::protocol::{Request, Wish};
use super::reproduce::Case;
use crate::configuration::{Inlining, Mode};
use crate::job::Job;
use crate::supervise;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// Write the functions of `module` to a directory below `scratch`, and find one that fails as `case` does.
/// Also counts the functions that were tried.
///
/// # Errors
///
/// If the directory cannot be used.
pub fn function(
    case: &Case,
    module: &Path,
    scratch: &Path,
) -> Result<(Option<(PathBuf, String)>, u64), String> {
    let directory = scratch.join("emitted");
    let failed = |error: std::io::Error| error.to_string();
    std::fs::create_dir_all(&directory).map_err(failed)?;
    let wish = &case.wish;
    let job = Job {
        name: "module".to_string(),
        targets: wish.target.iter().cloned().collect(),
        collectors: wish.collector.into_iter().collect(),
        opt_levels: wish.opt_level.into_iter().collect(),
        embeddings: wish.embedding.into_iter().collect(),
        inlining: Inlining::Embedding,
        mode: Mode::Check,
        without_checks: Vec::new(),
        allowed: Vec::new(),
        functions: Vec::new(),
        all_rewrites: case.all_rewrites,
        rewrites: false,
        rejected_only: false,
        threads: 1,
        stack_size: usize::try_from(case.limits.stack).unwrap_or(usize::MAX),
        memory_limit: case.limits.memory,
        first_unit: 0,
    };
    supervise::judge(module, Some(&directory), &job, case.limits.time, &|_| ());
    let mut files: Vec<PathBuf> = std::fs::read_dir(&directory)
        .map_err(failed)?
        .filter_map(|entry| Some(entry.ok()?.path()))
        .collect();
    files.sort();
    let mut child = ask::Child::new(None, case.limits.clone());
    let mut tried = 0;
    for file in files {
        tried += 1;
        let request = Request {
            path: OsString::from(&file),
            // NB: A file of CLIF tells itself how it is compiled.
            wish: Wish::default(),
            ..case.request()
        };
        if case.failure.is_in(&child.ask(&request), true) == Some(true) {
            let text = std::fs::read_to_string(&file).map_err(failed)?;
            return Ok((Some((file, text)), tried));
        }
    }
    Ok((None, tried))
}
