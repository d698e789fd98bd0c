//! What to verify, and under which assumptions.

use crate::finding::code::Checks;
use cranelift_codegen::ir::GcCollector;

/// When the function that a producer hands over is verified itself.
///
/// This is asked where a compiler shows a function after each pass ([`Verifier`](crate::Verifier)). Functions
/// that are verified by themselves, and those that are compiled without optimization, are always looked at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum VerifyInput {
    /// Only if something is found later, or if the optimizer may have hidden something.
    ///
    /// What comes out of the optimizer is verified as strictly as an input then. Where that is not possible, the
    /// input, of which a copy was kept, is verified after all, and the verdict is what it would have been.
    OnDemand,
    /// Always, before any pass.
    #[default]
    Always,
}

/// What to verify, and under which assumptions.
#[derive(Clone, Copy, Debug, Default)]
pub struct Options {
    /// The collector of functions that do not declare one; without it, a moving one.
    pub collector: Option<GcCollector>,
    /// The checks to make; all of them, unless some are taken out.
    ///
    /// A check that is not made finds nothing and, with the setting at `enforce`, refuses nothing. The others are
    /// made all the same: `Checks::all().without(Code::Gcv19)` is for a compiler whose collector needs no
    /// barriers that Wasmtime's would need.
    pub checks: Checks,
    /// Watch every function, and compare the two sides of every rewrite, whether references take
    /// part or not.
    pub all_rewrites: bool,
    /// Whether reports hold the function as it was handed over (`FunctionReport::input`).
    pub keep_text: bool,
    /// When the function that a producer hands over is verified itself. If reports hold it, or tell of every
    /// rewrite, it always is.
    pub verify_input: VerifyInput,
}

impl Options {
    /// What decides verdicts besides the function and the setting: these options, and the version.
    ///
    /// It is the same in every process. Options that do not decide verdicts are no part of it.
    pub(crate) fn cache_key(&self) -> u64 {
        let Options {
            collector,
            checks,
            all_rewrites,
            keep_text: _,
            verify_input,
        } = self;
        let collector = match collector {
            None => 0,
            Some(GcCollector::Moving) => 1,
            Some(GcCollector::NonMoving) => 2,
            Some(GcCollector::Null) => 3,
        };
        let input = u64::from(*verify_input == VerifyInput::Always);
        let rewrites = u64::from(*all_rewrites);
        let options = u64::from(checks.bits()) << 4 | input << 3 | collector << 1 | rewrites;
        // FNV-1a, so that no hasher's seed or version is a part of it.
        let version = env!("CARGO_PKG_VERSION").bytes();
        let bytes = version.chain(options.to_le_bytes());
        bytes.fold(0xcbf2_9ce4_8422_2325, |hash: u64, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        })
    }
}
