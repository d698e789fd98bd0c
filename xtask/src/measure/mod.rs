//! Measures the project: against unpatched crates, with faults, in time, on everything at hand.

pub mod cost;
pub mod false_alarms;
pub mod fuzz;
pub mod identity;
pub mod replay;
pub mod units;
