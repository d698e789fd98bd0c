//! Shows what was found.

mod diagnostic;
mod finding;
pub mod github;
pub mod group;
pub mod json;
mod refused;
pub mod sarif;
pub mod style;
mod summary;
mod undecided;
mod width;

pub use diagnostic::diagnostics;
pub use finding::{allowed, findings};
pub use refused::refused;
pub use summary::Summary;
pub use undecided::undecided;

use std::io::{self, Write};
use std::sync::atomic::{AtomicBool, Ordering};

/// Could the result not be written?
static IS_UNWRITTEN: AtomicBool = AtomicBool::new(false);

/// Could some of what was to be printed not be?
pub fn is_unwritten() -> bool {
    IS_UNWRITTEN.load(Ordering::Relaxed)
}

/// Print to standard output, with colours if they are wanted there.
pub fn to_stdout(text: &str) {
    tell(print(anstream::AutoStream::auto(io::stdout()), text));
}

/// Tell that the result cannot be written, once.
///
/// NB: A reader that has seen enough closes the pipe, which is no failure of ours.
pub fn tell(written: io::Result<()>) {
    match written {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {}
        Err(error) => {
            if !IS_UNWRITTEN.swap(true, Ordering::Relaxed) {
                to_stderr(&format!("error: cannot write the result: {error}\n"));
            }
        }
    }
}

/// Print to standard error, with colours if they are wanted there.
pub fn to_stderr(text: &str) {
    let _ = print(anstream::AutoStream::auto(io::stderr()), text);
}

fn print(mut stream: impl Write, text: &str) -> io::Result<()> {
    stream.write_all(text.as_bytes())?;
    stream.flush()
}
