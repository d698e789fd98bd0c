//! Which references are stale on a path.
//!
//! **Claim.** A reference that is said to be stale did not survive a safepoint of the path: no stack map kept it, or the collector moved
//! its object.
//!
//! **Strength.** A reference that the path has shown to be null or an i31 is not stale.
//!
//! **Math.** Let `b` be the number of safepoints that were passed when a reference came to be. It is stale if the collector moves objects
//! and one was passed since `b`, or if the stack map of one since `b` does not have it.

use super::super::context::Context;
use super::super::terms::{AtomKind, Shape, Term, Terms};
use super::{Passed, State};
use cranelift_codegen::ir::{GcCollector, Opcode};
use smallvec::SmallVec;
use std::collections::BTreeSet;

/// A reference that is stale, or what is derived from one.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stale {
    /// What is not to be used any more.
    pub(crate) term: Term,
    /// The reference: `term`, or what a fact says that it is derived from.
    pub(crate) root: Term,
    pub(crate) birth: u32,
    /// Does its stack map have it?
    pub(crate) is_root: bool,
}

/// The terms that `term` is made of, if it is more than a test of them.
pub(crate) fn handed_on(terms: &Terms, term: Term) -> SmallVec<[Term; 4]> {
    let is_test = match terms.shape(term) {
        Shape::Compare(..) => true,
        Shape::Apply { opcode, args, .. } => {
            *opcode == Opcode::Band
                && args
                    .iter()
                    .any(|&arg| terms.bits(arg).is_some_and(|bits| bits <= 1))
        }
        _ => false,
    };
    match is_test {
        true => SmallVec::new(),
        false => terms.children(term),
    }
}

impl State {
    /// A reference in `term` that did not survive a safepoint since it came to be.
    pub(crate) fn stale_in(
        &self,
        context: &Context<'_>,
        terms: &mut Terms,
        term: Term,
    ) -> Option<Stale> {
        if context.collector == GcCollector::Null {
            return None;
        }
        let mut pending = vec![term];
        let mut seen = BTreeSet::new();
        while let Some(term) = pending.pop() {
            if !seen.insert(term) {
                continue;
            }
            if let Some(&birth) = self.references.get(&term)
                && let Some(stale) = self.stale(context, terms, (term, birth))
            {
                return Some(stale);
            }
            // NB: It need not contain its base: what says that it is derived may be a fact alone.
            if let Some(&(base, birth)) = self.derived.get(&term)
                && let Some(stale) = self.stale(context, terms, (base, birth))
            {
                return Some(Stale { term, ..stale });
            }
            pending.extend(handed_on(terms, term));
        }
        None
    }

    /// Is `term` a reference that the path has shown to be null or an i31 since?
    pub(crate) fn is_shown_unboxed(&self, terms: &mut Terms, term: Term) -> bool {
        self.references.contains_key(&term) && self.known.is_unboxed(terms, term)
    }

    /// The older one of two references that are compared, if they are of different ages.
    pub(crate) fn older_of(
        &self,
        context: &Context<'_>,
        terms: &mut Terms,
        a: Term,
        b: Term,
    ) -> Option<Stale> {
        if context.collector != GcCollector::Moving {
            return None;
        }
        let births = [a, b].map(|term| self.references_in(terms, term));
        for (one, other) in [(&births[0], &births[1]), (&births[1], &births[0])] {
            for &(term, birth) in one {
                let is_older = other.iter().any(|&(_, newer)| birth < newer);
                if is_older && let Some(stale) = self.stale(context, terms, (term, birth)) {
                    return Some(stale);
                }
            }
        }
        None
    }

    /// The references that `term` contains and that are no constants, each with its birth.
    fn references_in(&self, terms: &mut Terms, term: Term) -> Vec<(Term, u32)> {
        let mut found = Vec::new();
        let mut pending = vec![term];
        let mut seen = BTreeSet::new();
        while let Some(term) = pending.pop() {
            if !seen.insert(term) {
                continue;
            }
            if let Some(&birth) = self.references.get(&term)
                && !self.known.is_unboxed(terms, term)
            {
                found.push((term, birth));
            }
            pending.extend(handed_on(terms, term));
        }
        found
    }

    pub(crate) fn has_reference_in(&self, terms: &mut Terms, term: Term) -> bool {
        !self.references_in(terms, term).is_empty()
    }

    fn stale(
        &self,
        context: &Context<'_>,
        terms: &mut Terms,
        (term, birth): (Term, u32),
    ) -> Option<Stale> {
        if let Some(atom) = terms.as_atom(term)
            && matches!(atom.kind, AtomKind::Immortal(_))
            && !self.mortal.contains(&term)
        {
            return None;
        }
        let passed = self.passed.get(birth as usize..)?;
        let objects = self.objects.get(&term).map(Vec::as_slice);
        let is_kept = |at: &Passed| {
            let mut objects = objects.unwrap_or_default().iter();
            let by_object = objects.len() > 0 && objects.all(|object| at.kept.contains(object));
            at.kept.contains(&term) || by_object
        };
        let unrooted = passed.iter().find(|at| !is_kept(at));
        let is_root = unrooted.is_none();
        // Where nothing moves, a root is enough.
        if is_root && (context.collector == GcCollector::NonMoving || passed.is_empty()) {
            return None;
        }
        if self.known.is_unboxed(terms, term) {
            return None;
        }
        Some(Stale {
            term,
            root: term,
            birth,
            is_root,
        })
    }

    /// The safepoints since it came to be whose stack maps do not have a reference.
    pub(crate) fn safepoints_without(&self, stale: &Stale) -> impl Iterator<Item = usize> + '_ {
        let term = stale.root;
        let all = self.passed.iter().enumerate().skip(stale.birth as usize);
        all.filter(move |(_, at)| !at.kept.contains(&term))
            .map(|(index, _)| index)
    }
}
