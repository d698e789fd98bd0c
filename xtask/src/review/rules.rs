//! Which ISLE rules a patch adds, changes and removes; and one name for each rule in both trees.
//!
//! Cranelift names a rule by its file and line, and a patch moves the lines below it. So the rules of both
//! versions of a file are aligned by their text, and each is called as it is in the new one.

use super::isle::{self, Form, Rule};
use anyhow::{Context, Result, bail};
use serde::Serialize;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// Where the crate is in a checkout whose rules have names without that.
const CODEGEN: &str = "cranelift/codegen/";

/// The terms whose rules Cranelift names when they ask for a rewrite.
const OBSERVED: [&str; 2] = ["simplify", "simplify_skeleton"];

/// A rule that a patch adds, changes or removes.
#[derive(Clone, Debug, Serialize)]
pub struct RuleChange {
    /// The rule, as `file:line`; a removed one as it was called.
    pub rule: String,
    /// What the patch does.
    pub kind: Kind,
    /// Whether it tells when it asks for a rewrite.
    pub observed: bool,
    /// How it is written.
    pub text: String,
    /// The rule itself, unless it is removed.
    #[serde(skip)]
    pub new: Option<Rule>,
}

/// What a patch does to a rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// It was not there.
    Added,
    /// It was otherwise.
    Changed,
    /// It is there no more.
    Removed,
}

/// What a patch does to the rules.
#[derive(Debug, Default)]
pub struct Rules {
    /// The rules that are others, in the order of files and lines.
    pub changes: Vec<RuleChange>,
    /// How many forms other than rules are others, by file.
    pub other_forms: BTreeMap<String, usize>,
    /// The names in the new tree of rules of the old one whose lines moved.
    moved: BTreeMap<String, String>,
    /// The old names of rules that are no more.
    removed: BTreeSet<String>,
}

impl Rules {
    /// Adds a file, with both texts, of which one is empty where it is not there.
    ///
    /// # Errors
    ///
    /// If one of them cannot be read.
    pub fn add(&mut self, path: &str, old: &str, new: &str) -> Result<()> {
        let read = |text| isle::rules(text).with_context(|| path.to_string());
        let (old_rules, new_rules) = (read(old)?, read(new)?);
        let file = path.strip_prefix(CODEGEN).unwrap_or(path);
        let name = |rule: &Rule| format!("{file}:{}", rule.first);
        let is_mid_end = path.starts_with(CODEGEN) && !path.contains("/isa/");
        let observed = |rule: &Rule| is_mid_end && OBSERVED.contains(&rule.term());
        for pair in align(&old_rules, &new_rules) {
            match pair {
                Pair::Same(old, new) | Pair::Changed(old, new) => {
                    if matches!(pair, Pair::Changed(..)) {
                        self.changes.push(RuleChange {
                            rule: name(new),
                            kind: Kind::Changed,
                            observed: observed(new),
                            text: new.text.clone(),
                            new: Some(new.clone()),
                        });
                    }
                    self.moved.insert(name(old), name(new));
                }
                Pair::Removed(old) => {
                    self.removed.insert(name(old));
                    self.changes.push(RuleChange {
                        rule: name(old),
                        kind: Kind::Removed,
                        observed: observed(old),
                        text: old.text.clone(),
                        new: None,
                    });
                }
                Pair::Added(new) => self.changes.push(RuleChange {
                    rule: name(new),
                    kind: Kind::Added,
                    observed: observed(new),
                    text: new.text.clone(),
                    new: Some(new.clone()),
                }),
            }
        }
        let others = other_forms(old, new).with_context(|| path.to_string())?;
        if others > 0 {
            self.other_forms.insert(path.to_string(), others);
        }
        Ok(())
    }

    /// What a rule of the old tree is called in the new one.
    pub fn renamed(&self, rule: &str) -> String {
        if self.removed.contains(rule) {
            return format!("{rule} (removed)");
        }
        let moved = self.moved.get(rule);
        moved.map_or_else(|| rule.to_string(), String::clone)
    }
}

/// The rules of the mid-end in a tree, as `file:line`.
///
/// # Errors
///
/// If a file cannot be read.
pub fn of_tree(tree: &Path) -> Result<BTreeSet<String>> {
    let mut all = BTreeSet::new();
    let dir = tree.join(CODEGEN).join("src/opts");
    if !dir.is_dir() {
        return Ok(all);
    }
    for entry in fs_err::read_dir(&dir)? {
        let path = entry?.path();
        if path.extension().is_some_and(|end| end == "isle") {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            let rules = isle::rules(&fs_err::read_to_string(&path)?);
            let rules = rules.with_context(|| path.display().to_string())?;
            let places = rules.iter().map(|rule| rule.first);
            all.extend(places.map(|line| format!("src/opts/{name}:{line}")));
        }
    }
    Ok(all)
}

/// Checks that each rule which a result names by file and line is one of `known`, the rules of the tree that the program is built of.
///
/// # Errors
///
/// If one is not: the program counts lines otherwise.
pub fn check_names(result: &mut Value, known: &BTreeSet<String>) -> Result<()> {
    let mut unknown = BTreeSet::new();
    rename(result, |name| {
        if is_place(name) && !known.contains(name) {
            unknown.insert(name.to_string());
        }
        name.to_string()
    });
    match unknown.first() {
        Some(name) => bail!("the tree has no rule that can be called {name}"),
        None => Ok(()),
    }
}

/// Is a rule named by its file and line?
fn is_place(name: &str) -> bool {
    let place = name.rsplit_once(':');
    place.is_some_and(|(file, line)| file.ends_with(".isle") && line.parse::<usize>().is_ok())
}

/// Calls the rules in a result of `verify` otherwise.
pub fn rename(result: &mut Value, mut name: impl FnMut(&str) -> String) {
    let files = result["files"].as_array_mut().into_iter().flatten();
    let functions = files.filter_map(|file| file["functions"].as_array_mut());
    for function in functions.flatten() {
        if let Some(counts) = function["rules"].as_object_mut() {
            let renamed = std::mem::take(counts).into_iter();
            *counts = renamed.map(|(rule, count)| (name(&rule), count)).collect();
        }
        for kind in ["violations", "allowed", "refusals"] {
            let violations = function[kind].as_array_mut().into_iter().flatten();
            for violation in violations {
                if let Some(rule) = violation["rule"].as_str() {
                    violation["rule"] = name(rule).into();
                }
            }
        }
    }
}

/// How many forms that are no rules are in one text only.
fn other_forms(old: &str, new: &str) -> Result<usize> {
    let mut counts: BTreeMap<String, i64> = BTreeMap::new();
    for (text, step) in [(old, -1), (new, 1)] {
        for placed in isle::forms(text)? {
            if placed.form.head() != Some("rule") {
                *counts.entry(placed.form.to_string()).or_default() += step;
            }
        }
    }
    let differ = counts.values().map(|count| count.unsigned_abs() as usize);
    Ok(differ.sum())
}

#[derive(Clone, Copy)]
enum Pair<'a> {
    Same(&'a Rule, &'a Rule),
    Changed(&'a Rule, &'a Rule),
    Removed(&'a Rule),
    Added(&'a Rule),
}

/// Aligns the rules of a file with those of another version of it: a longest common subsequence of those
/// that are written alike, and between two of them, pairs that are likely to be one rule.
fn align<'a>(old: &'a [Rule], new: &'a [Rule]) -> Vec<Pair<'a>> {
    let (n, m) = (old.len(), new.len());
    let mut longest = vec![vec![0_usize; m + 1]; n + 1];
    for i in (0..n).rev() {
        for j in (0..m).rev() {
            longest[i][j] = match old[i].text == new[j].text {
                true => longest[i + 1][j + 1] + 1,
                false => longest[i + 1][j].max(longest[i][j + 1]),
            };
        }
    }
    let mut pairs = Vec::new();
    let (mut i, mut j) = (0, 0);
    // The rules since the last pair that is written alike.
    let (mut gone, mut come) = (Vec::new(), Vec::new());
    while i < n || j < m {
        if i < n && j < m && old[i].text == new[j].text {
            match_gap(&mut gone, &mut come, &mut pairs);
            pairs.push(Pair::Same(&old[i], &new[j]));
            (i, j) = (i + 1, j + 1);
        } else if j == m || (i < n && longest[i + 1][j] >= longest[i][j + 1]) {
            gone.push(&old[i]);
            i += 1;
        } else {
            come.push(&new[j]);
            j += 1;
        }
    }
    match_gap(&mut gone, &mut come, &mut pairs);
    pairs
}

/// Pairs what is gone with what has come in its place: by name, by pattern, by result; or if each is the
/// only one.
fn match_gap<'a>(gone: &mut Vec<&'a Rule>, come: &mut Vec<&'a Rule>, pairs: &mut Vec<Pair<'a>>) {
    let is_alone = gone.len() == 1 && come.len() == 1;
    let is_like = |old: &Rule, new: &Rule| {
        let has_content = |form: &Form| form.list().is_some_and(|list| list.len() > 1);
        is_alone
            || (old.name.is_some() && old.name == new.name)
            || old.pattern == new.pattern
            || (old.result == new.result && has_content(&old.result) && old.term() == new.term())
    };
    for old in gone.drain(..) {
        match come.iter().position(|new| is_like(old, new)) {
            Some(at) => pairs.push(Pair::Changed(old, come.remove(at))),
            None => pairs.push(Pair::Removed(old)),
        }
    }
    pairs.extend(come.drain(..).map(Pair::Added));
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const PATH: &str = "cranelift/codegen/src/opts/a.isle";

    fn changes(path: &str, old: &str, new: &str) -> (Rules, Vec<(String, Kind, bool)>) {
        let mut rules = Rules::default();
        rules.add(path, old, new).unwrap();
        let of = |change: &RuleChange| (change.rule.clone(), change.kind, change.observed);
        let all = rules.changes.iter().map(of).collect();
        (rules, all)
    }

    const OLD: &str = "(rule (simplify (a x)) (subsume x))\n\
                       (rule (simplify (b x)) (subsume x))\n\
                       (rule (helper x) (f x))\n\
                       (rule (simplify (c x)) (subsume x))\n";

    #[test]
    fn a_rule_whose_line_moved_keeps_its_name() {
        let new = format!("(decl f (Value) Value)\n\n{OLD}");
        let (rules, changed) = changes(PATH, OLD, &new);
        assert!(changed.is_empty());
        assert_eq!(rules.renamed("src/opts/a.isle:2"), "src/opts/a.isle:4");
        assert_eq!(rules.renamed("src/opts/b.isle:2"), "src/opts/b.isle:2");
        assert_eq!(rules.renamed("gvn"), "gvn");
        assert_eq!(rules.other_forms[PATH], 1);
    }

    #[test]
    fn added_changed_and_removed_rules_are_told_apart() {
        let new = "(rule (simplify (n x)) (subsume x))\n\
                   (rule (simplify (a x)) (subsume x))\n\
                   (rule (simplify (b x)) (if-let 1 x) (subsume x))\n\
                   (rule (simplify (c x)) (subsume x))\n";
        let (rules, mut changed) = changes(PATH, OLD, new);
        changed.sort();
        let name = |line: usize| format!("src/opts/a.isle:{line}");
        assert_eq!(
            changed,
            [
                (name(1), Kind::Added, true),
                (name(3), Kind::Changed, true),
                (name(3), Kind::Removed, false)
            ]
        );
        assert_eq!(rules.renamed(&name(3)), "src/opts/a.isle:3 (removed)");
        assert_eq!(rules.renamed(&name(2)), name(3));
    }

    #[test]
    fn rules_of_lowering_are_not_observed() {
        let (_, changed) = changes("cranelift/codegen/src/isa/x64/lower.isle", "", OLD);
        assert!(changed.iter().all(|(.., observed)| !observed));
        assert_eq!(changed.len(), 4);
    }

    fn result(rules: &[&str]) -> Value {
        let counts: serde_json::Map<_, _> = rules
            .iter()
            .map(|rule| (rule.to_string(), json!({"asked": 1})))
            .collect();
        let violations = json!([{"rule": rules[0]}, {"rule": null}]);
        json!({"files": [{"functions": [{"rules": counts, "violations": violations}]}]})
    }

    fn names(result: &Value) -> Vec<String> {
        let function = &result["files"][0]["functions"][0];
        let names = function["rules"].as_object().unwrap().keys();
        let wrong = function["violations"][0]["rule"].as_str();
        names.cloned().chain(wrong.map(str::to_string)).collect()
    }

    #[test]
    fn a_rule_that_the_tree_lacks_is_an_error() {
        let known = ["a.isle:1", "a.isle:9"].map(str::to_string).into();
        let mut value = result(&["a.isle:1", "a.isle:9", "gvn"]);
        check_names(&mut value, &known).unwrap();
        assert_eq!(names(&value), ["a.isle:1", "a.isle:9", "gvn", "a.isle:1"]);
        let error = check_names(&mut result(&["a.isle:0"]), &known).unwrap_err();
        assert!(error.to_string().ends_with("a.isle:0"));
    }

    #[test]
    fn rules_of_the_old_tree_are_renamed() {
        let old = "(rule (simplify (a x)) x)\n(rule (simplify (b x)) x)\n";
        let (rules, _) = changes(PATH, old, "\n(rule (simplify (a x)) x)\n");
        let mut value = result(&["src/opts/a.isle:1", "src/opts/a.isle:2", "gvn"]);
        rename(&mut value, |name| rules.renamed(name));
        let expected = [
            "gvn",
            "src/opts/a.isle:2",
            "src/opts/a.isle:2 (removed)",
            "src/opts/a.isle:2",
        ];
        assert_eq!(names(&value), expected);
    }

    #[test]
    fn what_is_no_isle_is_an_error() {
        let error = Rules::default().add(PATH, "", "(rule").unwrap_err();
        assert_eq!(error.to_string(), PATH);
    }
}
