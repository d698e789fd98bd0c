//! `patches/faults/faults.toml`: what each fault does, and who should notice.

use crate::project::Project;
use anyhow::{Context, Result, bail, ensure};
use serde::Deserialize;
use std::collections::BTreeSet;

/// A fault.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fault {
    /// The name that switches it on.
    pub name: String,
    /// What goes wrong.
    pub what: String,
    /// What must come of it.
    pub expect: Expect,
    /// The codes of which one must be reported.
    #[serde(default)]
    pub codes: Vec<String>,
    /// Why it is not caught.
    pub why: Option<String>,
}

/// What must come of a fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Expect {
    /// The verifier rejects some function with one of the codes.
    Caught,
    /// No invariant of references is broken.
    Harmless,
    /// Known not to be caught.
    Missed,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    fault: Vec<Fault>,
}

/// All faults. The names are those that the patches know.
pub fn load(project: &Project) -> Result<Vec<Fault>> {
    let path = project.faults().join("faults.toml");
    let faults = parse(&fs_err::read_to_string(&path)?)
        .with_context(|| format!("{} is not right", path.display()))?;
    for patch in crate::series::Series::load_from(&project.faults())?.patches() {
        if let Some(known) = known_names(&patch.text) {
            compare(&faults, &known)?;
        }
    }
    Ok(faults)
}

fn parse(text: &str) -> Result<Vec<Fault>> {
    let File { fault: faults } = toml::from_str(text)?;
    let mut seen = BTreeSet::new();
    for fault in &faults {
        let name = &fault.name;
        ensure!(seen.insert(name), "`{name}` is listed twice");
        match fault.expect {
            Expect::Caught => ensure!(!fault.codes.is_empty(), "`{name}` has no codes"),
            Expect::Harmless | Expect::Missed => {
                ensure!(fault.why.is_some(), "`{name}` does not say why");
            }
        }
    }
    Ok(faults)
}

/// The names in the list that the patch of the module `fault` adds.
fn known_names(patch: &str) -> Option<BTreeSet<String>> {
    let (_, list) = patch.split_once("+pub const NAMES: &[&str] = &[\n")?;
    let (list, _) = list.split_once("+];")?;
    let names = list.lines().filter_map(|line| {
        let name = line.strip_prefix('+')?.trim();
        Some(name.strip_prefix('"')?.strip_suffix("\",")?.to_string())
    });
    Some(names.collect())
}

fn compare(faults: &[Fault], known: &BTreeSet<String>) -> Result<()> {
    let listed: BTreeSet<_> = faults.iter().map(|fault| fault.name.clone()).collect();
    let differ: Vec<_> = listed.symmetric_difference(known).cloned().collect();
    ensure!(
        differ.is_empty(),
        "faults.toml and the patches do not have the same names: {}",
        differ.join(", ")
    );
    Ok(())
}

/// Those of the faults that are named; all, if none are.
pub fn select(faults: Vec<Fault>, names: &[String]) -> Result<Vec<Fault>> {
    if names.is_empty() {
        return Ok(faults);
    }
    for name in names {
        if !faults.iter().any(|fault| fault.name == *name) {
            let known: Vec<_> = faults.iter().map(|fault| fault.name.as_str()).collect();
            bail!(
                "no fault is called `{name}`; there are {}",
                known.join(", ")
            );
        }
    }
    Ok(faults
        .into_iter()
        .filter(|fault| names.contains(&fault.name))
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    const TWO: &str = "[[fault]]\nname = \"1\"\nwhat = \"a\"\nexpect = \"caught\"\n\
                       codes = [\"GCV01\"]\n[[fault]]\nname = \"b-c\"\nwhat = \"d\"\n\
                       expect = \"missed\"\nwhy = \"no time\"\n";

    #[test]
    fn a_list_is_read_and_selected_from() {
        let faults = parse(TWO).unwrap();
        assert_eq!(faults.len(), 2);
        assert_eq!(faults[1].expect, Expect::Missed);
        let one = select(faults.clone(), &["b-c".into()]).unwrap();
        assert_eq!(one.len(), 1);
        let error = select(faults, &["x".into()]).unwrap_err().to_string();
        assert_eq!(error, "no fault is called `x`; there are 1, b-c");
    }

    #[test]
    fn incomplete_lists_are_refused() {
        let twice = format!("{TWO}{TWO}");
        let bare = "[[fault]]\nname = \"1\"\nwhat = \"a\"\nexpect = \"harmless\"\n";
        for text in [&twice, bare, "[[fault]]\nname = \"1\"\n"] {
            assert!(parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn the_patches_and_the_list_have_the_same_names() {
        let patch = "+pub const NAMES: &[&str] = &[\n+    \"1\",\n+    \"b-c\",\n+];\n";
        let known = known_names(patch).unwrap();
        let faults = parse(TWO).unwrap();
        compare(&faults, &known).unwrap();
        let error = compare(&faults[..1], &known).unwrap_err().to_string();
        assert!(error.ends_with("same names: b-c"), "{error}");
        assert!(known_names("+fn f() {}\n").is_none());
    }
}
