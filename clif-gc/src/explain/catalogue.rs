//! The examples of each check: `gcvNN-rejected.clif` and `gcvNN-accepted.clif` in this directory.

use cranelift_gc_verifier::Code;

/// The files, with what is in them.
const FILES: &[(&str, &str)] = include!(concat!(env!("OUT_DIR"), "/examples.rs"));

/// Two functions that differ in what the check asks for.
pub struct Examples {
    /// CLIF that breaks just this invariant.
    pub rejected: &'static str,
    /// Its twin, which does not.
    pub accepted: &'static str,
}

/// The examples of this check.
pub fn examples(code: Code) -> Examples {
    let text = |verdict: &str| {
        let name = format!("{}-{verdict}.clif", code.as_str().to_lowercase());
        let file = FILES.iter().find(|(known, _)| *known == name);
        // NB: A test goes through all codes.
        file.unwrap_or_else(|| panic!("there is no {name}")).1
    };
    Examples {
        rejected: text("rejected"),
        accepted: text("accepted"),
    }
}
