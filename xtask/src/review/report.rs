//! The outcome of a review as text and as Markdown.

use super::judge::{Change, Outcome, Review, RuleReview, plural};
use super::rules::Kind;
use std::fmt::Write as _;

/// How many of a kind are shown; JSON has all.
const MAX_SHOWN: usize = 20;

/// A heading, and the lines below it.
type Section = (String, Vec<String>);

/// As text.
pub fn text(review: &Review) -> String {
    let mut out = String::new();
    for (title, lines) in sections(review) {
        // NB: Writing to a string cannot fail.
        let _ = writeln!(out, "{title}");
        for line in lines.iter().take(MAX_SHOWN) {
            let _ = writeln!(out, "  {}", line.replace('\n', "\n  "));
        }
        if let Some(more @ 1..) = lines.len().checked_sub(MAX_SHOWN) {
            let _ = writeln!(out, "  and {more} more");
        }
        out.push('\n');
    }
    let _ = writeln!(out, "{}", verdict(review));
    out
}

/// As Markdown, for a comment.
pub fn markdown(review: &Review) -> String {
    let mut out = format!("**{}**\n", verdict(review).replace('\n', "  \n"));
    for (title, lines) in sections(review) {
        let _ = writeln!(out, "\n<details><summary>{title}</summary>\n");
        for line in lines.iter().take(MAX_SHOWN) {
            let line = line.replace('`', "'").replace('\n', "`\n  `");
            let _ = writeln!(out, "* `{line}`");
        }
        if let Some(more @ 1..) = lines.len().checked_sub(MAX_SHOWN) {
            let _ = writeln!(out, "* and {more} more");
        }
        out.push_str("\n</details>\n");
    }
    out
}

/// The outcome, in a line, and why.
fn verdict(review: &Review) -> String {
    let word = match review.outcome {
        Outcome::NotWorse => "not worse",
        Outcome::Worse => "worse",
        Outcome::NotExercised => "not exercised",
        Outcome::DoesNotApply => "the patch does not apply",
        Outcome::DoesNotCompile => "the patch does not compile",
    };
    match review.reasons.is_empty() {
        true => word.to_string(),
        false => format!("{word}: {}", review.reasons.join("; ")),
    }
}

/// What there is to tell, by kind.
fn sections(review: &Review) -> Vec<Section> {
    let mut all = vec![(
        format!("the patch: {}", review.sources.join(", ")),
        patch(review),
    )];
    let mut add = |title: &str, lines: Vec<String>| {
        if !lines.is_empty() {
            all.push((format!("{title}: {}", lines.len()), lines));
        }
    };
    let verdicts = |worse: bool| -> Vec<String> {
        let some = review.verdicts.iter().filter(|v| v.worse == worse);
        some.map(|v| format!("{}: {} → {}", v.place, v.old, v.new))
            .collect()
    };
    let findings = |findings: &[super::judge::Finding]| -> Vec<String> {
        let line = |f: &super::judge::Finding| {
            let (place, code, check) = (&f.place, &f.code, &f.check);
            format!("{place}: {code} {check} after {}: {}", f.layer, f.message)
        };
        findings.iter().map(line).collect()
    };
    add("rules that the patch changes", rules(review));
    add("functions made from rules", synthesized(review));
    add("functions that the patch touches", functions(review));
    add("verdicts that got worse", verdicts(true));
    add("verdicts that got better", verdicts(false));
    add("findings that appeared", findings(&review.appeared));
    add("findings that vanished", findings(&review.vanished));
    let rewrites = review.rewrites.iter().map(|change| {
        let (rule, asked, refused) = (&change.rule, change.asked, change.refused);
        let what = match asked {
            Change { old: 0, .. } => "appears",
            Change { new: 0, .. } => "vanishes",
            _ => "changes",
        };
        let refused = match refused {
            Change { old: 0, new: 0 } => String::new(),
            refused => format!(", {refused} refused"),
        };
        let example = &change.example;
        format!("{rule} {what}: {asked} rewrites{refused}; for example in {example}")
    });
    add("rules whose rewrites changed", rewrites.collect());
    let totals = review.changed_totals.iter();
    let totals = totals.map(|(name, change)| format!("{}: {change}", name.replace('_', " ")));
    add("totals that changed", totals.collect());
    let counts = review.counts.iter().map(|counts| {
        let all = counts.counts.iter();
        let all: Vec<_> = all
            .map(|(name, change)| format!("{name} {change}"))
            .collect();
        format!("{}: {}", counts.place, all.join(", "))
    });
    add("functions whose counts changed", counts.collect());
    let code = review.code.iter();
    let code = code.map(|code| format!("{}: {} bytes", code.place, code.bytes));
    add("functions whose machine code changed", code.collect());
    let tests = review.filetests.iter().map(|test| {
        let what = match test.passes_with_patch {
            true => "passes with the patch only",
            false => "fails with the patch",
        };
        format!("{}: {what}", test.path)
    });
    add("filetests that changed", tests.collect());
    all.push(("what was compiled".into(), compiled(review)));
    all.retain(|(_, lines)| !lines.is_empty());
    all
}

fn patch(review: &Review) -> Vec<String> {
    let mut lines = review.files.clone();
    let others = review.other_forms.iter();
    lines.extend(others.map(|(path, count)| {
        format!(
            "{path}: {} besides rules, judged by what they do",
            plural(*count, "form")
        )
    }));
    let not_judged = review.not_judged.iter();
    lines.extend(not_judged.map(|of| format!("{}: not judged: {}", of.path, of.reason)));
    let left_out = review.tests_left_out.iter();
    lines.extend(
        left_out.map(|path| format!("{path}: not compiled: the patch has only a part of the test")),
    );
    lines
}

fn rules(review: &Review) -> Vec<String> {
    let line = |rule: &RuleReview| {
        let name = &rule.change.rule;
        let what = match rule.change.kind {
            Kind::Added => "added",
            Kind::Changed => "changed",
            Kind::Removed => "removed",
        };
        let did = match (rule.change.kind, rule.change.observed, rule.asked) {
            (Kind::Removed, ..) => String::new(),
            (_, false, _) => ": does not tell when it fires".into(),
            (_, true, 0) => ": NO INPUT FIRES IT".into(),
            (_, true, asked) => {
                let example = rule.example.as_ref();
                let example = example.map_or(String::new(), |place| format!(", first in {place}"));
                format!(": {asked} rewrites, {} of them wrong{example}", rule.wrong)
            }
        };
        let finding = rule.finding.as_ref();
        let finding = finding.map_or(String::new(), |finding| format!("\n  {finding}"));
        format!("{name} {what}{did}\n  {}{finding}", rule.change.text)
    };
    review.rules.iter().map(line).collect()
}

fn synthesized(review: &Review) -> Vec<String> {
    let all = review.synthesized.iter();
    let line = all.map(|of| match &of.not_understood {
        None => format!("{}: {}", of.rule, plural(of.functions, "function")),
        Some(form) => format!("{}: none, for {form} is not understood", of.rule),
    });
    line.collect()
}

fn functions(review: &Review) -> Vec<String> {
    let line = |function: &super::marks::Touched| {
        let ran = match function.ran {
            Some(true) => "ran",
            Some(false) => "DID NOT RUN",
            None => "it is not known whether it ran",
        };
        format!(
            "{}:{} {}: {ran}",
            function.path, function.line, function.name
        )
    };
    review.functions.iter().map(line).collect()
}

fn compiled(review: &Review) -> Vec<String> {
    let mut lines = Vec::new();
    if let Some(totals) = &review.totals {
        let count = |name: &str| totals[name].as_u64().unwrap_or(0);
        let which = match review.all_rewrites {
            true => "all judged",
            false => "those of references judged",
        };
        lines.push(format!(
            "{} files, {} functions, {} safepoints, {} rewrites, {which}",
            count("files"),
            count("functions"),
            count("safepoints"),
            count("rewrites"),
        ));
    }
    if !review.code.is_empty() {
        let sum = |of: fn(&Change) -> u64| -> u64 {
            review.code.iter().map(|code| of(&code.bytes)).sum()
        };
        lines.push(format!(
            "machine code of the functions in which it changed: {} bytes",
            Change {
                old: sum(|bytes| bytes.old),
                new: sum(|bytes| bytes.new),
            }
        ));
    }
    if let Some(times) = review.compile_time {
        lines.push(format!(
            "time to compile the project's modules and verify them: {:.2} s → {:.2} s ({:+.1} %), the \
             shortest of {}",
            times.old,
            times.new,
            (times.new / times.old - 1.0) * 100.0,
            times.rounds
        ));
    }
    lines
}
