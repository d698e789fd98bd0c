//! What came of one fault.

use super::list::{Expect, Fault};
use super::observe::{COLLECTORS, Observation, Range, Unit};
use std::collections::{BTreeMap, BTreeSet};

/// What came of one fault.
#[derive(Debug)]
pub struct Row {
    pub fault: Fault,
    /// Units whose output differs, of how many.
    pub reached: usize,
    pub units: usize,
    /// The rewrites that were judged.
    pub range: Range,
    /// Units that did not compile.
    pub failed: usize,
    /// The functions that are rejected, by collector.
    pub functions: BTreeMap<&'static str, usize>,
    /// How often each code was reported, and after which pass.
    pub codes: BTreeMap<(String, String), usize>,
    pub cranelift: Option<usize>,
    pub runs: Option<String>,
}

impl Row {
    /// What came of this fault.
    pub fn new(fault: &Fault, sound: &Observation, seen: &Observation) -> Self {
        let mut row = Row {
            fault: fault.clone(),
            reached: 0,
            units: sound.units.len(),
            range: seen.range,
            failed: 0,
            functions: BTreeMap::new(),
            codes: BTreeMap::new(),
            cranelift: seen.cranelift.as_ref().map(BTreeSet::len),
            runs: None,
        };
        let mut rejected = BTreeSet::new();
        for (name, unit) in &seen.units {
            let Some(sound) = sound.units.get(name) else {
                continue;
            };
            row.reached += usize::from(unit.output != sound.output);
            row.failed += usize::from(unit.error().is_some());
            row.add(unit, sound, &mut rejected);
        }
        row.runs = seen.runs.as_ref().map(|runs| {
            let runs = runs
                .iter()
                .map(|(collector, runs)| (*collector, runs.to_string()));
            let ran: Vec<_> = runs
                .filter(|(_, text)| text != "–")
                .map(|(collector, text)| format!("{collector}: {text}"))
                .collect();
            match ran.is_empty() {
                true => "–".into(),
                false => ran.join("; "),
            }
        });
        row
    }

    /// Count what is rejected and was not, or not with this code. A function is counted once a
    /// collector.
    fn add(&mut self, unit: &Unit, sound: &Unit, seen: &mut BTreeSet<(String, String, String)>) {
        for (function, (layer, codes)) in &unit.rejected {
            let before = sound.rejected.get(function).map(|(_, codes)| codes);
            let new = codes
                .iter()
                .filter(|code| before.is_none_or(|before| !before.contains(*code)));
            let mut is_new = false;
            for code in new {
                is_new = true;
                let key = (code.clone(), layer.clone());
                *self.codes.entry(key).or_default() += 1;
            }
            let collector = COLLECTORS.into_iter().find(|c| **c == *unit.collector);
            let key = (unit.input.clone(), unit.collector.clone(), function.clone());
            if is_new && seen.insert(key) {
                *self.functions.entry(collector.unwrap_or("?")).or_default() += 1;
            }
        }
    }

    /// Was anything rejected?
    pub fn is_caught(&self) -> bool {
        !self.codes.is_empty()
    }

    /// Was one of the expected codes reported?
    fn is_caught_as_expected(&self) -> bool {
        let codes = &self.fault.codes;
        self.codes.keys().any(|(code, _)| codes.contains(code))
    }

    /// What there is to say about it; what must not be is set in bold.
    pub fn verdict(&self) -> &'static str {
        match (self.fault.expect(), self.reached, self.is_caught()) {
            (_, 0, false) => "**not reached**",
            (Expect::Caught, ..) if self.is_caught_as_expected() => "caught",
            (Expect::Caught, _, true) => "**by another code**",
            (Expect::Caught, _, false) => "**missed**",
            (Expect::Missed, _, false) => "missed, as known",
            (Expect::Missed, _, true) => "caught",
            (Expect::Harmless, _, false) => "harmless",
            (Expect::Harmless, _, true) => "**false alarm**",
        }
    }

    /// What must not be.
    pub fn failure(&self) -> Option<String> {
        let verdict = self.verdict();
        let name = &self.fault.name;
        verdict.starts_with("**").then(|| {
            let expected = self.fault.codes.join(", ");
            format!(
                "{name}: {} (expected: {expected})",
                verdict.trim_matches('*')
            )
        })
    }

    /// The codes, and after which pass.
    pub fn codes(&self) -> String {
        let mut by_layer: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for (code, layer) in self.codes.keys() {
            by_layer.entry(layer).or_default().push(code);
        }
        let parts: Vec<_> = by_layer
            .iter()
            .map(|(layer, codes)| format!("{} ({layer})", codes.join(" ")))
            .collect();
        match (parts.is_empty(), self.range) {
            (true, _) => "–".into(),
            (false, Range::References) => parts.join("; "),
            (false, Range::All) => format!("{}, of all rewrites", parts.join("; ")),
        }
    }
}

#[cfg(test)]
pub mod tests {
    use super::super::observe::tests::observed;
    use super::*;

    pub fn fault(expect: Expect) -> Fault {
        let reason = Some("because".into());
        Fault {
            name: "1".into(),
            what: "w".into(),
            operator: "o".into(),
            place: "p".into(),
            same_as: None,
            all_rewrites: false,
            codes: vec!["GCV02".into()],
            harmless: reason.clone().filter(|_| expect == Expect::Harmless),
            survives: reason.filter(|_| expect == Expect::Missed),
        }
    }

    const SOUND: &str = "unit\t0\ta.wat x86_64 drc default\thash\t1\ncounts\t0\t1\t1\t0\n";

    fn verdict(expect: Expect, seen: &str) -> (&'static str, usize) {
        let (sound, seen) = (observed(SOUND), observed(seen));
        let row = Row::new(&fault(expect), &sound, &seen);
        (row.verdict(), usize::from(row.failure().is_some()))
    }

    #[test]
    fn verdicts() {
        let changed = SOUND.replace("hash\t1", "hash\t2");
        let rejected = |codes| format!("{changed}rejected\t0\tu0:1\tinput\t{codes}\n");
        let caught = Expect::Caught;
        assert_eq!(verdict(caught, SOUND), ("**not reached**", 1));
        assert_eq!(verdict(caught, &changed), ("**missed**", 1));
        assert_eq!(verdict(caught, &rejected("GCV01,GCV02")), ("caught", 0));
        assert_eq!(
            verdict(caught, &rejected("GCV01")),
            ("**by another code**", 1)
        );
        assert_eq!(verdict(Expect::Missed, &changed), ("missed, as known", 0));
        assert_eq!(verdict(Expect::Harmless, &changed), ("harmless", 0));
        assert_eq!(
            verdict(Expect::Harmless, &rejected("GCV02")),
            ("**false alarm**", 1)
        );
    }

    #[test]
    fn what_was_rejected_before_does_not_count() {
        let sound = observed(&format!("{SOUND}rejected\t0\tu0:1\tinput\tGCV02\n"));
        let row = Row::new(&fault(Expect::Caught), &sound, &sound);
        assert!(!row.is_caught());
        assert_eq!(row.codes(), "–");
    }
}
