//! Rounds, and what they say.

use crate::clock::Clock;
use crate::mode::Mode;
use std::time::{Duration, Instant};

/// The middle of some numbers, and the quartiles around it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Spread {
    /// A quarter of the numbers is below.
    pub low: f64,
    /// Half of them is below.
    pub median: f64,
    /// Three quarters are below.
    pub high: f64,
}

impl Spread {
    /// Of these numbers, of which there is at least one.
    pub fn of(mut numbers: Vec<f64>) -> Option<Self> {
        numbers.sort_by(f64::total_cmp);
        let at = |share: f64| {
            let place = share * (numbers.len().checked_sub(1)?) as f64;
            let (below, above) = (place.floor() as usize, place.ceil() as usize);
            let part = place - place.floor();
            Some(numbers[below] * (1.0 - part) + numbers[above] * part)
        };
        Some(Self {
            low: at(0.25)?,
            median: at(0.5)?,
            high: at(0.75)?,
        })
    }
}

/// How long each mode took in each round.
#[derive(Clone, Debug)]
pub struct Rounds {
    modes: Vec<Mode>,
    times: Vec<Vec<f64>>,
}

/// How much is measured.
#[derive(Clone, Copy, Debug)]
pub struct Effort {
    /// At most so many rounds.
    pub rounds: usize,
    /// No further round, after three, once this much time has passed.
    pub budget: Duration,
}

/// Fewer rounds have no quartiles to speak of.
const LEAST_ROUNDS: usize = 3;

/// Runs `deed` in each mode, the modes taking turns. The first mode is the one to compare with. Who
/// begins changes from round to round, so that nobody always comes after the same one.
pub fn measure(modes: &[Mode], effort: Effort, mut deed: impl FnMut(Mode)) -> Rounds {
    let start = Instant::now();
    let mut times = vec![Vec::new(); modes.len()];
    // Caches and page tables are warm for everybody.
    deed(modes[0]);
    for round in 0..effort.rounds {
        if round >= LEAST_ROUNDS && start.elapsed() > effort.budget {
            break;
        }
        for turn in 0..modes.len() {
            let index = (round + turn) % modes.len();
            let clock = Clock::start();
            deed(modes[index]);
            times[index].push(clock.elapsed());
        }
    }
    Rounds {
        modes: modes.to_vec(),
        times,
    }
}

impl Rounds {
    /// How many there were.
    pub fn count(&self) -> usize {
        self.times[0].len()
    }

    /// The median time of the mode to compare with, in seconds.
    pub fn base(&self) -> f64 {
        Spread::of(self.times[0].clone()).map_or(0.0, |spread| spread.median)
    }

    /// What this mode costs: its time over the first mode's of the same round.
    pub fn ratio(&self, mode: Mode) -> Option<Spread> {
        let index = self.modes.iter().position(|of| *of == mode)?;
        let pairs = self.times[index].iter().zip(&self.times[0]);
        Spread::of(pairs.map(|(time, base)| time / base).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_in_the_middle() {
        assert_eq!(Spread::of(Vec::new()), None);
        let spread = Spread::of(vec![5.0, 1.0, 2.0, 4.0, 3.0]);
        let expected = Spread {
            low: 2.0,
            median: 3.0,
            high: 4.0,
        };
        assert_eq!(spread, Some(expected));
    }

    #[test]
    fn modes_take_turns() {
        let effort = Effort {
            rounds: 3,
            budget: Duration::MAX,
        };
        let mut order = Vec::new();
        let rounds = measure(&[Mode::None, Mode::Check], effort, |mode| order.push(mode));
        assert_eq!(rounds.count(), 3);
        use Mode::{Check, None as N};
        assert_eq!(order, [N, N, Check, Check, N, N, Check]);
        assert_eq!(rounds.ratio(N).map(|ratio| ratio.median), Some(1.0));
        assert_eq!(rounds.ratio(Mode::Enforce), None);
    }
}
