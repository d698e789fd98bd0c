//! Each target for a second, on mutated files of the project; `GC_FUZZ_SECONDS` makes it longer.

use super::*;
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

/// Calls `target` with numbers and randomness until the time is up; how often.
fn run(mut target: impl FnMut(&mut Random)) -> usize {
    let seconds = std::env::var("GC_FUZZ_SECONDS").ok();
    let seconds = seconds.map_or(1, |text| text.parse().expect("it is a number"));
    let (start, limit) = (Instant::now(), Duration::from_secs(seconds));
    let mut random = Random(seconds);
    let mut count = 0;
    while count < 8 || start.elapsed() < limit {
        target(&mut random);
        count += 1;
    }
    println!("{count} inputs");
    count
}

fn files(directory: &str, extension: &str) -> Vec<Vec<u8>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
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
    let mut judged: usize = files.iter().map(|file| clif_facts(file)).sum();
    assert!(judged > 100, "{judged} functions as they are");
    judged = 0;
    run(|random| {
        let file = &files[random.below(files.len())];
        judged += clif_facts(&mutate(file, random));
    });
    assert!(judged > 0, "no mutated function was judged");
}

#[test]
fn facts_are_read_as_they_are_written() {
    assert!(facts_text(b"gcref(struct, nullable)"));
    assert!(!facts_text(b"gcref(struct nullable)"));
    const WORDS: [&str; 17] = [
        "gcref", "(", ")", ", ", "any", "struct", "i31", "array", "none", "extern", "func", "null",
        "nonnull", "nullable", "traced", "untraced", "7",
    ];
    run(|random| {
        let count = 1 + random.below(9);
        let words = (0..count).map(|_| WORDS[random.below(WORDS.len())]);
        facts_text(words.collect::<String>().as_bytes());
        let count = random.below(20);
        facts_text(&random.bytes(count));
    });
}

#[test]
fn lost_entries_are_noticed() {
    let count = run(|random| stack_maps(&random.bytes(8)));
    assert!(count >= 8, "{count}");
}

#[test]
fn modules_are_not_rejected() {
    let files = files("filetests/wasm", "wat");
    let modules: Vec<Vec<u8>> = files.iter().map(|file| encode(file)).collect();
    let first = wasm_front(&modules[0]);
    assert!(first > 0, "no function was looked at");
    run(|random| {
        let mut module = modules[random.below(modules.len())].clone();
        for _ in 0..random.below(4) {
            let at = random.below(module.len());
            module[at] = random.below(256) as u8;
        }
        wasm_front(&module);
    });
}

fn encode(text: &[u8]) -> Vec<u8> {
    let text = std::str::from_utf8(text).expect("it is text");
    gc_benches::module::encode(text).expect("it is Wasm")
}
