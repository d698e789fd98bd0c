//! The graph of a function while its rewrites are judged.
//!
//! **Claim.** What holds on all paths of the graph holds on all paths of the function as it stands.
//!
//! **Strength.** Exact, except for branches that lose edges in the course of a pass. The edges are taken out,
//! and dominators and versions stay those of the larger graph.
//!
//! **Math.** Let `G' ⊆ G` be graphs with the same blocks. A statement over all paths of `G` holds over all
//! paths of `G'`. A statement that some path exists need not, so that it is asked again of `G'`.

use crate::analysis::provenance::Class;
use crate::analysis::version::Safepoints;
use crate::ir::cfg::Cfg;
use crate::ir::safepoint::{Safepoint, may_collect};
use cranelift_codegen::ir::{Block, Function, Inst};
use smallvec::SmallVec;

/// The graph of a function as it was looked at.
pub(crate) struct Graph {
    pub(crate) cfg: Cfg,
    pub(crate) safepoints: Safepoints,
    /// How many instructions had been made by then.
    pub(crate) insts: usize,
    /// Were edges taken out since, so that it tells of ways and joins that are there no more?
    pub(crate) is_narrowed: bool,
}

impl Graph {
    /// Its parts for `func`, which are made anew if they hold no more: the graph, and of the safepoints those
    /// that `find` finds in it. That tells also whether it came to an instruction that always traps.
    ///
    /// NB: Few functions have any, and who reads all instructions notices them sooner than another walk does.
    pub(crate) fn renewed<T>(
        graph: Option<Graph>,
        func: &Function,
        find: impl Fn(&Cfg) -> (T, Vec<Safepoint>, bool),
    ) -> (Cfg, T, Safepoints) {
        let last = graph.filter(|graph| !graph.is_narrowed && graph.cfg.is_whole_graph_of(func));
        let (mut cfg, mut safepoints) = match last {
            Some(graph) => (graph.cfg, Some(graph.safepoints)),
            None => (Cfg::whole(func), None),
        };
        let (mut found, mut all, always_traps) = find(&cfg);
        if always_traps {
            (cfg, safepoints) = (Cfg::new(func), None);
            (found, all, _) = find(&cfg);
        }
        let safepoints = match safepoints.filter(|last| last.all == all) {
            Some(last) => last,
            None => Safepoints::numbered(&cfg, all),
        };
        (cfg, found, safepoints)
    }

    pub(crate) fn new(func: &Function) -> Self {
        let cfg = Cfg::new(func);
        Graph {
            safepoints: Safepoints::new(func, &cfg),
            cfg,
            insts: func.dfg.num_insts(),
            is_narrowed: false,
        }
    }

    /// Make it hold of `func`, of which `changes` may have changed. Returns whether it does.
    ///
    /// NB: A branch loses ways, and takes no new ones, so that what holds on all ways of the graph holds
    /// on those that are left. To compute the graph again each time takes time that is quadratic in the
    /// number of branches. The safepoints are looked for among what is new, and where they were.
    pub(crate) fn keeps_up_with(&mut self, func: &Function, changes: &Changes) -> bool {
        let holds = match changes {
            Changes::Blocks(blocks) => blocks.iter().all(|&at| match self.cfg.narrow(func, at) {
                Some(is_less) => {
                    self.is_narrowed |= is_less;
                    true
                }
                None => false,
            }),
            Changes::Everything => self.is_exactly_of(func) && self.has_its_safepoints(func),
        };
        holds && self.has_no_new_safepoints(func)
    }

    /// Is it what would be computed for `func`?
    ///
    /// NB: Where edges were taken out, dominators are those of the larger graph.
    fn is_exactly_of(&self, func: &Function) -> bool {
        !self.is_narrowed && self.cfg.is_graph_of(func)
    }

    fn has_no_new_safepoints(&mut self, func: &Function) -> bool {
        let insts = func.dfg.num_insts();
        let mut new = (self.insts..insts).map(|inst| Inst::from_u32(inst as u32));
        let is_none_new = !new.any(|inst| may_collect(func, inst));
        if is_none_new {
            self.insts = insts;
        }
        is_none_new
    }

    fn has_its_safepoints(&self, func: &Function) -> bool {
        let mut all = self.safepoints.all.iter();
        all.all(|at| self.cfg.node_of_inst(func, at.inst) == Some(at.node))
    }

    /// That of `func`, of which this was the graph.
    ///
    /// NB: Mostly, a branch has become a jump, so that the safepoints are among those that were there.
    pub(crate) fn again(&mut self, func: &Function) -> Self {
        let cfg = Cfg::new(func);
        let is_known = |node| self.cfg.node(cfg.block(node)).is_some();
        if !cfg.nodes().all(is_known) || !self.has_no_new_safepoints(func) {
            return Graph::new(func);
        }
        let all = self.safepoints.all.iter().filter_map(|at| {
            let node = cfg.node_of_inst(func, at.inst)?;
            Some(Safepoint { node, ..*at })
        });
        let mut all: Vec<Safepoint> = all.collect();
        all.sort_by_key(|at| at.node);
        Graph {
            safepoints: Safepoints::numbered(&cfg, all),
            cfg,
            insts: self.insts,
            is_narrowed: false,
        }
    }
}

/// What a look at a whole function finds that is of use while its rewrites are judged.
#[derive(Default)]
pub(crate) struct Snapshot {
    /// What each value is.
    pub(crate) classes: Vec<Class>,
    pub(crate) graph: Option<Graph>,
}

/// What can have changed since the graph was found to hold.
pub(crate) enum Changes {
    /// The ends of these blocks.
    Blocks(SmallVec<[Block; 4]>),
    Everything,
}

impl Changes {
    /// Can nothing have changed?
    pub(crate) fn is_none(&self) -> bool {
        matches!(self, Changes::Blocks(blocks) if blocks.is_empty())
    }

    /// The end of `block` can have changed, too.
    pub(crate) fn add(&mut self, block: Option<Block>) {
        match (self, block) {
            (Changes::Blocks(blocks), Some(block)) => blocks.push(block),
            (changes @ Changes::Blocks(_), None) => *changes = Changes::Everything,
            (Changes::Everything, _) => {}
        }
    }
}

impl Default for Changes {
    fn default() -> Self {
        Changes::Blocks(SmallVec::new())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::parse;
    use crate::{Code, Options, Rewrites};
    use cranelift_codegen::gc_verifier::Rewrite;
    use cranelift_codegen::ir::{Endianness, InstBuilder};

    const FUNCTION: &str = "function %f(i32) -> i32 {
        fn0 = %g()
    block0(v0: i32):
        brif v0, block1, block2
    block1:
        call fn0()
        jump block3
    block2:
        jump block3
    block3:
        return v0
    }";

    #[test]
    fn a_graph_that_lost_edges_is_no_graph_of_its_own() {
        let mut graph = Graph::new(&parse(FUNCTION));
        let func = parse(&FUNCTION.replace("brif v0, block1, block2", "jump block2"));
        let entry = func.layout.entry_block().expect("there is one");
        let mut changes = Changes::default();
        changes.add(Some(entry));
        assert!(graph.keeps_up_with(&func, &changes) && graph.is_narrowed);
        assert!(!graph.keeps_up_with(&func, &Changes::Everything));
        let nothing = |_: &Cfg| ((), Vec::new(), false);
        let (cfg, ..) = Graph::renewed(Some(graph), &func, nothing);
        assert_eq!(cfg.len(), 3);
        let join = cfg.node(func.layout.last_block().expect("there is one"));
        assert!(cfg.dominates(1, join.expect("it can be reached")));
        let again = Graph::new(&func);
        assert_eq!(again.safepoints.all.len(), 0);
        let (cfg, ..) = Graph::renewed(Some(again), &func, nothing);
        assert_eq!(cfg.len(), 3);
    }

    #[test]
    fn what_is_wrong_on_a_way_that_is_gone_is_not_refused() {
        let mut func = parse(
            "function %f(i32, i32, i32, i64) -> i32 {
            block0(v0: i32, v1: i32, v2: i32, v3: i64):
                store v1, v3
                brif v0, block1, block2
            block1:
                store v2, v3
                jump block3
            block2:
                jump block3
            block3:
                v4 = load.i32 v3
                return v4
            }",
        );
        let blocks: Vec<Block> = func.layout.blocks().collect();
        let load = func.layout.first_inst(blocks[3]).expect("it loads");
        let value = func.dfg.block_params(blocks[0])[1];
        let forward = Rewrite::ForwardLoad { load, value };
        let mut rewrites = Rewrites::of(&func, Options::default(), Endianness::Little);
        let refused = rewrites.judge(&func, forward).expect("block1 stores");
        assert_eq!(refused.error.code(), Code::Gcv08);
        let branch = func.layout.last_inst(blocks[0]).expect("it branches");
        func.replace(branch).jump(blocks[2], &[]);
        rewrites.changes.add(Some(blocks[0]));
        assert!(rewrites.judge(&func, forward).is_none());
    }
}
