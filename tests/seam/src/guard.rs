//! Guards that know nothing of GC references.

use crate::kind::Kind;
use crate::random::Random;
use cranelift_codegen::dominator_tree::DominatorTree;
use cranelift_codegen::flowgraph::ControlFlowGraph;
use cranelift_codegen::gc_verifier::{
    Answer, FunctionGuard, GcVerifier, GcVerifierError, GcVerifierErrors, Pass, Rewrite,
};
use cranelift_codegen::ir::Function;
use cranelift_codegen::isa::TargetIsa;
use cranelift_codegen::settings;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

/// What a guard saw.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// It was started for the function of that name.
    Start(String),
    /// It was asked.
    Rewrite(Rewrite),
    /// It was shown what a pass left behind.
    PassEnd(Pass),
}

/// Accepts everything, and records it.
#[derive(Clone, Debug, Default)]
pub struct Recorder {
    events: Arc<Mutex<Vec<Event>>>,
    uninteresting: bool,
    fails_after: Option<Pass>,
}

impl Recorder {
    /// Finds no function of interest.
    pub fn uninterested() -> Self {
        Self {
            uninteresting: true,
            ..Self::default()
        }
    }

    /// Finds two errors after `pass`.
    pub fn failing_after(pass: Pass) -> Self {
        Self {
            fails_after: Some(pass),
            ..Self::default()
        }
    }

    /// What was recorded since the last call.
    pub fn take(&self) -> Vec<Event> {
        std::mem::take(&mut self.events.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// The rewrites among [`Recorder::take`].
    pub fn take_rewrites(&self) -> Vec<Rewrite> {
        let events = self.take().into_iter();
        let rewrites = events.filter_map(|event| match event {
            Event::Rewrite(rewrite) => Some(rewrite),
            Event::Start(_) | Event::PassEnd(_) => None,
        });
        rewrites.collect()
    }

    fn record(&self, event: Event) {
        let mut events = self.events.lock().unwrap_or_else(PoisonError::into_inner);
        events.push(event);
    }
}

impl GcVerifier for Recorder {
    fn start(
        &self,
        func: &Function,
        _isa: &dyn TargetIsa,
        mode: settings::GcVerifier,
    ) -> Option<Box<dyn FunctionGuard>> {
        assert_ne!(mode, settings::GcVerifier::None);
        self.record(Event::Start(func.name.to_string()));
        if self.uninteresting {
            return None;
        }
        Some(Box::new(self.clone()))
    }
}

impl FunctionGuard for Recorder {
    fn rewrite(&mut self, _func: &Function, rewrite: Rewrite) -> Answer {
        self.record(Event::Rewrite(rewrite));
        Answer::Accept
    }

    fn pass_end(
        &mut self,
        func: &Function,
        pass: Pass,
        cfg: &ControlFlowGraph,
        domtree: &DominatorTree,
    ) -> Result<(), GcVerifierErrors> {
        assert_up_to_date(func, cfg, domtree);
        self.record(Event::PassEnd(pass));
        if self.fails_after != Some(pass) {
            return Ok(());
        }
        let error = |code| GcVerifierError {
            code,
            pass,
            inst: None,
            value: None,
            message: format!("{} is at fault", func.name),
        };
        Err(GcVerifierErrors(vec![error("GCV01"), error("GCV02")]))
    }
}

/// The analyses that a guard is shown are those of the function that it is shown.
fn assert_up_to_date(func: &Function, cfg: &ControlFlowGraph, domtree: &DominatorTree) {
    let fresh = ControlFlowGraph::with_function(func);
    assert!(cfg.is_valid() && domtree.is_valid());
    for block in func.layout.blocks() {
        let sorted = |cfg: &ControlFlowGraph| {
            let mut preds: Vec<_> = cfg.pred_iter(block).collect();
            preds.sort_by_key(|pred| (pred.block, pred.inst));
            preds
        };
        assert_eq!(sorted(cfg), sorted(&fresh), "{block} in {}", func.name);
    }
    let fresh = DominatorTree::with_function(func, &fresh);
    assert_eq!(domtree.cfg_postorder(), fresh.cfg_postorder());
    for block in func.layout.blocks() {
        assert_eq!(domtree.idom(block), fresh.idom(block), "{block}");
    }
}

/// How often was something asked and refused, by kind?
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally(pub BTreeMap<Kind, Count>);

/// How often was something asked and refused?
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Count {
    /// Asked.
    pub asked: usize,
    /// Refused.
    pub refused: usize,
}

impl Tally {
    /// The count of `kind`.
    pub fn of(&self, kind: Kind) -> Count {
        self.0.get(&kind).copied().unwrap_or_default()
    }

    /// Count what `other` counted, too.
    pub fn add(&mut self, other: &Self) {
        for (kind, count) in &other.0 {
            let sum = self.0.entry(*kind).or_default();
            sum.asked += count.asked;
            sum.refused += count.refused;
        }
    }

    /// The count of all kinds.
    pub fn total(&self) -> Count {
        self.0.values().fold(Count::default(), |sum, count| Count {
            asked: sum.asked + count.asked,
            refused: sum.refused + count.refused,
        })
    }
}

/// Refuses at random.
///
/// The answers to a function depend on the seed and on the questions alone, not on what was
/// compiled before.
#[derive(Clone, Debug)]
pub struct Chaos {
    seed: u64,
    percent: u32,
    tally: Arc<Mutex<Tally>>,
}

impl Chaos {
    /// Refuse `percent` of a hundred rewrites.
    pub fn new(seed: u64, percent: u32) -> Self {
        Self {
            seed,
            percent,
            tally: Arc::default(),
        }
    }

    /// What was asked and refused, of all functions.
    pub fn tally(&self) -> Tally {
        let tally = self.tally.lock().unwrap_or_else(PoisonError::into_inner);
        tally.clone()
    }
}

impl GcVerifier for Chaos {
    fn start(
        &self,
        _func: &Function,
        _isa: &dyn TargetIsa,
        _mode: settings::GcVerifier,
    ) -> Option<Box<dyn FunctionGuard>> {
        Some(Box::new(ChaosGuard {
            chaos: self.clone(),
            random: Random::new(self.seed),
        }))
    }
}

struct ChaosGuard {
    chaos: Chaos,
    random: Random,
}

impl FunctionGuard for ChaosGuard {
    fn rewrite(&mut self, _func: &Function, rewrite: Rewrite) -> Answer {
        let refuse = self.random.percent(self.chaos.percent);
        let mut tally = self
            .chaos
            .tally
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let count = tally.0.entry(Kind::of(&rewrite)).or_default();
        count.asked += 1;
        if refuse {
            count.refused += 1;
            Answer::NoChange
        } else {
            Answer::Accept
        }
    }

    fn pass_end(
        &mut self,
        func: &Function,
        _pass: Pass,
        cfg: &ControlFlowGraph,
        domtree: &DominatorTree,
    ) -> Result<(), GcVerifierErrors> {
        assert_up_to_date(func, cfg, domtree);
        Ok(())
    }
}
