//! `cargo xtask identity`: patched crates generate the code that unpatched ones do, without the
//! feature, and with the feature as long as the setting is `none`.

use crate::base::cargo;
use crate::base::lock;
use crate::base::project::Project;
use crate::upstream::bootstrap::{self, LocalWork, Report};
use crate::upstream::pins::Pins;
use crate::upstream::registry::{FEATURE, has_feature};
use anyhow::{Context, Result, bail, ensure};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The program that is built three times.
pub const PROBE: &str = "xtask/probes/identity/src/main.rs";

/// Modules that are compiled if none are named.
const CORPUS: &str = "filetests/wasm";

/// How the probe uses the pinned crates. `runtime` is left out: nothing is run.
const DEPENDENCIES: &[(&str, &[&str])] = &[
    ("cranelift-codegen", &["arm64", "x86"]),
    (
        "wasmtime",
        &[
            "cranelift",
            "gc",
            "gc-copying",
            "gc-drc",
            "gc-null",
            "parallel-compilation",
            "std",
            "threads",
            "wat",
        ],
    ),
];

/// The crates that a probe is built against.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Variant {
    /// As published.
    Unpatched,
    /// Patched, without the feature.
    Off,
    /// Patched, with the feature, and the setting at its default: none.
    None,
}

impl Variant {
    const ALL: [Self; 3] = [Self::Unpatched, Self::Off, Self::None];

    fn name(self) -> &'static str {
        match self {
            Self::Unpatched => "unpatched",
            Self::Off => "off",
            Self::None => "none",
        }
    }
}

/// Builds the three probes, runs them over the corpus and compares what they print.
pub fn run(project: &Project, paths: &[PathBuf]) -> Result<()> {
    bootstrap::run(project, LocalWork::Keep, Report::Changes)?;
    let corpus = corpus(project, paths)?;
    let _lock = lock::take(project, "identity")?;
    let pins = Pins::load(&project.pins())?;
    let mut outputs = Vec::new();
    for variant in Variant::ALL {
        eprintln!("identity: building the probe `{}`", variant.name());
        let probe = build(project, &pins, variant)?;
        let output = Command::new(&probe)
            .args(&corpus)
            .output()
            .with_context(|| format!("cannot run {}", probe.display()))?;
        ensure!(
            output.status.success(),
            "the probe `{}` failed ({})\n{}",
            variant.name(),
            output.status,
            String::from_utf8_lossy(&output.stderr).trim_end()
        );
        outputs.push(parse(&String::from_utf8(output.stdout)?)?);
    }
    let summary = compare(&outputs)?;
    // The project's own modules are meant to compile; failing alike proves nothing.
    if paths.is_empty()
        && let Some((key, (_, reason))) = outputs[0].iter().find(|(_, (size, _))| *size == 0)
    {
        bail!("identity: {key}: {reason}");
    }
    eprintln!("identity: {} files, {summary}", corpus.len());
    Ok(())
}

/// All modules named, or in directories named, sorted.
fn corpus(project: &Project, paths: &[PathBuf]) -> Result<Vec<PathBuf>> {
    let default = [project.root().join(CORPUS)];
    let paths = if paths.is_empty() { &default } else { paths };
    let mut files = Vec::new();
    for path in paths {
        collect(&std::path::absolute(path)?, &mut files)?;
    }
    files.sort();
    files.dedup();
    ensure!(
        !files.is_empty(),
        "there is no .wasm or .wat file in {}: nothing can be compared",
        paths
            .iter()
            .map(|path| path.display().to_string())
            .collect::<Vec<_>>()
            .join(", ")
    );
    Ok(files)
}

fn collect(path: &Path, files: &mut Vec<PathBuf>) -> Result<()> {
    if path.is_dir() {
        for entry in fs_err::read_dir(path)? {
            let path = entry?.path();
            let is_module = path
                .extension()
                .is_some_and(|extension| extension == "wat" || extension == "wasm");
            if path.is_dir() || is_module {
                collect(&path, files)?;
            }
        }
    } else {
        ensure!(path.is_file(), "{} does not exist", path.display());
        files.push(path.into());
    }
    Ok(())
}

/// Builds a probe in a workspace of its own, with the project's versions of everything else.
fn build(project: &Project, pins: &Pins, variant: Variant) -> Result<PathBuf> {
    let scratch = project.scratch("identity");
    let manifest = manifest(project, pins, variant)?;
    // One directory for all three: what does not depend on the patched crates is built once.
    let target = scratch.join("target");
    let dir = scratch.join(variant.name());
    cargo::build_generated(project, &dir, &manifest, &target)?;
    Ok(target.join("release").join(package(variant)))
}

fn package(variant: Variant) -> String {
    format!("identity-{}", variant.name())
}

fn manifest(project: &Project, pins: &Pins, variant: Variant) -> Result<String> {
    let package = package(variant);
    let probe = project.root().join(PROBE);
    let mut text = format!(
        "[workspace]\n\
         [package]\nname = \"{package}\"\nversion = \"0.0.0\"\nedition = \"2024\"\n\
         [[bin]]\nname = \"{package}\"\npath = {probe:?}\n\
         # Code that is generated does not depend on how its generator was compiled.\n\
         [profile.release]\nopt-level = 1\ndebug = false\n\
         [dependencies]\n\
         object = {{ version = \"0.39\", default-features = false, \
         features = [\"read_core\", \"elf\"] }}\n\
         sha2 = \"0.10\"\n"
    );
    for (name, features) in DEPENDENCIES {
        let pin = pins.crates.iter().find(|pin| pin.name == *name);
        let pin = pin.with_context(|| format!("xtask/pins.toml does not pin {name}"))?;
        let mut features = features.to_vec();
        if variant == Variant::None {
            ensure!(
                has_feature(&project.upstream().join(&pin.path))?,
                "{name} in upstream/ has no feature {FEATURE}: there is nothing to compare"
            );
            features.push(FEATURE);
        }
        writeln!(
            text,
            "{name} = {{ version = \"={}\", default-features = false, features = {features:?} }}",
            pin.version
        )?;
    }
    if variant != Variant::Unpatched {
        text.push_str("[patch.crates-io]\n");
        // A patch for a crate that the probe does not use would only make cargo warn.
        for pin in pins
            .crates
            .iter()
            .filter(|pin| pin.name != "cranelift-reader")
        {
            let path = project.upstream().join(&pin.path);
            writeln!(text, "{} = {{ path = {path:?} }}", pin.name)?;
        }
    }
    Ok(text)
}

/// What a probe printed: by module and configuration, the size and the rest.
type Lines = BTreeMap<String, (u64, String)>;

fn parse(output: &str) -> Result<Lines> {
    let lines = output.lines().map(|line| {
        let (key, value) = line
            .split_once('\t')
            .context("no tab in the probe's line")?;
        let (size, rest) = value
            .split_once(' ')
            .context("no size in the probe's line")?;
        Ok((key.to_string(), (size.parse()?, rest.to_string())))
    });
    lines.collect()
}

/// Demands that all outputs are equal, and that there was something to compare.
fn compare(outputs: &[Lines]) -> Result<String> {
    let (unpatched, patched) = outputs.split_first().context("no probe was run")?;
    let mut differences = Vec::new();
    for (variant, lines) in Variant::ALL[1..].iter().zip(patched) {
        let keys: std::collections::BTreeSet<_> = unpatched.keys().chain(lines.keys()).collect();
        for key in keys {
            let (expected, found) = (unpatched.get(key), lines.get(key));
            if expected != found {
                differences.push(format!(
                    "  {key}, {}: {} unpatched, {} patched",
                    variant.name(),
                    describe(expected),
                    describe(found)
                ));
            }
        }
    }
    if !differences.is_empty() {
        let count = differences.len();
        differences.truncate(20);
        bail!(
            "identity: {count} differences, the first of them:\n{}",
            differences.join("\n")
        );
    }
    let bytes: u64 = unpatched.values().map(|(size, _)| size).sum();
    let failed = unpatched.values().filter(|(size, _)| *size == 0).count();
    ensure!(
        bytes > 0,
        "identity: no code was compared: nothing of the corpus was compiled"
    );
    Ok(format!(
        "{} compilations, {bytes} bytes: unpatched, off and none are equal \
         ({failed} failed, alike)",
        unpatched.len()
    ))
}

fn describe(line: Option<&(u64, String)>) -> String {
    match line {
        Some((0, error)) => error.clone(),
        Some((size, hash)) => format!("{size} bytes {}", hash.get(..12).unwrap_or(hash)),
        None => "nothing".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn compared(outputs: [&str; 3]) -> Result<String> {
        compare(&outputs.map(|output| parse(output).unwrap()))
    }

    #[test]
    fn equal_outputs_are_counted() {
        let output = "a x86_64\t10 abc\nb x86_64\t0 error no\n";
        let summary = compared([output; 3]).unwrap();
        assert!(summary.starts_with("2 compilations, 10 bytes"), "{summary}");
        assert!(summary.contains("1 failed"), "{summary}");
    }

    #[test]
    fn a_difference_is_named() {
        let (one, other) = ("a x86_64\t10 abc\n", "a x86_64\t10 abd\n");
        for (outputs, variant) in [([one, other, one], "off"), ([one, one, other], "none")] {
            let error = compared(outputs).unwrap_err().to_string();
            assert!(error.contains(&format!("a x86_64, {variant}: ")), "{error}");
        }
        let error = compared([one, "", one]).unwrap_err().to_string();
        assert!(error.contains("nothing patched"), "{error}");
    }

    #[test]
    fn an_empty_comparison_fails() {
        assert!(compared([""; 3]).is_err());
        assert!(compared(["a x86_64\t0 error no\n"; 3]).is_err());
    }
}
