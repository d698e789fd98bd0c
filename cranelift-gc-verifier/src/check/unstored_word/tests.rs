//! What is missing of objects that are made in one block.

use crate::{GcError, Inconclusive, Options, Verdict, verify_function};

/// How many objects are looked at in a function, and which words are missing.
fn look(body: &str) -> (u64, Vec<u32>) {
    let text = format!(
        "function %f(i64, i32) -> i32 {{\n    fn0 = %allocate() -> i32 ! nogc\n\
         block0(v0: i64, v1: i32):\n{body}}}"
    );
    let functions = cranelift_reader::parse_functions(&text).expect("it parses");
    let report = verify_function(&functions[0], &Options::default());
    assert_eq!(report.inconclusive, [], "{text}");
    let errors = report.violations.into_iter().map(|found| found.error);
    let offsets = errors.map(|error| match error {
        GcError::UnstoredWord { offset, .. } => offset,
        error => panic!("{error}"),
    });
    (report.counts.objects, offsets.collect())
}

const ADDRESS: &str = "    v3 = uextend.i64 v2\n    v4 = iadd v0, v3\n";

#[test]
fn objects_are_counted_and_their_first_missing_word_is_named() {
    let new = "    v2 ! gcref(struct, nonnull) ! gcnew(8, 12, 16) = call fn0()\n";
    let store = |offset: u32| format!("    store notrap v1, v4+{offset}\n");
    let cases = [
        (vec![8, 12, 16], vec![]),
        (vec![16, 8], vec![12]),
        (vec![], vec![8]),
        (vec![16, 12, 8], vec![]),
    ];
    for (stored, missing) in cases {
        let stores: String = stored.iter().map(|&offset| store(offset)).collect();
        let body = format!("{new}{ADDRESS}{stores}    return v2\n");
        assert_eq!(look(&body), (1, missing), "{body}");
    }
}

#[test]
fn nothing_is_asked_of_objects_without_words() {
    let none = "    v2 ! gcref(struct, nonnull) ! gcnew() = call fn0()\n    return v2\n";
    assert_eq!(look(none), (0, vec![]));
}

#[test]
fn all_words_of_large_objects_are_looked_at() {
    let offsets = |count: u32| (0..count).map(|index| 4 * index);
    let list: Vec<String> = offsets(100).map(|offset| offset.to_string()).collect();
    let new = format!(
        "    v2 ! gcref(struct, nonnull) ! gcnew({}) = call fn0()\n",
        list.join(", ")
    );
    let stores = |count| -> String {
        offsets(count)
            .map(|offset| format!("    store notrap v1, v4+{offset}\n"))
            .collect()
    };
    let with = |count| format!("{new}{ADDRESS}{}    return v2\n", stores(count));
    assert_eq!(look(&with(63)), (1, vec![252]));
    assert_eq!(look(&with(99)), (1, vec![396]));
    assert_eq!(look(&with(100)), (1, vec![]));
}

#[test]
fn a_store_that_may_go_elsewhere_decides_nothing() {
    let text = "function %f(i64, i64, i32) -> i32 {
        fn0 = %allocate() -> i32 ! nogc
    block0(v0: i64, v1: i64, v2: i32):
        v3 ! gcref(struct, nonnull) ! gcnew(8) = call fn0()
        v4 = uextend.i64 v3
        v5 = iadd v0, v4
        v6 = select v2, v5, v1
        store notrap v2, v6+8
        return v3
    }";
    let functions = cranelift_reader::parse_functions(text).expect("it parses");
    let report = verify_function(&functions[0], &Options::default());
    assert_eq!(report.verdict(), Verdict::Inconclusive);
    let reasons = report.inconclusive.iter().map(Inconclusive::reason);
    assert_eq!(reasons.collect::<Vec<_>>(), ["undecided-store"]);
}
