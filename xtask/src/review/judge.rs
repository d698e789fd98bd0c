//! What the two results say about the patch.

use super::marks::Touched;
use super::patch::NotJudged;
use super::place::Place;
use super::rules::{Kind, RuleChange};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// The outcome of a review, which is also its JSON.
#[derive(Debug, Serialize)]
pub struct Review {
    /// Changes when a consumer has to.
    pub schema_version: u32,
    /// `review`.
    pub command: &'static str,
    /// The exit code of the command.
    pub exit_code: u8,
    /// The outcome in a word.
    pub outcome: Outcome,
    /// Why it is so, a sentence each.
    pub reasons: Vec<String>,
    /// Where the patch comes from.
    pub sources: Vec<String>,
    /// The files that were judged.
    pub files: Vec<String>,
    /// The files that were not.
    pub not_judged: Vec<NotJudged>,
    /// The tests of the patch that were not compiled, for not all of them is in the patch.
    pub tests_left_out: Vec<String>,
    /// Whether rewrites were judged that are about no reference.
    pub all_rewrites: bool,
    /// What was compiled, and what comes of it.
    pub totals: Option<Value>,
    /// The rules that the patch changes.
    pub rules: Vec<RuleReview>,
    /// The functions that were made from rules, if that was asked for.
    pub synthesized: Vec<Synthesized>,
    /// Forms of ISLE besides rules that are others, by file.
    pub other_forms: BTreeMap<String, usize>,
    /// The functions of the compiler that the patch touches.
    pub functions: Vec<Touched>,
    /// The verdicts that changed, of files and functions.
    pub verdicts: Vec<Changed>,
    /// The findings that only the patched compiler has.
    pub appeared: Vec<Finding>,
    /// The findings that it has no more.
    pub vanished: Vec<Finding>,
    /// The rules whose rewrites are others.
    pub rewrites: Vec<Rewrites>,
    /// The totals that changed.
    pub changed_totals: BTreeMap<String, Change>,
    /// The functions whose counts changed.
    pub counts: Vec<Counts>,
    /// The functions whose machine code changed.
    pub code: Vec<Code>,
    /// The filetests that pass with one of both only.
    pub filetests: Vec<Filetest>,
    /// The time that compiling takes, in seconds.
    pub compile_time: Option<Times>,
}

/// The outcome of a review.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// No verdict got worse.
    NotWorse,
    /// A verdict got worse, or a finding appeared.
    Worse,
    /// Some of the patch was not exercised, and so not judged.
    NotExercised,
    /// The patch does not apply.
    DoesNotApply,
    /// The compiler does not compile with it.
    DoesNotCompile,
}

impl Outcome {
    /// The exit code that says so.
    pub fn exit_code(self) -> u8 {
        match self {
            Outcome::NotWorse => 0,
            Outcome::Worse => 1,
            Outcome::DoesNotApply | Outcome::DoesNotCompile => 2,
            Outcome::NotExercised => 3,
        }
    }
}

/// A number before and after.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    pub old: u64,
    pub new: u64,
}

/// A verdict that changed.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Changed {
    #[serde(flatten)]
    pub place: Place,
    pub old: String,
    pub new: String,
    pub worse: bool,
}

/// A finding that appeared or vanished.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Finding {
    #[serde(flatten)]
    pub place: Place,
    pub code: String,
    pub check: String,
    pub layer: String,
    pub message: String,
}

/// The rewrites of a rule.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Rewrites {
    pub rule: String,
    pub asked: Change,
    pub refused: Change,
    pub example: Place,
}

/// Counts of a function that changed.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Counts {
    #[serde(flatten)]
    pub place: Place,
    pub counts: BTreeMap<String, Change>,
}

/// The machine code of a function that changed.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Code {
    #[serde(flatten)]
    pub place: Place,
    pub bytes: Change,
}

/// A filetest that passes with one compiler only.
#[derive(Clone, Debug, Serialize)]
pub struct Filetest {
    pub path: String,
    pub passes_with_patch: bool,
}

/// Seconds without and with the patch: the shortest of several runs.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Times {
    pub old: f64,
    pub new: f64,
    pub rounds: usize,
}

/// A rule that the patch changes, and what it did.
#[derive(Clone, Debug, Serialize)]
pub struct RuleReview {
    #[serde(flatten)]
    pub change: RuleChange,
    /// For how many rewrites it asked with the patch.
    pub asked: u64,
    /// How many of its rewrites are findings.
    pub wrong: u64,
    /// A function in which it asked.
    pub example: Option<Place>,
    /// The first finding that it is to blame for.
    pub finding: Option<String>,
}

/// How many functions were made from a rule.
#[derive(Clone, Debug, Serialize)]
pub struct Synthesized {
    pub rule: String,
    pub functions: usize,
    /// The part of the rule by which none could be made.
    pub not_understood: Option<String>,
}

/// What `clif-gc compare --format json` says.
#[derive(Debug, Deserialize)]
pub struct Comparison {
    pub verdicts: Vec<Changed>,
    pub appeared: Vec<Finding>,
    pub vanished: Vec<Finding>,
    pub rules: Vec<Rewrites>,
    pub totals: BTreeMap<String, Change>,
    pub functions: Vec<Counts>,
    pub code: Vec<Code>,
}

impl Comparison {
    /// The findings of functions that have more of a kind than before. A finding that is only worded otherwise
    /// is none of them.
    fn more(&self) -> usize {
        let mut counts: BTreeMap<(&Place, &str), i64> = BTreeMap::new();
        for (findings, step) in [(&self.appeared, 1), (&self.vanished, -1)] {
            for finding in findings {
                *counts.entry((&finding.place, &finding.code)).or_default() += step;
            }
        }
        counts.values().filter(|&&count| count > 0).count()
    }
}

/// What each changed rule did with the patch.
pub fn rules(changes: Vec<RuleChange>, patched: &Value) -> Vec<RuleReview> {
    let mut reviews: Vec<RuleReview> = changes
        .into_iter()
        .map(|change| RuleReview {
            change,
            asked: 0,
            wrong: 0,
            example: None,
            finding: None,
        })
        .collect();
    for (place, function) in functions(patched) {
        for review in reviews
            .iter_mut()
            .filter(|r| r.change.kind != Kind::Removed)
        {
            let asked = function["rules"][&review.change.rule]["asked"].as_u64();
            if let Some(asked @ 1..) = asked {
                review.asked += asked;
                review.example.get_or_insert_with(|| place.clone());
            }
            for violation in function["violations"].as_array().into_iter().flatten() {
                if violation["rule"].as_str() == Some(&review.change.rule) {
                    review.wrong += 1;
                    let say = |name: &str| violation[name].as_str().unwrap_or_default().to_string();
                    review.finding.get_or_insert_with(|| {
                        format!("{place}: {} {}", say("code"), say("message"))
                    });
                }
            }
        }
    }
    reviews
}

fn functions(result: &Value) -> Vec<(Place, &Value)> {
    let mut all = Vec::new();
    for file in result["files"].as_array().into_iter().flatten() {
        for function in file["functions"].as_array().into_iter().flatten() {
            let text = |value: &Value| value.as_str().map(str::to_string);
            let part = |name: &str| text(&function["configuration"][name]);
            let parts = ["target", "collector", "opt_level", "embedding"];
            let parts: Vec<String> = parts.into_iter().filter_map(part).collect();
            let place = Place {
                path: text(&file["path"]).unwrap_or_default(),
                function: text(&function["function"]),
                name: text(&function["name"]),
                configuration: Some(parts.join(" ")),
                nth: 0,
            };
            all.push((place, function));
        }
    }
    all
}

impl Review {
    /// Of this patch, without an outcome.
    pub fn new(sources: Vec<String>) -> Review {
        Review {
            schema_version: 1,
            command: "review",
            exit_code: 0,
            outcome: Outcome::NotWorse,
            reasons: Vec::new(),
            sources,
            files: Vec::new(),
            not_judged: Vec::new(),
            tests_left_out: Vec::new(),
            all_rewrites: false,
            totals: None,
            rules: Vec::new(),
            synthesized: Vec::new(),
            other_forms: BTreeMap::new(),
            functions: Vec::new(),
            verdicts: Vec::new(),
            appeared: Vec::new(),
            vanished: Vec::new(),
            rewrites: Vec::new(),
            changed_totals: BTreeMap::new(),
            counts: Vec::new(),
            code: Vec::new(),
            filetests: Vec::new(),
            compile_time: None,
        }
    }

    /// Ends it with this outcome.
    pub fn end(&mut self, outcome: Outcome, reasons: Vec<String>) {
        self.outcome = outcome;
        self.exit_code = outcome.exit_code();
        self.reasons = reasons;
    }

    /// Takes the comparison over, and ends with what follows from everything.
    pub fn conclude(&mut self, comparison: Comparison) {
        let more = comparison.more();
        let worse = comparison.verdicts.iter().filter(|v| v.worse).count();
        let Comparison {
            verdicts,
            appeared,
            vanished,
            rules,
            totals,
            functions,
            code,
        } = comparison;
        self.verdicts = verdicts;
        self.appeared = appeared;
        self.vanished = vanished;
        self.rewrites = rules;
        self.changed_totals = totals;
        self.counts = functions;
        self.code = code;
        let mut reasons = Vec::new();
        if worse > 0 {
            reasons.push(format!("{} got worse", plural(worse, "verdict")));
        }
        if more > 0 {
            reasons.push(format!("{} more findings than before", have(more)));
        }
        let outcome = match reasons.is_empty() {
            false => Outcome::Worse,
            true => {
                reasons = self.not_exercised();
                match reasons.is_empty() {
                    true => Outcome::NotWorse,
                    false => Outcome::NotExercised,
                }
            }
        };
        self.end(outcome, reasons);
    }

    /// What of the patch nothing says anything about, a sentence each.
    fn not_exercised(&self) -> Vec<String> {
        let mut reasons = Vec::new();
        if self.files.is_empty() {
            reasons.push("no file of the patch is in a crate that is judged".to_string());
            return reasons;
        }
        let kept = || self.rules.iter().filter(|r| r.change.kind != Kind::Removed);
        let silent = kept().filter(|r| r.change.observed && r.asked == 0).count();
        if silent > 0 {
            let rules = plural(kept().filter(|r| r.change.observed).count(), "rule");
            let hint = match self.synthesized.is_empty() {
                true => " (`--synthesize` makes inputs of rules)",
                false => "",
            };
            reasons.push(format!(
                "no input fires {silent} of the {rules} that it adds or changes{hint}"
            ));
        }
        let known: Vec<&Touched> = self.functions.iter().filter(|f| f.ran.is_some()).collect();
        let ran = known.iter().filter(|f| f.ran == Some(true)).count();
        if !known.is_empty() && ran == 0 {
            reasons.push(format!(
                "none of the {} that it touches ran",
                plural(known.len(), "function")
            ));
        }
        // What tells nothing by itself is seen by what comes of it.
        let fired = kept().any(|r| r.asked > 0);
        let is_seen = fired || ran > 0 || self.changes_something();
        if reasons.is_empty() && !is_seen {
            reasons.push("nothing that was compiled is any different".to_string());
        }
        reasons
    }

    fn changes_something(&self) -> bool {
        !(self.code.is_empty()
            && self.counts.is_empty()
            && self.rewrites.is_empty()
            && self.verdicts.is_empty()
            && self.vanished.is_empty())
    }

    /// Takes note of the filetests whose results differ.
    pub fn compare_filetests(
        &mut self,
        old: &BTreeMap<String, bool>,
        new: &BTreeMap<String, bool>,
    ) {
        let paths: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
        for path in paths {
            let passes = |of: &BTreeMap<String, bool>| of.get(path).copied().unwrap_or(false);
            if passes(old) != passes(new) {
                self.filetests.push(Filetest {
                    path: path.clone(),
                    passes_with_patch: passes(new),
                });
            }
        }
    }
}

/// `1 verdict`, `2 verdicts`.
pub fn plural(count: usize, what: &str) -> String {
    let s = if count == 1 { "" } else { "s" };
    format!("{count} {what}{s}")
}

fn have(count: usize) -> String {
    match count {
        1 => "1 function has".into(),
        count => format!("{count} functions have"),
    }
}

impl std::fmt::Display for Change {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} → {}", self.old, self.new)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn change(rule: &str, kind: Kind, observed: bool) -> RuleChange {
        RuleChange {
            rule: rule.into(),
            kind,
            observed,
            text: String::new(),
            new: None,
        }
    }

    fn comparison(appeared: &[&str], vanished: &[&str]) -> Comparison {
        let findings = |codes: &[&str]| -> Vec<Value> {
            let finding = |code: &&str| {
                json!({
                    "path": "f", "function": "u0:0", "name": null, "configuration": null,
                    "code": code, "check": "c", "layer": "input", "message": "m",
                })
            };
            codes.iter().map(finding).collect()
        };
        serde_json::from_value(json!({
            "verdicts": [], "appeared": findings(appeared), "vanished": findings(vanished),
            "rules": [], "totals": {}, "functions": [], "code": [],
        }))
        .unwrap()
    }

    fn concluded(review: &mut Review, comparison: Comparison) -> (Outcome, String) {
        review.conclude(comparison);
        (review.outcome, review.reasons.join("; "))
    }

    #[test]
    fn a_rule_tells_what_it_did() {
        let rules = vec![
            change("a:1", Kind::Added, true),
            change("a:2", Kind::Changed, true),
            change("a:1", Kind::Removed, true),
        ];
        let function = json!({
            "function": "u0:7", "name": "f",
            "configuration": {"target": "x86_64", "collector": "drc"},
            "rules": {"a:1": {"asked": 3, "refused": 0}},
            "violations": [{"rule": "a:1", "code": "GCV15", "message": "m"}, {"rule": null}],
        });
        let result = json!({"files": [{"path": "f.wat", "functions": [function]}]});
        let reviews = super::rules(rules, &result);
        let place = "f.wat u0:7 \"f\" (x86_64 drc)";
        assert_eq!((reviews[0].asked, reviews[0].wrong), (3, 1));
        assert_eq!(reviews[0].example.as_ref().unwrap().to_string(), place);
        assert_eq!(reviews[0].finding, Some(format!("{place}: GCV15 m")));
        assert_eq!((reviews[1].asked, reviews[2].asked), (0, 0));
    }

    #[test]
    fn a_finding_that_is_only_worded_otherwise_is_not_worse() {
        let mut review = Review::new(Vec::new());
        review.files.push("a".into());
        let (outcome, _) = concluded(&mut review, comparison(&["GCV02"], &["GCV02"]));
        assert_eq!(outcome, Outcome::NotWorse);
        let (outcome, reason) = concluded(&mut review, comparison(&["GCV02"], &["GCV04"]));
        assert_eq!(outcome, Outcome::Worse);
        assert_eq!(reason, "1 function has more findings than before");
    }

    #[test]
    fn a_rule_that_no_input_fires_is_not_judged() {
        let mut review = Review::new(Vec::new());
        review.files.push("a".into());
        let changes = vec![
            change("a:1", Kind::Added, true),
            change("a:2", Kind::Added, false),
            change("a:3", Kind::Removed, true),
        ];
        review.rules = super::rules(changes, &json!({}));
        let (outcome, reason) = concluded(&mut review, comparison(&[], &[]));
        assert_eq!(outcome, Outcome::NotExercised);
        assert!(
            reason.starts_with("no input fires 1 of the 1 rule"),
            "{reason}"
        );
        review.rules[0].asked = 1;
        let (outcome, _) = concluded(&mut review, comparison(&[], &[]));
        assert_eq!(outcome, Outcome::NotWorse);
    }

    #[test]
    fn what_tells_nothing_by_itself_is_seen_by_what_comes_of_it() {
        let mut review = Review::new(Vec::new());
        review.files.push("a".into());
        let lowering = vec![change("a:1", Kind::Changed, false)];
        review.rules = super::rules(lowering, &json!({}));
        let (outcome, _) = concluded(&mut review, comparison(&[], &[]));
        assert_eq!(outcome, Outcome::NotExercised);
        let mut other = comparison(&[], &[]);
        other.code = vec![
            serde_json::from_value(json!({
                "path": "f", "function": null, "name": null, "configuration": null,
                "bytes": {"old": 3, "new": 3},
            }))
            .unwrap(),
        ];
        let (outcome, _) = concluded(&mut review, other);
        assert_eq!(outcome, Outcome::NotWorse);
    }

    #[test]
    fn filetests_that_change_are_told() {
        let mut review = Review::new(Vec::new());
        let tests = |all: [(&str, bool); 2]| all.map(|(path, ok)| (path.to_string(), ok)).into();
        review.compare_filetests(
            &tests([("a", true), ("b", false)]),
            &tests([("a", false), ("b", false)]),
        );
        assert_eq!(review.filetests.len(), 1);
        assert!(!review.filetests[0].passes_with_patch);
    }
}
