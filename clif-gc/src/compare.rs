//! `clif-gc compare`: what is different between two results of `verify --format json`.

mod place;

use crate::cli::{CompareArgs, ResultFormat};
use crate::exit::Exit;
use crate::merge::read;
use crate::render::group::without_numbers;
use crate::render::style::{ERROR, GOOD, STRONG, paint};
use crate::render::{to_stderr, to_stdout};
use crate::text::{plural, printable, thousands};
use place::Place;
use serde::Serialize;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

/// How many of a kind are shown as text; JSON has all.
const MAX_SHOWN: usize = 20;

/// Compare the results, and print what is different.
pub fn run(args: &CompareArgs) -> Exit {
    let (old, new) = match (read(&args.old), read(&args.new)) {
        (Ok(old), Ok(new)) => (old, new),
        (Err(error), _) | (_, Err(error)) => {
            to_stderr(&format!("error: {error}\n"));
            return Exit::Unusable;
        }
    };
    let comparison = Comparison::of(&old, &new);
    let exit = match comparison.worse {
        true => Exit::Rejected,
        false => Exit::Verified,
    };
    to_stdout(&match args.format {
        ResultFormat::Text => comparison.text(),
        ResultFormat::Markdown => comparison.markdown(),
        ResultFormat::Json => {
            let document = Document {
                schema_version: 1,
                command: "compare",
                exit_code: exit.code(),
                comparison: &comparison,
            };
            serde_json::to_string_pretty(&document).expect("all keys are strings") + "\n"
        }
    });
    exit
}

#[derive(Serialize)]
struct Document<'a> {
    schema_version: u32,
    command: &'static str,
    exit_code: u8,
    #[serde(flatten)]
    comparison: &'a Comparison,
}

/// What is different.
#[derive(Debug, Default, Serialize)]
struct Comparison {
    /// Did a verdict get worse, or did a finding appear?
    worse: bool,
    /// The verdicts that changed, of files and of functions.
    verdicts: Vec<Changed>,
    /// The findings that appeared.
    appeared: Vec<Finding>,
    /// The findings that vanished.
    vanished: Vec<Finding>,
    /// The functions that are in the new result only.
    functions_added: Vec<Place>,
    /// The functions that are in the old result only.
    functions_removed: Vec<Place>,
    /// The rules whose rewrites are others.
    rules: Vec<RuleChange>,
    /// The totals that changed.
    totals: BTreeMap<String, Change>,
    /// The counts of functions that changed.
    functions: Vec<CountsChange>,
    /// The functions whose machine code is another.
    code: Vec<CodeChange>,
}

#[derive(Debug, Serialize)]
struct Changed {
    #[serde(flatten)]
    place: Place,
    old: String,
    new: String,
    worse: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
struct Finding {
    #[serde(flatten)]
    place: Place,
    code: String,
    /// The check's name. NB: The place has a member `name`, too.
    check: String,
    layer: String,
    message: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
struct Change {
    old: u64,
    new: u64,
}

#[derive(Debug, Serialize)]
struct RuleChange {
    rule: String,
    asked: Change,
    refused: Change,
    /// Where it is different.
    example: Place,
}

#[derive(Debug, Serialize)]
struct CountsChange {
    #[serde(flatten)]
    place: Place,
    counts: BTreeMap<String, Change>,
}

#[derive(Debug, Serialize)]
struct CodeChange {
    #[serde(flatten)]
    place: Place,
    bytes: Change,
}

/// What is counted of a function, and says that its code is another.
const COUNTS: [&str; 7] = [
    "safepoints",
    "entries",
    "references",
    "dereferences",
    "records",
    "record_entries",
    "rewrites",
];

impl Comparison {
    fn of(old: &Value, new: &Value) -> Comparison {
        let mut comparison = Comparison {
            totals: changes(&old["totals"], &new["totals"]),
            ..Comparison::default()
        };
        comparison.verdicts(&files(old), &files(new));
        let (old_functions, new_functions) = (functions(old), functions(new));
        comparison.verdicts(&old_functions, &new_functions);
        let places = |a: &BTreeMap<Place, &Value>, b: &BTreeMap<Place, &Value>| -> Vec<Place> {
            a.keys()
                .filter(|place| !b.contains_key(place))
                .cloned()
                .collect()
        };
        comparison.functions_added = places(&new_functions, &old_functions);
        comparison.functions_removed = places(&old_functions, &new_functions);
        comparison.findings(&old_functions, &new_functions);
        comparison.rules(&old_functions, &new_functions);
        for (place, new) in &new_functions {
            if let Some(old) = old_functions.get(place) {
                let mut counts = changes(old, new);
                counts.retain(|name, _| COUNTS.contains(&name.as_str()));
                if !counts.is_empty() {
                    let place = place.clone();
                    comparison.functions.push(CountsChange { place, counts });
                }
                // NB: A result without `--rewrites` tells nothing about code.
                if let (Some(old), Some(new)) = (code(old), code(new))
                    && old != new
                {
                    comparison.code.push(CodeChange {
                        place: place.clone(),
                        bytes: Change {
                            old: old.0,
                            new: new.0,
                        },
                    });
                }
            }
        }
        comparison.worse = comparison.verdicts.iter().any(|changed| changed.worse)
            || !comparison.appeared.is_empty();
        comparison
    }

    fn verdicts(&mut self, old: &BTreeMap<Place, &Value>, new: &BTreeMap<Place, &Value>) {
        for (place, value) in new {
            let verdict = text(&value["verdict"]);
            let before = match old.get(place) {
                Some(old) => text(&old["verdict"]),
                // NB: What is new and wrong is worse than nothing.
                None => "absent".to_string(),
            };
            if before != verdict && (before != "absent" || rank(&verdict) > 0) {
                self.verdicts.push(Changed {
                    place: place.clone(),
                    worse: rank(&verdict) > rank(&before),
                    old: before,
                    new: verdict,
                });
            }
        }
    }

    fn findings(&mut self, old: &BTreeMap<Place, &Value>, new: &BTreeMap<Place, &Value>) {
        let (old, new) = (all_findings(old), all_findings(new));
        let keys: BTreeSet<_> = old.keys().chain(new.keys()).collect();
        for key in keys {
            let (before, after) = (old.get(key), new.get(key));
            let (n, m) = (before.map_or(0, Vec::len), after.map_or(0, Vec::len));
            let more = |found: Option<&Vec<Finding>>, from: usize| -> Vec<Finding> {
                found.into_iter().flatten().skip(from).cloned().collect()
            };
            self.appeared.extend(more(after, n));
            self.vanished.extend(more(before, m));
        }
    }

    fn rules(&mut self, old: &BTreeMap<Place, &Value>, new: &BTreeMap<Place, &Value>) {
        type Counts<'a> = BTreeMap<&'a str, BTreeMap<&'a Place, (u64, u64)>>;
        fn counts<'a>(functions: &'a BTreeMap<Place, &'a Value>) -> Counts<'a> {
            let mut all: Counts<'a> = BTreeMap::new();
            for (place, function) in functions {
                for (rule, count) in function["rules"].as_object().into_iter().flatten() {
                    let number = |name: &str| count[name].as_u64().unwrap_or(0);
                    let count = (number("asked"), number("refused"));
                    all.entry(rule).or_default().insert(place, count);
                }
            }
            all
        }
        // NB: Where one of them has none, they were not asked for.
        let has_rules = |functions: &BTreeMap<Place, &Value>| {
            functions
                .values()
                .any(|function| function["rules"].is_object())
        };
        if !has_rules(old) || !has_rules(new) {
            return;
        }
        let (old, new) = (counts(old), counts(new));
        let nothing = BTreeMap::new();
        let rules: BTreeSet<&str> = old.keys().chain(new.keys()).copied().collect();
        for rule in rules {
            let before = old.get(rule).unwrap_or(&nothing);
            let after = new.get(rule).unwrap_or(&nothing);
            let places = before.keys().chain(after.keys());
            let mut different = places.filter(|place| before.get(*place) != after.get(*place));
            let Some(&example) = different.next() else {
                continue;
            };
            let sum = |counts: &BTreeMap<&Place, (u64, u64)>| {
                counts
                    .values()
                    .fold((0, 0), |(a, r), (asked, refused)| (a + asked, r + refused))
            };
            let ((old_asked, old_refused), (new_asked, new_refused)) = (sum(before), sum(after));
            self.rules.push(RuleChange {
                rule: rule.to_string(),
                asked: Change {
                    old: old_asked,
                    new: new_asked,
                },
                refused: Change {
                    old: old_refused,
                    new: new_refused,
                },
                example: example.clone(),
            });
        }
    }

    /// What is different, by kind, in lines.
    fn sections(&self) -> Vec<(&'static str, Vec<String>)> {
        let verdicts = |worse: bool| -> Vec<String> {
            let changed = self
                .verdicts
                .iter()
                .filter(|changed| changed.worse == worse);
            changed
                .map(
                    |Changed {
                         place, old, new, ..
                     }| format!("{place}: {old} → {new}"),
                )
                .collect()
        };
        let findings = |findings: &[Finding]| -> Vec<String> {
            let line = |finding: &Finding| {
                let Finding {
                    place,
                    code,
                    check,
                    layer,
                    message,
                } = finding;
                format!("{place}: {code} {check} after {layer}: {message}")
            };
            findings.iter().map(line).collect()
        };
        let places = |places: &[Place]| places.iter().map(Place::to_string).collect();
        let rules = self.rules.iter().map(|change| {
            let RuleChange {
                rule,
                asked,
                refused,
                example,
            } = change;
            format!("{rule}: {asked} rewrites, {refused} refused; for example in {example}")
        });
        let totals = self.totals.iter();
        let totals = totals.map(|(name, change)| format!("{name}: {change}"));
        let counts = self.functions.iter().map(|change| {
            let counts = change.counts.iter();
            let counts: Vec<String> = counts
                .map(|(name, change)| format!("{name} {change}"))
                .collect();
            format!("{}: {}", change.place, counts.join(", "))
        });
        let code = self.code.iter().map(|change| match change.bytes {
            Change { old, new } if old == new => {
                format!("{}: {} bytes, others", change.place, thousands(new))
            }
            bytes => format!("{}: {bytes} bytes", change.place),
        });
        vec![
            ("verdicts that got worse", verdicts(true)),
            ("verdicts that got better", verdicts(false)),
            ("findings that appeared", findings(&self.appeared)),
            ("findings that vanished", findings(&self.vanished)),
            ("functions that were added", places(&self.functions_added)),
            (
                "functions that were removed",
                places(&self.functions_removed),
            ),
            ("rules whose rewrites changed", rules.collect()),
            ("totals that changed", totals.collect()),
            ("functions whose counts changed", counts.collect()),
            ("functions whose machine code changed", code.collect()),
        ]
    }

    fn verdict(&self) -> String {
        match self.worse {
            true => format!(
                "worse: {} got worse, {} appeared",
                plural(
                    self.verdicts.iter().filter(|v| v.worse).count() as u64,
                    "verdict"
                ),
                plural(self.appeared.len() as u64, "finding")
            ),
            false if self.sections().iter().all(|(_, lines)| lines.is_empty()) => {
                "the same".to_string()
            }
            false => "not worse".to_string(),
        }
    }

    fn text(&self) -> String {
        let mut out = String::new();
        for (title, lines) in self.sections() {
            if lines.is_empty() {
                continue;
            }
            // NB: Writing to a string cannot fail.
            let count = thousands(lines.len() as u64);
            let _ = writeln!(out, "{}", paint(STRONG, format_args!("{title}: {count}")));
            for line in lines.iter().take(MAX_SHOWN) {
                let _ = writeln!(out, "  {}", printable(line));
            }
            if let Some(more @ 1..) = lines.len().checked_sub(MAX_SHOWN) {
                let _ = writeln!(out, "  and {} more", thousands(more as u64));
            }
            out.push('\n');
        }
        let style = match self.worse {
            true => ERROR,
            false => GOOD,
        };
        let _ = writeln!(out, "{}", paint(style, self.verdict()));
        out
    }

    fn markdown(&self) -> String {
        let mut out = format!("**{}**\n", self.verdict());
        for (title, lines) in self.sections() {
            if lines.is_empty() {
                continue;
            }
            let count = thousands(lines.len() as u64);
            let _ = writeln!(out, "\n<details><summary>{title}: {count}</summary>\n");
            for line in lines.iter().take(MAX_SHOWN) {
                let _ = writeln!(out, "* `{}`", printable(line).replace('`', "'"));
            }
            if let Some(more @ 1..) = lines.len().checked_sub(MAX_SHOWN) {
                let _ = writeln!(out, "* and {} more", thousands(more as u64));
            }
            out.push_str("\n</details>\n");
        }
        out
    }
}

impl std::fmt::Display for Change {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} → {}", thousands(self.old), thousands(self.new))
    }
}

fn rank(verdict: &str) -> u8 {
    match verdict {
        "rejected" => 3,
        "failed" => 2,
        "inconclusive" => 1,
        _ => 0,
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_string()
}

/// The members that are different numbers.
fn changes(old: &Value, new: &Value) -> BTreeMap<String, Change> {
    let members = new.as_object().into_iter().flatten();
    let changes = members.filter_map(|(name, new)| {
        let new = new.as_u64()?;
        let old = old[name].as_u64().unwrap_or(0);
        (old != new).then(|| (name.clone(), Change { old, new }))
    });
    changes.collect()
}

/// The size and the hash of a function's machine code, if they are told.
fn code(function: &Value) -> Option<(u64, &str)> {
    let code = &function["code"];
    Some((code["bytes"].as_u64()?, code["hash"].as_str()?))
}

fn files(result: &Value) -> BTreeMap<Place, &Value> {
    let files = result["files"].as_array().into_iter().flatten();
    let place = |file: &Value| Place {
        path: text(&file["path"]),
        ..Place::default()
    };
    files.map(|file| (place(file), file)).collect()
}

fn functions(result: &Value) -> BTreeMap<Place, &Value> {
    let mut all: BTreeMap<Place, &Value> = BTreeMap::new();
    for file in result["files"].as_array().into_iter().flatten() {
        for function in file["functions"].as_array().into_iter().flatten() {
            let mut place = Place {
                path: text(&file["path"]),
                function: Some(text(&function["function"])),
                name: function["name"].as_str().map(str::to_string),
                configuration: Some(configuration(&function["configuration"])),
                nth: 0,
            };
            while all.contains_key(&place) {
                place.nth += 1;
            }
            all.insert(place, function);
        }
    }
    all
}

fn configuration(value: &Value) -> String {
    match serde_json::from_value::<crate::configuration::Configuration>(value.clone()) {
        Ok(configuration) => configuration.to_string(),
        Err(_) => value.to_string(),
    }
}

/// The findings by what makes them the same: all but how things are numbered.
fn all_findings(
    functions: &BTreeMap<Place, &Value>,
) -> BTreeMap<(Place, String, String, String), Vec<Finding>> {
    let mut all: BTreeMap<_, Vec<Finding>> = BTreeMap::new();
    for (place, function) in functions {
        for violation in function["violations"].as_array().into_iter().flatten() {
            let finding = Finding {
                place: place.clone(),
                code: text(&violation["code"]),
                check: text(&violation["name"]),
                layer: text(&violation["layer"]),
                message: text(&violation["message"]),
            };
            let message = without_numbers(&finding.message);
            let key = (
                place.clone(),
                finding.code.clone(),
                finding.layer.clone(),
                message,
            );
            all.entry(key).or_default().push(finding);
        }
    }
    all
}
