//! Makes `cargo clif-gc` and `cargo xtask` work in subdirectories.
//!
//! Cargo takes the paths in an alias from the directory that the user is in. The aliases of `.cargo/relative.toml`
//! work in the project's root directory only. The first command that is run there writes the same with absolute
//! paths to `.cargo/absolute.toml`, which `.cargo/config.toml` includes where it is, and git ignores.

use crate::base::project::Project;
use anyhow::Result;
use std::path::Path;

/// Write the aliases, if they are not there.
pub fn write(project: &Project) -> Result<()> {
    let manifest = project.root().join("xtask/Cargo.toml");
    let path = project.root().join(".cargo/absolute.toml");
    let Some(text) = text(&manifest) else {
        return Ok(());
    };
    if fs_err::read_to_string(&path).is_ok_and(|there| there == text) {
        return Ok(());
    }
    // NB: As a whole, for cargo may be reading it.
    let temporary = project
        .root()
        .join(format!(".cargo/absolute.tmp-{}", std::process::id()));
    fs_err::write(&temporary, text)?;
    fs_err::rename(&temporary, &path)?;
    Ok(())
}

/// The aliases, unless the path cannot be one word of an alias.
///
/// NB: An alias that is a list would be appended to the one that it replaces.
fn text(manifest: &Path) -> Option<String> {
    let manifest = manifest.to_str()?;
    let is_word = |c: char| !c.is_whitespace() && !c.is_control() && c != '\'';
    manifest.chars().all(is_word).then(|| {
        format!(
            "# Made by xtask, see xtask/src/base/alias.rs.\n[alias]\n\
             xtask = 'run --quiet --manifest-path {manifest} --'\n\
             clif-gc = 'run --quiet --manifest-path {manifest} -- clif-gc'\n"
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_one_word_of_the_alias() {
        let text = text(Path::new("/a/b/xtask/Cargo.toml")).expect("it is one word");
        assert!(
            text.contains(
                "clif-gc = 'run --quiet --manifest-path /a/b/xtask/Cargo.toml -- clif-gc'"
            )
        );
        assert_eq!(super::text(Path::new("/a b/xtask/Cargo.toml")), None);
        assert_eq!(super::text(Path::new("/it's/xtask/Cargo.toml")), None);
    }
}
