//! Finds the functions of a module over which the compiler panics, so that the others can be judged.
//!
//! A function is taken out by making its body trap at once. The body keeps its size, so that the offsets of all
//! other functions stay what they are.

use crate::diagnostic::{Diagnostic, Kind};
use std::collections::BTreeSet;
use std::ops::Range;
use wasmparser::{Parser, Payload};

/// How many functions are taken out before the module is given up.
const MAX: usize = 16;

/// A module of which functions can be taken out.
pub struct Module<'a> {
    bytes: &'a [u8],
    /// The bodies of the functions that it defines.
    bodies: Vec<Range<usize>>,
}

/// What is left when the guilty functions are taken out.
pub struct Rest {
    /// Those that were taken out, by their order in the module, and why.
    pub guilty: Vec<(u32, Diagnostic)>,
    /// Why what is left cannot be compiled either.
    pub error: Option<Diagnostic>,
}

impl<'a> Module<'a> {
    /// The module with these bytes, as far as it can be read.
    pub fn new(bytes: &'a [u8]) -> Self {
        let payloads = Parser::new(0).parse_all(bytes).map_while(Result::ok);
        let bodies = payloads.filter_map(|payload| match payload {
            Payload::CodeSectionEntry(body) => Some(body.range()),
            _ => None,
        });
        Module {
            bytes,
            bodies: bodies
                .map(|range| offset(range.start)..offset(range.end))
                .collect(),
        }
    }

    /// Take out what the compiler panics over. `panicked` is what it did with all functions, `suspect` the
    /// function that may be to blame, and `compile` compiles a module and tells the next suspect.
    pub fn isolate(
        &self,
        panicked: Diagnostic,
        suspect: Option<u32>,
        mut compile: impl FnMut(&[u8]) -> (Option<Diagnostic>, Option<u32>),
    ) -> Rest {
        let mut out = BTreeSet::new();
        let mut guilty = Vec::new();
        let (mut error, mut suspect) = (panicked, suspect);
        while guilty.len() < MAX {
            let Some(found) = self.find(&out, suspect, &mut compile) else {
                break;
            };
            out.insert(found);
            guilty.push((found, error));
            match compile(&self.without(&out)) {
                (None, _) => {
                    return Rest {
                        guilty,
                        error: None,
                    };
                }
                (Some(next), _) if next.kind != Kind::Panic => {
                    let error = Some(next);
                    return Rest { guilty, error };
                }
                (Some(next), next_suspect) => (error, suspect) = (next, next_suspect),
            }
        }
        let error = Some(error);
        Rest { guilty, error }
    }

    /// One of the functions that the compiler panics over, if those in `out` are taken out already.
    fn find(
        &self,
        out: &BTreeSet<u32>,
        suspect: Option<u32>,
        compile: &mut impl FnMut(&[u8]) -> (Option<Diagnostic>, Option<u32>),
    ) -> Option<u32> {
        let all = u32::try_from(self.bodies.len()).ok()?;
        let mut panics = |more: &mut dyn Iterator<Item = u32>| {
            let without: BTreeSet<u32> = out.iter().copied().chain(more).collect();
            let (error, _) = compile(&self.without(&without));
            error.is_some_and(|error| error.kind == Kind::Panic)
        };
        // NB: If that is right, and there is another one, what follows finds that one.
        if let Some(suspect) = suspect
            && !panics(&mut std::iter::once(suspect))
        {
            return Some(suspect);
        }
        if panics(&mut (0..all)) {
            return None;
        }
        // With the first `without` functions it does not panic, with the first `with` it does.
        let (mut without, mut with) = (0, all);
        while with - without > 1 {
            let middle = without + (with - without) / 2;
            match panics(&mut (middle..all)) {
                true => with = middle,
                false => without = middle,
            }
        }
        Some(without)
    }

    /// The module without the bodies of these functions.
    fn without(&self, functions: &BTreeSet<u32>) -> Vec<u8> {
        const NOP: u8 = 0x01;
        let mut bytes = self.bytes.to_vec();
        for &function in functions {
            let body = &mut bytes[self.bodies[function as usize].clone()];
            // No locals, `unreachable`, and `end`. A shorter body does nothing.
            if let [locals, trap, rest @ .., _end] = body {
                *locals = 0;
                *trap = 0;
                rest.fill(NOP);
            }
        }
        bytes
    }
}

fn offset(offset: impl TryInto<usize>) -> usize {
    offset.try_into().ok().expect("what was read is in memory")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn module(text: &str) -> Vec<u8> {
        let buffer = wast::parser::ParseBuffer::new(text).expect("it can be lexed");
        let mut wat: wast::Wat = wast::parser::parse(&buffer).expect("it can be parsed");
        wat.encode().expect("it can be encoded")
    }

    /// Panics over functions that return 7.
    fn compile(bytes: &[u8]) -> (Option<Diagnostic>, Option<u32>) {
        wasmparser::validate(bytes).expect("it is valid");
        let panic = Diagnostic::new(Kind::Panic, "seven");
        let seven = [0x41, 7, 0x0b];
        let panics = bytes.windows(3).any(|window| window == seven);
        (panics.then_some(panic), None)
    }

    #[test]
    fn the_guilty_are_found_wherever_they_are() {
        for guilty in [vec![0], vec![4], vec![1, 2], vec![0, 3, 4], vec![]] {
            let functions: String = (0..5)
                .map(|i| match guilty.contains(&i) {
                    true => "(func (result i32) i32.const 7)",
                    false => "(func (result i32) i32.const 8)",
                })
                .collect();
            let bytes = module(&format!("(module {functions} (func))"));
            for suspect in [None, Some(2)] {
                let panic = Diagnostic::new(Kind::Panic, "seven");
                let rest = Module::new(&bytes).isolate(panic, suspect, compile);
                let mut found: Vec<u32> = rest.guilty.iter().map(|(index, _)| *index).collect();
                found.sort_unstable();
                if !guilty.is_empty() {
                    assert_eq!(found, guilty);
                    assert_eq!(rest.error, None);
                }
            }
        }
    }

    #[test]
    fn what_no_function_is_to_blame_for_is_left() {
        let bytes = module("(module (func))");
        let panic = || Diagnostic::new(Kind::Panic, "always");
        let rest = Module::new(&bytes).isolate(panic(), None, |_| (Some(panic()), None));
        assert!(rest.guilty.is_empty());
        assert_eq!(rest.error, Some(panic()));
    }
}
