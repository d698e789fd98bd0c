//! Which release this is built on.

/// The number of the release of Wasmtime that is built on unless something else is asked for.
pub const DEFAULT_BASE: u32 = 48;

/// The number of the release of Wasmtime that the Cranelift at hand belongs to.
///
/// A test that expects a bug of one release has to know it.
pub fn base() -> u32 {
    of_version(cranelift_codegen::VERSION).expect("a version has numbers")
}

/// Cranelift's minor number is ahead of Wasmtime's major number, always by as much.
fn of_version(version: &str) -> Option<u32> {
    let minor = version.split('.').nth(1)?.parse::<u32>().ok()?;
    minor.checked_sub(87)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bases_are_told_by_versions() {
        assert_eq!(of_version("0.135.8"), Some(48));
        assert_eq!(of_version("0.137.1-1a2b3c"), Some(50));
        assert_eq!(of_version("none"), None);
        assert!([DEFAULT_BASE, 50].contains(&base()), "{}", base());
    }
}
