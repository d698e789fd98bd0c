//! Which safepoint was passed last, at every point of the function.
//!
//! **Claim.** Every program point has a *version*: the safepoint that was passed last on every path to it, or
//! the block at which paths with different ones meet, or the entry. A reference that is defined at a point with
//! version `d` and used, dominated by that definition, at a point with version `u` has crossed no safepoint on
//! any path between them exactly when `d = u`.
//!
//! **Strength.** Exact on the reachable graph of [`Cfg`].
//!
//! **Math.** The version is one variable that every safepoint assigns. Its values are those of minimal SSA
//! form, with a φ at each block of the iterated dominance frontier of the blocks that hold a safepoint. A
//! worklist that settles versions in another order can leave a loop header with a version of its own that only
//! the header itself justifies, and so report a loop that holds no safepoint.

use crate::ir::cfg::{Cfg, Node};
use crate::ir::safepoint::{Safepoint, may_collect};
use cranelift_codegen::ir::{Function, Inst};

/// The version of a program point.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Version(u32);

impl Version {
    /// No safepoint was passed.
    pub(crate) const ENTRY: Version = Version(0);
    /// The version of what does not age: it matches every other one.
    pub(crate) const AGELESS: Version = Version(u32::MAX);
    /// The version of what is stale on some path wherever it is used.
    pub(crate) const MIXED: Version = Version(u32::MAX - 1);

    /// Is what was fresh at `self` fresh at `now`?
    pub(crate) fn is_fresh_at(self, now: Version) -> bool {
        self == now || self == Version::AGELESS
    }

    /// The version of what is made of parts of versions `self` and `other`.
    pub(crate) fn meet(self, other: Version) -> Version {
        if self == Version::AGELESS || self == other {
            other
        } else if other == Version::AGELESS {
            self
        } else {
            Version::MIXED
        }
    }
}

/// The safepoints of a function, and the version of each point.
pub(crate) struct Safepoints {
    /// In reverse post-order; the safepoint at index `i` makes version `i + 1`.
    pub(crate) all: Vec<Safepoint>,
    block_in: Vec<Version>,
    block_out: Vec<Version>,
}

impl Safepoints {
    /// Find the safepoints of `func` that may collect and number the versions.
    pub(crate) fn new(func: &Function, cfg: &Cfg) -> Self {
        let mut all = Vec::new();
        for node in cfg.nodes() {
            let insts = cfg.insts(func, node);
            let safepoints = insts.filter(|&inst| may_collect(func, inst));
            all.extend(safepoints.map(|inst| Safepoint { inst, node }));
        }
        Safepoints::numbered(cfg, all)
    }

    /// Number the versions that the safepoints in `all`, in the order of the code, make.
    pub(crate) fn numbered(cfg: &Cfg, all: Vec<Safepoint>) -> Self {
        let mut defs: Vec<Node> = all.iter().map(|safepoint| safepoint.node).collect();
        defs.dedup();
        let joins = cfg.iterated_frontier(&defs);
        let mut block_in = Vec::with_capacity(cfg.len());
        let mut block_out: Vec<Version> = Vec::with_capacity(cfg.len());
        let mut passed = 0;
        // Reverse post-order visits every block after its dominators.
        for node in cfg.nodes() {
            let index = node as usize;
            let start = match cfg.idom(node) {
                _ if joins[index] => Version(all.len() as u32 + 1 + node),
                Some(idom) => block_out[idom as usize],
                None => Version::ENTRY,
            };
            let before = passed;
            while all.get(passed).is_some_and(|at| at.node == node) {
                passed += 1;
            }
            block_in.push(start);
            block_out.push(match passed == before {
                true => start,
                false => Version(passed as u32),
            });
        }
        Safepoints {
            all,
            block_in,
            block_out,
        }
    }

    /// The version at the start of `node`.
    pub(crate) fn at_start(&self, node: Node) -> Version {
        self.block_in[node as usize]
    }

    /// The version at the end of `node`, where block calls take their arguments: after the
    /// terminator, which may be a safepoint itself (`try_call`).
    pub(crate) fn at_end(&self, node: Node) -> Version {
        self.block_out[node as usize]
    }

    /// The version just before `inst`.
    pub(crate) fn before(&self, func: &Function, cfg: &Cfg, inst: Inst) -> Option<Version> {
        let node = cfg.node_of_inst(func, inst)?;
        let start = self.first_in(node);
        Some(match self.first_from(func, node, inst) {
            first if first == start => self.at_start(node),
            first => Safepoints::version_after(first - 1),
        })
    }

    /// The index of the first safepoint of `node` that is `inst`, or comes after it.
    pub(crate) fn first_from(&self, func: &Function, node: Node, inst: Inst) -> usize {
        let start = self.first_in(node);
        let of_node = &self.all[start..self.first_in(node + 1)];
        start + of_node.partition_point(|at| func.layout.pp_cmp(at.inst, inst).is_lt())
    }

    /// The index of the safepoint `inst`, if it is one.
    pub(crate) fn index_of(&self, func: &Function, cfg: &Cfg, inst: Inst) -> Option<usize> {
        let index = self.first_from(func, cfg.node_of_inst(func, inst)?, inst);
        let found = self.all.get(index);
        found.is_some_and(|at| at.inst == inst).then_some(index)
    }

    /// The index of the first safepoint in `node`, or after it. Those of one block stand together.
    pub(crate) fn first_in(&self, node: Node) -> usize {
        self.all.partition_point(|safepoint| safepoint.node < node)
    }

    /// The version that the safepoint at `index` of `all` makes.
    pub(crate) fn version_after(index: usize) -> Version {
        Version(index as u32 + 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Rng, parse};
    use std::collections::HashMap;
    use std::fmt::Write;

    /// A random function: mostly branches, some calls, any shape of graph.
    fn random_function(rng: &mut Rng) -> String {
        let blocks = 2 + rng.below(7);
        let mut text =
            String::from("function %f(i32) {\nfn0 = %g()\nblock0(v0: i32):\n  jump block1\n");
        for block in 1..blocks {
            writeln!(text, "block{block}:").expect("a string takes everything");
            for _ in 0..rng.below(3) {
                text += if rng.below(3) == 0 {
                    "  call fn0()\n"
                } else {
                    "  nop\n"
                };
            }
            let target = |rng: &mut Rng| 1 + rng.below(blocks - 1);
            let (a, b) = (target(rng), target(rng));
            match rng.below(5) {
                0 => text += "  return\n",
                1 => writeln!(text, "  jump block{a}").expect("a string takes everything"),
                2 => writeln!(text, "  br_table v0, block{a}, [block{b}, block{a}]")
                    .expect("a string takes everything"),
                _ => writeln!(text, "  brif v0, block{a}, block{b}")
                    .expect("a string takes everything"),
            }
        }
        text + "}\n"
    }

    /// The instructions that can be executed right after `inst`.
    fn next(func: &Function, inst: Inst) -> Vec<Inst> {
        if let Some(next) = func.layout.next_inst(inst) {
            return vec![next];
        }
        let block = func.layout.inst_block(inst).expect("it is in the layout");
        let successors = func.block_successors(block);
        successors
            .map(|succ| func.layout.first_inst(succ).expect("no block is empty"))
            .collect()
    }

    /// What can be executed after `from` without executing it, or `avoid`, again, and whether it
    /// can be with a safepoint on the way.
    fn reached(func: &Function, from: Inst, avoid: Inst) -> HashMap<Inst, [bool; 2]> {
        let mut reached: HashMap<Inst, [bool; 2]> = HashMap::new();
        let mut pending = vec![(from, false)];
        while let Some((inst, passed)) = pending.pop() {
            let passed = passed || (inst != from && may_collect(func, inst));
            for succ in next(func, inst) {
                let seen = &mut reached.entry(succ).or_default()[usize::from(passed)];
                if succ != avoid && !core::mem::replace(seen, true) {
                    pending.push((succ, passed));
                }
            }
        }
        reached
    }

    #[test]
    fn versions_are_equal_exactly_where_no_safepoint_is_crossed() {
        let mut rng = Rng::new(1);
        let (mut equal, mut unequal) = (0, 0);
        for _ in 0..2_000 {
            let func = parse(&random_function(&mut rng));
            let cfg = Cfg::new(&func);
            let safepoints = Safepoints::new(&func, &cfg);
            let insts: Vec<Inst> = cfg
                .nodes()
                .flat_map(|node| func.layout.block_insts(cfg.block(node)))
                .collect();
            let entry = insts[0];
            for &def in &insts[1..] {
                let without_def = reached(&func, entry, def);
                for (&used, &[clean, crossing]) in &reached(&func, def, def) {
                    let dominated = without_def
                        .get(&used)
                        .is_none_or(|[clean, crossing]| !clean && !crossing);
                    if !dominated || used == def {
                        continue;
                    }
                    assert!(clean || crossing, "{used} was reached");
                    let before = |inst| {
                        let version = safepoints.before(&func, &cfg, inst);
                        version.expect("it can be reached")
                    };
                    let index = safepoints.all.iter().position(|s| s.inst == def);
                    let at_def = index.map_or_else(|| before(def), Safepoints::version_after);
                    assert_eq!(
                        at_def.is_fresh_at(before(used)),
                        !crossing,
                        "from {def} to {used} in {func}"
                    );
                    *if crossing { &mut unequal } else { &mut equal } += 1;
                }
            }
        }
        assert!(equal > 5_000 && unequal > 5_000, "{equal} and {unequal}");
    }
}
