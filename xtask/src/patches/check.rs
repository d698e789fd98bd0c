//! `cargo xtask patches check`: each patch by itself is well formed, applies exactly, and
//! leaves a tree that compiles, without and with the feature.

use super::overlay;
use crate::base::cargo;
use crate::base::git::Git;
use crate::base::hex::hex;
use crate::base::lock;
use crate::base::mtime;
use crate::base::project::Project;
use crate::patches::refresh;
use crate::series::Series;
use crate::series::patch::{LINE_MAX, Patch, SUBJECT_MAX, slug};
use crate::upstream::bootstrap;
use crate::upstream::pins::{self, Pin, Pins};
use crate::upstream::registry::{self, Archive, FEATURE, has_feature};
use crate::upstream::stamp::{self, Stamp};
use crate::upstream::tree::Tree;
use anyhow::{Context, Result, bail};
use sha2::{Digest, Sha256};
use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::time::Instant;

/// How a crate is compiled besides its default features; `all` is for `--full`.
struct Features {
    name: &'static str,
    few: &'static [&'static str],
    all: &'static [&'static str],
}

const FEATURES: &[Features] = &[Features {
    name: "cranelift-codegen",
    few: &["x86", "arm64"],
    all: &["all-arch"],
}];

/// After which patches the tree is compiled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compiled {
    /// After each.
    All,
    /// After those that the base has of its own, and after the last one. The others compile on the default base, where
    /// they are compiled one by one.
    Differing,
}

/// Checks the whole series.
pub fn run(project: &Project, compiled: Compiled, full: bool, again: bool) -> Result<()> {
    let _lock = lock::take(project, "patches-check")?;
    let pins = Pins::load(&project.pins())?;
    let series = Series::load(project)?;
    let archives = registry::archives(project, &pins)?;
    let dir = project.scratch("patches-check");

    // The cheap part first: the compiler takes minutes.
    let mut problems = unlisted(project, &series)?;
    for base in pins::all_bases(project)? {
        let dir = project.patches().join(&base);
        problems.extend(overlay::problems(
            &dir,
            &base,
            &Series::load(&project.on_default())?,
        )?);
    }
    problems.extend(authors(&series));
    problems.extend(not_exported(project, &pins, &series)?);
    problems.extend(form_of_all(project, &pins, &archives, &series)?);
    if !problems.is_empty() {
        bail!("{} problems\n{}", problems.len(), problems.join("\n"));
    }

    let mut workspace = Workspace::new(project, dir, &pins, full)?;
    let mut tree = workspace.unpack(&pins, &archives)?;
    let mut verified = Verified::load(&workspace.dir, again)?;
    let count = series.patches().len();
    let mut compiled_after = 0;
    for (index, (patch, file)) in series.files().enumerate() {
        eprint!("{:>3}/{count} {}: ", index + 1, patch.name);
        tree.apply(patch, file)?;
        let is_own = file.parent() == project.overlay().as_deref();
        if compiled == Compiled::Differing && !is_own && index + 1 < count {
            eprintln!("applies");
            continue;
        }
        compiled_after += 1;
        let key = workspace.key(&stamp::key(&pins, &series, index + 1));
        if verified.contains(&key) {
            eprintln!("compiled before");
        } else {
            eprintln!("{}", workspace.compile(patch)?);
            verified.add(key)?;
        }
        print_removals(patch);
    }
    let shown = match compiled {
        Compiled::All => format!("{count} patches apply, compile and are well formed"),
        Compiled::Differing => format!(
            "{count} patches apply and are well formed; the tree compiles after {compiled_after} of them"
        ),
    };
    eprintln!("patches check: {shown}");
    Ok(())
}

fn at(patch: &Patch, text: &str) -> String {
    format!("patches/{}: {text}", patch.name)
}

/// Patch files that the series forgot.
fn unlisted(project: &Project, series: &Series) -> Result<Vec<String>> {
    let mut problems = Vec::new();
    if project.patches().exists() {
        for entry in fs_err::read_dir(project.patches())? {
            let name = entry?.file_name().to_string_lossy().into_owned();
            if name.ends_with(".patch") && series.find(&name).is_none() {
                problems.push(format!("patches/{name}: is not in patches/series"));
            }
        }
    }
    problems.sort();
    Ok(problems)
}

/// Patches that are not by the author of the first one: a series has one.
fn authors(series: &Series) -> Vec<String> {
    let author = |patch: &Patch| patch.header("From").unwrap_or_default();
    let one = series.patches().next().map(author).unwrap_or_default();
    let others = series.patches().filter(|patch| author(patch) != one);
    others
        .map(|patch| {
            let other = author(patch);
            at(patch, &format!("is by {other}, and the series by {one}"))
        })
        .collect()
}

/// Work in upstream/ that a commit of the project would not contain.
fn not_exported(project: &Project, pins: &Pins, series: &Series) -> Result<Option<String>> {
    let git = Git::at(&project.upstream());
    if !git.exists() {
        return Ok(None);
    }
    let key = stamp::key(pins, series, series.patches().len());
    let exported = match Stamp::read(&git)? {
        Some(stamp) => stamp.key == key && bootstrap::is_untouched(&git, &stamp)?,
        None => false,
    };
    let problem = format!(
        "{}/: has changes or commits that are not in patches/, or the other way round; \
         commit there and run `cargo xtask patches refresh{}`",
        project.upstream_name(),
        project.base_argument()
    );
    Ok((!exported).then_some(problem))
}

/// What is wrong with the patches' form: names, messages, white space, and the rest that
/// `patches refresh` would write differently.
fn form_of_all(
    project: &Project,
    pins: &Pins,
    archives: &[Archive<'_>],
    series: &Series,
) -> Result<Vec<String>> {
    let mut problems = Vec::new();
    let dir = project.scratch("patches-check").join("form");
    if dir.exists() {
        fs_err::remove_dir_all(&dir)?;
    }
    let mut tree = Tree::unpack(&dir, pins, archives)?;
    for (patch, file) in series.files() {
        problems.extend(form(patch).into_iter().map(|text| at(patch, &text)));
        tree.apply(patch, file)?;
        let check = ["diff-tree", "--check", "HEAD^", "HEAD"];
        let white_space = tree.git().output(check)?;
        for line in String::from_utf8_lossy(&white_space.stdout).lines() {
            // The offending lines themselves come after their places.
            if !line.starts_with('+') {
                problems.push(at(patch, line));
            }
        }
    }
    let (base, git) = (tree.base().to_string(), tree.finish()?);
    let canonical = refresh::export(&git, &base, &git.head()?, Series::load(project)?)?;
    // A patch of the series is as it is exported from the default base.
    let own = project.overlay().unwrap_or_else(|| project.patches());
    for (patch, file) in series.files() {
        if file.parent() != Some(own.as_path()) {
            continue;
        }
        let canonical = canonical.find(&patch.name);
        if canonical.is_some_and(|canonical| canonical.text != patch.text) {
            let text = "is not as `cargo xtask patches refresh` writes it; run it";
            problems.push(at(patch, text));
        }
    }
    fs_err::remove_dir_all(dir)?;
    Ok(problems)
}

/// What is wrong with a patch's file name and message.
fn form(patch: &Patch) -> Vec<String> {
    let subject = match patch.subject() {
        Ok(subject) => subject,
        Err(error) => return vec![error.to_string()],
    };
    let mut problems = Vec::new();
    let mut check = |ok: bool, problem: String| {
        if !ok {
            problems.push(problem);
        }
    };
    let expected = format!("{}.patch", slug(&subject));
    check(
        patch.name == expected,
        format!("should be named {expected}, after its subject"),
    );
    let length = subject.chars().count();
    check(
        length <= SUBJECT_MAX,
        format!("subject has {length} characters, more than {SUBJECT_MAX}"),
    );
    check(
        !subject.ends_with('.'),
        "subject ends with a full stop".into(),
    );
    match subject.split_once(": ") {
        Some((area, summary)) if !area.is_empty() && !area.contains(char::is_whitespace) => {
            let verb = summary.split_whitespace().next().unwrap_or_default();
            check(
                is_imperative(verb),
                format!("subject should be imperative, not `{verb} …`"),
            );
        }
        _ => check(
            false,
            format!("subject `{subject}` is not `area: imperative`"),
        ),
    }
    let body = patch.body();
    check(!body.is_empty(), "message has no body".into());
    if let Some(line) = body.lines().find(|line| line.chars().count() > LINE_MAX) {
        check(
            false,
            format!("message is wider than {LINE_MAX} columns: `{line}`"),
        );
    }
    check(
        patch
            .block()
            .is_some_and(|block| block.lines().any(|line| line.starts_with("Forwarded:"))),
        "has no `Forwarded:` below `---`".into(),
    );
    problems
}

/// Whether a word can be an imperative: finds `Added`, `Adding` and `Adds`, and nothing subtle.
fn is_imperative(verb: &str) -> bool {
    const EXCEPTIONS: &[&str] = &[
        "embed", "exceed", "feed", "need", "proceed", "seed", "shed", "speed", "bring", "string",
        "process", "pass", "address", "bypass", "compress", "suppress", "express", "discuss",
        "assess", "access", "bless",
    ];
    let verb = verb.to_lowercase();
    EXCEPTIONS.contains(&verb.as_str())
        || !["ed", "ing", "s"].iter().any(|end| verb.ends_with(end)) && !verb.is_empty()
}

/// The series is additive; what removes lines is shown, to be judged by people.
fn print_removals(patch: &Patch) {
    let hunks = patch.hunks();
    let removing: Vec<_> = hunks.iter().filter(|hunk| hunk.removed > 0).collect();
    let lines: usize = removing.iter().map(|hunk| hunk.removed).sum();
    if lines > 0 {
        eprintln!(
            "        removes {lines} lines in {} of {} hunks:",
            removing.len(),
            hunks.len()
        );
    }
    for hunk in removing {
        eprintln!("        -{} +{} {hunk}", hunk.removed, hunk.added);
    }
}

/// The generated workspace that compiles the tree: a package without the feature and one with
/// it, so that cargo compiles each crate both ways and again only when it changed.
struct Workspace<'a> {
    project: &'a Project,
    dir: PathBuf,
    crates: Vec<&'a Pin>,
    full: bool,
    /// What, besides the tree, the result depends on.
    environment: String,
}

impl<'a> Workspace<'a> {
    fn new(project: &'a Project, dir: PathBuf, pins: &'a Pins, full: bool) -> Result<Self> {
        fs_err::create_dir_all(&dir)?;
        let lock = project.lock_file();
        let mut environment = cargo::rustc_version().unwrap_or_default();
        if lock.exists() {
            environment.push_str(&fs_err::read_to_string(&lock)?);
            fs_err::copy(lock, dir.join("Cargo.lock"))?;
        }
        let crates = pins
            .crates
            .iter()
            .filter(|pin| full || pin.path.starts_with("cranelift/"))
            .collect();
        Ok(Self {
            project,
            dir,
            crates,
            full,
            environment,
        })
    }

    fn key(&self, tree: &str) -> String {
        let manifest = self.manifest("key", |_| true);
        hex(&Sha256::digest(
            [tree, &manifest, &self.environment].join("\0"),
        ))
    }

    /// The tree without patches. Files that are as the last run left them keep their times.
    fn unpack(&self, pins: &Pins, archives: &[Archive<'_>]) -> Result<Tree> {
        let (dir, old) = (self.dir.join("tree"), self.dir.join("tree.old"));
        if old.exists() {
            fs_err::remove_dir_all(&old)?;
        }
        if dir.exists() {
            fs_err::rename(&dir, &old)?;
        }
        let tree = Tree::unpack(&dir, pins, archives)?;
        mtime::carry_over(&old, &dir)?;
        tree.git().run(["update-index", "-q", "--refresh"])?;
        if old.exists() {
            fs_err::remove_dir_all(&old)?;
        }
        Ok(tree)
    }

    /// Compiles the tree as it is now; says how long that took.
    fn compile(&mut self, patch: &Patch) -> Result<String> {
        let mut with_feature = BTreeSet::new();
        for pin in &self.crates {
            if has_feature(&self.dir.join("tree").join(&pin.path))? {
                with_feature.insert(pin.name.as_str());
            }
        }
        let mut members = vec![("off", self.manifest("off", |_| false))];
        if !with_feature.is_empty() {
            members.push((
                "on",
                self.manifest("on", |name| with_feature.contains(name)),
            ));
        }
        fs_err::write(self.dir.join("Cargo.toml"), self.root_manifest(&members))?;
        let mut report = Vec::new();
        for (name, manifest) in &members {
            let dir = self.dir.join(name);
            fs_err::create_dir_all(dir.join("src"))?;
            fs_err::write(dir.join("src/lib.rs"), "")?;
            fs_err::write(dir.join("Cargo.toml"), manifest)?;
        }
        cargo::resolve(&self.dir)?;
        for (name, _) in &members {
            let start = Instant::now();
            let package = format!("check-{name}");
            let args = ["check", "--offline", "--package", &package];
            let output = cargo::build_command(self.project, &self.dir, &args)
                .arg("--target-dir")
                .arg(self.dir.join("target"))
                .output()
                .context("cannot start cargo")?;
            let stderr = String::from_utf8_lossy(&output.stderr);
            if !output.status.success() {
                bail!(
                    "the tree does not compile after patches/{} (feature {FEATURE} {name})\n{}",
                    patch.name,
                    stderr.trim_end()
                );
            }
            let mut line = format!("{name} {:.1} s", start.elapsed().as_secs_f64());
            for warnings in stderr.lines().filter(|line| line.contains(" generated ")) {
                write!(line, " ({warnings})").expect("a string can be written to");
            }
            report.push(line);
        }
        Ok(format!("compiles ({})", report.join(", ")))
    }

    fn root_manifest(&self, members: &[(&str, String)]) -> String {
        let names: Vec<_> = members.iter().map(|(name, _)| *name).collect();
        let mut text = format!(
            "[workspace]\nresolver = \"3\"\nmembers = {names:?}\n\
             [profile.dev]\ndebug = false\n\
             # Build scripts compile ISLE, which takes long without optimization.\n\
             [profile.dev.build-override]\nopt-level = 1\n\
             [patch.crates-io]\n"
        );
        for Pin { name, path, .. } in &self.crates {
            writeln!(text, "{name} = {{ path = \"tree/{path}\" }}")
                .expect("a string can be written to");
        }
        text
    }

    fn manifest(&self, name: &str, with_feature: impl Fn(&str) -> bool) -> String {
        let mut text = format!(
            "[package]\nname = \"check-{name}\"\nversion = \"0.0.0\"\nedition = \"2024\"\n\
             [dependencies]\n"
        );
        for Pin { name, version, .. } in &self.crates {
            let special = FEATURES.iter().find(|features| features.name == name);
            let mut features = special.map_or(Vec::new(), |features| {
                (if self.full {
                    features.all
                } else {
                    features.few
                })
                .to_vec()
            });
            if with_feature(name) {
                features.push(FEATURE);
            }
            writeln!(
                text,
                "{name} = {{ version = \"={version}\", features = {features:?} }}"
            )
            .expect("a string can be written to");
        }
        text
    }
}

/// States of the tree that compiled, so that a second run compiles only from the first patch
/// that changed.
struct Verified {
    path: PathBuf,
    keys: BTreeSet<String>,
}

impl Verified {
    fn load(dir: &Path, again: bool) -> Result<Self> {
        let path = dir.join("verified");
        let keys = if path.exists() && !again {
            let text = fs_err::read_to_string(&path)?;
            text.lines().map(str::to_string).collect()
        } else {
            BTreeSet::new()
        };
        Ok(Self { path, keys })
    }

    fn contains(&self, key: &str) -> bool {
        self.keys.contains(key)
    }

    fn add(&mut self, key: String) -> Result<()> {
        self.keys.insert(key);
        let lines: Vec<_> = self.keys.iter().map(|key| format!("{key}\n")).collect();
        fs_err::write(&self.path, lines.concat())?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn patch(name: &str, subject: &str, body: &str, block: &str) -> Patch {
        let text = format!(
            "From 0 Mon Sep 17 00:00:00 2001\nFrom: A <a@b>\nSubject: [PATCH] {subject}\n\n\
             {body}\n---\n{block}\n\ndiff --git a/x b/x\n"
        );
        Patch {
            name: name.into(),
            text,
        }
    }

    #[test]
    fn a_good_patch_has_no_problems() {
        let good = patch(
            "egraph-ask-the-guard.patch",
            "egraph: Ask the guard",
            "Why.",
            "Forwarded: no",
        );
        assert_eq!(form(&good), [""; 0]);
    }

    #[test]
    fn each_problem_of_form_is_found() {
        let long = format!("egraph: {}", "a".repeat(80));
        let wide = "a ".repeat(40);
        for (name, subject, body, block, problem) in [
            (
                "x.patch",
                "egraph: ask",
                "b",
                "Forwarded: no",
                "egraph-ask.patch",
            ),
            ("x.patch", &long, "b", "Forwarded: no", "88 characters"),
            (
                "x.patch",
                "ask",
                "b",
                "Forwarded: no",
                "is not `area: imperative`",
            ),
            (
                "x.patch",
                "egraph: Asks it",
                "b",
                "Forwarded: no",
                "not `Asks …`",
            ),
            (
                "x.patch",
                "egraph: Added it",
                "b",
                "Forwarded: no",
                "not `Added …`",
            ),
            (
                "x.patch",
                "egraph: ask it.",
                "b",
                "Forwarded: no",
                "full stop",
            ),
            ("x.patch", "egraph: ask", "", "Forwarded: no", "no body"),
            (
                "x.patch",
                "egraph: ask",
                &wide,
                "Forwarded: no",
                "wider than 75",
            ),
            ("x.patch", "egraph: ask", "b", "", "no `Forwarded:`"),
        ] {
            let problems = form(&patch(name, subject, body, block)).join("\n");
            assert!(problems.contains(problem), "{problems}");
        }
    }
}
