//! Which findings of several configurations are one.
//!
//! Two configurations number the values and instructions of a function differently, as their code differs. A
//! finding is the same if it is of the same check, in the same function, after the same pass, at the same Wasm
//! operator or line, and says the same but for numbers. Of several such in one function, the first of each
//! configuration are one, and so on, so that none is lost.

use crate::configuration::Configuration;
use crate::outcome::Entry;
use crate::record::{FunctionId, FunctionRecord, InconclusiveRecord, ViolationRecord};
use std::collections::HashMap;
use std::hash::Hash;

/// The same thing in some configurations.
pub struct Group<'a, T> {
    /// The function.
    pub id: &'a FunctionId,
    /// It, in the first of the configurations.
    pub item: T,
    /// The configurations.
    pub configurations: Vec<&'a Configuration>,
    /// Does it have other numbers in some of them?
    pub is_renumbered: bool,
}

/// Group what `items` takes from each function, where those are alike that have one key.
pub fn group<'a, T, K, I>(
    entry: &'a Entry,
    items: impl Fn(&'a FunctionRecord) -> I,
    key: impl Fn(&T) -> K,
) -> Vec<Group<'a, T>>
where
    T: PartialEq,
    K: Hash + Eq + Clone,
    I: Iterator<Item = T>,
{
    let mut groups: Vec<Group<'a, T>> = Vec::new();
    let mut index: HashMap<(&str, K, usize), usize> = HashMap::new();
    for (configuration, function) in &entry.functions {
        let mut seen: HashMap<K, usize> = HashMap::new();
        for item in items(function) {
            let key = key(&item);
            let nth = seen.entry(key.clone()).or_default();
            let at = *index
                .entry((&function.id.function, key, *nth))
                .or_insert(groups.len());
            *nth += 1;
            match groups.get_mut(at) {
                Some(group) => {
                    group.is_renumbered |= group.item != item;
                    if !group.configurations.contains(&configuration) {
                        group.configurations.push(configuration);
                    }
                }
                None => groups.push(Group {
                    id: &function.id,
                    item,
                    configurations: vec![configuration],
                    is_renumbered: false,
                }),
            }
        }
    }
    groups
}

/// What is the same of a violation in all configurations.
pub type ViolationKey = (
    String,
    String,
    Option<usize>,
    Option<u64>,
    Option<String>,
    String,
);

/// What is the same of a violation in all configurations.
pub fn violation_key(violation: &ViolationRecord) -> ViolationKey {
    let ViolationRecord {
        code,
        name: _,
        layer,
        inst: _,
        value: _,
        rule,
        line,
        wasm_offset,
        wasm_operator: _,
        message,
        witness: _,
        excerpt: _,
    } = violation;
    (
        code.clone(),
        layer.clone(),
        *line,
        *wasm_offset,
        rule.clone(),
        without_numbers(message),
    )
}

/// What is the same of a check that could not be made in all configurations.
pub fn inconclusive_key(record: &InconclusiveRecord) -> (String, Option<usize>, String) {
    let InconclusiveRecord {
        reason,
        message,
        line,
    } = record;
    (reason.clone(), *line, without_numbers(message))
}

/// `inst7 uses v3` as `inst# uses v#`.
pub fn without_numbers(message: &str) -> String {
    const ENTITIES: [&str; 9] = [
        "v", "inst", "block", "ss", "fn", "sig", "region", "gv", "dynamic",
    ];
    let mut out = String::with_capacity(message.len());
    let mut rest = message;
    while !rest.is_empty() {
        let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
        let end = rest.find(|c| !is_word(c)).unwrap_or(rest.len());
        let (word, after) = rest.split_at(end);
        let name = word.trim_end_matches(|c: char| c.is_ascii_digit());
        match name.len() < word.len() && ENTITIES.contains(&name) {
            true => {
                out += name;
                out.push('#');
            }
            false => out += word,
        }
        let other = after.find(is_word).unwrap_or(after.len());
        out += &after[..other];
        rest = &after[other..];
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_entities_make_no_difference() {
        assert_eq!(
            without_numbers("inst7 uses GC reference v3 after ss0+16, GCV02 in 32 bits"),
            "inst# uses GC reference v# after ss#+16, GCV02 in 32 bits"
        );
        assert_eq!(without_numbers("über v1"), "über v#");
        assert_eq!(without_numbers(""), "");
    }
}
