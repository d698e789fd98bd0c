//! Stands before the verifier: chooses functions, counts them and their rewrites, and knows over which function
//! the compiler panicked.

use super::subject;
use crate::record::{CodeRecord, FunctionRecord, RuleCount};
use cranelift_codegen::dominator_tree::DominatorTree;
use cranelift_codegen::flowgraph::ControlFlowGraph;
use cranelift_codegen::gc_verifier::{
    Answer, Emitted, FunctionGuard, GcVerifier, GcVerifierErrors, Lowered, Pass, Rewrite,
};
use cranelift_codegen::ir::{Function, UserFuncName};
use cranelift_codegen::isa::TargetIsa;
use cranelift_codegen::settings;
use cranelift_gc_verifier::Verifier;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hasher as _};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

/// Is a function to be looked at?
pub type Choice = Box<dyn Fn(&UserFuncName) -> bool + Send + Sync>;

/// What was counted, by function.
pub type Counted = BTreeMap<String, Count>;

/// What was counted of a function.
#[derive(Default)]
pub struct Count {
    rules: BTreeMap<String, RuleCount>,
    code: Option<CodeRecord>,
}

impl Count {
    /// Make it a part of what is told about the function.
    pub fn tell(self, record: &mut FunctionRecord) {
        record.rules = Some(self.rules);
        record.code = self.code;
    }
}

/// After how many functions it is told how many there were.
const STEP: u64 = 64;

/// What all threads share.
#[derive(Default)]
pub struct Observed {
    choice: RwLock<Option<Choice>>,
    compiled: AtomicU64,
    counts_rules: bool,
    counted: Mutex<Counted>,
}

impl Observed {
    /// Are rewrites counted by rule?
    pub fn new(counts_rules: bool) -> Arc<Observed> {
        Arc::new(Observed {
            counts_rules,
            ..Observed::default()
        })
    }

    /// From now on, look at these functions only.
    pub fn choose(&self, choice: Option<Choice>) {
        *self.choice.write().unwrap_or_else(PoisonError::into_inner) = choice;
    }

    /// A compilation begins.
    pub fn begin(&self) {
        self.compiled.store(0, Ordering::Relaxed);
        self.counted().clear();
    }

    /// What was counted since then.
    pub fn take(&self) -> Counted {
        std::mem::take(&mut *self.counted())
    }

    fn counted(&self) -> MutexGuard<'_, Counted> {
        self.counted.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_chosen(&self, name: &UserFuncName) -> bool {
        let choice = self.choice.read().unwrap_or_else(PoisonError::into_inner);
        choice.as_ref().is_none_or(|choice| choice(name))
    }
}

thread_local! {
    /// The function that was started last on this thread.
    static CURRENT: RefCell<Option<UserFuncName>> = const { RefCell::new(None) };
}

/// The function that this thread compiles, or compiled last.
pub fn current() -> Option<UserFuncName> {
    CURRENT.with(|current| current.borrow().clone())
}

/// The verifier, with all that is observed besides.
pub struct Observer {
    verifier: Verifier,
    observed: Arc<Observed>,
}

impl Observer {
    /// Observe before `verifier`.
    pub fn new(verifier: Verifier, observed: Arc<Observed>) -> Self {
        Observer { verifier, observed }
    }
}

impl GcVerifier for Observer {
    fn start(
        &self,
        func: &Function,
        isa: &dyn TargetIsa,
        mode: settings::GcVerifier,
    ) -> Option<Box<dyn FunctionGuard>> {
        CURRENT.with(|current| *current.borrow_mut() = Some(func.name.clone()));
        let compiled = self.observed.compiled.fetch_add(1, Ordering::Relaxed) + 1;
        if compiled.is_multiple_of(STEP) {
            super::say(&crate::job::Message::Compiled(compiled));
        }
        if !self.observed.is_chosen(&func.name) {
            return None;
        }
        let guard = self.verifier.start(func, isa, mode)?;
        if !self.observed.counts_rules {
            return Some(guard);
        }
        Some(Box::new(Counter {
            guard,
            observed: self.observed.clone(),
            function: func.name.to_string(),
            count: Count::default(),
        }))
    }

    fn cache_key(&self) -> u64 {
        self.verifier.cache_key()
    }
}

/// Counts the rewrites of one function, and measures its code.
struct Counter {
    guard: Box<dyn FunctionGuard>,
    observed: Arc<Observed>,
    function: String,
    count: Count,
}

impl Drop for Counter {
    fn drop(&mut self) {
        let mut counted = self.observed.counted();
        let function = std::mem::take(&mut self.function);
        let all = counted.entry(function).or_default();
        let Count { rules, code } = std::mem::take(&mut self.count);
        for (rule, count) in rules {
            all.rules.entry(rule).or_default().add(count);
        }
        all.code = code.or(all.code.take());
    }
}

impl FunctionGuard for Counter {
    fn rewrite(&mut self, func: &Function, rewrite: Rewrite) -> Answer {
        let subject = subject::subject(func, rewrite);
        let rule = subject.rule.unwrap_or_else(|| subject.event.to_string());
        let answer = self.guard.rewrite(func, rewrite);
        self.count.rules.entry(rule).or_default().add(RuleCount {
            asked: 1,
            refused: u64::from(answer == Answer::NoChange),
        });
        answer
    }

    fn pass_end(
        &mut self,
        func: &Function,
        pass: Pass,
        cfg: &ControlFlowGraph,
        domtree: &DominatorTree,
    ) -> Result<(), GcVerifierErrors> {
        self.guard.pass_end(func, pass, cfg, domtree)
    }

    fn reads_graphs(&self) -> bool {
        self.guard.reads_graphs()
    }

    fn restored(&mut self, func: &Function, pass: Pass) {
        self.guard.restored(func, pass);
    }

    fn lowered(&mut self, func: &Function, lowered: &Lowered) -> Result<(), GcVerifierErrors> {
        self.guard.lowered(func, lowered)
    }

    fn emitted(
        &mut self,
        func: &Function,
        lowered: &Lowered,
        emitted: &Emitted,
        code: &[u8],
    ) -> Result<(), GcVerifierErrors> {
        let mut hasher = DefaultHasher::new();
        hasher.write(code);
        self.count.code = Some(CodeRecord {
            bytes: code.len() as u64,
            hash: format!("{:016x}", hasher.finish()),
        });
        self.guard.emitted(func, lowered, emitted, code)
    }
}
