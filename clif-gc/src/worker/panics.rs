//! Panics, as diagnostics.

use crate::diagnostic::{Diagnostic, Kind, Result};
use crate::text::shorten;
use cranelift_codegen::ir::UserFuncName;
use std::backtrace::{Backtrace, BacktraceStatus};
use std::panic::{self, AssertUnwindSafe, PanicHookInfo};
use std::sync::{Mutex, PoisonError};

/// The last panic, if nobody has asked for it yet.
static LAST: Mutex<Option<Diagnostic>> = Mutex::new(None);

/// The function that the thread of the last panic had begun last. What panics may be the one after it.
static SUSPECT: Mutex<Option<UserFuncName>> = Mutex::new(None);

/// From now on, remember panics instead of printing them.
pub fn record() {
    panic::set_hook(Box::new(|info| {
        let backtrace = Backtrace::capture();
        let diagnostic = Diagnostic {
            backtrace: match backtrace.status() {
                BacktraceStatus::Captured => Some(backtrace.to_string()),
                _ => None,
            },
            ..describe(info)
        };
        *SUSPECT.lock().unwrap_or_else(PoisonError::into_inner) = super::observer::current();
        // NB: If the panic ends the process, the parent finds this line.
        eprintln!("{}", diagnostic.message);
        *LAST.lock().unwrap_or_else(PoisonError::into_inner) = Some(diagnostic);
    }));
}

/// The function that the compiler may have panicked over.
pub fn suspect() -> Option<UserFuncName> {
    SUSPECT
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .take()
}

/// Do `work`, or say how it panicked.
///
/// What `work` leaves behind after a panic must not be used, but for locks, which may be poisoned.
pub fn catch<R>(work: impl FnOnce() -> Result<R>) -> Result<R> {
    panic::catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|_| {
        let last = LAST.lock().unwrap_or_else(PoisonError::into_inner).take();
        let unknown = || Diagnostic::new(Kind::Panic, "the compiler panicked");
        Err(Box::new(last.unwrap_or_else(unknown)))
    })
}

fn describe(info: &PanicHookInfo<'_>) -> Diagnostic {
    let message = info.payload_as_str().unwrap_or("of unknown cause");
    let message = shorten(message.lines().next().unwrap_or_default(), 300);
    let location = info.location();
    let who = match location {
        Some(location) if is_ours(location.file()) => "clif-gc",
        _ => "the compiler",
    };
    let diagnostic = Diagnostic::new(Kind::Panic, format!("{who} panicked: {message}"));
    match location {
        Some(location) => diagnostic.note(format!(
            "at {}:{}:{}",
            public_path(location.file()),
            location.line(),
            location.column()
        )),
        None => diagnostic,
    }
}

fn is_ours(file: &str) -> bool {
    ["clif-gc/src", "cranelift-gc-verifier/src"]
        .iter()
        .any(|ours| file.contains(ours))
}

/// The path of a source file from its crate on, because the rest depends on who built this.
fn public_path(file: &str) -> &str {
    // Generated code: `…/build/CRATE-HASH/out/FILE`.
    if let Some((_, generated)) = file.rsplit_once("/out/") {
        return generated;
    }
    if let Some((_, path)) = file.split_once("registry/src/") {
        return path.split_once('/').map_or(path, |(_, path)| path);
    }
    ["upstream/", "library/"]
        .iter()
        .find_map(|root| file.split_once(root))
        .map_or(file, |(_, path)| path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_do_not_tell_who_built_this() {
        let cases = [
            (
                "/home/me/main/upstream/cranelift/codegen/src/a.rs",
                "cranelift/codegen/src/a.rs",
            ),
            (
                "upstream/crates/wasmtime/src/a.rs",
                "crates/wasmtime/src/a.rs",
            ),
            (
                "/home/me/.cargo/registry/src/an.example-1/foo-1.0.0/src/a.rs",
                "foo-1.0.0/src/a.rs",
            ),
            (
                "/rustc/0123/library/core/src/result.rs",
                "core/src/result.rs",
            ),
            (
                "/home/me/target/release/build/foo-0123/out/inst.rs",
                "inst.rs",
            ),
            ("clif-gc/src/worker/mod.rs", "clif-gc/src/worker/mod.rs"),
        ];
        for (file, public) in cases {
            assert_eq!(public_path(file), public);
        }
    }
}
