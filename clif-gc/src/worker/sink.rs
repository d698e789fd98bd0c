//! Collects what the verifier reports.

use crate::excerpt::Excerpt;
use crate::listing::Listing;
use crate::record::{
    Counts, FunctionId, FunctionRecord, InconclusiveRecord, StepRecord, UndoneRecord, Verdict,
    ViolationRecord,
};
use cranelift_gc_verifier::{FunctionReport, Refusal, Sink, Step, Undone, Violation, rule_name};
use std::sync::{Mutex, PoisonError};

/// The reports that came in and were not taken out.
#[derive(Default)]
pub struct Collect(Mutex<Vec<FunctionReport>>);

impl Sink for Collect {
    fn function(&self, report: FunctionReport) {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(report);
    }
}

impl Collect {
    /// Take the reports out. Their order depends on the threads.
    pub fn take(&self) -> Vec<FunctionReport> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// The report on the function that is called `id`, as a record.
pub fn record(report: &FunctionReport, id: FunctionId) -> FunctionRecord {
    let FunctionReport {
        function: _,
        layer,
        report: found,
        rewrites,
        refused,
        refusals,
        refused_in,
        undone,
        listing,
        input: _,
    } = report;
    let layer = layer.to_string();
    let listing = Listing::new(listing);
    let refused_in = Listing::new(refused_in);
    let cranelift_gc_verifier::Counts {
        safepoints,
        entries,
        references,
        dereferences,
        rewritten_loads: _,
        objects: _,
        typed,
        guarded,
        unjudged,
        unjudged_by,
        positions,
        positions_typed,
        positions_proved,
        positions_unjudged,
        records,
        record_entries,
    } = found.counts;
    FunctionRecord {
        id,
        verdict: Verdict::from(found.verdict()),
        counts: Counts {
            safepoints,
            entries,
            references,
            dereferences,
            typed,
            guarded,
            unjudged,
            unjudged_by,
            positions,
            positions_typed,
            positions_proved,
            positions_unjudged,
            records,
            record_entries,
            rewrites: *rewrites,
            refused: *refused,
        },
        violations: found
            .violations
            .iter()
            .map(|violation| violation_record(violation, &layer, &listing))
            .collect(),
        allowed: Vec::new(),
        rules: None,
        code: None,
        refusals: refusals
            .iter()
            .map(|Refusal { pass, violation }| {
                violation_record(violation, &pass.to_string(), &refused_in)
            })
            .collect(),
        undone: undone.iter().map(undone_record).collect(),
        inconclusive: found
            .inconclusive
            .iter()
            .map(|inconclusive| InconclusiveRecord {
                reason: inconclusive.reason().to_string(),
                message: inconclusive.to_string(),
                line: None,
            })
            .collect(),
        layer: Some(layer),
    }
}

fn undone_record(undone: &Undone) -> UndoneRecord {
    let pass = undone.pass.to_string();
    let listing = Listing::new(&undone.listing);
    let violations = undone.violations.iter();
    UndoneRecord {
        violations: violations
            .map(|violation| violation_record(violation, &pass, &listing))
            .collect(),
        pass,
    }
}

fn violation_record(violation: &Violation, layer: &str, listing: &Listing) -> ViolationRecord {
    let Violation {
        error,
        witness,
        rule,
    } = violation;
    ViolationRecord {
        code: error.code().as_str().to_string(),
        name: error.code().name().to_string(),
        layer: layer.to_string(),
        inst: error.inst().to_string(),
        value: error.value().map(|value| value.to_string()),
        // The checks on whole functions have none: no one rule has made them.
        rule: rule.map(rule_name),
        wasm_offset: listing
            .inst(error.inst())
            .and_then(|index| listing.lines()[index].wasm_offset),
        // The file tells.
        line: None,
        // The module tells; it is not at hand here.
        wasm_operator: None,
        message: error.to_string(),
        witness: witness
            .steps
            .iter()
            .map(|step| step_record(step, listing))
            .collect(),
        excerpt: Excerpt::new(listing, violation),
    }
}

fn step_record(step: &Step, listing: &Listing) -> StepRecord {
    let line = step.inst.and_then(|inst| listing.inst(inst));
    StepRecord {
        role: step.role.as_str().to_string(),
        block: step.block.to_string(),
        inst: step.inst.map(|inst| inst.to_string()),
        text: line.map(|index| listing.lines()[index].text.trim().to_string()),
        line: None,
    }
}
