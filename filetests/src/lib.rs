//! Runs `test gc-verify` files.
//!
//! A file is CLIF in the manner of Cranelift's own filetests. It opens with a sentence that says
//! what it shows, and a command:
//!
//! ```text
//! test gc-verify [collector=copying|drc|null] [pass=input|constant-phis|egraph|all|emission]
//! ```
//!
//! `collector` is `copying` and `pass` is `input` unless said otherwise. For another pass, the
//! function is optimized for every `target` of the file, or for x86_64 and aarch64 if there is
//! none; the file then has to `set gc_verifier=check`, and `opt_level` for the e-graph pass.
//!
//! For `pass=emission` it is compiled to machine code, and the stack maps are followed from the
//! optimized CLIF through lowering to the emitted records.
//!
//! What is expected stands in comments, which may hold several directives divided by semicolons:
//!
//! * `; error: TEXT` after an instruction: a violation is reported there, and `TEXT` is part of
//!   its code, name and message. Every violation must be expected, and every expectation met;
//! * `; inconclusive: REASON` in a function: the verdict is inconclusive, for this reason.
//!   Without it, a function without expected errors must be verified;
//! * `; guarded: vN null i31` after a load or store: before the last pass, it was a dereference of
//!   `vN` that was guarded against null, i31, or both;
//! * `; no-subjects` before the first function: that there is no safepoint in the file is no
//!   mistake.
//!
//! What a producer knows about references is CLIF, too (`docs/clif-facts.md`):
//!
//! ```text
//! fn0 = %is_subtype(i32) ! nogc            ; calls of it do not collect
//! block0(v0 ! needs_stack_map: i32):       ; the value needs inclusion in stack maps
//! store notrap v0, v1 ! spill v0           ; a spill of this value
//! v2 = load.i32 notrap v1 ! reload v0      ; and a reload
//! ```
//!
//! Rewrites that no right optimizer asks for can be made up. They are judged on the function as it
//! stands, each for itself, before any pass; `; rewrite: …` stands after the instruction:
//!
//! * `simplify vN`, `subsume vN`, `gvn vN`, `gvn-skeleton vN`, `remove-with vN`: its result becomes
//!   `vN`; `forward vN`: so does that of a load;
//! * `condition vN`: it branches, or traps, on `vN`; `remove`: it goes away;
//! * `idempotent`, `overwritten-by instN`: this store goes away;
//! * `constant-phi vN = vM`: so does the block parameter `vN`.
//!
//! No CLIF makes a correct compiler lose a stack map. So with `pass=emission`, a function may say
//! which fault ([`Fault`]) is put into the evidence that lowering and emission left of it:
//!
//! * `; fault: drop-record`.
//!
//! With `CLIF_GC_BLESS=1` in the environment, `; error:` comments are rewritten to what is
//! reported, to be reviewed as a difference.
//!
//! Beside these files are programs, `wasm/*.wat`: each exports `main`, without parameters, and says
//! in its last line what that returns ([`expected_result`]). The `*-collect.wat` among them import a
//! function `"" "gc"`, for which the embedder collects.

mod bless;
mod command;
mod compare;
mod directive;
mod fault;
mod files;
mod run;
mod shown;
mod subtest;
mod wasm;

pub use fault::Fault;
pub use files::find_files;
pub use run::{FileOutcome, FunctionOutcome, RunOptions, run_file, run_text};
pub use shown::{Compiled, compiled};
pub use subtest::TestGcVerify;
pub use wasm::expected_result;
