//! The same program with the debug assertions of Cranelift and Wasmtime, as a second build.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The variable that names such a program; there is none, if it is empty.
const VARIABLE: &str = "CLIF_GC_ASSERTIONS";

/// Such a program, or why there is none.
pub enum Assertions {
    /// This one.
    Program(PathBuf),
    /// There is none.
    None(String),
}

/// The program with assertions, if there is one; if it is asked for, it is built first.
pub fn program(build: bool) -> Assertions {
    const UNBUILT: &str = "not built; --assertions builds it";
    if let Some(program) = std::env::var_os(VARIABLE).map(PathBuf::from) {
        if program.as_os_str().is_empty() {
            return Assertions::None(UNBUILT.to_string());
        }
        return match program.is_file() {
            true => Assertions::Program(program),
            false => Assertions::None(format!("{VARIABLE} names no file")),
        };
    }
    // NB: Where this was built. It need not be there any more.
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let Some(root) = here
        .parent()
        .filter(|root| root.join("Cargo.toml").is_file())
    else {
        return Assertions::None("the sources are not here; set CLIF_GC_ASSERTIONS".to_string());
    };
    let target = root.join("target/assertions");
    let program = target.join("release/clif-gc");
    if build {
        return match make(root, &target) {
            Ok(()) => Assertions::Program(program),
            Err(error) => Assertions::None(error),
        };
    }
    match program.is_file() {
        true => Assertions::Program(program),
        false => Assertions::None(UNBUILT.to_string()),
    }
}

fn make(root: &Path, target: &Path) -> Result<(), String> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command
        .current_dir(root)
        .args(["build", "--release", "-p", "clif-gc", "--target-dir"])
        .arg(target)
        .args(["--config", "profile.release.debug-assertions=true"])
        .args(["--config", "profile.release.overflow-checks=true"])
        .stdin(Stdio::null())
        .stdout(Stdio::null());
    let mut ward = super::cleanup::spawn(&mut command)
        .map_err(|error| format!("cannot start cargo: {error}"))?;
    match ward.child.wait() {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!("it does not build: {status}")),
        Err(error) => Err(format!("it does not build: {error}")),
    }
}
