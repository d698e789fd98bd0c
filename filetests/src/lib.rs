//! Runs filetests about GC references.
//!
//! A file is CLIF in the manner of Cranelift's own filetests. It opens with a sentence that says
//! what it shows, and commands:
//!
//! ```text
//! test gc-verify [collector=copying|drc|null] [pass=input|constant-phis|egraph|all|emission]
//! test gc-optimize [precise-output] [pass=seeded] [inline] [collector=copying|drc|null] [without=CODE]…
//! test compile [precise-output]
//! test run
//! ```
//!
//! # `test gc-verify`
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
//! * `constant-phi vN = vM`: so does the block parameter `vN`;
//! * `hoist vN to blockM`: `vN` is computed at the end of that block; `remat vN`: once more, here.
//!
//! No CLIF makes a correct compiler lose a stack map. So with `pass=emission`, a function may say
//! which fault ([`Fault`]) is put into the evidence that lowering and emission left of it:
//!
//! * `; fault: drop-record`.
//!
//! # `test gc-optimize`
//!
//! It optimizes each function with the verifier enforcing, for which the file has to `set
//! gc_verifier=enforce`, and puts out what came of it: the CLIF, then a line for everything that was
//! not let happen:
//!
//! ```text
//! refused: GCV08 unsound-forwarding: load inst6 is replaced by v8, but inst5 stores something else there
//! undone egraph: GCV06 stale-derived-pointer: …
//! stopped: GCV02 stale-reference: …
//! ```
//!
//! A rewrite was refused, the whole pass was undone, or compilation was stopped, because the function
//! was wrong as it was handed over. What comes out of the optimizer has to be verified. To see what
//! becomes of a fault of the producer in the optimizer, `without=GCV07` lets it pass by there.
//!
//! With `inline`, calls of the functions of the file are inlined before.
//!
//! No right optimizer asks for what has to be refused. With `pass=seeded`, a pass of the runner takes
//! its place: it asks for what `;; rewrite:` comments tell, as above, and does what it may.
//!
//! # `test compile`
//!
//! It puts out the VCode, with the stack map of each call in the line after it. With
//! `precise-output`, the format is that of Cranelift's own runner, so that a file is run by both; that
//! runner alone compares what comes behind `Disassembled:`. In a file with this command, `test
//! gc-verify pass=emission` expects every emitted record to be given behind its call: the return
//! address, the size of the frame, and the entries from the stack pointer.
//!
//! ```text
//! call fn0(), stack_map=[i32 @ ss0+0] ;; record: 0x1b, frame of 16 bytes, i32 @ sp+0
//! ```
//!
//! # `test run`
//!
//! `; run: %f(1) == 2` and `!=` tell what a function returns. Here it is optimized, with the verifier as
//! `set gc_verifier=…` has it, and interpreted; Cranelift's own runner compiles and calls it.
//!
//! # Output
//!
//! With `precise-output`, the lines that are expected are the comments behind the function; no other
//! comment in it may have one semicolon. Without, filecheck directives tell: `; check:`, `; nextln:`,
//! `; not:` and so on.
//!
//! With `CLIF_GC_BLESS=1` in the environment, `; error:` and `;; record:` comments and precise output
//! are rewritten to what is found, to be reviewed as a difference.
//!
//! Beside these files are programs, `wasm/*.wat`: each exports `main`, without parameters, and says
//! in its last line what that returns ([`expected_result`]). The `*-collect.wat` among them import a
//! function `"" "gc"`, for which the embedder collects.

mod base;
mod bless;
mod command;
mod compare;
mod directive;
mod fault;
mod file_run;
mod files;
pub mod inline_by_name;
mod interpreted;
mod optimized;
mod outcome;
mod output;
mod records;
pub mod reports;
mod run;
mod seeded;
mod shown;
mod subtest;
mod vcode;
mod wasm;

pub use base::{DEFAULT_BASE, base};
pub use fault::Fault;
pub use files::find_files;
pub use outcome::{FileOutcome, FunctionOutcome};
pub use run::{RunOptions, run_file, run_text};
pub use shown::{Compiled, compiled};
pub use subtest::TestGcVerify;
pub use wasm::expected_result;
