//! `gc-behaviour FILE…`: do these modules do the same, whoever looks on?
//!
//! Exit codes: 0 if all do, 1 if not, 2 if one cannot be compiled or run.

use anyhow::{Context, Result};
use clap::Parser;
use gc_behaviour::{Judge, Looker, Outcome, Setup, run_module};
use gc_configurations::{COLLECTORS, Configuration, collector_name};
use std::path::PathBuf;
use std::process::ExitCode;
use wasmtime::{Collector, OptLevel};

/// Run modules off, enforced and under a guard that refuses rewrites at random, and compare what they do
#[derive(Parser)]
struct Args {
    /// Modules that export `main` or `_start`
    #[arg(required = true)]
    files: Vec<PathBuf>,
    /// Also with the collector `null`, which never frees anything
    #[arg(long)]
    null: bool,
    /// How many of a hundred rewrites are refused at random
    #[arg(long, default_values_t = [20, 100])]
    chaos: Vec<u32>,
}

fn main() -> ExitCode {
    match run(&Args::parse()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(1),
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::from(2)
        }
    }
}

fn run(args: &Args) -> Result<bool> {
    let judge = Judge::install()?;
    let mut lookers = vec![Looker::Off, Looker::Enforce];
    lookers.extend(args.chaos.iter().map(|&percent| Looker::Chaos(percent)));
    let names = lookers.iter().map(ToString::to_string);
    println!(
        "| module | collector | prints | ends with | {} |",
        names.collect::<Vec<_>>().join(" | ")
    );
    println!("|---|---|--:|---|{}", "---|".repeat(lookers.len()));
    let collectors = COLLECTORS.into_iter();
    let collectors = collectors.filter(|&collector| collector != Collector::Null || args.null);
    let collectors = collectors.collect::<Vec<_>>();
    let mut all_same = true;
    for file in &args.files {
        let wasm =
            std::fs::read(file).with_context(|| format!("cannot read {}", file.display()))?;
        for &collector in &collectors {
            let run = |(seed, &looker): (usize, &Looker)| {
                judge.turn_to(looker, seed as u64);
                let setup = Setup {
                    configuration: Configuration::of(collector, OptLevel::Speed),
                    looker,
                };
                let outcome = run_module(&setup, &wasm);
                outcome.with_context(|| format!("{} with {setup}", file.display()))
            };
            let outcomes = lookers.iter().enumerate().map(run);
            let outcomes = outcomes.collect::<Result<Vec<Outcome>>>()?;
            let same = outcomes.iter().map(|outcome| *outcome == outcomes[0]);
            let same = same.collect::<Vec<_>>();
            all_same &= same.iter().all(|&is_same| is_same);
            let same = same.iter().map(|&is_same| match is_same {
                true => "same",
                false => "**differs**",
            });
            println!(
                "| {} | {} | {} bytes | {} | {} |",
                file.file_stem().unwrap_or_default().display(),
                collector_name(collector),
                outcomes[0].output.len(),
                outcomes[0].end,
                same.collect::<Vec<_>>().join(" | ")
            );
        }
    }
    let seen = judge.seen();
    println!(
        "\nThe verifier looked at {} functions with {} safepoints, refused {} rewrites and rejected \
         {} functions.\nAt random, {} of {} rewrites were refused.",
        seen.functions,
        seen.safepoints,
        seen.refused,
        seen.rejected.len(),
        seen.refused_by_chaos,
        seen.asked_of_chaos
    );
    for rejected in &seen.rejected {
        println!("{rejected}");
    }
    Ok(all_same && seen.rejected.is_empty())
}
