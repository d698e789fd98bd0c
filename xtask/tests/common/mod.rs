//! A small project with made-up crates, a registry cache that holds them, and no network.

#![allow(
    dead_code,
    reason = "each test file is a program of its own and uses a part of this"
)]

use fs_err as fs;
use sha2::{Digest, Sha256};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use tempfile::TempDir;

/// The names of the crates; the second lives in the directory of the first.
pub const CRATES: [(&str, &str); 2] = [
    ("outer", "cranelift/outer"),
    ("inner", "cranelift/outer/inner"),
];

pub const LIB: &str = "cranelift/outer/src/lib.rs";

/// A project in a temporary directory.
pub struct Fixture {
    dir: TempDir,
    /// Environment of every command.
    pub env: Vec<(&'static str, String)>,
}

impl Fixture {
    /// Both crates pinned and in the cache, no patches.
    pub fn new() -> Self {
        let fixture = Self {
            dir: tempfile::tempdir().unwrap(),
            // Whatever works with this cargo works without cargo.
            env: vec![("CARGO", "/nonexistent/cargo".into())],
        };
        fs::create_dir_all(fixture.cache()).unwrap();
        fs::create_dir_all(fixture.root().join("xtask")).unwrap();
        let mut pins = String::from("leave-out = ['Cargo.lock', '.cargo_vcs_info.json']\n");
        for (name, path) in CRATES {
            let bytes = archive(name, "1.0.0", &lines(&[]));
            fs::write(fixture.crate_file(name), &bytes).unwrap();
            pins.push_str(&format!(
                "[[crate]]\nname = '{name}'\nversion = '1.0.0'\npath = '{path}'\nsha256 = '{}'\n",
                hex(&bytes)
            ));
        }
        fs::write(fixture.root().join("xtask/pins.toml"), pins).unwrap();
        fixture
    }

    /// With two patches, made by commits in upstream/, and upstream/ removed again.
    pub fn with_patches() -> Self {
        let fixture = Self::new();
        fixture.ok(&["bootstrap"]);
        fixture.commit("outer: Say one", LIB, &lines(&[(3, "one"), (30, "one")]));
        fixture.commit(
            "outer: Say two",
            LIB,
            &lines(&[(3, "one"), (20, "two"), (30, "one")]),
        );
        fixture.ok(&["patches", "refresh"]);
        fs::remove_dir_all(fixture.upstream()).unwrap();
        fixture
    }

    /// Adds the base 2, in which the first crate has another text.
    pub fn add_base(&self, lib: &str) {
        let old = self.read("xtask/pins.toml");
        self.write("xtask/pins.toml", &format!("base = '1'\n{old}"));
        let mut pins = String::from(
            "base = '2'\nleave-out = ['Cargo.lock', '.cargo_vcs_info.json']\n\
             dependencies = { other = '0.2' }\n",
        );
        for (name, path) in CRATES {
            let text = if name == "outer" { lib } else { &lines(&[]) };
            let bytes = archive(name, "2.0.0", text);
            fs::write(self.cache().join(format!("{name}-2.0.0.crate")), &bytes).unwrap();
            pins.push_str(&format!(
                "[[crate]]\nname = '{name}'\nversion = '2.0.0'\npath = '{path}'\nsha256 = '{}'\n",
                hex(&bytes)
            ));
        }
        self.write("xtask/pins-2.toml", &pins);
        self.write(
            "Cargo.toml",
            "[workspace.dependencies]\nouter = \"=1.0.0\"\nother = \"0.1\"\n",
        );
        self.write("member/Cargo.toml", "");
    }

    pub fn root(&self) -> PathBuf {
        self.dir.path().join("project")
    }

    pub fn home(&self) -> PathBuf {
        self.dir.path().join("home")
    }

    fn cache(&self) -> PathBuf {
        self.home().join("registry/cache/some-registry")
    }

    pub fn crate_file(&self, name: &str) -> PathBuf {
        self.cache().join(format!("{name}-1.0.0.crate"))
    }

    pub fn upstream(&self) -> PathBuf {
        self.root().join("upstream")
    }

    pub fn patches(&self) -> PathBuf {
        self.root().join("patches")
    }

    /// A file of the project.
    pub fn read(&self, path: &str) -> String {
        fs::read_to_string(self.root().join(path)).unwrap()
    }

    pub fn write(&self, path: &str, text: &str) {
        let path = self.root().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    /// Makes an executable script beside the project.
    pub fn script(&self, name: &str, text: &str) -> String {
        use std::os::unix::fs::PermissionsExt as _;
        let path = self.dir.path().join(name);
        fs::write(&path, format!("#!/bin/sh\n{text}\n")).unwrap();
        fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
        path.to_str().unwrap().into()
    }

    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_xtask"));
        command
            .arg("--root")
            .arg(self.root())
            .args(args)
            .env("CARGO_HOME", self.home())
            .envs(self.env.iter().map(|(name, value)| (name, value)));
        command
    }

    pub fn run(&self, args: &[&str]) -> Output {
        self.command(args).output().unwrap()
    }

    /// Runs xtask, which must succeed; returns its messages.
    #[track_caller]
    pub fn ok(&self, args: &[&str]) -> String {
        let output = self.run(args);
        let stderr = stderr(&output);
        assert!(output.status.success(), "{args:?}: {stderr}");
        stderr
    }

    /// Runs xtask, which must fail in an orderly way; returns its messages.
    #[track_caller]
    pub fn fails(&self, args: &[&str]) -> String {
        let output = self.run(args);
        let stderr = stderr(&output);
        assert_eq!(output.status.code(), Some(1), "{args:?}: {stderr}");
        assert!(stderr.contains("error: "), "{stderr}");
        assert!(!stderr.contains("panicked"), "{stderr}");
        stderr
    }

    /// Git in upstream/.
    #[track_caller]
    pub fn git(&self, args: &[&str]) -> String {
        let output = Command::new("git")
            .current_dir(self.upstream())
            .args(["-c", "user.name=Zoë", "-c", "user.email=zoe@example.org"])
            .args(args)
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .env("GIT_AUTHOR_DATE", "1790000000 +0200")
            .env("GIT_COMMITTER_DATE", "1790000000 +0200")
            .output()
            .unwrap();
        assert!(output.status.success(), "{args:?}: {}", stderr(&output));
        String::from_utf8(output.stdout).unwrap().trim_end().into()
    }

    /// Commits a file with some content in upstream/.
    #[track_caller]
    pub fn commit(&self, subject: &str, file: &str, text: &str) {
        self.write(&format!("upstream/{file}"), text);
        self.git(&["add", "--all"]);
        self.git(&["commit", "--quiet", "-m", subject, "-m", "The reason."]);
    }

    /// All files of patches/ with their contents.
    pub fn patch_files(&self) -> Vec<(String, Vec<u8>)> {
        let mut files: Vec<_> = fs::read_dir(self.patches())
            .unwrap()
            .map(|entry| {
                let entry = entry.unwrap();
                let name = entry.file_name().to_str().unwrap().to_string();
                (name, fs::read(entry.path()).unwrap())
            })
            .collect();
        files.sort();
        files
    }

    /// Directories that only exist while bootstrap runs.
    pub fn leftovers(&self) -> Vec<String> {
        fs::read_dir(self.root())
            .unwrap()
            .map(|entry| entry.unwrap().file_name().to_str().unwrap().to_string())
            .filter(|name| name.starts_with("upstream."))
            .collect()
    }

    /// Panics unless upstream/ holds the pinned crates and both patches of `with_patches`.
    #[track_caller]
    pub fn assert_complete(&self) {
        let expected = lines(&[(3, "one"), (20, "two"), (30, "one")]);
        assert_eq!(self.read(&format!("upstream/{LIB}")), expected);
        assert_eq!(
            self.git(&["log", "--format=%s"]),
            "outer: Say two\nouter: Say one\nupstream: pinned sources"
        );
        assert_eq!(self.git(&["status", "--porcelain"]), "");
        assert_eq!(self.leftovers(), [""; 0]);
    }
}

/// The text of src/lib.rs: forty lines of comments, some replaced.
pub fn lines(replaced: &[(usize, &str)]) -> String {
    (1..=40)
        .map(|number| {
            let other = replaced.iter().find(|(at, _)| *at == number);
            match other {
                Some((_, text)) => format!("// {text}\n"),
                None => format!("// line {number}\n"),
            }
        })
        .collect()
}

pub fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn archive(name: &str, version: &str, lib: &str) -> Vec<u8> {
    let manifest = format!(
        "[package]\nname = \"{name}\"\nversion = \"{version}\"\nedition = \"2024\"\n\
         [features]\ngc-verifier = []\n"
    );
    let files = [
        ("Cargo.toml", manifest.as_str(), 0o644),
        ("Cargo.lock", "# published", 0o644),
        (".cargo_vcs_info.json", "{}", 0o644),
        (".gitignore", "generated.txt\n", 0o644),
        ("generated.txt", "published all the same\n", 0o644),
        ("run.sh", "#!/bin/sh\n", 0o755),
        ("src/lib.rs", lib, 0o644),
    ];
    let mut tar = tar::Builder::new(Vec::new());
    for (path, text, mode) in files {
        let mut header = tar::Header::new_gnu();
        header.set_size(text.len() as u64);
        header.set_mode(mode);
        let path = Path::new(&format!("{name}-{version}")).join(path);
        tar.append_data(&mut header, path, text.as_bytes()).unwrap();
    }
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(&tar.into_inner().unwrap()).unwrap();
    gzip.finish().unwrap()
}

fn hex(bytes: &[u8]) -> String {
    let hash = Sha256::digest(bytes);
    hash.iter().map(|byte| format!("{byte:02x}")).collect()
}
