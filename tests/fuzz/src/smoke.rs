//! Each target on a fixed number of inputs, mutated files of the project among them; with `GC_FUZZ_SECONDS`, for so long.

use super::*;
use cranelift_gc_verifier::Verdict;
use gc_filetests::{DEFAULT_BASE, base};
use std::path::Path;
use std::time::{Duration, Instant};

/// SplitMix64.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((z ^ (z >> 31)) % bound.max(1) as u64).expect("it is below a usize")
    }

    fn bytes(&mut self, count: usize) -> Vec<u8> {
        (0..count).map(|_| self.below(256) as u8).collect()
    }
}

/// Calls `target` with randomness so many times, or until `GC_FUZZ_SECONDS` are up if that is set; how often.
fn run(times: usize, mut target: impl FnMut(&mut Random)) -> usize {
    let seconds = std::env::var("GC_FUZZ_SECONDS").ok();
    let seconds = seconds.map(|text| text.parse().expect("it is a number"));
    let start = Instant::now();
    let mut random = Random(seconds.unwrap_or(1));
    let goes_on = |count: usize| match seconds {
        None => count < times,
        Some(seconds) => count < 8 || start.elapsed() < Duration::from_secs(seconds),
    };
    let mut count = 0;
    while goes_on(count) {
        target(&mut random);
        count += 1;
    }
    println!("{count} inputs");
    count
}

fn files(directory: &str, extension: &str) -> Vec<Vec<u8>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut paths = Vec::new();
    let mut pending = vec![root.join(directory)];
    while let Some(directory) = pending.pop() {
        for entry in std::fs::read_dir(directory).expect("it is part of the project") {
            let path = entry.expect("it can be read").path();
            if path.is_dir() {
                pending.push(path);
            } else if path.extension().is_some_and(|e| e == extension) {
                paths.push(path);
            }
        }
    }
    paths.sort();
    let read = |path| std::fs::read(path).expect("it can be read");
    paths.iter().map(read).collect()
}

/// Exchanges, removes or repeats a line, or replaces a digit.
fn mutate(text: &[u8], random: &mut Random) -> Vec<u8> {
    let mut lines: Vec<Vec<u8>> = text.split(|b| *b == b'\n').map(<[u8]>::to_vec).collect();
    for _ in 0..=random.below(3) {
        let (one, other) = (random.below(lines.len()), random.below(lines.len()));
        match random.below(5) {
            0 => lines.swap(one, other),
            1 => drop(lines.remove(one)),
            2 => lines.insert(one, lines[other].clone()),
            _ => {
                let line = &mut lines[one];
                let digits: Vec<usize> = (0..line.len())
                    .filter(|at| line[*at].is_ascii_digit())
                    .collect();
                if !digits.is_empty() {
                    let at = digits[random.below(digits.len())];
                    line[at] = b'0' + random.below(10) as u8;
                }
            }
        }
        if lines.is_empty() {
            break;
        }
    }
    lines.join(&b'\n')
}

#[test]
fn functions_are_judged_and_written_alike() {
    let files = files("filetests/gc-verify", "clif");
    assert!(files.len() > 50, "{} files", files.len());
    let mut looked = Looked::default();
    for file in &files {
        looked += clif_facts(file);
    }
    assert!(looked.functions > 400, "{looked:?} of files as they are");
    assert!(looked.safepoints > 300, "{looked:?} of files as they are");
    assert!(looked.references > 600, "{looked:?} of files as they are");
    let mut mutated = Looked::default();
    let count = run(200, |random| {
        let file = &files[random.below(files.len())];
        mutated += clif_facts(&mutate(file, random));
    });
    println!("{mutated:?}");
    assert!(
        mutated.functions as usize >= count / 2,
        "{mutated:?} of {count}"
    );
    assert!(mutated.references > 0, "{mutated:?}");
}

#[test]
fn built_functions_are_verified() {
    let mut looked = Looked::default();
    let count = run(300, |random| {
        let length = 1 << random.below(12);
        looked += clif_built(&random.bytes(length));
    });
    println!("{looked:?}");
    let count = count as u64;
    assert_eq!(looked.functions, 2 * count);
    assert_eq!(looked.verified, looked.functions, "{looked:?}");
    assert!(looked.safepoints > count / 2, "{looked:?}");
    assert!(looked.entries > count, "{looked:?}");
    assert!(looked.references > 5 * count, "{looked:?}");
    assert!(looked.dereferences > count, "{looked:?}");
    assert!(looked.compiled > count, "{looked:?}");
    assert!(looked.rewrites > count, "{looked:?}");
}

#[test]
fn facts_are_read_as_they_are_written() {
    assert!(facts_text(b"gcref(struct, nullable)"));
    assert!(!facts_text(b"gcref(struct nullable)"));
    const KINDS: [&str; 9] = [
        "any", "struct", "struct 7", "i31", "array", "none", "extern", "func 0", "exn",
    ];
    const NULLABILITIES: [&str; 3] = ["null", "nonnull", "nullable"];
    const ENDS: [&str; 4] = ["", ", traced", ", untraced", ", 7"];
    let mut read = 0;
    let count = run(2000, |random| {
        let words = [
            KINDS[random.below(KINDS.len())],
            NULLABILITIES[random.below(NULLABILITIES.len())],
            ENDS[random.below(ENDS.len())],
        ];
        let mut fact = format!("gcref({}, {}{})", words[0], words[1], words[2]).into_bytes();
        if random.below(2) == 0 {
            let at = random.below(fact.len());
            fact[at] = random.below(256) as u8;
        }
        read += usize::from(facts_text(&fact));
    });
    println!("{read} facts of {count}");
    assert!(read > count / 4 && read < count, "{read} of {count}");
}

#[test]
fn wrong_maps_are_rejected() {
    let mut rejected = std::collections::BTreeMap::new();
    let (mut without, mut not_shown) = (0, 0);
    let count = run(300, |random| {
        let length = 200 + random.below(200);
        match stack_maps(&random.bytes(length)) {
            Mutated::Rejected(mutation) => *rejected.entry(mutation).or_insert(0) += 1,
            Mutated::NotShown(_) => not_shown += 1,
            Mutated::Same => without += 1,
        }
    });
    println!("{rejected:?}, {not_shown} not shown, {without} without a map");
    assert!(not_shown * 100 <= count, "{not_shown} of {count}");
    // Of those that could be made, each was rejected, and most could.
    assert!(without < count / 4, "{without} of {count} without a map");
    for mutation in Mutation::ALL {
        let least = usize::from(count > 100);
        assert!(
            rejected.get(&mutation).copied().unwrap_or(0) >= least,
            "{mutation:?}"
        );
    }
}

#[test]
fn verdicts_are_what_happens_on_paths() {
    use cranelift_codegen::ir::GcCollector::{Moving, NonMoving, Null};
    for collector in [Moving, NonMoving, Null] {
        let [mut wrong, mut right, mut undecided, mut inconclusive] = [0; 4];
        let count = run(1000, |random| {
            let length = 40 + random.below(120);
            let found = paths(&random.bytes(length), collector);
            match found.truth {
                Truth::Wrong(_) => wrong += 1,
                Truth::Right => right += 1,
                Truth::Undecided => undecided += 1,
            }
            inconclusive += usize::from(found.verdict == Verdict::Inconclusive);
        });
        println!(
            "{collector:?}: {wrong} wrong, {right} right, {undecided} undecided, {inconclusive} inconclusive"
        );
        if count > 100 {
            assert!(wrong > count / 50, "{wrong} of {count}");
            assert!(right > count / 10, "{right} of {count}");
            assert!(undecided < count / 2, "{undecided} of {count}");
            assert!(inconclusive < count / 10, "{inconclusive} of {count}");
        }
    }
}

#[test]
fn modules_are_not_rejected() {
    let files = files("filetests/wasm", "wat");
    let modules: Vec<Vec<u8>> = files
        .iter()
        .map(|file| encode(file).expect("it is Wasm"))
        .collect();
    let mut looked = Looked::default();
    for module in &modules {
        looked += wasm_front(module);
    }
    let count = modules.len() as u64;
    println!("{looked:?}");
    assert!(looked.functions > 4 * count, "{looked:?} of {count}");
    assert!(looked.safepoints > 4 * count, "{looked:?} of {count}");
    assert!(looked.references > 20 * count, "{looked:?} of {count}");
    let mut mutated = Looked::default();
    run(100, |random| {
        let mut module = modules[random.below(modules.len())].clone();
        for _ in 0..random.below(4) {
            let at = random.below(module.len());
            module[at] = random.below(256) as u8;
        }
        mutated += wasm_front(&module);
    });
    println!("{mutated:?}");
    assert!(mutated.functions > 0, "{mutated:?}");
}

#[test]
fn generated_modules_are_not_rejected_and_do_the_same() {
    let (mut looked, mut refused, mut made) = (Looked::default(), 0, 0);
    let mut ran = Ran::default();
    let count = run(12, |random| {
        let length = 8 + random.below(512);
        if let Some(smith) = smith_gc(&random.bytes(length)) {
            made += 1;
            looked += smith.looked;
            refused += smith.refused;
            ran.calls += smith.ran.calls;
            ran.returned += smith.ran.returned;
            ran.objects += smith.ran.objects;
        }
    });
    println!("{made} modules of {count}, {looked:?}, {refused} refused at random, {ran:?}");
    assert!(made > count / 2, "{made} of {count}");
    let made = made as u64;
    assert!(looked.functions > 2 * made, "{looked:?} of {made}");
    assert_eq!(looked.verified, looked.functions, "{looked:?}");
    // NB: wasm-smith makes other modules on another base.
    let safepoints = match base() {
        DEFAULT_BASE => 20,
        _ => 16,
    };
    assert!(
        looked.safepoints > safepoints * made,
        "{looked:?} of {made}"
    );
    assert!(looked.references > 20 * made, "{looked:?} of {made}");
    assert!(refused > 100, "{refused}");
    assert!(ran.calls > 8 && ran.returned > 0, "{ran:?}");
}
