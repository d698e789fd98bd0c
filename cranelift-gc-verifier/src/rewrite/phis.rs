//! What is passed for a block parameter that is to be one value.
//!
//! **Claim.** Every argument for the parameter, and for those that are passed for it in turn, is among what is
//! returned, or was compared before with the same value.
//!
//! **Strength.** Exact for the graph.
//!
//! **Math.** The least set that contains the arguments for the parameter and, with each parameter in it, the
//! arguments for that; without the value itself.

use crate::ir::cfg::{Cfg, Node, destinations};
use crate::ir::steps::{self, Analysis};
use cranelift_codegen::FxHashMap;
use cranelift_codegen::ir::{BlockArg, Function, Value, ValueDef};
use smallvec::SmallVec;
use std::collections::BTreeSet;

/// The arguments for each parameter of a block.
type Arguments = Vec<SmallVec<[Value; 2]>>;

/// The parameters whose arguments were compared, each with what it is to be.
///
/// NB: Parameters that are passed for each other, as those of a loop that rotates them, are asked about one after
/// another. Each of them finds the same arguments.
#[derive(Default)]
pub(super) struct Phis {
    compared: FxHashMap<Value, Value>,
    arguments: FxHashMap<Node, Arguments>,
}

impl Phis {
    pub(super) fn clear(&mut self) {
        self.compared.clear();
        self.arguments.clear();
    }

    /// The arguments for `param`, and for parameters that are passed for it, that are not `value`.
    pub(super) fn others(
        &mut self,
        func: &Function,
        cfg: &Cfg,
        param: Value,
        value: Value,
    ) -> Vec<Value> {
        let value = func.dfg.resolve_aliases(value);
        let mut others = BTreeSet::new();
        let mut pending = vec![param];
        while let Some(param) = pending.pop() {
            let ValueDef::Param(block, index) = func.dfg.value_def(param) else {
                continue;
            };
            if self.compared.insert(param, value) == Some(value) {
                continue;
            }
            let Some(node) = cfg.node(block) else {
                continue;
            };
            let arguments = self.arguments.entry(node);
            let arguments = arguments.or_insert_with(|| arguments_of(func, cfg, node));
            steps::count(Analysis::Values, 1);
            for &arg in arguments.get(index).into_iter().flatten() {
                let arg = func.dfg.resolve_aliases(arg);
                match func.dfg.value_def(arg) {
                    _ if arg == value => {}
                    // NB: The entry's parameters are no one's arguments.
                    ValueDef::Param(from, _) if Some(from) != func.layout.entry_block() => {
                        pending.push(arg);
                    }
                    _ => _ = others.insert(arg),
                }
            }
        }
        others.into_iter().collect()
    }
}

/// What is passed for each parameter of `node`.
fn arguments_of(func: &Function, cfg: &Cfg, node: Node) -> Arguments {
    let params = func.dfg.block_params(cfg.block(node)).len();
    steps::count(Analysis::Values, params);
    let mut arguments = vec![SmallVec::new(); params];
    for edge in cfg.preds(node) {
        let Some(last) = func.layout.last_inst(cfg.block(edge.from)) else {
            continue;
        };
        let call = destinations(func, last)[edge.dest as usize];
        for (arguments, arg) in arguments.iter_mut().zip(call.args(&func.dfg.value_lists)) {
            // The results of a call are no one's value yet.
            if let BlockArg::Value(arg) = arg {
                arguments.push(arg);
            }
        }
    }
    arguments
}
