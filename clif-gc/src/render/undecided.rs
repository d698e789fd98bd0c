//! Checks that could not be made.

use super::finding::{configurations, place};
use super::group::{Group, group, inconclusive_key};
use super::style::{FRAME, STRONG, WARNING, paint};
use crate::outcome::Entry;
use crate::record::InconclusiveRecord;
use crate::text::{printable, shorten, thousands};
use std::collections::BTreeMap;
use std::fmt::Write;

/// How many examples are shown of a reason, in one file.
const MAX_EXAMPLES: usize = 3;

/// A check that could not be made, in some configurations.
pub type Undecided<'a> = Group<'a, &'a InconclusiveRecord>;

/// The checks in an entry that could not be made. Those that are the same in several configurations are one.
pub fn undecided_checks(entry: &Entry) -> Vec<Undecided<'_>> {
    group(
        entry,
        |function| function.inconclusive.iter(),
        |r| inconclusive_key(r),
    )
}

/// The checks in an entry that could not be made: some examples of each reason.
pub fn undecided(entry: &Entry) -> String {
    let mut out = String::new();
    let mut reasons: BTreeMap<&str, Vec<Undecided<'_>>> = BTreeMap::new();
    for check in undecided_checks(entry) {
        reasons.entry(&check.item.reason).or_default().push(check);
    }
    for (reason, checks) in reasons {
        let title = paint(WARNING, format_args!("inconclusive[{reason}]"));
        let arrow = paint(FRAME, "-->");
        for check in checks.iter().take(MAX_EXAMPLES) {
            let message = printable(&check.item.message).into_owned();
            let message = paint(STRONG, format_args!(": {}", shorten(&message, 300)));
            let place = place(check.id, check.item.line, entry);
            let these = configurations(&check.configurations, &entry.configurations);
            // NB: Writing to a string cannot fail.
            let _ = writeln!(out, "{title}{message}\n  {arrow} {place}\n      {these}\n");
        }
        if let Some(more @ 1..) = checks.len().checked_sub(MAX_EXAMPLES) {
            let more = thousands(more as u64);
            let _ = writeln!(out, "{title}: and {more} more in this file\n");
        }
    }
    out
}
