//! What is compiled for.

use std::str::FromStr;
use target_lexicon::Triple;

/// A target that Cranelift can compile for here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// As it was asked for.
    pub name: String,
    /// In full.
    pub triple: Triple,
}

/// The short names, which mean Linux.
const SHORT: [(&str, &str); 5] = [
    ("x86_64", "x86_64-unknown-linux-gnu"),
    ("aarch64", "aarch64-unknown-linux-gnu"),
    ("riscv64", "riscv64gc-unknown-linux-gnu"),
    ("s390x", "s390x-unknown-linux-gnu"),
    ("pulley64", "pulley64-unknown-unknown-unknown"),
];

impl Target {
    /// The name of this machine, with all that its processor can do.
    pub const HOST: &str = "host";

    /// The targets that are meant when none is named.
    pub const DEFAULT: [&str; 2] = ["x86_64", "aarch64"];

    /// The target of this name.
    pub fn parse(name: &str) -> Result<Target, String> {
        if name == Self::HOST {
            let target = Target::of_triple(&Triple::host());
            return Target::parse(&target.name).map(|target| Target {
                name: name.to_string(),
                ..target
            });
        }
        let full = SHORT
            .iter()
            .find(|(short, _)| *short == name)
            .map_or(name, |(_, full)| full);
        let known = || {
            format!(
                "there are {}, and triples of these",
                Self::known().join(", ")
            )
        };
        let triple = Triple::from_str(full).map_err(|error| format!("{error}; {}", known()))?;
        cranelift_codegen::isa::lookup(triple.clone())
            .map_err(|error| format!("{error}; {}", known()))?;
        Ok(Target {
            name: name.to_string(),
            triple,
        })
    }

    /// The target with this triple, by its short name if it has one.
    pub fn of_triple(triple: &Triple) -> Target {
        let same = |name: &str| Triple::from_str(name).is_ok_and(|known| known == *triple);
        let name = SHORT
            .iter()
            .find(|(short, full)| same(short) || same(full))
            .map_or(triple.to_string(), |(short, _)| short.to_string());
        Target {
            name,
            triple: triple.clone(),
        }
    }

    fn known() -> Vec<&'static str> {
        SHORT.iter().map(|(short, _)| *short).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_short_name_can_be_compiled_for() {
        for name in Target::known() {
            let target = Target::parse(name).expect("Cranelift is built with all its targets");
            assert_eq!(Target::of_triple(&target.triple).name, name);
        }
    }

    #[test]
    fn an_unknown_target_is_refused() {
        for name in ["z80", "mips64-unknown-linux-gnu"] {
            let error = Target::parse(name).expect_err("there is no such target");
            assert!(error.contains("there are x86_64, aarch64, "), "{error}");
        }
    }
}
