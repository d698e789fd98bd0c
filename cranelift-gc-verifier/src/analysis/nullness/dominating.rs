//! Guards that dominate a dereference.
//!
//! **Claim.** A dereference that is said to be guarded is: traps and branches that every path to it passes
//! exclude every representative of what its reference may be.
//!
//! **Strength.** This finds most guards at a small cost. Nothing is said of the others.
//!
//! **Math.** Where one edge leads into the block of a dereference, the branch at its source is a guard. Where
//! edges meet, the next block up that is passed for certain is the immediate dominator. A block parameter that
//! is a condition, as that of a cast is, is evaluated for each edge into its block: the words that may come
//! along that edge, and what is passed then. The definition of the reference dominates all of these, so that
//! the reference is the same where they were passed.

use super::branch::{Way, way_along};
use super::by_word::While;
use super::eval::{Bits, Truth, eval, truth};
use super::invariant::{Dependence, Invariants};
use super::scratch::Subject;
use super::sites::Site;
use super::words::Words;
use crate::ir::cfg::{Edge, Node, destinations};
use crate::ir::path::Point;
use cranelift_codegen::ir::{BlockArg, Inst, InstructionData, Opcode, Value};

/// How many blocks are looked at for one dereference.
const MAX_BLOCKS: u32 = 48;

/// How many traps of each.
const MAX_TRAPS: usize = 8;

/// How many ways into the block of a parameter.
const MAX_WAYS: usize = 8;

/// How often the condition that a parameter depends on is made of another parameter.
const MAX_DEPTH: u32 = 2;

/// Is `site` guarded by what is just before it?
pub(crate) fn is_guarded(subject: Subject, invariants: &Invariants, site: &Site) -> bool {
    let mut walk = DominatorWalk {
        subject,
        invariants,
        budget: MAX_BLOCKS,
    };
    // NB: What is passed before the reference is there tells nothing of it.
    if !subject.cfg.dominates(subject.start.node, site.node) {
        return false;
    }
    let mut words = Words::of(site.hazards);
    if let Some((condition, holds)) = subject.chosen {
        words = walk.with(condition, holds, words, MAX_DEPTH);
    }
    let left = walk.left(site.node, Some(site.at), words, MAX_DEPTH);
    left.is_empty()
}

/// A look at what is before one dereference.
struct DominatorWalk<'a, 's> {
    subject: Subject<'a>,
    invariants: &'s Invariants<'a>,
    budget: u32,
}

impl DominatorWalk<'_, '_> {
    /// Those of `words` with which control may get to `until`, or to the end of `node`.
    fn left(
        &mut self,
        mut node: Node,
        mut until: Option<Inst>,
        mut words: Words,
        depth: u32,
    ) -> Words {
        let Subject { cfg, start, .. } = self.subject;
        while !words.is_empty() {
            self.budget = match self.budget.checked_sub(1) {
                Some(left) => left,
                None => return words,
            };
            words = self.past_traps(node, until, words, depth);
            if node == start.node || words.is_empty() {
                return words;
            }
            let mut edges = cfg.preds(node);
            node = match (edges.next(), edges.next()) {
                (Some(edge), None) => {
                    words = self.along(edge, words, depth);
                    edge.from
                }
                _ => match cfg.idom(node) {
                    Some(idom) => idom,
                    None => return words,
                },
            };
            until = None;
        }
        words
    }

    /// Those of `words` that pass the last traps of `node` before `until`.
    fn past_traps(
        &mut self,
        node: Node,
        until: Option<Inst>,
        mut words: Words,
        depth: u32,
    ) -> Words {
        let subject = self.subject;
        let func = subject.func;
        let Point { node: first, inst } = subject.start;
        let traps = subject.traps(node, inst.filter(|_| node == first));
        let end = until.map_or(traps.len(), |until| {
            traps.partition_point(|&trap| func.layout.pp_cmp(trap, until).is_lt())
        });
        for &trap in traps[..end].iter().rev().take(MAX_TRAPS) {
            if let InstructionData::CondTrap { opcode, arg, .. } = func.dfg.insts[trap] {
                words = self.with(arg, opcode == Opcode::Trapz, words, depth);
            }
        }
        words
    }

    /// Those of `words` with which control may take `edge`.
    fn along(&mut self, edge: Edge, words: Words, depth: u32) -> Words {
        let Subject { func, cfg, .. } = self.subject;
        match self.invariants.way_along(edge) {
            Some(Way::Never) => return Words::default(),
            Some(_) => return words,
            None => {}
        }
        let inst = func.layout.last_inst(cfg.block(edge.from));
        if let Some(InstructionData::Brif { arg, .. }) = inst.map(|inst| func.dfg.insts[inst]) {
            return self.with(arg, edge.dest == 0, words, depth);
        }
        let (invariants, reference) = (self.invariants, self.subject.reference);
        let chosen = self.subject.chosen;
        words.filter(|word| {
            let known = While::new(invariants, reference, word).and(chosen);
            way_along(func, cfg, &known, edge) != Way::Never
        })
    }

    /// Those of `words` with which `condition` may be `wanted`.
    fn with(&mut self, condition: Value, wanted: bool, words: Words, depth: u32) -> Words {
        let (invariants, reference) = (self.invariants, self.subject.reference);
        let condition = invariants.resolve(condition);
        let chosen = self.subject.chosen;
        let depends_on = match chosen.is_some_and(|(choice, _)| choice != condition) {
            // NB: The choice may have a say, too.
            true => Dependence::Anything,
            false => invariants.depends_on(condition),
        };
        match depends_on {
            Dependence::One(value) if value == reference => {
                words.without(invariants.truths(reference, condition).certainly(!wanted))
            }
            Dependence::One(param) => {
                let passed = self.with_param(param, condition, wanted, words, depth);
                passed.unwrap_or(words)
            }
            Dependence::Nothing => match invariants.bits(condition) {
                Some(Bits::Const { n, .. }) if (n != 0) != wanted => Words::default(),
                _ => words,
            },
            Dependence::Anything => words.filter(|word| {
                let known = While::new(invariants, reference, word).and(chosen);
                truth(self.subject.func, &known, condition) != Truth::Certain(!wanted)
            }),
        }
    }

    /// The same for a condition that is made of `param` alone, if that is one and of use.
    fn with_param(
        &mut self,
        param: Value,
        condition: Value,
        wanted: bool,
        words: Words,
        depth: u32,
    ) -> Option<Words> {
        let Subject {
            func, cfg, start, ..
        } = self.subject;
        let depth = depth.checked_sub(1)?;
        let node = self.invariants.param_node(param)?;
        // NB: Elsewhere, the reference may not have been what it is now.
        let is_after = node != start.node && cfg.dominates(start.node, node);
        if !is_after || cfg.preds(node).count() > MAX_WAYS {
            return None;
        }
        let params = func.dfg.block_params(cfg.block(node));
        let number = params.iter().position(|&other| other == param)?;
        let mut passed = Words::default();
        for edge in cfg.preds(node) {
            let left = words.without(passed);
            let arg = self.argument(edge, number)?;
            let may_pass = self.passing(arg, param, condition, wanted, left);
            if may_pass.is_empty() {
                continue;
            }
            let along = self.along(edge, may_pass, depth);
            passed = passed.or(self.left(edge.from, None, along, depth));
            if passed == words {
                return None;
            }
        }
        Some(passed)
    }

    /// What `edge` passes for the parameter with this `number`.
    fn argument(&self, edge: Edge, number: usize) -> Option<Value> {
        let Subject { func, cfg, .. } = self.subject;
        let inst = func.layout.last_inst(cfg.block(edge.from))?;
        let dest = destinations(func, inst)[edge.dest as usize];
        match dest.args(&func.dfg.value_lists).nth(number)? {
            BlockArg::Value(arg) => Some(self.invariants.resolve(arg)),
            BlockArg::TryCallRet(_) | BlockArg::TryCallExn(_) => None,
        }
    }

    /// Those of `words` with which `condition` may be `wanted` while `param` is `arg`.
    fn passing(
        &self,
        arg: Value,
        param: Value,
        condition: Value,
        wanted: bool,
        words: Words,
    ) -> Words {
        let (invariants, reference) = (self.invariants, self.subject.reference);
        let may_be = |bits: Bits| {
            let known = |value: Value| match value == param {
                true => Some(bits),
                false => invariants.bits(value),
            };
            truth(self.subject.func, &known, condition) != Truth::Certain(!wanted)
        };
        match invariants.depends_on(arg) {
            Dependence::Nothing => match invariants.bits(arg).is_none_or(may_be) {
                true => words,
                false => Words::default(),
            },
            Dependence::One(value) if value == reference => words.filter(|word| {
                let known = While::new(invariants, reference, word);
                may_be(eval(self.subject.func, &known, arg))
            }),
            Dependence::One(_) | Dependence::Anything => words,
        }
    }
}
