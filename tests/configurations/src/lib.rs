//! What tests and benches compile for: targets, collectors, optimization levels and embeddings.
//!
//! NB: `benches/probe` is compiled with this file as well, also against crates that know of no verifier. So it uses
//! nothing but what Wasmtime has as published.

use std::fmt;
use wasmtime::{Collector, Config, OptLevel};

/// A target that is compiled for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Target {
    /// What Cranelift calls it.
    pub name: &'static str,
    /// Its triple.
    pub triple: &'static str,
}

/// All targets that Cranelift has.
pub const TARGETS: [Target; 5] = [
    X86_64,
    AARCH64,
    Target {
        name: "riscv64",
        triple: "riscv64gc-unknown-linux-gnu",
    },
    Target {
        name: "s390x",
        triple: "s390x-unknown-linux-gnu",
    },
    Target {
        name: "pulley64",
        triple: "pulley64-unknown-unknown-unknown",
    },
];

/// x86-64 without the features of this machine.
pub const X86_64: Target = Target {
    name: "x86_64",
    triple: "x86_64-unknown-linux-gnu",
};

/// AArch64 without the features of this machine.
pub const AARCH64: Target = Target {
    name: "aarch64",
    triple: "aarch64-unknown-linux-gnu",
};

/// All collectors.
pub const COLLECTORS: [Collector; 3] = [
    Collector::Copying,
    Collector::DeferredReferenceCounting,
    Collector::Null,
];

/// Without optimization, and with it.
pub const OPT_LEVELS: [OptLevel; 2] = [OptLevel::None, OptLevel::Speed];

/// How an embedder sets up Wasmtime.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Embedding {
    /// As it comes, which gives the optimizer the most freedom.
    Default,
    /// The GC heap moves when it grows, and loops look at the epoch, which makes the most safepoints.
    Strict,
}

/// All embeddings.
pub const EMBEDDINGS: [Embedding; 2] = [Embedding::Default, Embedding::Strict];

/// A way to compile a module.
#[derive(Clone, Copy, Debug)]
pub struct Configuration {
    /// The target; none for this machine, with all that it can do.
    pub target: Option<Target>,
    /// The collector.
    pub collector: Collector,
    /// How much is optimized.
    pub opt_level: OptLevel,
    /// How Wasmtime is set up.
    pub embedding: Embedding,
}

impl Configuration {
    /// For this machine, as Wasmtime comes.
    pub const fn of(collector: Collector, opt_level: OptLevel) -> Self {
        Configuration {
            target: None,
            collector,
            opt_level,
            embedding: Embedding::Default,
        }
    }

    /// Each combination for `target`.
    pub fn all_for(target: Target) -> impl Iterator<Item = Configuration> {
        COLLECTORS.into_iter().flat_map(move |collector| {
            OPT_LEVELS.into_iter().flat_map(move |opt_level| {
                EMBEDDINGS.map(|embedding| Configuration {
                    target: Some(target),
                    collector,
                    opt_level,
                    embedding,
                })
            })
        })
    }

    /// How Wasmtime is asked for it, with the proposals that programs of the project use.
    pub fn config(&self) -> Config {
        let mut config = Config::new();
        config
            .collector(self.collector)
            .cranelift_opt_level(self.opt_level)
            .wasm_custom_page_sizes(true)
            .wasm_exceptions(true)
            .wasm_function_references(true)
            .wasm_gc(true)
            .wasm_tail_call(true)
            .wasm_wide_arithmetic(true);
        match self.embedding {
            Embedding::Default => {}
            Embedding::Strict => {
                config
                    .gc_heap_may_move(true)
                    .gc_heap_reservation(0)
                    .epoch_interruption(true);
            }
        }
        if let Some(target) = self.target {
            config
                .target(target.triple)
                .expect("the target is compiled in");
        }
        config
    }
}

impl fmt::Display for Configuration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(target) = self.target {
            write!(f, "{} ", target.name)?;
        }
        let opt_level = match self.opt_level {
            OptLevel::None => "none",
            _ => "speed",
        };
        write!(f, "{} {opt_level}", collector_name(self.collector))?;
        match self.embedding {
            Embedding::Default => Ok(()),
            Embedding::Strict => f.write_str(" strict"),
        }
    }
}

/// What is measured: for this machine, optimized, on one thread, with the copying collector, which asks for most.
pub fn measured() -> Config {
    let mut config = Configuration::of(Collector::Copying, OptLevel::Speed).config();
    config.parallel_compilation(false);
    config
}

/// What the command line calls `collector`.
pub fn collector_name(collector: Collector) -> &'static str {
    match collector {
        Collector::Copying => "copying",
        Collector::DeferredReferenceCounting => "drc",
        Collector::Null => "null",
        _ => "auto",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn each_combination_has_a_name_of_its_own() {
        let all = TARGETS.into_iter().flat_map(Configuration::all_for);
        let names = all.map(|configuration| configuration.to_string());
        let names: BTreeSet<String> = names.collect();
        assert_eq!(names.len(), 5 * 3 * 2 * 2);
        assert!(names.contains("x86_64 copying speed"));
        assert!(names.contains("pulley64 drc none strict"));
    }
}
