//! Which layer is to blame for a failure that stays when no rewrite is let happen.
//!
//! **Strength.** A finding of the verifier names the point at which it was found, and what was accepted before
//! cannot be to blame. A crash names its place. Of a wrong result, only what was tried can be said: the
//! layer is what is left.

use super::ask;
use super::failure::Failure;
use super::outcome::{Class, Outcome};
use super::protocol::{Plan, Request, Wish};
use super::reproduce::Case;
use super::request::Format;
use crate::configuration::{Collector, OptLevel};
use serde::Serialize;

/// A layer that is to blame, and why.
#[derive(Clone, Debug, Serialize)]
pub struct Layer {
    /// Which.
    pub name: LayerName,
    /// What tells so.
    pub evidence: Vec<String>,
}

/// A layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum LayerName {
    /// What makes CLIF: Wasmtime's translation, and `cranelift-frontend`.
    Producer,
    /// The inliner.
    Inlining,
    /// The optimizer, in a step that it does not ask about.
    MidEnd,
    /// Lowering to VCode.
    Lowering,
    /// Register allocation.
    RegisterAllocation,
    /// Emission of machine code and of stack maps.
    Emission,
    /// Lowering, register allocation or emission.
    Backend,
    /// The runtime: collector, instances, host calls.
    Runtime,
    /// What makes CLIF, or the runtime: nothing that was tried tells them apart.
    ProducerOrRuntime,
    /// The compiler, at a place that says no more.
    Compiler,
}

impl LayerName {
    /// In words.
    pub fn as_str(self) -> &'static str {
        match self {
            LayerName::Producer => "the producer",
            LayerName::Inlining => "inlining",
            LayerName::MidEnd => "the optimizer, in a step that it does not ask about",
            LayerName::Lowering => "lowering",
            LayerName::RegisterAllocation => "register allocation",
            LayerName::Emission => "emission",
            LayerName::Backend => "lowering, register allocation or emission",
            LayerName::Runtime => "the runtime",
            LayerName::ProducerOrRuntime => "the producer or the runtime",
            LayerName::Compiler => "the compiler",
        }
    }
}

/// The layer that is left.
pub fn layer(case: &Case) -> Layer {
    match &case.failure {
        Failure::Finding { layer, .. } => of_finding(layer),
        Failure::Crash { outcome } => of_crash(outcome),
        Failure::Run { .. } => of_run(case),
        Failure::Command { .. } => Layer {
            name: LayerName::ProducerOrRuntime,
            evidence: vec!["a command tells no more than whether it fails".to_string()],
        },
    }
}

fn of_finding(layer: &str) -> Layer {
    let (name, evidence) = match layer {
        "input" => (
            LayerName::Producer,
            "it is found in the function as the producer made it, before any pass",
        ),
        "inline" => (LayerName::Inlining, "it is found when inlining has ended"),
        "lowering" => (
            LayerName::Lowering,
            "the function is verified before lowering, and what lowering made of it is not",
        ),
        "emission" => (
            LayerName::Emission,
            "what lowering made is verified, and what was emitted is not",
        ),
        _ => (
            LayerName::MidEnd,
            "it is found when a pass has ended that was let do nothing",
        ),
    };
    Layer {
        name,
        evidence: vec![evidence.to_string()],
    }
}

/// Parts of paths of source files, and whose they are. The first that fits counts.
const PLACES: [(&str, LayerName); 12] = [
    ("cranelift/frontend", LayerName::Producer),
    ("crates/cranelift", LayerName::Producer),
    ("wasmtime-internal-cranelift", LayerName::Producer),
    ("wasmtime-environ", LayerName::Producer),
    ("codegen/src/inline", LayerName::Inlining),
    ("codegen/src/egraph", LayerName::MidEnd),
    ("codegen/src/opts", LayerName::MidEnd),
    ("regalloc2", LayerName::RegisterAllocation),
    ("machinst/buffer", LayerName::Emission),
    ("machinst/", LayerName::Lowering),
    ("codegen/src/isa", LayerName::Lowering),
    ("crates/wasmtime/", LayerName::Runtime),
];

fn of_crash(outcome: &Outcome) -> Layer {
    let place = match outcome {
        Outcome::Panic { place, .. } => Some(place),
        _ => None,
    };
    let known = place.and_then(|place| {
        let mut places = PLACES.iter();
        places.find(|(part, _)| place.contains(part))
    });
    let runs = matches!(
        outcome,
        Outcome::Signal { running: true, .. } | Outcome::StackOverflow { running: true }
    );
    let evidence = match place {
        Some(place) => format!("it panics at {place}"),
        None => outcome.short(),
    };
    Layer {
        name: match known {
            Some((_, name)) => *name,
            None if runs => LayerName::ProducerOrRuntime,
            None => LayerName::Compiler,
        },
        evidence: vec![evidence],
    }
}

/// Tries what leaves layers out.
fn of_run(case: &Case) -> Layer {
    let mut evidence = Vec::new();
    let goes_away = |wish: Wish| -> Option<bool> {
        let request = Request {
            wish,
            plan: Plan::up_to(0),
            ..case.request()
        };
        let answer = ask::once(&request, &case.limits);
        match answer.outcome.class() {
            Class::Unknown => None,
            _ => case.failure.is_in(&answer, false).map(|fails| !fails),
        }
    };
    let mut tried = |wish: Wish, what: &str| {
        let goes_away = goes_away(wish);
        evidence.push(match goes_away {
            Some(true) => format!("it goes away {what}"),
            Some(false) => format!("it stays {what}"),
            None => format!("{what}, it cannot be told"),
        });
        goes_away == Some(true)
    };
    let wish = &case.wish;
    let none = Wish {
        opt_level: Some(OptLevel::None),
        ..wish.clone()
    };
    let pulley = Wish {
        target: Some("pulley64".to_string()),
        ..wish.clone()
    };
    let is_module = case.input.format() != Format::Clif;
    let name = if tried(none, "at --opt-level none") {
        LayerName::MidEnd
    } else if !is_module {
        LayerName::Producer
    } else if tried(pulley, "on Pulley, which another backend compiles for") {
        LayerName::Backend
    } else {
        let collector = wish.collector.unwrap_or(Collector::Copying);
        for other in [Collector::Copying, Collector::Drc, Collector::Null] {
            if other != collector {
                let wish = Wish {
                    collector: Some(other),
                    ..wish.clone()
                };
                tried(wish, &format!("with --collector {other}"));
            }
        }
        LayerName::ProducerOrRuntime
    };
    Layer { name, evidence }
}
