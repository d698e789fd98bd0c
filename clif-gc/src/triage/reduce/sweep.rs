//! Greedy reduction: takes out large parts first, then smaller ones, as long as the failure stays.
//!
//! **Claim.** The result depends on the input and on what fails, and not on how many candidates are asked
//! about at once: of those that fail, the first in order is taken, and those behind it are made anew.

use super::pool::Pool;

/// Something that can be made smaller.
pub trait State: Clone {
    /// A way to make it smaller.
    type Pass: Copy;

    /// It, as a file.
    fn bytes(&self) -> Vec<u8>;

    /// How many places there are for `pass`.
    fn places(&self, pass: Self::Pass) -> usize;

    /// It, with `pass` done at `count` places from that one on, if that is possible and changes anything.
    fn edited(&self, pass: Self::Pass, from: usize, count: usize) -> Option<Self>;
}

/// Do `pass` wherever the failure stays. `better` is told of each success. Was anything changed?
pub fn sweep<S: State>(
    state: &mut S,
    pass: S::Pass,
    pool: &Pool,
    tried: &mut u64,
    better: &mut dyn FnMut(&S),
) -> bool {
    let mut is_changed = false;
    let mut size = state.places(pass).max(1);
    loop {
        let mut at = 0;
        while at < state.places(pass) {
            let mut batch: Vec<(usize, S)> = Vec::new();
            let mut next = at;
            while batch.len() < pool.width() && next < state.places(pass) {
                let count = size.min(state.places(pass) - next);
                if let Some(candidate) = state.edited(pass, next, count) {
                    batch.push((next, candidate));
                }
                next += size;
            }
            let bytes: Vec<Vec<u8>> = batch.iter().map(|(_, state)| state.bytes()).collect();
            let first = pool.first(&bytes);
            // NB: Those behind the first are not needed; how many there are depends on the pool.
            *tried += first.map_or(bytes.len(), |index| index + 1) as u64;
            match first {
                Some(index) => {
                    let (place, candidate) = batch.swap_remove(index);
                    *state = candidate;
                    at = place;
                    is_changed = true;
                    better(state);
                }
                None => at = next,
            }
        }
        if size == 1 {
            return is_changed;
        }
        size = (size / 2).max(1);
    }
}
