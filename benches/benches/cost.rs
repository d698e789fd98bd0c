//! `cargo bench -p gc-benches`: see the crate's documentation. `-- --help` tells the options.

use anyhow::Result;
use clap::Parser;
use gc_benches::class::{Catcher, Class, Functions};
use gc_benches::compile::Isas;
use gc_benches::mode::{Mode, Switch};
use gc_benches::module::{self, Module};
use gc_benches::plot::{self, Curve};
use gc_benches::shape::Shape;
use gc_benches::stats::{Effort, Spread, measure};
use gc_benches::table::{self, Row, ratio};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Measures what the verifier costs, and prints ratios.
#[derive(Parser)]
struct Args {
    /// A directory of modules [default: the project's corpus if it is there]
    #[arg(long, value_name = "DIR")]
    corpus: Option<PathBuf>,
    /// Leave out larger modules
    #[arg(long, value_name = "BYTES", default_value_t = 1 << 20)]
    largest: u64,
    /// So many rounds at most
    #[arg(long, value_name = "N", default_value_t = 9)]
    rounds: usize,
    /// Seconds for each row, after which there are no more rounds than three
    #[arg(long, value_name = "SECONDS", default_value_t = 20)]
    budget: u64,
    /// Write the picture to this file
    #[arg(long, value_name = "FILE")]
    svg: Option<PathBuf>,
    /// Also write the tables to this file
    #[arg(long, value_name = "FILE")]
    markdown: Option<PathBuf>,
    /// What cargo says.
    #[arg(long, hide = true)]
    bench: bool,
}

const SIZES: [usize; 4] = [100, 1_000, 10_000, 100_000];

fn main() -> Result<()> {
    let args = Args::parse();
    let effort = Effort {
        rounds: args.rounds,
        budget: Duration::from_secs(args.budget),
    };
    let switch = Switch::make();
    let catcher = std::sync::Arc::new(Catcher::new(switch.clone()));
    let installed = cranelift_codegen::gc_verifier::set_gc_verifier(catcher.clone());
    installed.expect("nothing else is installed");

    let mut text = String::new();
    let mut say = |part: &str| {
        print!("{part}");
        text.push_str(part);
    };
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let (programs, _) = module::find(&root.join("filetests/wasm"), args.largest)?;
    let corpus = root.join(args.corpus.unwrap_or_else(|| "../shared/corpus".into()));
    let (modules, larger) = match corpus.is_dir() {
        true => module::find(&corpus, args.largest)?,
        false => (Vec::new(), Vec::new()),
    };
    if !larger.is_empty() {
        say(&format!(
            "Left out, because they are large: {}.\n\n",
            larger.join(", ")
        ));
    }
    let mut rows = of_modules(&programs, &modules, &switch, effort)?;
    say(&table::ratios("modules", &rows));
    say("\n");
    let all: Vec<Module> = programs.into_iter().chain(modules).collect();
    let classes = of_classes(&all, &catcher, &switch, effort)?;
    say(&table::ratios("class", &classes));
    say("\n");
    let (curves, scaling) = of_shapes(&switch, effort)?;
    say(&scaling);
    rows.extend(classes);
    // NB: Cargo runs this in the package's directory; paths are meant from the project's.
    if let Some(path) = args.svg {
        std::fs::write(root.join(path), plot::svg(&rows, &curves))?;
    }
    if let Some(path) = args.markdown {
        std::fs::write(root.join(path), text)?;
    }
    Ok(())
}

fn of_modules(
    programs: &[Module],
    modules: &[Module],
    switch: &Switch,
    effort: Effort,
) -> Result<Vec<Row>> {
    let mut rows = vec![Row {
        name: "the project's programs".into(),
        amount: format!("{} modules", programs.len()),
        rounds: module::time(&programs.iter().collect::<Vec<_>>(), switch, effort)?,
    }];
    for module in modules {
        rows.push(Row {
            name: module.name.trim_end_matches(".wasm").into(),
            amount: format!("{} KiB", module.bytes.len() >> 10),
            rounds: module::time(&[module], switch, effort)?,
        });
        eprintln!("cost: {}", module.name);
    }
    Ok(rows)
}

fn of_classes(
    modules: &[Module],
    catcher: &Catcher,
    switch: &Switch,
    effort: Effort,
) -> Result<Vec<Row>> {
    let functions = Functions::of(modules, catcher)?;
    let rows = Class::ALL.map(|class| Row {
        name: class.name(),
        amount: format!("{} functions", functions.count(class)),
        rounds: measure(&Mode::ALL, effort, |mode| {
            switch.select(mode);
            functions.compile(class, mode);
        }),
    });
    Ok(rows.into())
}

fn of_shapes(switch: &Switch, effort: Effort) -> Result<(Vec<Curve>, String)> {
    let isas = Isas::new()?;
    let modes = [Mode::None, Mode::Check, Mode::CraneliftVerifier];
    let mut text = String::from(
        "| shape | instructions | none | ns an instruction | check | cranelift-verifier |\n\
         |---|--:|--:|--:|---|---|\n",
    );
    let mut curves = Vec::new();
    for shape in Shape::ALL {
        let mut points: Vec<(f64, Spread)> = Vec::new();
        for size in SIZES {
            let (function, count) = shape.function(size)?;
            // So that no round is short for the clock.
            let times = (100_000 / size).max(1);
            let rounds = measure(&modes, effort, |mode| {
                switch.select(mode);
                for _ in 0..times {
                    isas.compile(mode, &function);
                }
            });
            let base = rounds.base() / times as f64;
            let check = rounds.ratio(Mode::Check);
            let _ = writeln!(
                text,
                "| {} | {count} | {:.2} ms | {:.0} | {} | {} |",
                shape.name(),
                base * 1e3,
                base * 1e9 / count as f64,
                ratio(check),
                ratio(rounds.ratio(Mode::CraneliftVerifier))
            );
            points.extend(check.map(|spread| (count as f64, spread)));
            eprintln!("cost: {} {size}", shape.name());
        }
        curves.push(Curve {
            name: shape.name().into(),
            points,
        });
    }
    Ok((curves, text))
}
