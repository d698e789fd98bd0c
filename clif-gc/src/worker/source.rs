//! Reads a file and finds out what is in it.

use crate::diagnostic::{Diagnostic, Kind, Result};
use crate::kind::{FileKind, MAGIC};
use crate::snippet::Snippet;
use crate::text::printable;
use std::path::Path;
use wast::lexer::Lexer;
use wast::parser::{self, ParseBuffer};
use wast::{QuoteWat, Wast, WastDirective, WastExecute, Wat};

/// What is in a file.
pub enum Source {
    /// Wasm modules.
    Modules(Vec<Module>),
    /// CLIF.
    Clif(String),
}

/// A module of a file.
pub struct Module {
    /// What to add to the name of the file to name it.
    pub suffix: String,
    /// It as a binary, or why it is none.
    pub bytes: Result<Vec<u8>>,
}

impl Source {
    /// Read the file at `path`.
    pub fn read(path: &Path) -> Result<Source> {
        let bytes =
            std::fs::read(path).map_err(|error| failed(Kind::Unreadable, error.to_string()))?;
        match FileKind::of(path, &bytes) {
            Some(FileKind::Wasm) if bytes.starts_with(MAGIC) => Ok(single(bytes)),
            Some(FileKind::Wasm) => Err(not_wasm(&bytes)),
            Some(FileKind::Wat) => Ok(single(wat(text(&bytes)?)?)),
            Some(FileKind::Wast) => Ok(Source::Modules(script(text(&bytes)?)?)),
            Some(FileKind::Clif) => Ok(Source::Clif(text(&bytes)?.to_string())),
            None => Err(failed(
                Kind::NotAModule,
                "unknown kind of file; expected .clif, .wasm, .wast or .wat".to_string(),
            )),
        }
    }
}

fn single(bytes: Vec<u8>) -> Source {
    Source::Modules(vec![Module {
        suffix: String::new(),
        bytes: Ok(bytes),
    }])
}

fn failed(kind: Kind, message: String) -> Box<Diagnostic> {
    Box::new(Diagnostic::new(kind, message))
}

/// What is said of components.
pub fn component() -> Diagnostic {
    Diagnostic::new(
        Kind::NotAModule,
        "a component; only core modules can be verified",
    )
}

fn not_wasm(bytes: &[u8]) -> Box<Diagnostic> {
    if bytes.is_empty() {
        return failed(Kind::NotAModule, "the file is empty".to_string());
    }
    let start = &bytes[..bytes.len().min(8)];
    let diagnostic = Diagnostic::new(
        Kind::NotAModule,
        "not a Wasm binary: it does not start with `\\0asm`",
    )
    .note(format!("it starts with `{}`", start.escape_ascii()));
    Box::new(match bytes.trim_ascii_start().starts_with(b"(") {
        true => diagnostic.note("Wasm text belongs into a file named .wat or .wast"),
        false => diagnostic,
    })
}

fn text(bytes: &[u8]) -> Result<&str> {
    std::str::from_utf8(bytes).map_err(|error| {
        let valid = error.valid_up_to();
        // NB: The place is in the text up to the first bad byte, which is valid.
        let line_start = bytes[..valid].iter().rposition(|&b| b == b'\n');
        let line_start = line_start.map_or(0, |i| i + 1);
        let lossy = String::from_utf8_lossy(&bytes[..(valid + 80).min(bytes.len())]);
        Box::new(
            Diagnostic::new(
                Kind::Syntax,
                format!("invalid UTF-8: byte {:#04x}", bytes[valid]),
            )
            .at(Snippet::new(&lossy, valid.max(line_start), valid + 1)),
        )
    })
}

/// Spec tests have names in all the writing systems, some of which could confuse a reader.
fn lex(text: &str) -> Result<ParseBuffer<'_>> {
    let mut lexer = Lexer::new(text);
    lexer.allow_confusing_unicode(true);
    ParseBuffer::new_with_lexer(lexer).map_err(|error| syntax(text, &error))
}

fn wat(text: &str) -> Result<Vec<u8>> {
    let buffer = lex(text)?;
    let mut wat: Wat = parser::parse(&buffer).map_err(|error| syntax(text, &error))?;
    wat.encode().map_err(|error| syntax(text, &error))
}

/// The modules of a script that it does not say to be malformed or invalid.
fn script(text: &str) -> Result<Vec<Module>> {
    let buffer = lex(text)?;
    let script: Wast = parser::parse(&buffer).map_err(|error| syntax(text, &error))?;
    let mut found = Vec::new();
    collect(script.directives, &mut found);
    let mut lines = Lines::new(text);
    let places: Vec<_> = found
        .iter()
        .map(|module| lines.place(module.span().offset()))
        .collect();
    Ok(found
        .into_iter()
        .enumerate()
        .map(|(i, module)| Module {
            suffix: suffix(&places, i),
            bytes: encode(text, module),
        })
        .collect())
}

fn encode(text: &str, mut module: QuoteWat<'_>) -> Result<Vec<u8>> {
    let is_quoted = matches!(module, QuoteWat::QuoteModule(..));
    let span = module.span();
    module.encode().map_err(|error| match is_quoted {
        // The error's place is one in the quoted text.
        true => syntax(text, &wast::Error::new(span, error.message())),
        false => syntax(text, &error),
    })
}

/// `:LINE`, or `:LINE:COLUMN` if there are more modules on the line.
fn suffix(places: &[(usize, usize)], i: usize) -> String {
    let (line, column) = places[i];
    let is_alone = places.iter().filter(|place| place.0 == line).count() == 1;
    match is_alone {
        true => format!(":{line}"),
        false => format!(":{line}:{column}"),
    }
}

fn collect<'a>(directives: Vec<WastDirective<'a>>, modules: &mut Vec<QuoteWat<'a>>) {
    for directive in directives {
        match directive {
            WastDirective::Module(module) | WastDirective::ModuleDefinition(module) => {
                modules.push(module);
            }
            // These are valid modules, too.
            WastDirective::AssertUnlinkable { module, .. } => modules.push(QuoteWat::Wat(module)),
            WastDirective::AssertTrap { exec, .. }
            | WastDirective::AssertReturn { exec, .. }
            | WastDirective::AssertException { exec, .. }
            | WastDirective::AssertSuspension { exec, .. } => {
                if let WastExecute::Wat(module) = exec {
                    modules.push(QuoteWat::Wat(module));
                }
            }
            WastDirective::Thread(thread) => collect(thread.directives, modules),
            WastDirective::AssertMalformed { .. }
            | WastDirective::AssertInvalid { .. }
            | WastDirective::AssertMalformedCustom { .. }
            | WastDirective::AssertInvalidCustom { .. }
            | WastDirective::ModuleInstance { .. }
            | WastDirective::Register { .. }
            | WastDirective::Invoke(_)
            | WastDirective::AssertExhaustion { .. }
            | WastDirective::Wait { .. } => {}
        }
    }
}

fn syntax(text: &str, error: &wast::Error) -> Box<Diagnostic> {
    let message = error.message();
    if message.contains("parsing components disabled") {
        return Box::new(component());
    }
    let mut lines = message.lines();
    let first = lines.next().unwrap_or_default();
    let mut diagnostic = Diagnostic::new(Kind::Syntax, printable(first));
    diagnostic
        .notes
        .extend(lines.map(|line| printable(line).into_owned()));
    let start = error.span().offset();
    Box::new(diagnostic.at(Snippet::new(text, start, token_end(text, start))))
}

/// Where the token that begins at `start` ends, roughly.
fn token_end(text: &str, start: usize) -> usize {
    let rest = text.get(start..).unwrap_or_default();
    let is_end = |c: char| c.is_whitespace() || matches!(c, '(' | ')' | ';');
    start + rest.find(is_end).unwrap_or(rest.len()).max(1)
}

/// Finds the lines of places that come in ascending order.
struct Lines<'a> {
    text: &'a str,
    offset: usize,
    line: usize,
    line_start: usize,
}

impl<'a> Lines<'a> {
    fn new(text: &'a str) -> Self {
        Lines {
            text,
            offset: 0,
            line: 1,
            line_start: 0,
        }
    }

    /// The line and column of this offset, both from 1.
    fn place(&mut self, offset: usize) -> (usize, usize) {
        if offset < self.offset {
            *self = Lines::new(self.text);
        }
        let offset = self.text.floor_char_boundary(offset);
        for (i, _) in self.text[self.offset..offset].match_indices('\n') {
            self.line += 1;
            self.line_start = self.offset + i + 1;
        }
        self.offset = offset;
        let column = self.text[self.line_start..offset].chars().count() + 1;
        (self.line, column)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn suffixes(text: &str) -> Vec<String> {
        let modules = script(text).unwrap_or_else(|error| panic!("{error:?}"));
        modules.into_iter().map(|module| module.suffix).collect()
    }

    #[test]
    fn valid_modules_of_a_script_are_found() {
        let text = r#"
            (module $a)
            (assert_invalid (module (func (result i32))) "type mismatch")
            (module definition $b (func))
            (assert_malformed (module quote "(func") "unexpected end")
            (module quote "(func)")
            (module binary "\00asm\01\00\00\00")
            (assert_trap (module (func unreachable) (start 0)) "unreachable")
            (module) (module)
            (register "a")
        "#;
        assert_eq!(
            suffixes(text),
            [":2", ":4", ":6", ":7", ":8", ":9:14", ":9:23"]
        );
    }

    #[test]
    fn a_script_may_be_one_module() {
        assert_eq!(suffixes("(func)"), [":1"]);
    }

    #[test]
    fn a_module_that_cannot_be_encoded_spoils_only_itself() {
        let modules = script("(module quote \"(func\")\n(module)").expect("it is a script");
        assert!(modules[0].bytes.is_err());
        assert!(modules[1].bytes.is_ok());
    }
}
