//! Stack maps that are wrong.

mod mutation;
mod text;

pub use mutation::Mutation;

use crate::assert_no_panic;
use cranelift_codegen::ir::GcCollector;
use cranelift_gc_verifier::{Inconclusive, Options, Report, Verdict, verify_function};
use cranelift_reader::parse_functions;
use gc_benches::shape::Shape;
use text::Maps;

/// What became of a function whose stack maps were to be changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mutated {
    /// It is rejected.
    Rejected(Mutation),
    /// No path was found on which the error happens. Either the search gives up, in some loops that turn a known number
    /// of times, and the function is inconclusive; or what is chosen traps before, whatever is passed.
    NotShown(Mutation),
    /// The function has no map that could be changed so; or the change leaves a slot that no other map
    /// names, with no word from the producer that it is one of references.
    Same,
}

/// Changes the stack maps of a sound function, all of it chosen by the bytes.
pub fn stack_maps(bytes: &[u8]) -> Mutated {
    let (head, tail) = bytes.split_at(bytes.len().min(HEAD));
    let mut head = head.iter().copied().map(usize::from);
    let mut choose = |of: usize| {
        let number = head.next().unwrap_or(0) << 8 | head.next().unwrap_or(0);
        number % of
    };
    let text = match choose(2 * Shape::ALL.len()) {
        shape if shape < Shape::ALL.len() => {
            let function = Shape::ALL[shape].function(100 + choose(900));
            function.expect("it is CLIF").0.to_string()
        }
        _ => crate::built::function(tail),
    };
    let options = Options {
        collector: Some(GcCollector::Moving),
        ..Options::default()
    };
    let sound = report(&text, &options);
    assert_eq!(sound.verdict(), Verdict::Verified, "{sound:#?}\n{text}");
    let mutation = Mutation::ALL[choose(Mutation::ALL.len())];
    let mut maps = Maps::new(&text);
    let places = maps.places();
    if !mutation.apply(&mut maps, &mut choose) {
        return Mutated::Same;
    }
    let text = maps.finish();
    let wrong = report(&text, &options);
    // What is in a slot that nothing says is one of references is plain memory.
    let is_plain = !text.contains("! spill") && !places.is_subset(&maps.places());
    if is_plain && wrong.verdict() == Verdict::Verified {
        return Mutated::Same;
    }
    let is_not_shown = |reason: &Inconclusive| matches!(reason, Inconclusive::NoPath { .. });
    if wrong.violations.is_empty() && wrong.inconclusive.iter().all(is_not_shown) {
        return Mutated::NotShown(mutation);
    }
    let what = format!("{mutation:?} {wrong:#?}\n{text}");
    assert_eq!(wrong.verdict(), Verdict::Rejected, "{what}");
    Mutated::Rejected(mutation)
}

/// So many bytes choose what is changed; the others what is there.
const HEAD: usize = 16;

fn report(text: &str, options: &Options) -> Report {
    let functions = parse_functions(text).unwrap_or_else(|error| panic!("{error}\n{text}"));
    let report = verify_function(&functions[0], options);
    assert_no_panic(&report, &text);
    report
}
