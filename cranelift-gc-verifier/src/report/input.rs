//! A function as the producer made it, for those who want to see it again.

use crate::finding::report::Report;
use crate::report::listing::{Line, listing};
use cranelift_codegen::ir::Function;
use cranelift_codegen::isa::{self, TargetIsa};
use cranelift_codegen::settings::{self, Flags, Value};

/// A function before any pass, and all that the compiler was told with it.
///
/// Its lines, read as CLIF and compiled with these settings, are the same function: GC facts are
/// part of the text.
#[derive(Clone, Debug)]
pub struct Input {
    /// The function.
    pub lines: Vec<Line>,
    /// What was found in it.
    pub report: Report,
    /// The target.
    pub target: Compiled,
}

/// What a function is compiled for.
#[derive(Clone, Debug)]
pub struct Compiled {
    /// The target triple.
    pub triple: String,
    /// The shared settings that are not at their defaults, with their values, in a fixed order.
    pub settings: Vec<(&'static str, String)>,
    /// The settings of the target that are not at its defaults.
    pub isa_settings: Vec<(&'static str, String)>,
}

impl Input {
    pub(crate) fn new(func: &Function, report: &Report, target: &Compiled) -> Self {
        Input {
            lines: listing(func),
            report: report.clone(),
            target: target.clone(),
        }
    }
}

impl Compiled {
    pub(crate) fn new(isa: &dyn TargetIsa) -> Self {
        let defaults = Flags::new(settings::builder());
        let default_isa = isa::lookup(isa.triple().clone())
            .ok()
            .and_then(|builder| builder.finish(defaults.clone()).ok());
        let isa_defaults = default_isa.map_or(Vec::new(), |isa| isa.isa_flags());
        Compiled {
            triple: isa.triple().to_string(),
            settings: unlike(isa.flags().iter(), defaults.iter().collect()),
            isa_settings: unlike(isa.isa_flags().into_iter(), isa_defaults),
        }
    }
}

/// Those of `values` that are not among `defaults`.
fn unlike(
    values: impl Iterator<Item = Value>,
    defaults: Vec<Value>,
) -> Vec<(&'static str, String)> {
    let is_default = |(name, text): &(&'static str, String)| {
        let mut of_name = defaults.iter().filter(|default| default.name == *name);
        of_name.any(|default| default.value_string() == *text)
    };
    values
        .map(|value| (value.name, value.value_string()))
        .filter(|value| !is_default(value))
        .collect()
}
