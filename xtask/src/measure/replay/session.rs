//! Observes each fault, several at once, beside what is to be seen without any.

use super::list::Fault;
use super::observe::{Observation, Range, Runner};
use super::row::Row;
use anyhow::{Result, ensure};
use std::num::NonZeroUsize;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

/// How faults are observed.
pub struct Session<'a> {
    pub runner: Runner<'a>,
    /// Also ask Cranelift's own verifier, and run programs.
    pub others: bool,
    /// How many at once.
    pub jobs: Option<NonZeroUsize>,
}

/// What is to be seen without a fault.
#[derive(Debug)]
pub struct Baseline {
    pub references: Observation,
    /// With all rewrites judged, if some fault needs it.
    pub all: Option<Observation>,
}

impl Baseline {
    /// What is to be seen where these rewrites are judged.
    pub fn of(&self, range: Range) -> &Observation {
        match (range, &self.all) {
            (Range::All, Some(all)) => all,
            (Range::References, _) | (Range::All, None) => &self.references,
        }
    }
}

impl Session<'_> {
    /// Observes the faults, and returns what was seen in the order in which they are listed.
    pub fn observe(&self, faults: &[Fault]) -> Result<(Baseline, Vec<Observation>)> {
        let inputs = self.runner.corpus.inputs.len();
        eprintln!("replay: without a fault, on {inputs} inputs");
        let sound = |range| {
            let seen = self.runner.observe("", range, None, self.others)?;
            seen.assert_sound()?;
            anyhow::Ok(seen)
        };
        let baseline = Baseline {
            references: sound(Range::References)?,
            all: match faults.iter().any(|fault| fault.all_rewrites) {
                true => Some(sound(Range::All)?),
                false => None,
            },
        };
        let observations = self.each(faults, &baseline)?;
        Ok((baseline, observations))
    }

    fn each(&self, faults: &[Fault], baseline: &Baseline) -> Result<Vec<Observation>> {
        let jobs = match self.jobs {
            Some(jobs) => jobs.get(),
            None => std::thread::available_parallelism().map_or(1, NonZeroUsize::get),
        };
        let next = AtomicUsize::new(0);
        let results = Mutex::new(Vec::new());
        std::thread::scope(|scope| {
            for _ in 0..jobs.min(faults.len()) {
                scope.spawn(|| {
                    loop {
                        let index = next.fetch_add(1, Ordering::Relaxed);
                        let Some(fault) = faults.get(index) else {
                            break;
                        };
                        eprintln!("replay: {} of {}: {}", index + 1, faults.len(), fault.name);
                        let result = self.one(fault, baseline);
                        let mut results = results.lock().expect("nobody panics with it");
                        results.push((index, result));
                    }
                });
            }
        });
        let mut results = results.into_inner().expect("nobody panics with it");
        results.sort_by_key(|(index, _)| *index);
        ensure!(results.len() == faults.len(), "a fault was not observed");
        results.into_iter().map(|(_, result)| result).collect()
    }

    /// What is rejected as it is by default, or, for a rule about arithmetic, with all rewrites
    /// judged.
    fn one(&self, fault: &Fault, baseline: &Baseline) -> Result<Observation> {
        let observe = |range| {
            let sound = baseline.of(range);
            self.runner
                .observe(&fault.name, range, Some(sound), self.others)
        };
        let seen = observe(Range::References)?;
        if !fault.all_rewrites || Row::new(fault, &baseline.references, &seen).is_caught() {
            return Ok(seen);
        }
        observe(Range::All)
    }
}
