//! What kind of file a file is.

use std::path::Path;
use wast::lexer::{Lexer, TokenKind};

/// What kind of file it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileKind {
    /// A module, or what its name says to be one, as a binary.
    Wasm,
    /// A module as text.
    Wat,
    /// A script of modules and assertions.
    Wast,
    /// CLIF.
    Clif,
}

/// The first four bytes of a Wasm binary.
pub const MAGIC: &[u8] = b"\0asm";

impl FileKind {
    /// What the name says, or else the content.
    pub fn of(path: &Path, bytes: &[u8]) -> Option<FileKind> {
        if bytes.starts_with(MAGIC) {
            return Some(FileKind::Wasm);
        }
        match path.extension().and_then(|extension| extension.to_str()) {
            Some("wasm") => Some(FileKind::Wasm),
            Some("wat") => Some(FileKind::Wat),
            Some("wast") => Some(FileKind::Wast),
            Some("clif") => Some(FileKind::Clif),
            _ => FileKind::of_content(bytes),
        }
    }

    /// What the content says.
    pub fn of_content(bytes: &[u8]) -> Option<FileKind> {
        if bytes.starts_with(MAGIC) {
            return Some(FileKind::Wasm);
        }
        let text = std::str::from_utf8(bytes).ok()?;
        if is_clif(text) {
            return Some(FileKind::Clif);
        }
        of_forms(text)
    }

    /// The extension of such a file.
    pub fn extension(self) -> &'static str {
        match self {
            FileKind::Wasm => "wasm",
            FileKind::Wat => "wat",
            FileKind::Wast => "wast",
            FileKind::Clif => "clif",
        }
    }
}

/// The first line that is no comment begins a function, or is what stands before functions.
fn is_clif(text: &str) -> bool {
    let mut lines = text.lines().map(str::trim);
    let first = lines.find(|line| !line.is_empty() && !line.starts_with(';'));
    let word = first.and_then(|line| line.split_whitespace().next());
    word.is_some_and(|word| matches!(word, "function" | "test" | "set" | "target" | "isa"))
}

/// What the parenthesized forms at the top are.
fn of_forms(text: &str) -> Option<FileKind> {
    let mut lexer = Lexer::new(text);
    lexer.allow_confusing_unicode(true);
    let tokens = lexer.iter(0).map_while(Result::ok);
    let mut tokens = tokens.filter(|token| {
        !matches!(
            token.kind,
            TokenKind::Whitespace | TokenKind::LineComment | TokenKind::BlockComment
        )
    });
    let mut depth = 0_usize;
    let mut modules = 0;
    let mut is_first = true;
    while let Some(token) = tokens.next() {
        match token.kind {
            TokenKind::LParen if depth == 0 => {
                let head = tokens.next().map(|token| token.src(text))?;
                is_first = false;
                depth += 1;
                modules += usize::from(head == "module" || head == "component");
                if is_of_script(head) || modules > 1 {
                    return Some(FileKind::Wast);
                }
                if head == ")" {
                    depth -= 1;
                } else if head == "(" {
                    depth += 1;
                }
            }
            TokenKind::LParen => depth += 1,
            TokenKind::RParen => depth = depth.saturating_sub(1),
            TokenKind::Keyword
                if depth == 1
                    && modules > 0
                    && matches!(token.src(text), "quote" | "definition" | "instance") =>
            {
                return Some(FileKind::Wast);
            }
            _ if is_first => return None,
            _ => {}
        }
    }
    (!is_first).then_some(FileKind::Wat)
}

fn is_of_script(head: &str) -> bool {
    head.starts_with("assert_") || matches!(head, "register" | "invoke" | "get" | "thread" | "wait")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_content_tells_what_it_is() {
        let of = |text: &str| FileKind::of_content(text.as_bytes());
        assert_eq!(of("\0asm\x01\0\0\0"), Some(FileKind::Wasm));
        assert_eq!(of(";; a\n(; b ;) (module (func))"), Some(FileKind::Wat));
        assert_eq!(of("(func) (func)"), Some(FileKind::Wat));
        assert_eq!(of("(module) (module)"), Some(FileKind::Wast));
        assert_eq!(of("(module quote \"\")"), Some(FileKind::Wast));
        assert_eq!(
            of("(module $m (func (export \"f\")))\n(assert_return (invoke \"f\"))"),
            Some(FileKind::Wast)
        );
        assert_eq!(of("; a comment\n\nfunction %f() {\n"), Some(FileKind::Clif));
        assert_eq!(of("test gc-verify\n"), Some(FileKind::Clif));
        for text in ["", "PNG", "The command line", "; nothing", "()", "\"a\""] {
            assert_eq!(
                of(text).filter(|kind| *kind != FileKind::Wat),
                None,
                "{text}"
            );
        }
    }

    #[test]
    fn a_name_that_says_it_comes_first() {
        let of = |name: &str, text: &str| FileKind::of(Path::new(name), text.as_bytes());
        assert_eq!(of("a.wat", "\0asm"), Some(FileKind::Wasm));
        assert_eq!(of("a.wast", "(module)"), Some(FileKind::Wast));
        assert_eq!(of("a.txt", "(module)"), Some(FileKind::Wat));
        assert_eq!(of("a", "function"), Some(FileKind::Clif));
    }
}
