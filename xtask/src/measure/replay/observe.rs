//! Runs the probe, with a fault or without, and reads what it prints.

use super::corpus::Corpus;
use anyhow::{Context, Result, bail, ensure};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::io::Read as _;
use std::path::Path;
use std::process::{Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

/// The variable that switches faults on.
const VARIABLE: &str = "CRANELIFT_GC_FAULT";

/// A faulty compiler may not come to an end.
const COMPILE_TIMEOUT: Duration = Duration::from_secs(900);
const RUN_TIMEOUT: Duration = Duration::from_secs(10);

/// The collectors of Wasmtime, as the probe calls them.
pub const COLLECTORS: [&str; 3] = ["copying", "drc", "null"];

/// What came of one way to compile one input.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Unit {
    /// Its input.
    pub input: String,
    /// Its collector.
    pub collector: String,
    /// The hash of the code, or why there is none.
    pub output: String,
    /// The functions that the verifier rejects, with the pass after which it did and the codes.
    pub rejected: BTreeMap<String, (String, BTreeSet<String>)>,
    /// How many functions the verifier looked at, and safepoints.
    pub functions: u64,
    pub safepoints: u64,
    /// How many functions it could not judge.
    pub inconclusive: u64,
}

impl Unit {
    /// Why it did not compile, if it did not.
    pub fn error(&self) -> Option<&str> {
        self.output.strip_prefix("error\t")
    }
}

/// What came of running programs under one collector.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Runs(BTreeMap<Outcome, usize>);

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Outcome {
    Right,
    Wrong,
    Trap,
    Crash,
    Hang,
}

impl fmt::Display for Runs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return f.write_str("–");
        }
        let parts: Vec<_> = self
            .0
            .iter()
            .map(|(outcome, count)| {
                let word = match outcome {
                    Outcome::Right => "right",
                    Outcome::Wrong => "wrong",
                    Outcome::Trap => "trap",
                    Outcome::Crash => "crash",
                    Outcome::Hang => "hang",
                };
                format!("{count} {word}")
            })
            .collect();
        f.write_str(&parts.join(", "))
    }
}

/// What was seen with one fault, or with none.
#[derive(Debug, Clone, Default)]
pub struct Observation {
    /// By name.
    pub units: BTreeMap<String, Unit>,
    /// The names in the probe's order.
    order: Vec<String>,
    /// The rewrites that were judged.
    pub range: Range,
    /// The units that Cranelift's own verifier rejects, if it was asked.
    pub cranelift: Option<BTreeSet<String>>,
    /// By collector, if programs were run.
    pub runs: Option<BTreeMap<&'static str, Runs>>,
}

impl Observation {
    /// The unit that was read last.
    fn last(&mut self) -> Result<&mut Unit> {
        let name = self.order.last().context("no unit before")?;
        let unit = self.units.get_mut(name);
        unit.context("a unit that is not known")
    }

    /// Nothing is wrong, and something was looked at. What is rejected in CLIF that was written
    /// by hand may be meant so.
    pub fn assert_sound(&self) -> Result<()> {
        for (name, unit) in &self.units {
            if let Some(error) = unit.error() {
                bail!("without a fault, {name} does not compile: {error}");
            }
            if unit.input.ends_with(".wat")
                && let Some((function, (_, codes))) = unit.rejected.first_key_value()
            {
                bail!("without a fault, {function} of {name} is rejected with {codes:?}");
            }
        }
        let safepoints: u64 = self.units.values().map(|unit| unit.safepoints).sum();
        ensure!(safepoints > 0, "the verifier looked at no safepoint");
        Ok(())
    }
}

/// Which rewrites are judged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Range {
    /// Those of references.
    #[default]
    References,
    /// All.
    All,
}

impl Range {
    fn options(self) -> &'static [&'static str] {
        match self {
            Range::References => &[],
            Range::All => &["--all-rewrites"],
        }
    }
}

/// Runs the probe.
pub struct Runner<'a> {
    pub probe: &'a Path,
    pub root: &'a Path,
    pub corpus: &'a Corpus,
    /// Are inputs verified on demand only?
    pub is_on_demand: bool,
}

impl Runner<'_> {
    /// What is to be seen with this fault; `sound` is what is to be seen without.
    pub fn observe(
        &self,
        fault: &str,
        range: Range,
        sound: Option<&Observation>,
        others: bool,
    ) -> Result<Observation> {
        let mut observation = self.compile(fault, range.options(), sound)?;
        observation.range = range;
        if others {
            let cranelift = self.compile(fault, &["--cranelift"], sound)?;
            let rejected = cranelift.units.iter().filter(|(_, unit)| {
                unit.error()
                    .is_some_and(|error| !error.starts_with("panic") && !error.starts_with("crash"))
            });
            observation.cranelift = Some(rejected.map(|(name, _)| name.clone()).collect());
            if let Some(sound) = sound {
                observation.runs = Some(self.run_programs(fault, &observation, sound)?);
            }
        }
        Ok(observation)
    }

    fn command(&self, fault: &str) -> Command {
        let mut command = Command::new(self.probe);
        command.current_dir(self.root).env_remove(VARIABLE);
        if !fault.is_empty() {
            command.env(VARIABLE, fault);
        }
        command
    }

    /// Compiles everything; begins again after a unit that takes the process down.
    fn compile(
        &self,
        fault: &str,
        options: &[&str],
        sound: Option<&Observation>,
    ) -> Result<Observation> {
        let mut observation = Observation::default();
        loop {
            let from = observation.order.len();
            let mut command = self.command(fault);
            command.arg("verify").args(options);
            if self.is_on_demand {
                command.arg("--on-demand");
            }
            command.args(["--from", &from.to_string()]);
            command.args(&self.corpus.inputs);
            let (stdout, status) = output(&mut command, COMPILE_TIMEOUT)?;
            parse(&stdout, &mut observation)?;
            if status.is_some_and(|status| status.success()) {
                return Ok(observation);
            }
            let next = observation.order.len();
            let how = match status {
                Some(status) => status.to_string(),
                None => "no end".into(),
            };
            let name = sound.and_then(|sound| sound.order.get(next));
            let Some(name) = name else {
                bail!("the probe failed with `{fault}` ({how})");
            };
            observation.order.push(name.clone());
            let unit = unit_of(name, format!("error\tcrash: {how}"))?;
            observation.units.insert(name.clone(), unit);
        }
    }

    /// Runs the programs whose code differs.
    fn run_programs(
        &self,
        fault: &str,
        observation: &Observation,
        sound: &Observation,
    ) -> Result<BTreeMap<&'static str, Runs>> {
        let mut all = BTreeMap::new();
        for collector in COLLECTORS {
            let mut runs = Runs::default();
            for input in &self.corpus.inputs {
                let name = format!("{input} x86_64 {collector} default");
                let is_reached = match (observation.units.get(&name), sound.units.get(&name)) {
                    (Some(unit), Some(sound)) => unit.output != sound.output,
                    _ => false,
                };
                if !is_reached || !input.ends_with(".wat") {
                    continue;
                }
                let outcome = self.run_program(fault, collector, input)?;
                *runs.0.entry(outcome).or_default() += 1;
            }
            all.insert(collector, runs);
        }
        Ok(all)
    }

    fn run_program(&self, fault: &str, collector: &str, input: &str) -> Result<Outcome> {
        let text = fs_err::read_to_string(self.root.join(input))?;
        let expected = text
            .lines()
            .last()
            .and_then(|line| line.strip_prefix(";; expect: "));
        let expected = expected.with_context(|| format!("{input} expects nothing"))?;
        let mut command = self.command(fault);
        command.args(["run", collector, input]);
        let (stdout, status) = output(&mut command, RUN_TIMEOUT)?;
        let Some(status) = status else {
            return Ok(Outcome::Hang);
        };
        Ok(match stdout.trim().split_once(' ') {
            Some(("result", result)) if result == expected => Outcome::Right,
            Some(("result", _)) => Outcome::Wrong,
            Some(("error", _)) if status.code() == Some(1) => Outcome::Trap,
            _ => Outcome::Crash,
        })
    }
}

/// What a process prints, and how it ends; it is ended if it does not in time.
fn output(command: &mut Command, timeout: Duration) -> Result<(String, Option<ExitStatus>)> {
    command.stdout(Stdio::piped()).stderr(Stdio::null());
    let mut child = command.spawn().context("cannot start the probe")?;
    let mut stdout = child.stdout.take().expect("standard output is piped");
    let reader = std::thread::spawn(move || {
        let mut text = Vec::new();
        stdout.read_to_end(&mut text).map(|_| text)
    });
    let end = Instant::now() + timeout;
    let status = loop {
        if let Some(status) = child.try_wait()? {
            break Some(status);
        }
        if Instant::now() > end {
            child.kill()?;
            child.wait()?;
            break None;
        }
        std::thread::sleep(Duration::from_millis(5));
    };
    let text = reader.join().expect("reading does not panic")?;
    Ok((String::from_utf8_lossy(&text).into_owned(), status))
}

/// Reads what the probe prints.
fn parse(text: &str, observation: &mut Observation) -> Result<()> {
    // The last line may not be whole.
    let whole = text.rfind('\n').map_or("", |end| &text[..end]);
    for line in whole.lines() {
        let fields: Vec<_> = line.split('\t').collect();
        match &fields[..] {
            ["unit", _, name, kind, result] => {
                let unit = unit_of(name, format!("{kind}\t{result}"))?;
                observation.order.push(name.to_string());
                observation.units.insert(name.to_string(), unit);
            }
            ["rejected", _, function, layer, codes] => {
                let codes = codes.split(',').map(str::to_string).collect();
                let rejected = &mut observation.last()?.rejected;
                rejected.insert(function.to_string(), (layer.to_string(), codes));
            }
            ["counts", _, functions, safepoints, inconclusive] => {
                let unit = observation.last()?;
                unit.functions = functions.parse()?;
                unit.safepoints = safepoints.parse()?;
                unit.inconclusive = inconclusive.parse()?;
            }
            _ => bail!("the probe printed `{line}`"),
        }
    }
    Ok(())
}

/// A unit by its name: input, target, collector and embedding.
fn unit_of(name: &str, output: String) -> Result<Unit> {
    let words: Vec<_> = name.split(' ').collect();
    let [input, _target, collector, _embedding] = words[..] else {
        bail!("`{name}` is not the name of a unit");
    };
    Ok(Unit {
        input: input.into(),
        collector: collector.into(),
        output,
        ..Unit::default()
    })
}

#[cfg(test)]
pub mod tests {
    use super::*;

    /// What the probe printed.
    pub fn observed(text: &str) -> Observation {
        let mut observation = Observation::default();
        parse(text, &mut observation).unwrap();
        observation
    }

    #[test]
    fn the_probes_lines_are_read() {
        let seen = observed(
            "unit\t0\ta.wat x86_64 copying default\thash\t00ff\n\
             rejected\t0\tu0:1\tinput\tGCV01,GCV03\n\
             counts\t0\t2\t5\t1\n\
             unit\t1\ta.wat x86_64 drc default\terror\tpanic: no\nunit\t2\tb.w",
        );
        assert_eq!(seen.units.len(), 2);
        let unit = &seen.units["a.wat x86_64 copying default"];
        assert_eq!(
            (unit.functions, unit.safepoints, unit.inconclusive),
            (2, 5, 1)
        );
        let (layer, codes) = &unit.rejected["u0:1"];
        assert_eq!(layer, "input");
        assert_eq!(codes.len(), 2);
        let failed = &seen.units["a.wat x86_64 drc default"];
        assert_eq!(failed.error(), Some("panic: no"));
        assert!(seen.assert_sound().is_err());
    }

    #[test]
    fn an_empty_observation_is_not_sound() {
        assert!(observed("").assert_sound().is_err());
        let nothing = "unit\t0\ta.wat x86_64 drc default\thash\t1\ncounts\t0\t1\t0\t0\n";
        assert!(observed(nothing).assert_sound().is_err());
        let something = nothing.replace("\t0\t0\n", "\t3\t0\n");
        observed(&something).assert_sound().unwrap();
    }

    #[test]
    fn other_output_is_refused() {
        let mut observation = Observation::default();
        for text in ["hello\n", "counts\t0\t1\t1\t1\n", "unit\t0\ta b\thash\t1\n"] {
            assert!(parse(text, &mut observation).is_err(), "{text}");
        }
    }
}
