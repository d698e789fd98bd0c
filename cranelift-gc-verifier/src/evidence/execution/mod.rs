//! What happens on one path, and the search for a path on which something is the case.
//!
//! **Claim.** [`anywhere`] finds a path from the entry that can be taken, as far as its branch conditions tell,
//! and on which a claim holds; or says that there is none; or gives up.
//!
//! **Strength.** The path is executed with terms for values ([`state`]): which reference is which, what each
//! slot holds and what each safepoint kept is exact on it. This reads the function, and is told which values
//! are references. No other analysis that led to the claim takes part, so that what they overlook is not
//! overlooked again.
//!
//! **Math.** Symbolic execution. The state of a path is a map from values and slot bytes to terms, and the
//! conjunction of its branch conditions.

mod claim;
mod context;
mod path_facts;
mod search;
mod state;
mod terms;
#[cfg(test)]
mod tests;

pub(crate) use claim::{Claim, Passed, Proof, Spot, What};
pub(crate) use context::Context;
pub(crate) use search::Outcome;

use crate::ir::cfg::{Cfg, Node};
use search::Search;

/// Find a path on which `claim` holds.
pub(crate) fn anywhere(context: &Context<'_>, cfg: &Cfg, claim: &Claim) -> Outcome {
    Search::new(context, cfg, claim, None).run()
}

/// Find a path that ends with the blocks of `end`, on which `claim` holds.
pub(crate) fn ending(context: &Context<'_>, cfg: &Cfg, claim: &Claim, end: &[Node]) -> Outcome {
    match end.is_empty() {
        true => Outcome::Unknown,
        false => Search::ending(context, cfg, claim, end).run(),
    }
}

/// Does `claim` hold at the end of the path that enters the blocks of `path`?
pub(crate) fn along(context: &Context<'_>, cfg: &Cfg, claim: &Claim, path: &[Node]) -> Outcome {
    Search::new(context, cfg, claim, Some(path)).run()
}
