//! What came of it, as a table in Markdown.

use super::corpus::Corpus;
use super::list::{Expect, Fault};
use super::observe::{COLLECTORS, Observation, Unit};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// The table.
#[derive(Debug)]
pub struct Table {
    head: String,
    has_others: bool,
    rows: Vec<Row>,
}

/// What came of one fault.
#[derive(Debug)]
struct Row {
    fault: Fault,
    /// Units whose output differs, of how many.
    reached: usize,
    units: usize,
    /// Units that did not compile.
    failed: usize,
    /// The functions that are rejected, by collector.
    functions: BTreeMap<&'static str, usize>,
    /// How often each code was reported, and after which pass.
    codes: BTreeMap<(String, String), usize>,
    cranelift: Option<usize>,
    runs: Option<String>,
}

impl Row {
    fn new(fault: &Fault, sound: &Observation, seen: &Observation) -> Self {
        let mut row = Row {
            fault: fault.clone(),
            reached: 0,
            units: sound.units.len(),
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

    fn is_caught(&self) -> bool {
        !self.codes.is_empty()
    }

    /// Was one of the expected codes reported?
    fn is_caught_as_expected(&self) -> bool {
        let codes = &self.fault.codes;
        self.codes.keys().any(|(code, _)| codes.contains(code))
    }

    fn verdict(&self) -> &'static str {
        match (self.fault.expect, self.reached, self.is_caught()) {
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

    fn failure(&self) -> Option<String> {
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

    fn codes(&self) -> String {
        let mut by_layer: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for (code, layer) in self.codes.keys() {
            by_layer.entry(layer).or_default().push(code);
        }
        let parts: Vec<_> = by_layer
            .iter()
            .map(|(layer, codes)| format!("{} ({layer})", codes.join(" ")))
            .collect();
        match parts.is_empty() {
            true => "–".into(),
            false => parts.join("; "),
        }
    }
}

impl Table {
    /// The table of these faults.
    pub fn new(
        corpus: &Corpus,
        sound: &Observation,
        faults: &[Fault],
        observations: &[Observation],
    ) -> Self {
        let functions: u64 = sound.units.values().map(|unit| unit.functions).sum();
        let safepoints: u64 = sound.units.values().map(|unit| unit.safepoints).sum();
        let inconclusive: u64 = sound.units.values().map(|unit| unit.inconclusive).sum();
        Table {
            head: format!(
                "Without a fault: {} inputs compiled in {} ways, {functions} functions with \
                 {safepoints} safepoints, {inconclusive} inconclusive.",
                corpus.inputs.len(),
                sound.units.len(),
            ),
            has_others: sound.cranelift.is_some(),
            rows: faults
                .iter()
                .zip(observations)
                .map(|(fault, seen)| Row::new(fault, sound, seen))
                .collect(),
        }
    }

    /// What was not as it must be.
    pub fn failures(&self) -> Vec<String> {
        self.rows.iter().filter_map(Row::failure).collect()
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}\n", self.head)?;
        let others = match self.has_others {
            true => (" Cranelift's verifier | run |", "---|---|"),
            false => ("", ""),
        };
        writeln!(
            f,
            "| fault | what | reached | copying | drc | null | codes (after) | verdict |{}",
            others.0
        )?;
        writeln!(f, "|---|---|---|---|---|---|---|---|{}", others.1)?;
        for row in &self.rows {
            let failed = match row.failed {
                0 => String::new(),
                failed => format!(", {failed} fail"),
            };
            write!(
                f,
                "| {} | {} | {}/{}{failed} |",
                row.fault.name, row.fault.what, row.reached, row.units
            )?;
            for collector in COLLECTORS {
                write!(f, " {} |", row.functions.get(collector).unwrap_or(&0))?;
            }
            write!(f, " {} | {} |", row.codes(), row.verdict())?;
            if self.has_others {
                match row.cranelift {
                    Some(0) | None => write!(f, " nothing |")?,
                    Some(units) => write!(f, " rejects {units} |")?,
                }
                write!(f, " {} |", row.runs.as_deref().unwrap_or("–"))?;
            }
            writeln!(f)?;
        }
        let as_expected = self.rows.len() - self.failures().len();
        writeln!(f, "\n{as_expected} of {} as expected.", self.rows.len())
    }
}

#[cfg(test)]
mod tests {
    use super::super::observe::tests::observed;
    use super::*;

    fn fault(expect: Expect) -> Fault {
        Fault {
            name: "1".into(),
            what: "w".into(),
            expect,
            codes: vec!["GCV02".into()],
            why: None,
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

    #[test]
    fn the_table_counts_functions_by_collector() {
        let sound = observed(SOUND);
        let seen = "unit\t0\ta.wat x86_64 drc default\thash\t2\n\
                    rejected\t0\tu0:1\tinput\tGCV01,GCV02\nrejected\t0\tu0:2\tegraph\tGCV02\n";
        let corpus = Corpus {
            inputs: vec!["a.wat".into()],
        };
        let table = Table::new(&corpus, &sound, &[fault(Expect::Caught)], &[observed(seen)]);
        let text = table.to_string();
        let row = "| 1 | w | 1/1 | 0 | 2 | 0 | GCV02 (egraph); GCV01 GCV02 (input) | caught |";
        assert!(text.contains(row), "{text}");
        assert!(text.ends_with("1 of 1 as expected.\n"), "{text}");
        assert!(table.failures().is_empty());
    }
}
