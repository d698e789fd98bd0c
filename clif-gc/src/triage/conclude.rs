//! What follows from the cells, and from nothing else.

use super::diagnose::Cell;
use super::outcome::{Class, Outcome};
use super::protocol::Looker;
use crate::configuration::{Collector, OptLevel};
use std::collections::BTreeSet;

/// The conclusions, a sentence each.
pub fn conclusions(cells: &[Cell]) -> Vec<String> {
    let tried: Vec<(&Cell, &Outcome)> = cells
        .iter()
        .filter_map(|cell| Some((cell, cell.outcome.as_ref()?)))
        .collect();
    let runs: Vec<(&Cell, &Outcome)> = tried
        .iter()
        .filter(|(cell, outcome)| cell.run && !is_inapplicable(cell, outcome))
        .copied()
        .collect();
    let mut conclusions = Vec::new();
    let tells = of_runs(&runs, &mut conclusions);
    of_findings(&tried, &mut conclusions);
    of_compilations(&tried, &mut conclusions);
    if let Some((good, bad)) = tells {
        workaround(&runs, good, &bad, &mut conclusions);
    }
    conclusions
}

/// A module that uses GC says nothing where the proposals are off.
pub fn is_inapplicable(cell: &Cell, outcome: &Outcome) -> bool {
    let cannot = matches!(
        outcome,
        Outcome::Invalid { .. } | Outcome::CompileError { .. }
    );
    cell.collector.is_none() && cannot
}

/// Did it get as far as running?
fn is_running(outcome: &Outcome) -> bool {
    match outcome {
        Outcome::Signal { running, .. }
        | Outcome::StackOverflow { running }
        | Outcome::OutOfMemory { running }
        | Outcome::Timeout { running } => *running,
        Outcome::CompileError { .. } => false,
        Outcome::Panic { place, .. } => place.contains("crates/wasmtime/"),
        _ => true,
    }
}

type Run<'a> = (&'a Cell, &'a Outcome);

/// What is right, if it is known, and the cells that are not.
fn of_runs<'a>(
    runs: &[Run<'a>],
    conclusions: &mut Vec<String>,
) -> Option<(&'a Outcome, Vec<Run<'a>>)> {
    let (_, first) = runs.first()?;
    if runs.iter().all(|(_, outcome)| outcome.is_like(first)) {
        conclusions.push(match first.class() {
            Class::Fine => format!("it does the same with every setting: {}", first.short()),
            Class::Unknown => format!("nothing can be said: with every setting, {}", first.short()),
            Class::Crash if !is_running(first) => {
                format!("the compiler fails with every setting: {}", first.short())
            }
            Class::Crash | Class::Error | Class::Finding => format!(
                "it fails with every setting: {}; the program, its producer or the runtime is to blame",
                first.short()
            ),
        });
        return None;
    }
    let good = reference(runs)?;
    let bad: Vec<Run> = runs
        .iter()
        .filter(|(_, outcome)| !outcome.is_like(good))
        .copied()
        .collect();
    let mut kinds: Vec<String> = Vec::new();
    for (_, outcome) in &bad {
        if !kinds.contains(&outcome.short()) {
            kinds.push(outcome.short());
        }
    }
    conclusions.push(format!(
        "{} of {} runs differ from `{}`, which is what happens without optimization: {}",
        bad.len(),
        runs.len(),
        good.short(),
        kinds.join("; ")
    ));
    let is_bad = |cell: &Cell| bad.iter().any(|(other, _)| std::ptr::eq(*other, cell));
    let plain = |(cell, _): &&Run| cell.verifier == Looker::Off && !cell.assertions;
    let plain: Vec<&Run> = runs.iter().filter(plain).collect();
    let of_level = |optimized: bool| {
        let of_it = plain
            .iter()
            .filter(|(cell, _)| (cell.opt_level != OptLevel::None) == optimized);
        let (bad, all) = of_it.fold((0, 0), |(bad, all), (cell, _)| {
            (bad + usize::from(is_bad(cell)), all + 1)
        });
        (bad, all)
    };
    let ((bad_none, all_none), (bad_speed, _)) = (of_level(false), of_level(true));
    if bad_none == 0 && all_none > 0 && bad_speed > 0 {
        conclusions.push("it goes away without optimization".to_string());
    }
    let collectors = |want_bad: bool| -> BTreeSet<String> {
        let of_it = plain.iter().filter(|(cell, _)| is_bad(cell) == want_bad);
        of_it
            .filter_map(|(cell, _)| Some(cell.collector?.to_string()))
            .collect()
    };
    let (with, all) = (collectors(true), {
        let mut all = collectors(true);
        all.extend(collectors(false));
        all
    });
    if all.len() > 1 && !with.is_empty() {
        let names: Vec<&str> = with.iter().map(String::as_str).collect();
        conclusions.push(match with.len() == all.len() {
            true => "it happens with every collector".to_string(),
            false => format!("it happens only with {}", names.join(" and ")),
        });
    }
    for (cell, outcome) in &bad {
        if cell.assertions
            && let Outcome::Panic { place, .. } = outcome
        {
            conclusions.push(format!("with assertions, the compiler panics at {place}"));
            break;
        }
    }
    saved(runs, &is_bad, conclusions);
    Some((good, bad))
}

/// What is right: what most cells do that do not optimize.
fn reference<'a>(runs: &[Run<'a>]) -> Option<&'a Outcome> {
    let candidates: Vec<&Run> = {
        let plain = runs.iter().filter(|(cell, outcome)| {
            cell.opt_level == OptLevel::None && outcome.class() != Class::Unknown
        });
        let plain: Vec<&Run> = plain.collect();
        match plain.is_empty() {
            true => runs.iter().collect(),
            false => plain,
        }
    };
    let count = |outcome: &Outcome| {
        let alike = candidates
            .iter()
            .filter(|(_, other)| outcome.is_like(other));
        let is_fine = outcome.class() == Class::Fine;
        (alike.count(), is_fine)
    };
    // NB: Of several, the first.
    candidates
        .iter()
        .rev()
        .max_by_key(|(_, outcome)| count(outcome))
        .map(|(_, outcome)| *outcome)
}

/// Does `enforce` save it?
fn saved(runs: &[Run<'_>], is_bad: &impl Fn(&Cell) -> bool, conclusions: &mut Vec<String>) {
    let same = |a: &Cell, b: &Cell| {
        a.collector == b.collector && a.opt_level == b.opt_level && a.embedding == b.embedding
    };
    let of = |looker: Looker, like: &Cell| {
        runs.iter()
            .find(|(cell, _)| cell.verifier == looker && !cell.assertions && same(cell, like))
    };
    let bad_off: Vec<&Cell> = runs
        .iter()
        .map(|(cell, _)| *cell)
        .filter(|cell| cell.verifier == Looker::Off && !cell.assertions && is_bad(cell))
        .collect();
    let enforced: Vec<&Run> = bad_off
        .iter()
        .filter_map(|cell| of(Looker::Enforce, cell))
        .collect();
    if enforced.is_empty() {
        return;
    }
    let saved = enforced.iter().filter(|(cell, _)| !is_bad(cell)).count();
    let stopped = enforced
        .iter()
        .filter(|(_, outcome)| matches!(outcome, Outcome::Stopped { .. }))
        .count();
    let mut refused: Vec<String> = Vec::new();
    for rewrite in enforced.iter().flat_map(|(cell, _)| &cell.wrong) {
        let code = rewrite.verdict.code.as_deref().unwrap_or_default();
        let text = format!(
            "rewrite {} ({}, {code}) is refused",
            rewrite.number, rewrite.event
        );
        if !refused.contains(&text) {
            refused.push(text);
        }
    }
    let many = refused.len() > 3;
    refused.truncate(3);
    let why = match refused.is_empty() {
        true => String::new(),
        false => format!(": {}{}", refused.join(", "), if many { ", …" } else { "" }),
    };
    conclusions.push(match () {
        () if saved == enforced.len() => format!("`enforce` saves it{why}"),
        () if saved > 0 => format!("`enforce` saves {saved} of {}{why}", enforced.len()),
        () if stopped > 0 => {
            "`enforce` stops the compilation: nothing wrong is emitted".to_string()
        }
        () => "`enforce` does not save it".to_string(),
    });
}

/// What the verifier finds, and where.
fn of_findings(tried: &[Run<'_>], conclusions: &mut Vec<String>) {
    let compiled: Vec<&Cell> = tried
        .iter()
        .filter(|(cell, _)| !cell.run)
        .map(|(cell, _)| *cell)
        .collect();
    let mut codes: BTreeSet<&String> = BTreeSet::new();
    codes.extend(compiled.iter().flat_map(|cell| &cell.codes));
    let names = |cells: &[&&Cell], of: fn(&Cell) -> String| -> BTreeSet<String> {
        cells.iter().map(|cell| of(cell)).collect()
    };
    for code in codes {
        let (with, without): (Vec<&&Cell>, Vec<&&Cell>) =
            compiled.iter().partition(|cell| cell.codes.contains(code));
        let mut only = Vec::new();
        type Way = (fn(&Cell) -> String, &'static str);
        let ways: [Way; 3] = [
            (|cell| cell.target.clone(), "for"),
            (
                |cell| cell.collector.map_or(String::new(), |c| c.to_string()),
                "with",
            ),
            (|cell| cell.opt_level.to_string(), "at --opt-level"),
        ];
        for (of, word) in ways {
            let (yes, no) = (names(&with, of), names(&without, of));
            let all: BTreeSet<&String> = yes.union(&no).collect();
            if yes.len() < all.len() {
                let yes: Vec<&str> = yes.iter().map(String::as_str).collect();
                only.push(format!("{word} {}", yes.join(" and ")));
            }
        }
        let place = match only.is_empty() {
            true => "with every setting".to_string(),
            false => format!("only {}", only.join(", ")),
        };
        conclusions.push(format!("the verifier finds {code} {place}"));
    }
}

/// How compilation fails, and where.
fn of_compilations(tried: &[Run<'_>], conclusions: &mut Vec<String>) {
    let compiled: Vec<&Run> = tried.iter().filter(|(cell, _)| !cell.run).collect();
    let mut seen: Vec<&Outcome> = Vec::new();
    for (_, outcome) in &compiled {
        if outcome.class() != Class::Crash || seen.iter().any(|other| other.is_like(outcome)) {
            continue;
        }
        seen.push(outcome);
        let alike: Vec<&&Run> = compiled
            .iter()
            .filter(|(_, other)| other.is_like(outcome))
            .collect();
        let targets: BTreeSet<&str> = alike.iter().map(|(cell, _)| cell.target.as_str()).collect();
        let targets: Vec<&str> = targets.into_iter().collect();
        let all = alike.len() == compiled.len();
        conclusions.push(format!(
            "it does not compile {}: {}",
            match all {
                true => "with any setting".to_string(),
                false => format!(
                    "with {} of {} settings, for {}",
                    alike.len(),
                    compiled.len(),
                    targets.join(", ")
                ),
            },
            outcome.short()
        ));
    }
}

/// The setting to use until it is mended.
fn workaround(runs: &[Run<'_>], good: &Outcome, bad: &[Run<'_>], conclusions: &mut Vec<String>) {
    if good.class() != Class::Fine {
        return;
    }
    let is_fine = |is_one: &dyn Fn(&Cell) -> bool| {
        let of_it: Vec<&Run> = runs
            .iter()
            .filter(|(cell, _)| !cell.assertions && is_one(cell))
            .collect();
        !of_it.is_empty() && of_it.iter().all(|(_, outcome)| outcome.is_like(good))
    };
    let is_guilty = |cell: &Cell| {
        let mut bad = bad.iter();
        bad.any(|(other, _)| other.collector == cell.collector)
    };
    let enforced = |cell: &Cell| {
        cell.verifier == Looker::Enforce && cell.opt_level != OptLevel::None && is_guilty(cell)
    };
    let unoptimized =
        |cell: &Cell| cell.verifier == Looker::Off && cell.opt_level == OptLevel::None;
    let mut settings: Vec<String> = Vec::new();
    if is_fine(&enforced) {
        settings.push(
            "the verifier at `enforce`, `Config::cranelift_gc_verifier(GcVerifier::Enforce)`"
                .to_string(),
        );
    }
    if is_fine(&unoptimized) {
        settings.push("no optimization, `Config::cranelift_opt_level(OptLevel::None)`".to_string());
    }
    let mut collectors: Vec<Collector> =
        runs.iter().filter_map(|(cell, _)| cell.collector).collect();
    collectors.dedup();
    for collector in collectors {
        let of_it = |cell: &Cell| cell.collector == Some(collector) && cell.verifier == Looker::Off;
        if is_fine(&of_it) {
            let name = match collector {
                Collector::Copying => "Copying",
                Collector::Drc => "DeferredReferenceCounting",
                Collector::Null => "Null",
            };
            settings.push(format!("`Config::collector(Collector::{name})`"));
        }
    }
    conclusions.push(match settings.is_empty() {
        false => format!("until it is mended: {}", settings.join("; or ")),
        true => "no setting that was tried works around it".to_string(),
    });
}
