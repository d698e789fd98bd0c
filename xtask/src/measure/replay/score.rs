//! What came of seeded faults, as tables in Markdown, and the score.

use super::Seen;
use super::list::Expect;
use super::row::Row;
use std::collections::BTreeMap;
use std::fmt;

/// The rows, and what they add up to.
#[derive(Debug)]
pub struct Score {
    head: String,
    rows: Vec<Row>,
}

/// What became of faults.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
struct Tally {
    caught: usize,
    survive: usize,
    harmless: usize,
}

impl Tally {
    fn add(&mut self, row: &Row) {
        match (row.is_caught(), row.fault.expect()) {
            (true, _) => self.caught += 1,
            (false, Expect::Harmless) => self.harmless += 1,
            (false, Expect::Caught | Expect::Missed) => self.survive += 1,
        }
    }

    fn all(self) -> usize {
        self.caught + self.survive + self.harmless
    }

    /// The faults that can break an invariant.
    fn breaking(self) -> usize {
        self.caught + self.survive
    }
}

impl Score {
    /// The score of these faults.
    pub fn new(seen: &Seen) -> Self {
        let rows = seen.rows();
        Score {
            head: seen.head(),
            rows,
        }
    }

    /// What was not as it must be.
    pub fn failures(&self) -> Vec<String> {
        self.rows.iter().filter_map(Row::failure).collect()
    }

    fn tally(&self) -> Tally {
        let mut tally = Tally::default();
        self.rows.iter().for_each(|row| tally.add(row));
        tally
    }

    fn by_operator(&self) -> BTreeMap<&str, Tally> {
        let mut tallies: BTreeMap<&str, Tally> = BTreeMap::new();
        for row in &self.rows {
            tallies.entry(&row.fault.operator).or_default().add(row);
        }
        tallies
    }
}

impl fmt::Display for Score {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let tally = self.tally();
        writeln!(f, "{}\n", self.head)?;
        writeln!(
            f,
            "**{} faults: {} of the {} that can break an invariant of references are caught; {} can \
             break none.**\n",
            tally.all(),
            tally.caught,
            tally.breaking(),
            tally.harmless
        )?;
        writeln!(f, "| operator | faults | caught | survive | harmless |")?;
        writeln!(f, "|---|---|---|---|---|")?;
        for (operator, tally) in self.by_operator() {
            let Tally {
                caught,
                survive,
                harmless,
            } = tally;
            let all = tally.all();
            writeln!(
                f,
                "| {operator} | {all} | {caught} | {survive} | {harmless} |"
            )?;
        }
        writeln!(
            f,
            "\n| fault | what goes wrong | operator | place | reached | rejected functions | by (after) |"
        )?;
        writeln!(f, "|---|---|---|---|---|---|---|")?;
        for row in &self.rows {
            let fault = &row.fault;
            let functions: usize = row.functions.values().sum();
            let by = match (row.is_caught(), fault.expect()) {
                (true, _) => row.codes(),
                (false, Expect::Harmless) => "harmless".into(),
                (false, Expect::Missed) => "**survives**".into(),
                (false, Expect::Caught) => row.verdict().into(),
            };
            writeln!(
                f,
                "| {} | {} | {} | {} | {}/{} | {functions} | {by} |",
                fault.name, fault.what, fault.operator, fault.place, row.reached, row.units
            )?;
        }
        self.explain(f)
    }
}

impl Score {
    /// The faults that are not caught, and why.
    fn explain(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut is_first = true;
        for row in self.rows.iter().filter(|row| !row.is_caught()) {
            let fault = &row.fault;
            let (word, why) = match (&fault.harmless, &fault.survives) {
                (Some(why), _) => ("harmless", why),
                (None, Some(why)) => ("survives", why),
                (None, None) => continue,
            };
            if is_first {
                writeln!(f, "\nNot caught:\n")?;
                is_first = false;
            }
            writeln!(f, "* **{}** ({word}): {why}", fault.name)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::observe::tests::observed;
    use super::super::row::tests::fault;
    use super::*;

    const SOUND: &str = "unit\t0\ta.wat x86_64 drc default\thash\t1\ncounts\t0\t1\t1\t0\n";

    fn score() -> Score {
        let sound = observed(SOUND);
        let changed = SOUND.replace("hash\t1", "hash\t2");
        let rejected = format!("{changed}rejected\t0\tu0:1\tinput\tGCV02\n");
        let row = |expect, text: &str| Row::new(&fault(expect), &sound, &observed(text));
        Score {
            head: "head".into(),
            rows: vec![
                row(Expect::Caught, &rejected),
                row(Expect::Missed, &changed),
                row(Expect::Harmless, &changed),
            ],
        }
    }

    #[test]
    fn the_score_leaves_out_what_is_harmless() {
        let score = score();
        let expected = Tally {
            caught: 1,
            survive: 1,
            harmless: 1,
        };
        assert_eq!(score.tally(), expected);
        assert_eq!(score.by_operator()["o"], expected);
        assert!(score.failures().is_empty());
        let text = score.to_string();
        for part in [
            "**3 faults: 1 of the 2 that",
            "| o | 3 | 1 | 1 | 1 |",
            "| 1 | w | o | p | 1/1 | 1 | GCV02 (input) |",
            "* **1** (survives): because",
            "* **1** (harmless): because",
        ] {
            assert!(text.contains(part), "{part}\n{text}");
        }
    }

    #[test]
    fn what_should_be_caught_and_is_not_fails() {
        let mut score = score();
        let (sound, changed) = (observed(SOUND), observed(&SOUND.replace("hash\t1", "h\t2")));
        score.rows = vec![
            Row::new(&fault(Expect::Caught), &sound, &changed),
            Row::new(&fault(Expect::Missed), &sound, &sound),
        ];
        assert_eq!(score.failures().len(), 2);
        assert_eq!(score.tally().survive, 2);
    }
}
