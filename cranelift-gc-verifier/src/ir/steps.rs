//! How much work a function takes, and when that is too much.
//!
//! **Claim.** The steps of an analysis are, up to a constant factor, the time that it takes; and an analysis that
//! can take more than linear time counts them and stops when those of the function are spent.
//!
//! **Strength.** What was found by then may lack something, so that a function whose steps are spent is
//! inconclusive, whatever was found.
//!
//! **Math.** A function of `n` instructions, values and entries of stack maps has `BASE + PER_UNIT * n` steps, for each time
//! that it is looked at as a whole, and as many for all of its rewrites.

use core::cell::Cell;

/// Who takes steps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Analysis {
    /// The control-flow graph, its dominators and frontiers.
    Graph,
    /// What stack slots hold.
    Slots,
    /// Which values are references.
    Provenance,
    /// What guards dereferences.
    Nullness,
    /// Which objects are filled before they are handed on.
    Objects,
    /// What a collection rewrites.
    CollectorState,
    /// What keeps objects alive.
    Keepalive,
    /// The paths that show errors.
    Evidence,
    /// What is known of spills that were removed.
    History,
    /// Loads that are forwarded and stores that are removed.
    Forwarding,
    /// Rewrites of values.
    Values,
    /// What barriers count and release.
    Barriers,
}

impl Analysis {
    /// All of them.
    pub const ALL: [Analysis; 12] = [
        Analysis::Graph,
        Analysis::Slots,
        Analysis::Provenance,
        Analysis::Nullness,
        Analysis::Objects,
        Analysis::CollectorState,
        Analysis::Keepalive,
        Analysis::Evidence,
        Analysis::History,
        Analysis::Forwarding,
        Analysis::Values,
        Analysis::Barriers,
    ];

    /// The words for it.
    pub fn name(self) -> &'static str {
        match self {
            Analysis::Graph => "graph",
            Analysis::Slots => "slots",
            Analysis::Provenance => "provenance",
            Analysis::Nullness => "nullness",
            Analysis::Objects => "objects",
            Analysis::CollectorState => "collector-state",
            Analysis::Keepalive => "keepalive",
            Analysis::Evidence => "evidence",
            Analysis::History => "history",
            Analysis::Forwarding => "forwarding",
            Analysis::Values => "values",
            Analysis::Barriers => "barriers",
        }
    }
}

/// How many steps each analysis took.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Steps([u64; Analysis::ALL.len()]);

impl Steps {
    /// Those of one analysis.
    pub fn of(&self, analysis: Analysis) -> u64 {
        self.0[analysis as usize]
    }

    /// Those of all.
    pub fn sum(&self) -> u64 {
        self.0.iter().sum()
    }

    /// The one that took the most.
    pub fn most(&self) -> Analysis {
        let all = Analysis::ALL.into_iter().rev();
        all.max_by_key(|&analysis| self.of(analysis))
            .unwrap_or(Analysis::Graph)
    }

    /// Those that were taken after `before`.
    pub(crate) fn since(&self, before: &Steps) -> Steps {
        Steps(core::array::from_fn(|index| {
            self.0[index] - before.0[index]
        }))
    }
}

impl core::ops::AddAssign for Steps {
    fn add_assign(&mut self, other: Steps) {
        for (sum, steps) in self.0.iter_mut().zip(other.0) {
            *sum += steps;
        }
    }
}

/// Steps that every function has.
const BASE: u64 = 4_000_000;
/// Steps that a function has for each of its parts.
const PER_UNIT: u64 = 2_000;

/// The steps that a function with so many parts has.
pub(crate) fn budget(parts: usize) -> u64 {
    BASE + PER_UNIT * parts as u64
}

thread_local! {
    static TAKEN: [Cell<u64>; Analysis::ALL.len()] = const { [const { Cell::new(0) }; Analysis::ALL.len()] };
    /// How many more may be taken.
    static LEFT: Cell<u64> = const { Cell::new(u64::MAX) };
}

/// Count `steps` of `analysis`.
#[inline]
pub(crate) fn count(analysis: Analysis, steps: usize) {
    TAKEN.with(|taken| {
        let taken = &taken[analysis as usize];
        taken.set(taken.get() + steps as u64);
    });
    LEFT.with(|left| left.set(left.get().saturating_sub(steps as u64)));
}

/// Are there none left?
#[inline]
pub(crate) fn is_spent() -> bool {
    LEFT.with(|left| left.get() == 0)
}

/// How many were taken on this thread.
pub(crate) fn taken() -> Steps {
    TAKEN.with(|taken| Steps(core::array::from_fn(|index| taken[index].get())))
}

/// While it is there, no more than so many steps may be taken.
pub(crate) struct Allowance {
    outer: u64,
}

impl Allowance {
    /// Allow so many.
    #[inline]
    pub(crate) fn new(steps: u64) -> Self {
        Allowance {
            outer: LEFT.with(|left| left.replace(steps)),
        }
    }

    /// How many may still be taken.
    #[inline]
    pub(crate) fn left(&self) -> u64 {
        LEFT.with(Cell::get)
    }
}

impl Drop for Allowance {
    #[inline]
    fn drop(&mut self) {
        LEFT.with(|left| left.set(self.outer));
    }
}

/// A span in which no more than so many steps may be taken, and in which they are counted.
pub(crate) struct Span {
    before: Steps,
    _allowed: Allowance,
}

impl Span {
    /// Begin one.
    pub(crate) fn new(budget: u64) -> Self {
        Span {
            before: taken(),
            _allowed: Allowance::new(budget),
        }
    }

    /// How many were taken.
    pub(crate) fn steps(&self) -> Steps {
        taken().since(&self.before)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_are_counted_in_their_span() {
        let outer = Span::new(10);
        count(Analysis::Slots, 4);
        {
            let inner = Span::new(3);
            count(Analysis::Graph, 2);
            assert!(!is_spent());
            count(Analysis::Graph, 2);
            assert!(is_spent());
            assert_eq!(inner.steps().of(Analysis::Graph), 4);
            assert_eq!(inner.steps().of(Analysis::Slots), 0);
        }
        assert!(!is_spent());
        assert_eq!(outer.steps().sum(), 8);
        assert_eq!(outer.steps().most(), Analysis::Graph);
        count(Analysis::Slots, 6);
        assert!(is_spent());
    }
}
