//! `clif-gc explain`.

mod catalogue;

use crate::cli::ExplainArgs;
use crate::exit::Exit;
use crate::render;
use crate::render::style::{FRAME, STRONG, paint};
use catalogue::{Examples, examples};
use cranelift_gc_verifier::{About, Code};
use std::fmt::Write;

/// Say what a check means, or which there are.
pub fn run(args: &ExplainArgs) -> Exit {
    render::to_stdout(&match args.code {
        Some(code) => one(code),
        None => all(),
    });
    Exit::Verified
}

fn all() -> String {
    let mut out = String::new();
    for code in Code::ALL {
        // NB: Writing to a string cannot fail.
        let _ = writeln!(
            out,
            "{}  {:<22} {}",
            paint(STRONG, code),
            code.name(),
            code.invariant()
        );
    }
    out += "\n`clif-gc explain CODE` tells more about one of them.\n";
    out
}

fn one(code: Code) -> String {
    let &About { meaning, bugs, .. } = code.about();
    let Examples { rejected, accepted } = examples(code);
    let mut out = String::new();
    let _ = writeln!(
        out,
        "{}\n",
        paint(STRONG, format_args!("{code} {}", code.name()))
    );
    let _ = writeln!(out, "What must hold: {}.\n\n{meaning}\n", code.invariant());
    let _ = writeln!(out, "{}\n\n{}", heading("Rejected"), indented(rejected));
    let _ = writeln!(out, "{}\n\n{}", heading("Accepted"), indented(accepted));
    let _ = writeln!(
        out,
        "{}\n",
        heading("Bugs of this kind in Wasmtime and Cranelift")
    );
    for (issues, what) in bugs {
        let _ = writeln!(out, "  {issues}: {what}");
    }
    out
}

fn heading(text: &str) -> String {
    paint(FRAME, text)
}

fn indented(text: &str) -> String {
    text.lines()
        .map(|line| format!("  {line}").trim_end().to_string() + "\n")
        .collect()
}
