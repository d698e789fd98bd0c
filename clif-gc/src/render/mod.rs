//! Shows what was found.

mod diagnostic;
mod finding;
pub mod json;
mod refused;
pub mod style;
mod summary;
mod undecided;

pub use diagnostic::diagnostics;
pub use finding::findings;
pub use refused::refused;
pub use summary::Summary;
pub use undecided::undecided;

use std::io::{self, Write};

/// Print to standard output, with colours if they are wanted there.
///
/// NB: A reader that has seen enough closes the pipe, which is no failure of ours.
pub fn to_stdout(text: &str) {
    let _ = print(anstream::AutoStream::auto(io::stdout()), text);
}

/// Print to standard error, with colours if they are wanted there.
pub fn to_stderr(text: &str) {
    let _ = print(anstream::AutoStream::auto(io::stderr()), text);
}

fn print(mut stream: impl Write, text: &str) -> io::Result<()> {
    stream.write_all(text.as_bytes())?;
    stream.flush()
}
