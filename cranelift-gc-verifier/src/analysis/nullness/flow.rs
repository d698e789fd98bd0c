//! Which dereferences are reached by a reference that is a given word.
//!
//! **Claim.** A dereference that is not reached is not executed while the reference is that word.
//!
//! **Strength.** What is reached may not be executed: where paths meet, what was known on each of them is
//! forgotten, and a branch that is not understood is taken to go both ways. So nothing is reported until a path
//! is found (see [`replay`](super::path)).
//!
//! **Math.** Conditional constant propagation (Wegman, Zadeck: "Constant Propagation with Conditional
//! Branches", TOPLAS 1991) from the definition of the reference on. It visits those blocks that the definition
//! dominates and that lead to a dereference without passing the definition again. No path leaves these blocks
//! and comes back without passing the definition, so that no parameter of theirs is passed anything from
//! elsewhere.

use super::branch::{Way, for_each_param, way_along, way_past};
use super::equal_words::{EqualWords, Reads};
use super::eval::{Assumptions, Bits, Truth};
use super::scratch::{Scratch, Subject};
use super::sites::Site;
use crate::ir::cfg::{Edge, Node};
use crate::ir::path::Point;
use cranelift_codegen::ir::{Function, Inst, InstructionData, Value};
use smallvec::SmallVec;

/// One analysis: the reference is `word`.
pub(crate) struct Flow<'a, 's, 'f> {
    subject: Subject<'a>,
    scratch: &'s mut Scratch<'f>,
    word: u32,
    reads: Reads,
}

impl Assumptions for Flow<'_, '_, '_> {
    fn bits(&self, value: Value) -> Option<Bits> {
        if let Some(bits) = self.subject.known(self.word, value, None) {
            self.reads.reference();
            return Some(bits);
        }
        if !self.scratch.is_param(self.subject, value) {
            return self.scratch.invariants.bits(value);
        }
        self.reads.param();
        let (stamp, bits) = self.scratch.params[value.as_u32() as usize];
        Some(match stamp == self.scratch.stamp {
            true => bits,
            false => Bits::Unknown,
        })
    }

    fn resolve(&self, _: &Function, value: Value) -> Value {
        self.scratch.invariants.resolve(value)
    }

    fn holds(&self, value: Value) -> Option<bool> {
        self.subject.holds(value)
    }

    fn truth(&self, condition: Value) -> Option<Truth> {
        if self.subject.chosen.is_some() {
            return None;
        }
        let reference = self.subject.reference;
        let invariants = &self.scratch.invariants;
        let truth = invariants.truth_while(reference, self.word, condition)?;
        self.reads.reference();
        Some(truth)
    }
}

impl<'a, 's, 'f> Flow<'a, 's, 'f> {
    /// Find what is reached in the region that was found last. None if that takes too long.
    pub(crate) fn run(
        subject: Subject<'a>,
        scratch: &'s mut Scratch<'f>,
        word: u32,
    ) -> Option<Self> {
        scratch.stamp += 1;
        let mut flow = Flow {
            subject,
            scratch,
            word,
            reads: Reads::default(),
        };
        flow.scratch.executed.fill(0);
        flow.scratch.execute(subject.start.node);
        let mut changed = true;
        while changed {
            changed = false;
            // NB: A sweep in reverse post-order takes in what it adds ahead of itself.
            let mut next = flow.scratch.executed_from(0);
            while let Some(node) = next {
                let cost = 1 + subject.traps.of(node).len() as u64;
                flow.scratch.budget = flow.scratch.budget.checked_sub(cost)?;
                changed |= flow.visit(node);
                next = flow.scratch.executed_from(node + 1);
            }
        }
        Some(flow)
    }

    fn is_in_area(&self, node: Node) -> bool {
        self.scratch.in_region[node as usize] == self.scratch.region_stamp
    }

    fn is_executable(&self, node: Node) -> bool {
        self.scratch.executable[node as usize] == self.scratch.stamp
    }

    fn first_of(&self, node: Node) -> Option<Inst> {
        let Point { node: at, inst } = self.subject.start;
        inst.filter(|_| at == node)
    }

    /// The first trap of `node` that is not passed.
    fn stop(&self, node: Node) -> Option<Inst> {
        let traps = self.subject.traps(node, self.first_of(node));
        traps
            .iter()
            .copied()
            .find(|&trap| match self.way_past(trap) {
                Way::Never | Way::Unknown => true,
                Way::Open | Way::Unsure => false,
            })
    }

    fn way_past(&self, trap: Inst) -> Way {
        let func = self.subject.func;
        let way = way_past(func, self, trap);
        self.reads.settle(func.dfg.inst_args(trap).first().copied());
        way
    }

    fn way_along(&self, edge: Edge) -> Way {
        let Subject { func, cfg, .. } = self.subject;
        if let Some(way) = self.scratch.invariants.way_along(edge) {
            return way;
        }
        let way = way_along(func, cfg, self, edge);
        let inst = func.layout.last_inst(cfg.block(edge.from));
        // NB: What a table is indexed with is more than true or false.
        self.reads
            .settle(inst.and_then(|inst| match func.dfg.insts[inst] {
                InstructionData::Brif { arg, .. } => Some(arg),
                _ => None,
            }));
        way
    }

    /// What the analysis of this word depends on, if that is simple.
    pub(crate) fn into_equal_words(self) -> Option<EqualWords> {
        self.reads.into_equal_words(self.word)
    }

    /// Is `site` reached?
    pub(crate) fn reaches(&self, site: &Site) -> bool {
        let layout = &self.subject.func.layout;
        self.is_executable(site.node)
            && self
                .stop(site.node)
                .is_none_or(|stop| layout.pp_cmp(site.at, stop).is_lt())
    }

    /// Is control known to take `edge` at times?
    pub(crate) fn takes(&self, edge: Edge) -> bool {
        let start = self.subject.start;
        self.is_executable(edge.from)
            && edge.to != start.node
            && self.is_in_area(edge.to)
            && matches!(self.way_along(edge), Way::Open | Way::Unsure)
    }

    /// Returns whether something is known that was not.
    fn visit(&mut self, node: Node) -> bool {
        if self.stop(node).is_some() {
            return false;
        }
        let Subject { func, cfg, .. } = self.subject;
        let mut changed = false;
        for edge in cfg.succs(node) {
            if !self.takes(edge) {
                continue;
            }
            let mut given = SmallVec::<[(Value, Bits); 4]>::new();
            for_each_param(func, cfg, self, edge, |param, bits| {
                given.push((param, bits));
            });
            self.reads.settle(None);
            let stamp = self.scratch.stamp;
            changed |= self.scratch.execute(edge.to);
            for (param, bits) in given {
                let (at, old) = self.scratch.params[param.as_u32() as usize];
                let old = if at == stamp { old } else { Bits::Unknown };
                let new = old.meet(bits);
                self.scratch.params[param.as_u32() as usize] = (stamp, new);
                changed |= new != old;
            }
        }
        changed
    }
}
