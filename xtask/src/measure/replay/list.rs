//! `patches/faults/faults.toml`: what each fault does, and who should notice.

use crate::base::project::Project;
use anyhow::{Context, Result, bail, ensure};
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};

/// A fault.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fault {
    /// The name that switches it on.
    pub name: String,
    /// What goes wrong.
    pub what: String,
    /// What kind of mistake it is.
    pub operator: String,
    /// Where it was made.
    pub place: String,
    /// The fault that it is another name of.
    pub same_as: Option<String>,
    /// Judge all rewrites, if nothing is rejected otherwise.
    #[serde(default)]
    pub all_rewrites: bool,
    /// The codes of which one must be reported.
    #[serde(default)]
    pub codes: Vec<String>,
    /// Why it breaks no invariant of references.
    pub harmless: Option<String>,
    /// What it breaks, though it is not caught, and what would catch it.
    pub survives: Option<String>,
}

impl Fault {
    /// What must come of it.
    pub fn expect(&self) -> Expect {
        match (&self.harmless, &self.survives) {
            (Some(_), _) => Expect::Harmless,
            (None, Some(_)) => Expect::Missed,
            (None, None) => Expect::Caught,
        }
    }
}

/// What must come of a fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
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
    let mut known = BTreeSet::new();
    for patch in
        crate::series::Series::load_from(&project.faults(), project.faults_overlay().as_deref())?
            .patches()
    {
        change_names(&mut known, &patch.text);
    }
    compare(&faults, &known)?;
    Ok(faults)
}

fn parse(text: &str) -> Result<Vec<Fault>> {
    let File { fault: faults } = toml::from_str(text)?;
    let mut seen = BTreeSet::new();
    for fault in &faults {
        let name = &fault.name;
        ensure!(seen.insert(name), "`{name}` is listed twice");
        let reasons = [&fault.harmless, &fault.survives];
        let answers = reasons.iter().filter(|reason| reason.is_some()).count()
            + usize::from(!fault.codes.is_empty());
        ensure!(
            answers == 1,
            "`{name}` needs one of codes, harmless and survives"
        );
        if let Some(other) = &fault.same_as {
            ensure!(
                faults.iter().any(|fault| fault.name == *other),
                "`{name}` is the same as `{other}`, which is not listed"
            );
        }
    }
    Ok(faults)
}

/// What a patch does to the list of names in the module `fault`.
fn change_names(names: &mut BTreeSet<String>, patch: &str) {
    let mut is_list = false;
    for line in patch.lines() {
        if let Some(file) = line.strip_prefix("+++ ") {
            is_list = file == "b/cranelift/codegen/src/fault.rs";
        }
        if !is_list {
            continue;
        }
        let name = |line: &str| {
            let name = line.trim().strip_prefix('"')?.strip_suffix("\",")?;
            let is_name = |c: char| c.is_ascii_alphanumeric() || "-_".contains(c);
            name.chars().all(is_name).then(|| name.to_string())
        };
        if let Some(name) = line.strip_prefix('-').and_then(name) {
            names.remove(&name);
        } else if let Some(name) = line.strip_prefix('+').and_then(name) {
            names.insert(name);
        }
    }
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

/// So many of the faults: one of each operator, then a second one of each, and so on, in their order.
pub fn sample(faults: Vec<Fault>, count: usize) -> Vec<Fault> {
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    let mut turns: Vec<(usize, usize)> = Vec::new();
    for (index, fault) in faults.iter().enumerate() {
        let turn = seen.entry(fault.operator.clone()).or_default();
        turns.push((*turn, index));
        *turn += 1;
    }
    turns.sort_unstable();
    let mut chosen: Vec<usize> = turns
        .into_iter()
        .take(count)
        .map(|(_, index)| index)
        .collect();
    chosen.sort_unstable();
    let is_chosen = |index: usize| chosen.binary_search(&index).is_ok();
    let faults = faults.into_iter().enumerate();
    faults
        .filter_map(|(index, fault)| is_chosen(index).then_some(fault))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TWO: &str = "[[fault]]\nname = \"1\"\nwhat = \"a\"\noperator = \"o\"\nplace = \"p\"\n\
                       codes = [\"GCV01\"]\n[[fault]]\nname = \"b-c\"\nwhat = \"d\"\n\
                       operator = \"o\"\nplace = \"p\"\nsurvives = \"no time\"\n";

    #[test]
    fn a_list_is_read_and_selected_from() {
        let faults = parse(TWO).unwrap();
        assert_eq!(faults.len(), 2);
        assert_eq!(faults[0].expect(), Expect::Caught);
        assert_eq!(faults[1].expect(), Expect::Missed);
        let one = select(faults.clone(), &["b-c".into()]).unwrap();
        assert_eq!(one.len(), 1);
        let error = select(faults, &["x".into()]).unwrap_err().to_string();
        assert_eq!(error, "no fault is called `x`; there are 1, b-c");
    }

    #[test]
    fn a_sample_has_faults_of_all_operators_first() {
        let fault = |name: &str, operator: &str| {
            let text = TWO.split("[[fault]]").nth(1).unwrap();
            let text = text.replace("\"1\"", &format!("{name:?}"));
            let text = text.replace("\"o\"", &format!("{operator:?}"));
            parse(&format!("[[fault]]{text}")).unwrap().remove(0)
        };
        let faults = vec![fault("a", "x"), fault("b", "x"), fault("c", "y")];
        let names = |count| -> Vec<String> {
            let sample = sample(faults.clone(), count).into_iter();
            sample.map(|fault| fault.name).collect()
        };
        assert_eq!(names(2), ["a", "c"]);
        assert_eq!(names(9), ["a", "b", "c"]);
    }

    #[test]
    fn incomplete_lists_are_refused() {
        let twice = format!("{TWO}{TWO}");
        let bare = TWO.replace("survives = \"no time\"\n", "");
        let both = TWO.replace("survives", "harmless = \"yes\"\nsurvives");
        let of_none = format!("{TWO}same_as = \"2\"\n");
        for text in [&twice, &bare, &both, &of_none, "[[fault]]\nname = \"1\"\n"] {
            assert!(parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn the_patches_and_the_list_have_the_same_names() {
        let mut known = BTreeSet::new();
        let file = "+++ b/cranelift/codegen/src/fault.rs\n";
        change_names(&mut known, &format!("{file}+    \"1\",\n+    \"old\",\n"));
        change_names(&mut known, &format!("{file}-    \"old\",\n+    \"b-c\",\n"));
        change_names(&mut known, "+++ b/other.rs\n+    \"x\",\n");
        let faults = parse(TWO).unwrap();
        compare(&faults, &known).unwrap();
        let error = compare(&faults[..1], &known).unwrap_err().to_string();
        assert!(error.ends_with("same names: b-c"), "{error}");
    }
}
