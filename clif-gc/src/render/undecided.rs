//! Checks that could not be made.

use super::finding::{configurations, place};
use super::style::{FRAME, STRONG, WARNING, paint};
use crate::configuration::Configuration;
use crate::outcome::Entry;
use crate::record::{FunctionId, InconclusiveRecord};
use crate::text::{printable, shorten, thousands};
use std::collections::BTreeMap;
use std::fmt::Write;

/// How many examples are shown of a reason, in one file.
const MAX_EXAMPLES: usize = 3;

/// The configurations in which a check could not be made, by function and reason.
type Group<'a> = Vec<(
    &'a FunctionId,
    &'a InconclusiveRecord,
    Vec<&'a Configuration>,
)>;

/// The checks in an entry that could not be made: some examples of each reason.
pub fn undecided(entry: &Entry) -> String {
    let mut out = String::new();
    for (reason, group) in group(entry) {
        let title = paint(WARNING, format_args!("inconclusive[{reason}]"));
        let arrow = paint(FRAME, "-->");
        for (id, record, these) in group.iter().take(MAX_EXAMPLES) {
            let message = printable(&record.message).into_owned();
            let message = paint(STRONG, format_args!(": {}", shorten(&message, 300)));
            let place = place(id, entry);
            let these = configurations(these, &entry.configurations);
            // NB: Writing to a string cannot fail.
            let _ = writeln!(out, "{title}{message}\n  {arrow} {place}\n      {these}\n");
        }
        if let Some(more @ 1..) = group.len().checked_sub(MAX_EXAMPLES) {
            let more = thousands(more as u64);
            let _ = writeln!(out, "{title}: and {more} more in this file\n");
        }
    }
    out
}

fn group(entry: &Entry) -> BTreeMap<&str, Group<'_>> {
    let mut groups: BTreeMap<&str, Group<'_>> = BTreeMap::new();
    let mut index: BTreeMap<(&str, &InconclusiveRecord), usize> = BTreeMap::new();
    for (configuration, function) in &entry.functions {
        for record in &function.inconclusive {
            let group = groups.entry(&record.reason).or_default();
            let at = *index
                .entry((&function.id.function, record))
                .or_insert(group.len());
            match group.get_mut(at) {
                Some((_, _, these)) => these.push(configuration),
                None => group.push((&function.id, record, vec![configuration])),
            }
        }
    }
    groups
}
