//! Modules of `wasm-smith`, shaped so that much of them is about references.
//!
//! A seed makes the same module on every machine: its bytes come from a generator of our own, and its
//! configuration is drawn from the same bytes; a fuzzer's bytes begin with a seed. The configurations differ on
//! purpose ("swarm testing"): a module that may contain everything contains little of anything.

mod reshape;

use arbitrary::Unstructured;
use wasm_smith::{Config, InstructionKind, InstructionKinds, Module};

/// The module of this seed.
pub fn module(seed: u64) -> Vec<u8> {
    let mut random = Random(seed);
    loop {
        let config = config(&mut random);
        let mut bytes = Vec::with_capacity(BYTES);
        while bytes.len() < BYTES {
            bytes.extend_from_slice(&random.next().to_le_bytes());
        }
        // It gives up where it needs a function, say, and made no type of one.
        if let Ok(module) = Module::new(config, &mut Unstructured::new(&bytes)) {
            return reshape::reshape(&module.to_bytes(), &mut random);
        }
    }
}

/// The module of these bytes, or `None` if there is none: the first eight are a seed for what the module may
/// contain and how it is reshaped, and the rest is what it contains, with random bytes after it.
pub fn module_of(bytes: &[u8]) -> Option<Vec<u8>> {
    let (seed, rest) = bytes.split_first_chunk()?;
    let mut random = Random(u64::from_le_bytes(*seed));
    let mut config = config(&mut random);
    // Most are small: each is compiled four times, and a fuzzer learns from how many it tries.
    if !random.one_in(4) {
        config.max_instructions /= 4;
        config.max_funcs = config.min_funcs;
    }
    let mut bytes = rest.to_vec();
    bytes.truncate(BYTES);
    while bytes.len() < BYTES {
        bytes.extend_from_slice(&random.next().to_le_bytes());
    }
    let module = Module::new(config, &mut Unstructured::new(&bytes)).ok()?;
    Some(reshape::reshape(&module.to_bytes(), &mut random))
}

/// Enough for the largest module that the configurations allow.
const BYTES: usize = 1 << 17;

fn config(random: &mut Random) -> Config {
    // Always those of references: calls and branches, locals and globals, `ref.*` and tables,
    // structs and arrays.
    let mut kinds = vec![
        InstructionKind::Aggregate,
        InstructionKind::Control,
        InstructionKind::Parametric,
        InstructionKind::Reference,
        InstructionKind::Variable,
    ];
    // There are so many numeric instructions that they drown the others. Without them integers are
    // parameters, lengths, i31s and the results of tests and casts.
    if random.one_in(3) {
        kinds.push(InstructionKind::NumericInt);
    }
    if random.one_in(8) {
        kinds.push(InstructionKind::Numeric);
    }
    if random.one_in(8) {
        kinds.push(InstructionKind::MemoryInt);
    }
    let min_types = random.between(5, 24);
    let min_funcs = random.between(1, 4);
    Config {
        allowed_instructions: InstructionKinds::new(&kinds),
        gc_enabled: true,
        reference_types_enabled: true,
        exceptions_enabled: true,
        tail_call_enabled: true,
        bulk_memory_enabled: true,
        multi_value_enabled: true,
        extended_const_enabled: true,
        memory64_enabled: random.one_in(8),
        // Not about references.
        simd_enabled: false,
        relaxed_simd_enabled: false,
        threads_enabled: false,
        generate_custom_sections: false,
        // Proposals that Wasmtime refuses.
        custom_descriptors_enabled: false,
        shared_everything_threads_enabled: false,
        min_types,
        max_types: min_types + 4,
        min_funcs,
        max_funcs: min_funcs + 1,
        max_instructions: random.between(15, 120),
        max_imports: random.between(0, 6),
        min_globals: random.between(1, 8),
        max_globals: 12,
        min_tags: random.between(0, 3),
        max_tags: 6,
        min_tables: u32::from(random.one_in(2)),
        max_tables: 4,
        max_table_elements: 1_000,
        min_element_segments: random.between(0, 2),
        max_element_segments: 6,
        max_elements: 10,
        min_data_segments: random.between(0, 2),
        max_data_segments: 4,
        max_memories: 1,
        export_everything: true,
        ..Config::default()
    }
}

/// SplitMix64.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// From `least` to `most`, both of which are possible.
    fn between(&mut self, least: usize, most: usize) -> usize {
        let span = (most - least + 1) as u64;
        least + usize::try_from(self.next() % span).expect("it is less than a usize")
    }

    fn one_in(&mut self, count: usize) -> bool {
        self.between(1, count) == 1
    }
}
