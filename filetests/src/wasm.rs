//! What the programs below `wasm/` compute.

/// The result that the `main` of a program returns: its last line is `;; expect: NUMBER`.
pub fn expected_result(program: &str) -> Option<i64> {
    let last = program.lines().last()?;
    last.strip_prefix(";; expect: ")?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    #[test]
    fn last_line() {
        assert_eq!(expected_result("(module)\n;; expect: -7\n"), Some(-7));
        assert_eq!(expected_result(";; expect: 7\n(module)\n"), None);
        assert_eq!(expected_result(""), None);
    }

    #[test]
    fn every_program_says_what_it_is_and_computes() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("wasm");
        let programs = crate::find_files(&root, "wat").expect("the directory is there");
        assert!(!programs.is_empty());
        for path in programs {
            let program = std::fs::read_to_string(&path).expect("the file is there");
            let says_what = program.starts_with(";; ");
            assert!(says_what, "{}", path.display());
            assert!(expected_result(&program).is_some(), "{}", path.display());
        }
    }
}
