//! A tree of the pinned sources with patches on top, as a git repository.

use crate::base::failpoint::failpoint;
use crate::base::git::Git;
use crate::base::project::Project;
use crate::series::patch::Patch;
use crate::upstream::pins::Pins;
use crate::upstream::registry::Archive;
use anyhow::{Context, Result, bail, ensure};
use std::fmt::Write as _;
use std::io::{ErrorKind, Read};
use std::path::{Component, Path, PathBuf};

/// A tree under construction.
#[derive(Debug)]
pub struct Tree {
    git: Git,
    base: String,
    applied: Vec<String>,
}

impl Tree {
    /// Unpacks the archives into `dir`, which is new, and commits them.
    pub fn unpack(dir: &Path, pins: &Pins, archives: &[Archive<'_>]) -> Result<Self> {
        fs_err::create_dir_all(dir)?;
        // First of all, so that a missing git is found before there is anything to wait for.
        let git = Git::init(dir)?;
        // What cargo leaves behind when a crate is built in place is nobody's work.
        fs_err::create_dir_all(dir.join(".git/info"))?;
        fs_err::write(dir.join(".git/info/exclude"), "target/\nCargo.lock\n")?;
        let mut message = String::from("upstream: pinned sources\n\n");
        for archive in archives {
            let pin = archive.pin;
            unpack(archive, &dir.join(&pin.path), &pins.leave_out)
                .with_context(|| format!("cannot unpack {}.crate", pin.stem()))?;
            writeln!(message, "{} {}", pin.name, pin.version).expect("a string can be written to");
        }
        failpoint("unpacked");
        // Published crates may contain files that their own .gitignore names.
        git.run(["add", "--all", "--force"])?;
        git.run(["commit", "--quiet", "--no-verify", "--message", &message])?;
        let base = git.head()?;
        Ok(Self {
            git,
            base,
            applied: Vec::new(),
        })
    }

    /// A tree that is there already, for patches on top of it.
    pub fn on(git: Git) -> Result<Self> {
        let base = git.head()?;
        Ok(Self {
            git,
            base,
            applied: Vec::new(),
        })
    }

    /// The repository.
    pub fn git(&self) -> &Git {
        &self.git
    }

    /// The commit of the pinned sources.
    pub fn base(&self) -> &str {
        &self.base
    }

    /// Applies a patch as one commit, exactly: no fuzz, no three-way merge.
    pub fn apply(&mut self, patch: &Patch, file: &Path) -> Result<()> {
        let mut args: Vec<_> = [
            "am",
            "--quiet",
            "--committer-date-is-author-date",
            "--keep-non-patch",
            "--keep-cr",
            "--no-3way",
            "--no-scissors",
            "--no-gpg-sign",
            "--whitespace=nowarn",
            "--",
        ]
        .map(PathBuf::from)
        .into();
        args.push(file.into());
        let output = self.git.output(&args)?;
        if !output.status.success() {
            let stderr = String::from_utf8_lossy(&output.stderr);
            bail!(self.explain(patch, &stderr));
        }
        self.applied.push(patch.name.clone());
        failpoint("applied");
        Ok(())
    }

    /// Ends the construction: one commit for each patch, nothing else.
    pub fn finish(self) -> Result<Git> {
        let head = self.git.head()?;
        let commits = self.git.commits(&self.base, &head)?;
        ensure!(
            commits.len() == self.applied.len(),
            "{} patches made {} commits: a patch file holds several mails",
            self.applied.len(),
            commits.len()
        );
        Ok(self.git)
    }

    /// Names patch, file and hunk, then gives git's own words.
    fn explain(&self, patch: &Patch, stderr: &str) -> String {
        let mut text = format!("patch patches/{} does not apply", patch.name);
        match self.applied.last() {
            Some(last) => write!(text, " (after {last})"),
            None => write!(text, " (the first of the series)"),
        }
        .expect("a string can be written to");
        let hunks = patch.hunks();
        for line in stderr.lines() {
            let Some(place) = line.strip_prefix("error: patch failed: ") else {
                continue;
            };
            let found = place.rsplit_once(':').and_then(|(file, line)| {
                let line: usize = line.parse().ok()?;
                hunks.iter().find(|h| h.file == file && h.line == line)
            });
            match found {
                Some(hunk) => write!(text, "\n  {hunk}"),
                None => write!(text, "\n  {place}"),
            }
            .expect("a string can be written to");
        }
        text.push_str("\ngit says:");
        for line in stderr.lines().filter(|line| !line.starts_with("hint: ")) {
            write!(text, "\n  {line}").expect("a string can be written to");
        }
        text
    }
}

/// What the names of trees begin with that are being made, and that are being replaced.
pub fn temporary_names(project: &Project) -> (String, String) {
    let name = project.upstream_name();
    (format!("{name}.tmp-"), format!("{name}.tmp-old-"))
}

/// A directory for the new tree; removed unless it was renamed.
pub struct Temporary {
    /// Beside upstream/, so that a rename is enough.
    pub dir: PathBuf,
}

impl Temporary {
    /// One for this process.
    pub fn new(project: &Project) -> Self {
        let (new, _) = temporary_names(project);
        let dir = project.root().join(format!("{new}{}", std::process::id()));
        Self { dir }
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        // If it cannot be removed now, the next run will try.
        let _ = fs_err::remove_dir_all(&self.dir);
    }
}

/// Unpacks a `.crate` file: all that is in its one top-level directory.
fn unpack(archive: &Archive<'_>, dir: &Path, leave_out: &[String]) -> Result<()> {
    let stem = archive.pin.stem();
    let mut files = tar::Archive::new(flate2::read::GzDecoder::new(archive.bytes.as_slice()));
    for entry in files.entries()? {
        let mut entry = entry?;
        let path = entry.path()?.into_owned();
        let inside = path
            .strip_prefix(&stem)
            .ok()
            .filter(|inside| {
                inside
                    .components()
                    .all(|c| matches!(c, Component::Normal(_)))
            })
            .with_context(|| format!("{} is not inside {stem}/", path.display()))?;
        let kind = entry.header().entry_type();
        if kind.is_dir() || leave_out.iter().any(|name| Path::new(name) == inside) {
            continue;
        }
        ensure!(kind.is_file(), "{} is not a plain file", path.display());
        let executable = entry.header().mode()? & 0o111 != 0;
        let mut bytes = Vec::new();
        entry.read_to_end(&mut bytes)?;
        let target = dir.join(inside);
        fs_err::create_dir_all(target.parent().expect("a file is in a directory"))?;
        write_new(&target, &bytes, executable)?;
    }
    ensure!(
        dir.join("Cargo.toml").is_file(),
        "there is no Cargo.toml in it"
    );
    Ok(())
}

fn write_new(path: &Path, bytes: &[u8], executable: bool) -> Result<()> {
    use std::io::Write as _;
    let mut options = fs_err::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    {
        use fs_err::os::unix::fs::OpenOptionsExt as _;
        options.mode(if executable { 0o755 } else { 0o644 });
    }
    #[cfg(not(unix))]
    let _ = executable;
    let mut file = options.open(path).map_err(|error| match error.kind() {
        ErrorKind::AlreadyExists => {
            anyhow::anyhow!("{} comes from two crates", path.display())
        }
        _ => error.into(),
    })?;
    file.write_all(bytes)?;
    Ok(())
}
