//! The text of a function.

use super::Role;
use std::fmt::Write as _;

/// A slot has so many places for references.
const PLACES: usize = 4;

/// The text of a function, and the names that are taken.
#[derive(Default)]
pub(super) struct Text {
    parameters: String,
    body: String,
    values: usize,
    blocks: usize,
    places: usize,
    pub(super) insts: usize,
}

/// Where a reference can be spilled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) slot: usize,
    pub(super) offset: usize,
}

impl Text {
    pub(super) fn value(&mut self) -> usize {
        self.values += 1;
        self.values - 1
    }

    pub(super) fn block(&mut self) -> usize {
        self.blocks += 1;
        self.blocks - 1
    }

    /// The place of that number.
    pub(super) fn place(&mut self, index: usize) -> Place {
        self.places = self.places.max(index + 1);
        // Every other slot has one place only.
        let (pair, within) = (index / (PLACES + 1), index % (PLACES + 1));
        match within {
            0 => Place {
                slot: 2 * pair,
                offset: 0,
            },
            _ => Place {
                slot: 2 * pair + 1,
                offset: 4 * (within - 1),
            },
        }
    }

    pub(super) fn line(&mut self, line: &str) {
        let _ = writeln!(self.body, "    {line}");
        self.insts += 1;
    }

    pub(super) fn result(&mut self, what: &str) -> usize {
        let value = self.value();
        self.line(&format!("v{value} = {what}"));
        value
    }

    pub(super) fn begin(&mut self, block: usize, parameters: &[String]) {
        if block == 0 {
            let types = parameters
                .iter()
                .map(|p| p.rsplit_once(": ").expect("a parameter").1);
            self.parameters = types.collect::<Vec<_>>().join(", ");
        }
        let list = match parameters.is_empty() {
            true => String::new(),
            false => format!("({})", parameters.join(", ")),
        };
        let _ = writeln!(self.body, "\nblock{block}{list}:");
    }

    pub(super) fn finish(self, collector: &str, role: Role) -> String {
        let name = match role {
            Role::Callee => "callee",
            Role::Caller | Role::Needed => "built",
        };
        let mut text = format!("function %{name}({}) -> i32 tail {{\n", self.parameters);
        let _ = writeln!(text, "    gc_collector = {collector}");
        text.push_str("    gctype 0\n    gctype 1 <: 0\n");
        let pairs = self.places.div_ceil(PLACES + 1);
        for slot in 0..2 * pairs {
            let size = if slot % 2 == 0 { 4 } else { 4 * PLACES };
            let _ = writeln!(text, "    ss{slot} = explicit_slot {size}, align = 4");
        }
        text.push_str(DECLARATIONS);
        text.push_str(&self.body);
        text.push_str("}\n");
        text
    }
}

/// `fn0` collects, `fn1` allocates, `fn2` does neither; `fn3` collects and may throw, `fn4` is called at the end, and
/// `fn5` may be inlined.
const DECLARATIONS: &str = "    region0 = 1 \"heap\"
    region1 = 2 \"memory\"
    region2 = 3 \"heap base\" ! gc_mutable
    sig0 = () system_v
    sig1 = (i32, i32) -> i32 system_v
    sig2 = (i32, i32) -> i32 system_v
    sig3 = () tail
    sig4 = (i32, i32) -> i32 tail
    sig5 = (i64, i64, i32, i32) -> i32 tail
    fn0 = %collect sig0
    fn1 = %allocate sig1
    fn2 = %look sig2 ! nogc
    fn3 = %throw sig3
    fn4 = %go_on sig4
    fn5 = %callee sig5
";
