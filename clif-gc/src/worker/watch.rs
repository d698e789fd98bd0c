//! Stands between the optimizer and the verifier: numbers what is asked, refuses what is not planned, and
//! tells what was answered.
//!
//! **Claim.** A number means the same rewrite in every compilation of the same input in the same
//! configuration, as long as all rewrites with smaller numbers are answered alike.
//!
//! **Strength.** Exact, where functions are compiled one after the other, which a child process that has a
//! watch sees to: the optimizer asks in a fixed order, and what it asks depends on the function and on
//! the answers alone.

use super::sink::Collect;
use super::subject::{Subject, subject};
use crate::record::FunctionId;
use crate::triage::protocol::{
    EmissionRecord, Likeness, Looker, PassLine, PassRecord, Plan, Reason, RewriteAnswer,
    RewriteRecord, RewriteVerdict, StackMapRecord, Tell, Which,
};
use cranelift_codegen::dominator_tree::DominatorTree;
use cranelift_codegen::flowgraph::ControlFlowGraph;
use cranelift_codegen::gc_verifier::{
    Answer, Emitted, EmittedCall, EmittedFrame, FunctionGuard, GcVerifier, GcVerifierErrors,
    Lowered, Pass, Rewrite, SetGcVerifierError, set_gc_verifier,
};
use cranelift_codegen::ir::{Function, UserFuncName};
use cranelift_codegen::isa::TargetIsa;
use cranelift_codegen::settings;
use cranelift_gc_verifier::{FunctionReport, Judged, Options, Sink, Verifier, listing};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The process's verifier, which does what the request at hand asks for.
#[derive(Default)]
pub struct Watch(Arc<Shared>);

/// What all guards share.
#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    sink: Arc<Collect>,
}

/// What a function is called.
pub type Namer = Box<dyn Fn(&UserFuncName) -> FunctionId + Send>;

#[derive(Default)]
struct State {
    task: Option<Task>,
    namer: Option<Namer>,
    asked: u64,
    compiled: u64,
    rewrites: Vec<RewriteRecord>,
    passes: Vec<PassRecord>,
    emissions: Vec<EmissionRecord>,
}

/// What is to be done.
#[derive(Clone)]
pub struct Task {
    /// Who looks on.
    pub looker: Looker,
    /// With which options.
    pub options: Options,
    /// Which rewrites are let happen.
    pub plan: Plan,
    /// What is told.
    pub tell: Tell,
}

/// What was seen.
#[derive(Default)]
pub struct Seen {
    /// How many rewrites were asked about.
    pub asked: u64,
    /// How many functions were compiled.
    pub compiled: u64,
    /// The rewrites that were to be told of.
    pub rewrites: Vec<RewriteRecord>,
    /// The functions that were to be told of.
    pub passes: Vec<PassRecord>,
    /// What was emitted of them.
    pub emissions: Vec<EmissionRecord>,
}

impl Watch {
    /// Install one, once in a process.
    ///
    /// # Errors
    ///
    /// If there is a verifier already.
    pub fn install() -> Result<Watch, SetGcVerifierError> {
        let watch = Watch::default();
        set_gc_verifier(Arc::new(Watch(watch.0.clone())))?;
        Ok(watch)
    }

    /// From now on, do this. The numbers begin anew.
    pub fn begin(&self, task: Task) {
        self.0.sink.take();
        *self.0.state() = State {
            task: Some(task),
            ..State::default()
        };
    }

    /// From now on, functions are called like that.
    pub fn name(&self, namer: Namer) {
        self.0.state().namer = Some(namer);
    }

    /// Where reports go.
    pub fn sink(&self) -> Arc<Collect> {
        self.0.sink.clone()
    }

    /// What was seen since the beginning.
    pub fn end(&self) -> Seen {
        let State {
            task: _,
            namer: _,
            asked,
            compiled,
            rewrites,
            passes,
            emissions,
        } = std::mem::take(&mut *self.0.state());
        Seen {
            asked,
            compiled,
            rewrites,
            passes,
            emissions,
        }
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl GcVerifier for Watch {
    fn start(
        &self,
        func: &Function,
        isa: &dyn TargetIsa,
        mode: settings::GcVerifier,
    ) -> Option<Box<dyn FunctionGuard>> {
        let mut state = self.0.state();
        let Task {
            looker,
            options,
            plan,
            tell,
        } = state.task.clone()?;
        let ear = Arc::new(Ear {
            sink: self.0.sink.clone(),
            heard: Mutex::default(),
        });
        let inner = match looker {
            Looker::Off => None,
            Looker::Check | Looker::Enforce => {
                Verifier::new(options, ear.clone()).start(func, isa, mode)
            }
        };
        if tell.rewrites == Which::None && !tell.passes && plan.is_everything() {
            return inner;
        }
        let compilation = state.compiled;
        state.compiled += 1;
        let id = match &state.namer {
            Some(namer) => namer(&func.name),
            None => FunctionId {
                function: func.name.to_string(),
                name: None,
                index: None,
                line: None,
            },
        };
        let is_told = match &tell.function {
            Some(pattern) => super::names::is_meant(&id, pattern),
            None => tell.functions.is_empty() || tell.functions.contains(&id.function),
        };
        Some(Box::new(Guard {
            shared: self.0.clone(),
            inner,
            ear,
            looker,
            all_rewrites: options.all_rewrites,
            plan,
            tell,
            compilation,
            id,
            is_told,
        }))
    }
}

/// Hears what the verifier says of one function.
struct Ear {
    sink: Arc<Collect>,
    heard: Mutex<Option<Heard>>,
}

/// What it said of the last rewrite.
#[derive(Clone, Default)]
struct Heard {
    about_references: bool,
    violation: Option<(String, String)>,
}

impl Ear {
    fn heard(&self) -> MutexGuard<'_, Option<Heard>> {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Sink for Ear {
    fn function(&self, report: FunctionReport) {
        self.sink.function(report);
    }

    fn hears_rewrites(&self) -> bool {
        true
    }

    fn judged(&self, _func: &Function, judged: Judged<'_>) {
        *self.heard() = Some(Heard {
            about_references: judged.about_references,
            violation: judged.violation.map(|violation| {
                let code = violation.error.code();
                (
                    format!("{code} {}", code.name()),
                    violation.error.to_string(),
                )
            }),
        });
    }
}

/// Watches one function.
struct Guard {
    shared: Arc<Shared>,
    inner: Option<Box<dyn FunctionGuard>>,
    ear: Arc<Ear>,
    looker: Looker,
    all_rewrites: bool,
    plan: Plan,
    tell: Tell,
    /// Which of the functions that were compiled it is.
    compilation: u64,
    id: FunctionId,
    /// Is it one of those that are to be told of?
    is_told: bool,
}

impl Guard {
    fn is_planned(&self, func: &Function, number: u64, rewrite: Rewrite) -> bool {
        let Plan {
            limit,
            refused,
            functions,
            only,
        } = &self.plan;
        limit.is_none_or(|limit| number <= limit)
            && !refused.contains(&number)
            && functions
                .as_ref()
                .is_none_or(|functions| functions.contains(&self.compilation))
            && only
                .as_ref()
                .is_none_or(|likeness| self.is_like(func, rewrite, likeness))
    }

    fn is_like(&self, func: &Function, rewrite: Rewrite, likeness: &Likeness) -> bool {
        let Likeness {
            function,
            event,
            rule,
            entity,
        } = likeness;
        let subject = subject(func, rewrite);
        self.compilation == *function
            && subject.event == event
            && subject.rule == *rule
            && subject.from.entity() == *entity
    }

    /// Is it to be told of, as far as can be said before it is judged?
    fn may_be_told(&self, number: u64) -> bool {
        self.is_told
            && match self.tell.rewrites {
                Which::None | Which::Count => false,
                Which::One(one) => one == number,
                Which::Wrong | Which::References | Which::All => true,
            }
    }

    fn note(
        &self,
        func: &Function,
        number: u64,
        rewrite: Rewrite,
        (answer, heard): (Option<Answer>, Option<Heard>),
    ) {
        let heard = heard.unwrap_or_default();
        let is_wrong = heard.violation.is_some();
        let is_wanted = match self.tell.rewrites {
            Which::Wrong => is_wrong,
            Which::References => heard.about_references || is_wrong,
            Which::None | Which::Count | Which::One(_) | Which::All => true,
        };
        if !is_wanted {
            return;
        }
        let Subject {
            event,
            pass,
            rule,
            from,
            to,
            note,
        } = subject(func, rewrite);
        if let Some(part) = &self.tell.rule
            && !rule.as_ref().is_some_and(|rule| rule.contains(part))
        {
            return;
        }
        let reason = match answer {
            None => Reason::NotPlanned,
            Some(_) if is_wrong => Reason::Wrong,
            Some(_) => self.reason(rewrite, &heard),
        };
        let (code, message) = heard.violation.unzip();
        let record = RewriteRecord {
            number,
            function: self.id.clone(),
            compilation: self.compilation,
            event: event.to_string(),
            pass: pass.to_string(),
            rule,
            entity: from.entity(),
            before: from.side(func),
            after: to.map(|to| to.side(func)),
            note,
            references: heard.about_references,
            verdict: RewriteVerdict {
                answer: match answer {
                    Some(Answer::Accept) => RewriteAnswer::Accepted,
                    Some(Answer::NoChange) | None => RewriteAnswer::Refused,
                },
                reason,
                code,
                message,
            },
        };
        self.shared.state().rewrites.push(record);
    }

    /// Why nothing is wrong.
    fn reason(&self, rewrite: Rewrite, heard: &Heard) -> Reason {
        let is_judged = self.looker != Looker::Off && self.inner.is_some();
        match rewrite {
            _ if self.looker == Looker::Off => Reason::NotJudged,
            Rewrite::Hoist { .. } | Rewrite::Remat { .. } if is_judged => Reason::AtPassEnd,
            Rewrite::Inline { .. } if is_judged => Reason::AtPassEnd,
            _ if !is_judged => Reason::NoReference,
            // NB: These are judged wherever the verifier looks on.
            Rewrite::ForwardLoad { .. }
            | Rewrite::IdempotentStore { .. }
            | Rewrite::DeadStore { .. } => Reason::Justified,
            _ if !heard.about_references && !self.all_rewrites => Reason::NoReference,
            _ => Reason::SameBits,
        }
    }

    fn note_pass(&self, func: &Function, pass: Pass) {
        if !self.tell.passes || !self.is_told {
            return;
        }
        let lines = listing(func).into_iter().map(|line| PassLine {
            inst: line.inst.map(|inst| inst.to_string()),
            text: line.text,
        });
        let mut state = self.shared.state();
        let record = PassRecord {
            function: self.id.clone(),
            compilation: self.compilation,
            pass: pass.to_string(),
            number: state.asked,
            lines: lines.collect(),
            undone: false,
        };
        state.passes.push(record);
    }

    fn note_emission(&self, lowered: &Lowered, emitted: &Emitted, code: &[u8]) {
        if !self.tell.passes || !self.is_told {
            return;
        }
        let records = emitted.records.iter().map(|record| {
            // NB: The call is the last one that begins before its return address.
            let before = |call: &&EmittedCall| call.start < record.return_address;
            let call = emitted.calls.iter().take_while(before).last();
            let inst = call.and_then(|call| lowered.calls.get(call.call?)?.inst);
            let entries = record.entries.iter();
            StackMapRecord {
                inst: inst.map(|inst| inst.to_string()),
                return_address: record.return_address,
                entries: entries.map(|e| (e.offset, e.ty.to_string())).collect(),
            }
        });
        let EmittedFrame {
            outgoing_args_size,
            slots_size: _,
            spills_size: _,
            storage_size,
            clobber_size,
        } = emitted.frame;
        let slots = lowered.slots.iter();
        let record = EmissionRecord {
            compilation: self.compilation,
            code_size: code.len() as u64,
            frame_size: outgoing_args_size + storage_size + clobber_size,
            slots: slots
                .map(|(slot, offset)| (slot.to_string(), outgoing_args_size + offset))
                .collect(),
            records: records.collect(),
        };
        self.shared.state().emissions.push(record);
    }
}

impl FunctionGuard for Guard {
    fn rewrite(&mut self, func: &Function, rewrite: Rewrite) -> Answer {
        let number = {
            let mut state = self.shared.state();
            state.asked += 1;
            state.asked
        };
        let is_told = self.may_be_told(number);
        if !self.is_planned(func, number, rewrite) {
            if is_told {
                self.note(func, number, rewrite, (None, None));
            }
            return Answer::NoChange;
        }
        let answer = match &mut self.inner {
            Some(inner) => inner.rewrite(func, rewrite),
            None => Answer::Accept,
        };
        let heard = self.ear.heard().take();
        if is_told {
            self.note(func, number, rewrite, (Some(answer), heard));
        }
        answer
    }

    fn pass_end(
        &mut self,
        func: &Function,
        pass: Pass,
        cfg: &ControlFlowGraph,
        domtree: &DominatorTree,
    ) -> Result<(), GcVerifierErrors> {
        self.note_pass(func, pass);
        match &mut self.inner {
            Some(inner) => inner.pass_end(func, pass, cfg, domtree),
            None => Ok(()),
        }
    }

    fn reads_graphs(&self) -> bool {
        self.inner
            .as_ref()
            .is_some_and(|inner| inner.reads_graphs())
    }

    fn restored(&mut self, func: &Function, pass: Pass) {
        {
            let mut state = self.shared.state();
            let of_this = |record: &&mut PassRecord| record.compilation == self.compilation;
            if let Some(last) = state.passes.iter_mut().rfind(of_this) {
                last.undone = true;
            }
        }
        if let Some(inner) = &mut self.inner {
            inner.restored(func, pass);
        }
    }

    fn lowered(&mut self, func: &Function, lowered: &Lowered) -> Result<(), GcVerifierErrors> {
        match &mut self.inner {
            Some(inner) => inner.lowered(func, lowered),
            None => Ok(()),
        }
    }

    fn emitted(
        &mut self,
        func: &Function,
        lowered: &Lowered,
        emitted: &Emitted,
        code: &[u8],
    ) -> Result<(), GcVerifierErrors> {
        self.note_emission(lowered, emitted, code);
        match &mut self.inner {
            Some(inner) => inner.emitted(func, lowered, emitted, code),
            None => Ok(()),
        }
    }
}
