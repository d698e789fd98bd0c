//! What came of it, as a table in Markdown.

use super::Seen;
use super::observe::COLLECTORS;
use super::row::Row;
use std::fmt;

/// The table.
#[derive(Debug)]
pub struct Table {
    head: String,
    has_others: bool,
    rows: Vec<Row>,
}

impl Table {
    /// The table of what was seen.
    pub fn new(seen: &Seen) -> Self {
        Table {
            head: seen.head(),
            has_others: seen.baseline.references.cranelift.is_some(),
            rows: seen.rows(),
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
    use super::super::corpus::Corpus;
    use super::super::list::Expect;
    use super::super::observe::tests::observed;
    use super::super::row::tests::fault;
    use super::super::session::Baseline;
    use super::*;

    const SOUND: &str = "unit\t0\ta.wat x86_64 drc default\thash\t1\ncounts\t0\t1\t1\t0\n";

    #[test]
    fn the_table_counts_functions_by_collector() {
        let baseline = Baseline {
            references: observed(SOUND),
            all: None,
        };
        let seen = "unit\t0\ta.wat x86_64 drc default\thash\t2\n\
                    rejected\t0\tu0:1\tinput\tGCV01,GCV02\nrejected\t0\tu0:2\tegraph\tGCV02\n";
        let seen = Seen {
            corpus: Corpus {
                inputs: vec!["a.wat".into()],
            },
            faults: vec![fault(Expect::Caught)],
            baseline,
            observations: vec![observed(seen)],
        };
        let table = Table::new(&seen);
        let text = table.to_string();
        let row = "| 1 | w | 1/1 | 0 | 2 | 0 | GCV02 (egraph); GCV01 GCV02 (input) | caught |";
        assert!(text.contains(row), "{text}");
        assert!(text.ends_with("1 of 1 as expected.\n"), "{text}");
        assert!(table.failures().is_empty());
    }
}
