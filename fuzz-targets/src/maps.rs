//! Stack maps that lost an entry.

use crate::assert_no_panic;
use cranelift_gc_verifier::{Options, Verdict, verify_function};
use cranelift_reader::parse_functions;
use gc_benches::shape::Shape;

/// Takes one entry out of one stack map of a sound function, all three chosen by the bytes. What is left is
/// rejected, or inconclusive.
pub fn stack_maps(bytes: &[u8]) {
    let mut bytes = bytes.iter().copied().map(usize::from);
    let mut choose = |of: usize| {
        let number = bytes.next().unwrap_or(0) << 8 | bytes.next().unwrap_or(0);
        number % of
    };
    let shape = Shape::ALL[choose(Shape::ALL.len())];
    let (func, _) = shape.function(100 + choose(900)).expect("it is CLIF");
    let sound = verify_function(&func, &Options::default());
    assert_eq!(sound.verdict(), Verdict::Verified, "{sound:?}\n{func}");
    let text = func.to_string();
    let maps = text.matches(MAP).count();
    let text = without_entry(&text, choose(maps), choose(MANY));
    let functions = parse_functions(&text).unwrap_or_else(|error| panic!("{error}\n{text}"));
    let report = verify_function(&functions[0], &Options::default());
    assert_no_panic(&report, &text);
    assert_ne!(report.verdict(), Verdict::Verified, "{text}");
}

/// How a stack map begins.
const MAP: &str = ", stack_map=[";

/// More entries than a map has.
const MANY: usize = 1 << 16;

/// The text without one entry of that map; without the map if that was all.
fn without_entry(text: &str, map: usize, entry: usize) -> String {
    let (start, _) = text.match_indices(MAP).nth(map).expect("there is one");
    let list = start + MAP.len();
    let end = list + text[list..].find(']').expect("a list ends");
    let mut entries: Vec<&str> = text[list..end].split(", ").collect();
    entries.remove(entry % entries.len());
    let map = match entries.is_empty() {
        true => String::new(),
        false => format!("{MAP}{}]", entries.join(", ")),
    };
    format!("{}{map}{}", &text[..start], &text[end + 1..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_entry_is_lost() {
        let text = "call fn0(), stack_map=[i32 @ ss0+0, i32 @ ss1+0]\ncall fn0(), stack_map=[i32 @ ss0+0]\n";
        let first = without_entry(text, 0, 1);
        assert!(
            first.starts_with("call fn0(), stack_map=[i32 @ ss0+0]\n"),
            "{first}"
        );
        assert!(without_entry(text, 1, 3).ends_with("\ncall fn0()\n"));
    }
}
