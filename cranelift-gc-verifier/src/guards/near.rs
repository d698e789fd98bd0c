//! Guards that are just before a dereference.
//!
//! **Claim.** A dereference that is said to be guarded is: on the only way to it from a few blocks
//! before, a trap or a branch excludes every representative of what its reference may be.
//!
//! **Strength.** Most guards are found at this small cost; of the others nothing is said.

use super::branch::{Start, Way, way_along, way_past};
use super::flow::Subject;
use super::settled::Settled;
use super::sites::Site;
use cranelift_codegen::ir::Value;

/// How many blocks are looked at.
const MAX_BLOCKS: usize = 8;

/// How many traps of each.
const MAX_TRAPS: usize = 8;

/// Is `site` guarded by what is just before it?
pub(crate) fn is_guarded(subject: Subject, settled: &Settled, site: &Site) -> bool {
    let mut words = site
        .hazards
        .iter()
        .flat_map(|hazard| hazard.representatives());
    words.all(|&word| is_excluded(subject, settled, site, word))
}

fn is_excluded(subject: Subject, settled: &Settled, site: &Site, word: u32) -> bool {
    let Subject {
        func, cfg, start, ..
    } = subject;
    let known = |value: Value| {
        let of_reference = subject.known(word, value, None);
        of_reference.or_else(|| settled.bits(value))
    };
    let stops = |&trap: &_| way_past(func, &known, trap) == Way::Never;
    let mut node = site.node;
    let mut until = Some(site.inst);
    for _ in 0..MAX_BLOCKS {
        let Start { node: first, inst } = start;
        let traps = subject.traps(node, inst.filter(|_| node == first));
        let end = until.map_or(traps.len(), |until| {
            traps.partition_point(|&trap| func.layout.pp_cmp(trap, until).is_lt())
        });
        if traps[end.saturating_sub(MAX_TRAPS)..end].iter().any(stops) {
            return true;
        }
        let mut edges = cfg.preds(node);
        let (Some(edge), None, false) = (edges.next(), edges.next(), node == first) else {
            return false;
        };
        let way = settled.way_along(edge);
        if way.unwrap_or_else(|| way_along(func, cfg, &known, edge)) == Way::Never {
            return true;
        }
        node = edge.from;
        until = None;
    }
    false
}
