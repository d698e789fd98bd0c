//! Under which circumstances something is compiled.

use clap::ValueEnum;
use serde::{Deserialize, Serialize};
use std::fmt;

/// One way to compile a module or function.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Configuration {
    /// The target, as it was asked for.
    pub target: String,
    /// The collector.
    pub collector: Collector,
    /// The optimization level.
    pub opt_level: OptLevel,
    /// What the embedder asks of Wasmtime; without meaning for CLIF.
    pub embedding: Embedding,
}

impl fmt::Display for Configuration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Configuration {
            target,
            collector,
            opt_level,
            embedding,
        } = self;
        write!(f, "{target} {collector} {opt_level}")?;
        match embedding {
            Embedding::Default => Ok(()),
            Embedding::Strict => write!(f, " {embedding}"),
        }
    }
}

/// Every combination, in the order in which the parts were asked for.
pub fn combinations(
    targets: &[String],
    collectors: &[Collector],
    opt_levels: &[OptLevel],
    embeddings: &[Embedding],
) -> Vec<Configuration> {
    let mut all = Vec::new();
    for target in targets {
        for &collector in collectors {
            for &opt_level in opt_levels {
                all.extend(embeddings.iter().map(|&embedding| Configuration {
                    target: target.clone(),
                    collector,
                    opt_level,
                    embedding,
                }));
            }
        }
    }
    all
}

/// A garbage collector of Wasmtime.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Collector {
    /// Moves objects.
    Copying,
    /// Frees objects, and leaves the others in place.
    Drc,
    /// Never collects.
    Null,
}

impl Collector {
    /// What the verifier has to know of it.
    pub fn behaviour(self) -> cranelift_gc_verifier::GcCollector {
        use cranelift_gc_verifier::GcCollector;
        match self {
            Collector::Copying => GcCollector::Moving,
            Collector::Drc => GcCollector::NonMoving,
            Collector::Null => GcCollector::Null,
        }
    }

    /// The collector that behaves like that.
    pub fn of_behaviour(behaviour: cranelift_gc_verifier::GcCollector) -> Self {
        use cranelift_gc_verifier::GcCollector;
        match behaviour {
            GcCollector::Moving => Collector::Copying,
            GcCollector::NonMoving => Collector::Drc,
            GcCollector::Null => Collector::Null,
        }
    }
}

impl fmt::Display for Collector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Collector::Copying => "copying",
            Collector::Drc => "drc",
            Collector::Null => "null",
        })
    }
}

/// An optimization level of Cranelift.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "snake_case")]
#[value(rename_all = "snake_case")]
pub enum OptLevel {
    /// No optimization.
    None,
    /// For speed.
    Speed,
    /// For speed and size.
    SpeedAndSize,
}

impl OptLevel {
    /// The word for it, which is also Cranelift's.
    pub fn as_str(self) -> &'static str {
        match self {
            OptLevel::None => "none",
            OptLevel::Speed => "speed",
            OptLevel::SpeedAndSize => "speed_and_size",
        }
    }
}

impl fmt::Display for OptLevel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What an embedder asks of Wasmtime that changes where a collection can happen, or what it moves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Embedding {
    /// What Wasmtime does without being asked: the heap's base stays where it is, and nothing
    /// interrupts a function.
    Default,
    /// Everything that makes it harder: a heap that moves when it grows, epoch interruption, whose
    /// callback may collect at every loop, and functions that are inlined into each other.
    Strict,
}

/// Whether functions of a module are inlined into each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Inlining {
    /// With the embedding `strict`.
    Embedding,
    /// With each embedding.
    Always,
    /// With none.
    Never,
}

impl Inlining {
    /// Is it done with `embedding`?
    pub fn is_done(self, embedding: Embedding) -> bool {
        match self {
            Inlining::Embedding => embedding == Embedding::Strict,
            Inlining::Always => true,
            Inlining::Never => false,
        }
    }
}

impl fmt::Display for Embedding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Embedding::Default => "default",
            Embedding::Strict => "strict",
        })
    }
}

/// What the verifier does while it looks on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// Report, and let the compiler do as it likes.
    Check,
    /// Refuse unsafe rewrites, and stop compilation where a function cannot be saved.
    Enforce,
}

impl Mode {
    /// The word for it, which is also Cranelift's.
    pub fn as_str(self) -> &'static str {
        match self {
            Mode::Check => "check",
            Mode::Enforce => "enforce",
        }
    }
}
