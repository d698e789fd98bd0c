//! The examples of each check.

use cranelift_gc_verifier::Code;

/// Two functions that differ in what the check asks for.
pub struct Examples {
    /// CLIF that breaks just this invariant.
    pub rejected: &'static str,
    /// Its twin, which does not.
    pub accepted: &'static str,
}

macro_rules! examples {
    ($($code:ident $file:literal),* $(,)?) => {
        /// The examples of this check.
        pub fn examples(code: Code) -> Examples {
            match code {
                $(Code::$code => Examples {
                    rejected: include_str!(concat!($file, "-rejected.clif")),
                    accepted: include_str!(concat!($file, "-accepted.clif")),
                },)*
                // NB: A test goes through all codes.
                code => unreachable!("{code} has no examples"),
            }
        }
    };
}

examples! {
    Gcv01 "gcv01",
    Gcv02 "gcv02",
    Gcv03 "gcv03",
    Gcv04 "gcv04",
    Gcv05 "gcv05",
    Gcv06 "gcv06",
    Gcv07 "gcv07",
    Gcv08 "gcv08",
    Gcv09 "gcv09",
    Gcv10 "gcv10",
    Gcv11 "gcv11",
    Gcv12 "gcv12",
    Gcv13 "gcv13",
    Gcv14 "gcv14",
    Gcv15 "gcv15",
    Gcv16 "gcv16",
    Gcv17 "gcv17",
    Gcv18 "gcv18",
    Gcv19 "gcv19",
}
