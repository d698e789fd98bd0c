//! The counts and the verdict.

use super::style::{ERROR, GOOD, STRONG, WARNING, paint};
use crate::cli::Shard;
use crate::configuration::{Configuration, Mode};
use crate::exit::Exit;
use crate::text::{plural, thousands};
use crate::totals::{Tally, Totals};
use anstyle::Style;
use std::fmt::Write;

/// What is said in the end.
pub struct Summary<'a> {
    /// The sums.
    pub tally: &'a Tally,
    /// What the verifier did.
    pub mode: Mode,
    /// How many safepoints were asked for.
    pub min_subjects: Option<u64>,
    /// What share of the dereferences was asked for, in percent.
    pub min_judged: Option<f64>,
    /// Which part of the files was judged, if not all were.
    pub shard: Option<Shard>,
    /// How the command ends.
    pub exit: Exit,
}

impl Summary<'_> {
    /// Was there nothing to look at?
    pub fn checked_nothing(&self) -> bool {
        self.tally.totals.safepoints == 0
    }

    /// As text.
    pub fn text(&self) -> String {
        let totals = &self.tally.totals;
        let mut out = match totals.functions == 0 && totals.errors > 0 {
            true => String::new(),
            false => self.counts(),
        };
        let (style, word, reason) = self.verdict();
        let word = paint(style, word);
        let reason = paint(STRONG, format_args!(": {reason}"));
        // NB: Writing to a string cannot fail.
        let _ = writeln!(out, "{word}{reason}");
        out
    }

    fn counts(&self) -> String {
        let totals = &self.tally.totals;
        let mut out = String::new();
        let mut row = |name: &str, value: String| {
            let _ = writeln!(out, "{name:<15} {value}");
        };
        row("configurations", self.configurations());
        row("files", thousands(totals.files));
        row("functions", thousands(totals.functions));
        row("safepoints", thousands(totals.safepoints));
        row("references", thousands(totals.references));
        row(
            "dereferences",
            format!(
                "{} ({} typed, {} guarded, {} not judged)",
                thousands(totals.dereferences),
                thousands(totals.typed),
                thousands(totals.guarded),
                thousands(totals.unjudged)
            ),
        );
        if totals.unjudged > 0 {
            row("not judged", counted(totals.unjudged_by.iter()));
        }
        row(
            "positions",
            format!(
                "{} ({} typed, {} proved, {} not judged)",
                thousands(totals.positions),
                thousands(totals.positions_typed),
                thousands(totals.positions_proved),
                thousands(totals.positions_unjudged)
            ),
        );
        row(
            "records",
            format!(
                "{} ({})",
                thousands(totals.records),
                match totals.record_entries {
                    1 => "1 entry".to_string(),
                    n => format!("{} entries", thousands(n)),
                }
            ),
        );
        row(
            "rewrites",
            format!(
                "{} ({} refused)",
                thousands(totals.rewrites),
                thousands(totals.refused)
            ),
        );
        if totals.undone > 0 {
            row("undone passes", thousands(totals.undone));
        }
        row("violations", thousands(totals.violations));
        if totals.allowed > 0 {
            row("allowed", thousands(totals.allowed));
        }
        row("inconclusive", self.inconclusive());
        if totals.errors > 0 {
            row("errors", thousands(totals.errors));
        }
        out
    }

    /// Why `--min-subjects` was not reached.
    pub fn too_few_subjects(&self) -> String {
        let word = paint(WARNING, "inconclusive");
        let count = plural(self.tally.totals.safepoints, "safepoint");
        let min = thousands(self.min_subjects.unwrap_or_default());
        format!("{word}: {count} looked at, --min-subjects asks for {min}\n")
    }

    /// The configurations, as a product if they are one.
    fn configurations(&self) -> String {
        let configurations = &self.tally.configurations;
        let list = match (&configurations[..], product(configurations)) {
            ([only], _) => only.to_string(),
            (_, Some(parts)) => parts.join(" × "),
            (_, None) => {
                let names: Vec<String> = configurations.iter().map(|c| c.to_string()).collect();
                names.join(", ")
            }
        };
        let mode = self.mode.as_str();
        match configurations.len() {
            0 => "none".to_string(),
            1 => format!("{list}, {mode}"),
            n => format!("{n}: {list}, {mode}; the counts are sums over them"),
        }
    }

    fn inconclusive(&self) -> String {
        let count = thousands(self.tally.totals.inconclusive);
        match self.tally.reasons.is_empty() {
            true => count,
            false => format!("{count} ({})", counted(self.tally.reasons.iter())),
        }
    }

    /// Why `--min-judged` was not reached.
    pub fn too_little_judged(&self) -> String {
        let word = paint(WARNING, "inconclusive");
        let share = percent(self.tally.totals.judged_percent());
        let min = self.min_judged.unwrap_or_default();
        format!("{word}: {share} of the dereferences judged, --min-judged asks for {min} %\n")
    }

    fn verdict(&self) -> (Style, &'static str, String) {
        let totals = &self.tally.totals;
        match self.exit {
            Exit::Rejected if totals.functions_rejected == 0 => (
                ERROR,
                "rejected",
                format!("{}, which --deny inconclusive denies", undecided(totals)),
            ),
            Exit::Rejected => (ERROR, "rejected", rejected(totals)),
            Exit::Unusable if totals.functions == 0 && totals.errors == 0 => (
                ERROR,
                "incomplete",
                "no function has a name that --function means".to_string(),
            ),
            Exit::Unusable => (ERROR, "incomplete", incomplete(totals)),
            Exit::Inconclusive if totals.functions_inconclusive > 0 => {
                (WARNING, "inconclusive", undecided(totals))
            }
            Exit::Inconclusive | Exit::Verified if self.checked_nothing() => {
                (WARNING, "nothing to check", nothing(totals))
            }
            Exit::Inconclusive => (
                WARNING,
                "inconclusive",
                "too little was checked".to_string(),
            ),
            Exit::Verified => (GOOD, "verified", verified(totals)),
        }
    }

    /// The verdict in one line, without colours.
    pub fn line(&self) -> String {
        let (_, word, reason) = self.verdict();
        format!("{word}: {reason}")
    }
}

fn rejected(totals: &Totals) -> String {
    format!(
        "{} in {} of {}",
        plural(totals.violations, "violation"),
        plural(totals.functions_rejected, "function"),
        plural(totals.files_rejected, "file"),
    )
}

fn incomplete(totals: &Totals) -> String {
    format!(
        "{} of {} could not be judged in full",
        thousands(totals.files_failed),
        plural(totals.files, "file"),
    )
}

fn undecided(totals: &Totals) -> String {
    format!(
        "{} of {} could not be checked in full",
        thousands(totals.functions_inconclusive),
        plural(totals.functions, "function"),
    )
}

fn nothing(totals: &Totals) -> String {
    format!(
        "no safepoint with GC references in {}",
        plural(totals.functions, "function")
    )
}

fn verified(totals: &Totals) -> String {
    let what = match (totals.allowed, totals.functions_inconclusive) {
        (0, 0) => "every check",
        (_, 0) => "every check that is not allowed to fail",
        (0, _) => "every check that could be made",
        (_, _) => "every check that could be made and is not allowed to fail",
    };
    let holds = format!(
        "{what} holds at {} on {}",
        plural(totals.safepoints, "safepoint"),
        plural(totals.references, "reference"),
    );
    match totals.unjudged {
        0 => holds,
        _ => {
            let share = percent(totals.judged_percent());
            format!("{holds}; {share} of the dereferences were judged")
        }
    }
}

/// A share, rounded down: what is not all is never shown as 100 %.
fn percent(share: f64) -> String {
    format!("{:.2} %", (share * 100.0).floor() / 100.0)
}

/// Reasons with how often each was given, the most frequent first.
fn counted<'a, T: AsRef<str> + Ord>(reasons: impl Iterator<Item = (T, &'a u64)>) -> String {
    let mut reasons: Vec<(T, u64)> = reasons.map(|(reason, &n)| (reason, n)).collect();
    reasons.sort_by(|(a, m), (b, n)| n.cmp(m).then_with(|| a.cmp(b)));
    let reasons: Vec<String> = reasons
        .into_iter()
        .map(|(reason, count)| format!("{} {}", reason.as_ref(), thousands(count)))
        .collect();
    reasons.join(", ")
}

/// The targets, collectors, optimization levels and embeddings, if the configurations are all their
/// combinations.
fn product(configurations: &[Configuration]) -> Option<Vec<String>> {
    let targets = distinct(configurations, |c| c.target.clone());
    let collectors = distinct(configurations, |c| c.collector.to_string());
    let opt_levels = distinct(configurations, |c| c.opt_level.to_string());
    let embeddings = distinct(configurations, |c| c.embedding.to_string());
    let parts = [targets, collectors, opt_levels, embeddings];
    let count: usize = parts.iter().map(Vec::len).product();
    (count == configurations.len()).then(|| {
        // The default one, alone, goes without saying.
        let said = |names: &Vec<String>| names[..] != ["default".to_string()];
        parts
            .into_iter()
            .filter(said)
            .map(|names| match &names[..] {
                [name] => name.clone(),
                names => format!("{{{}}}", names.join(", ")),
            })
            .collect()
    })
}

fn distinct(
    configurations: &[Configuration],
    part: impl Fn(&Configuration) -> String,
) -> Vec<String> {
    let mut names = Vec::new();
    for configuration in configurations {
        let name = part(configuration);
        if !names.contains(&name) {
            names.push(name);
        }
    }
    names
}
