//! Tests of the seam through which a verifier of GC references watches Cranelift.
//!
//! The claim under test is about the compiler, not about any verifier: *whatever* a guard
//! refuses, the compiled function does what it did, and the refused rewrite does not happen.
//! So the guards here know nothing of GC references. They record ([`guard::Recorder`]) or refuse
//! at random ([`guard::Chaos`]).
//!
//! What is checked, and where:
//!
//! * every rewrite is asked for, with its rule where it has one: `tests/rewrites.rs`;
//! * refusals change no result: `tests/chaos.rs`;
//! * a guard that accepts everything changes no byte: `tests/identity.rs`;
//! * the guard's life in a context, and the setting: `tests/life.rs`;
//! * a wrong rewrite that upstream makes is refused, and the function comes out right:
//!   `tests/enforce.rs`, with the verifier itself;
//! * a pass that leaves a broken function behind is undone: `tests/undo.rs`;
//! * cached results count as judged by the same verifier with the same setting: `tests/cache.rs`;
//! * what inlining does to the facts about GC references: `tests/inlining.rs`;
//! * facts as text: `tests/facts.rs`.
//!
//! What is not: lowering, which asks no questions.

pub mod broken;
pub mod generate;
pub mod guard;
pub mod kind;
pub mod pipeline;
pub mod program;
pub mod random;
pub use gc_filetests::reports;
